"""Everything that is measured of one finished video, face by face, with curves to draw and spots to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation import Heard, agreement, plan, speaking_style
from lipwright.articulation.opening import opening_direction
from lipwright.core.errors import NoFaceFound
from lipwright.core.face import FaceChoice, SeenFace, Why, choose_face
from lipwright.core.media import Footage
from lipwright.core.timeline import MouthTrack
from lipwright.metrics import flags as spots
from lipwright.metrics.closures import Meeting, closure_recall, meetings
from lipwright.metrics.figures import NATURAL, Figure, judged
from lipwright.metrics.flags import Flag
from lipwright.metrics.jitter import jitter, jitter_ratio
from lipwright.metrics.lip_sync import LipSync, lip_sync
from lipwright.metrics.measure import Floats, Measure, nothing
from lipwright.metrics.motion import motion
from lipwright.metrics.mouth_picture import MouthPictures, flicker_ratio, seam_ratio, sharpness_ratio
from lipwright.metrics.stillness import stillness
from lipwright.metrics.watch import Lips, Origin, Seen, Watched, watch, who_is_at
from lipwright.metrics.windows import windows
from lipwright.vision.shape import (
    Points,
    closed_neutral,
    mouth_scale,
    neutral_shape,
    opening,
    pose_shapes,
    shape_basis,
)
from lipwright.vision.survey import FaceTracker

BUDGET_S: Final = 20.0
"""Of a longer video so much is looked at."""
_MOST_POINTS: Final = 15_000
"""Of a curve: ten minutes, frame by frame."""
_LEAST_STEP_S: Final = 0.04
_HOLD_S: Final = 0.1
"""Between frames farther apart than this a curve is not drawn."""
_FEWEST_FRAMES: Final = 12
_TALKING_IO: Final = 0.05
"""A mouth whose opening goes over less (percentiles 3 to 97) does not talk: its trembling is no measure for speech."""
_AT_REST, _CLOSED = 0.95, 0.5
_EDGE_FRAMES: Final = 2
_JITTER_FPS: Final = (23.0, 31.0)
"""Frames of half or of twice that rate are accelerated by four times or a quarter, on the same lips."""
_LEAST_FRAME_S: Final = 1e-3
_GRAVE: Final = 0.5
_BY_VOICE: Final = FaceChoice(by_voice=True)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one face of a video is said to do."""

    heard: Heard
    """Its speech, from time zero of the video."""
    mouth: MouthTrack | None = None
    """What was planned; None: what the speech calls for is guessed."""
    where: SeenFace | None = None
    """Where it is in the footage; None: `face` chooses among those that are seen."""
    face: FaceChoice = _BY_VOICE
    is_edited: NDArray[np.bool_] | None = None
    """(n_frames,) which frames of the video have new lips; None: nobody knows."""
    until_s: float = inf
    """From then on the lips are those of the footage again: it is not asked whether they do what was planned."""


@dataclass(frozen=True, slots=True)
class Track:
    """The lips of one face as they were seen, and what they should have done."""

    times_s: Floats
    gaps: Floats
    """(n,) as `TrackedFace.lip_gap`, IO."""
    opening: Floats
    """(n,) as `vision.shape.opening`, IO."""
    heard: Heard
    mouth: MouthTrack
    scale: float
    """`vision.shape.mouth_scale` of this person."""

    @property
    def planned(self) -> Floats:
        """(n,) the opening that was planned for these frames, IO."""
        return planned_opening(self.mouth, self.times_s, self.scale)

    @property
    def sync(self) -> LipSync:
        return lip_sync(self.heard, self.gaps, self.times_s)

    @property
    def is_pause(self) -> NDArray[np.bool_]:
        return self.mouth.at(self.times_s).rest > _AT_REST

    @property
    def meetings(self) -> list[Meeting]:
        """The moments at which the lips must touch."""
        rate_hz = float(self.mouth.rate_hz)
        ticks = np.arange(len(self.mouth.closure)) / rate_hz
        spans = [
            (a / rate_hz, (b - 1) / rate_hz)
            for a, b in spots.runs(self.mouth.closure > _CLOSED, ticks)
            if self.mouth.rest[a:b].max() < _AT_REST
        ]
        return meetings(self.opening, self.times_s, spans)

    def shifted(self, later_s: float) -> Track:
        """The same lips, so much later than they were seen."""
        return replace(self, times_s=self.times_s + later_s)

    def hearing(self, heard: Heard, mouth: MouthTrack) -> Track:
        """The same lips beside another speech."""
        return replace(self, heard=heard, mouth=mouth)


@dataclass(frozen=True, slots=True)
class FaceAssessment:
    """One face that was looked at."""

    face_id: int
    why: Why
    track: Track
    source: Track | None
    """The footage's own lips beside the same speech."""
    is_planned: bool
    sync: LipSync
    figures: tuple[Figure, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class LostFace:
    """One face that the footage shows, and the video on too few frames for anything to be measured of its lips."""

    face_id: int
    why: Why
    times_s: Floats
    """(n,) when the video shows it nevertheless."""
    figures: tuple[Figure, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found out about one video."""

    faces: tuple[FaceAssessment | LostFace | None, ...]
    """One for each claim; None where nobody who was seen in the footage is who was meant."""
    spans_s: tuple[tuple[float, float], ...]
    """What was looked at."""
    covered_s: float
    is_whole: bool
    """The whole video was looked at."""
    is_cut_short: bool
    """The time was up before all was looked at that should have been."""
    n_frames: int


def assess(
    video: Footage,
    tracker: FaceTracker,
    claims: Sequence[Claim],
    *,
    origin: Origin | None = None,
    source_times_s: Sequence[float] = (),
    budget_s: float = BUDGET_S,
    progress: Callable[[int, int], None] | None = None,
    is_time_up: Callable[[], bool] = lambda: False,
) -> Assessment:
    """Look at `video` again, beside its `origin` where that is known, and hold each claim against what is seen.

    `source_times_s` tells when the footage shows the frame behind each frame, for claims that know `where` they are.
    Raises NoFaceFound where nobody is seen, or on too few frames, FaceNotFound, UnreadableMedia.
    """
    info = video.info.video
    assert info is not None  # footage has pictures
    asked_s, lasts_s = max((claim.until_s for claim in claims), default=inf), float(info.duration_s)
    n_asked = info.n_frames if asked_s >= lasts_s else ceil(info.n_frames * asked_s / lasts_s)
    spans = windows(n_asked, min(asked_s, lasts_s), budget_s)
    seen = watch(video, tracker, spans, origin, progress=progress, is_time_up=is_time_up)
    faces: list[FaceAssessment | LostFace | None] = []
    for claim in claims:
        if claim.where is not None:
            one, why = who_is_at(seen, claim.where, source_times_s), "asked for"
        else:
            one, why = _chosen(seen, claim)
        faces.append(None if one is None else _assess(one, why, claim, seen))
    frame_s = float(1 / info.fps)
    spans_s = _stretches(seen, frame_s)
    covered_s = len(seen.index) * frame_s
    is_whole = seen.is_whole and len(seen.index) == info.n_frames
    return Assessment(tuple(faces), spans_s, covered_s, is_whole, not seen.is_whole, len(seen.index))


def planned_opening(mouth: MouthTrack, times_s: Floats, scale: float = 1.0) -> Floats:
    """(n,) IO that the inner lips are planned to be apart at `times_s` (n,), for a mouth of this scale."""
    wanted = mouth.at(times_s).coefficients.astype(np.float64) @ opening_direction(shape_basis())
    return np.maximum(0.0, wanted * scale)


def curves(duration_s: float, mouth: MouthTrack | None, face: FaceAssessment | None) -> dict[str, Any]:
    """What was planned and seen, to be drawn: plain values for JSON, per cent of the eyes' distance."""
    step_s = max(_LEAST_STEP_S, duration_s / _MOST_POINTS)
    grid_s = np.arange(max(1, int(duration_s / step_s))) * step_s
    if face is not None:
        mouth = face.track.mouth
    scale = 1.0 if face is None else face.track.scale
    empty: list[float | None] = [None] * len(grid_s)
    return {
        "start_s": 0.0,
        "step_s": round(step_s, 4),
        "unit": "% IO",
        "planned": empty if mouth is None else _drawn(planned_opening(mouth, grid_s, scale)),
        "seen": empty if face is None else _sampled(face.track, grid_s),
        "source": empty if face is None or face.source is None else _sampled(face.source, grid_s),
    }


def control(name: str, says: str, track: Track) -> dict[str, Any]:
    """A row of figures for lips and speech whose quality is known beforehand."""
    sync = track.sync
    return {
        "name": name,
        "says": says,
        **{key: sync.as_dict()[key] for key in ("offset_ms", "confidence", "fit", "word")},
        "follows": _number(motion("opening", track.opening, track.planned, track.times_s).r),
        "closures": _number(closure_recall(track.meetings)),
    }


def controls(face: FaceAssessment, other: tuple[Heard, MouthTrack] | None) -> list[dict[str, Any]]:
    """This video and what must score worse: late, early, the footage before it was changed, and another speech."""
    rows = [control("this video", "As it is.", face.track)]
    if face.source is not None:
        rows.append(control("the footage", "Its lips before they were changed, beside this speech.", face.source))
    rows.append(
        control("200 ms late", "The lips moved back in time: must be told as 200 ms more.", face.track.shifted(0.2))
    )
    rows.append(control("200 ms early", "And forward.", face.track.shifted(-0.2)))
    if other is not None:
        rows.append(
            control("other speech", "The same lips beside another sound: must fit nowhere.", face.track.hearing(*other))
        )
    return rows


def _number(measure: Measure) -> float | None:
    return round(measure.value, 3) if measure.n else None


def _chosen(seen: Watched, claim: Claim) -> tuple[Seen, Why]:
    people = [one.person for one in seen.faces.values()]
    speaks: dict[int, float] = {}
    for face_id, one in seen.faces.items():
        fit = agreement(claim.heard, *one.result.openings()) if len(one.result) >= _FEWEST_FRAMES else None
        if fit is not None and fit.speaks:
            speaks[face_id] = fit.fit
    chosen = choose_face(people, claim.face, n_frames=len(seen.index), speaks=speaks)
    return seen.faces[chosen.face_id], chosen.why


def _assess(one: Seen, why: Why, claim: Claim, seen: Watched) -> FaceAssessment | LostFace:
    if len(one.result) < _FEWEST_FRAMES:
        if one.source.index:
            flags = tuple(spots.worst(_lost_spots(one, seen)))
            return LostFace(one.face_id, why, one.result.openings()[1], (_lost(one),), flags)
        raise NoFaceFound(frames_searched=len(seen.index), frames_seen=len(one.result), frames_needed=_FEWEST_FRAMES)
    has_source = len(one.source) >= _FEWEST_FRAMES
    own: Points | None = None
    template = None
    if has_source:
        posed = pose_shapes(np.array(one.source.landmarks, np.float64))
        own, template = posed.shapes, posed.template
    mine: Points = pose_shapes(np.array(one.result.landmarks, np.float64), template=template).shapes
    closed = closed_neutral(neutral_shape(mine if own is None else own))
    mouth = claim.mouth
    if mouth is None:
        gap, times_s = opening(mine), np.array(one.result.times_s)
        style = speaking_style(shape_basis().encode(mine, closed), gap, times_s)
        mouth = plan(claim.heard, style)
    scale = mouth_scale(closed)
    track = _track(one.result, mine, claim, mouth, scale)
    source = None if own is None else _track(one.source, own, claim, mouth, scale)
    sync = track.sync
    figures = _figures(one, track, mine, own, sync, claim)
    return FaceAssessment(
        one.face_id, why, track, source, claim.mouth is not None, sync, figures, _flags(one, track, seen)
    )


def _track(lips: Lips, shapes: Points, claim: Claim, mouth: MouthTrack, scale: float) -> Track:
    gaps, times_s = lips.openings()
    n = max(_FEWEST_FRAMES, int(np.searchsorted(times_s, claim.until_s)))
    return Track(times_s[:n], gaps[:n], opening(shapes[:n]), claim.heard, mouth, scale)


def _figures(
    one: Seen, track: Track, mine: Points, own: Points | None, sync: LipSync, claim: Claim
) -> tuple[Figure, ...]:
    follows = motion("opening", track.opening, track.planned, track.times_s).r
    follow = one.result.follows
    steady = (follow | (np.arange(len(follow)) == 0))[: len(track.times_s)]
    is_lively = own is not None and bool(np.ptp(np.percentile(opening(own), [3, 97])) > _TALKING_IO)
    why_not = (
        "" if own is None or is_lively else "The mouth of the footage does not talk: there is no measure for speech."
    )
    trembling = nothing("jitter ratio", "ratio", 1)
    if own is not None:
        trembling = jitter_ratio(mine, own, follow, one.source.follows)
    pictures, its_pictures, why_none = _pictures(one, claim)
    return (
        judged("sync_offset", sync.offset, unknown=sync.says if sync.word == "unsure" else ""),
        judged("follows", replace(follows, name="follows"), scale=NATURAL if claim.mouth is None else None),
        judged("closures", closure_recall(track.meetings)),
        judged("stillness", stillness(track.opening, track.is_pause & steady, edge=_EDGE_FRAMES)),
        judged("sharpness_ratio", sharpness_ratio(pictures, its_pictures), unknown=why_none),
        judged("seam_ratio", seam_ratio(pictures, its_pictures), unknown=why_none),
        judged("jitter", jitter(mine, follow), unknown=_why_no_jitter(one.result, trembling, why_not)),
        judged("jitter_ratio", trembling, unknown=why_not),
        judged("flicker_ratio", flicker_ratio(pictures, its_pictures), unknown=why_not or why_none),
        _lost(one),
    )


def _pictures(one: Seen, claim: Claim) -> tuple[MouthPictures, MouthPictures, str]:
    """Of the result and of its footage, where it is known only of frames with new lips; and why there are none."""
    if claim.is_edited is None or not one.picture_index:
        return one.pictures, one.source_pictures, ""
    # what was passed through is as sharp and calm as itself, and would make of a bad mouth a fair one
    index = np.array(one.picture_index)
    is_new = (index < len(claim.is_edited)) & claim.is_edited[index.clip(max=len(claim.is_edited) - 1)]
    why_none = "" if is_new.any() else "No frame that was looked at has new lips."
    return one.pictures.only(is_new), one.source_pictures.only(is_new), why_none


def _why_no_jitter(lips: Lips, trembling: Measure, why_no_ratio: str) -> str:
    """Why nothing is to be concluded from how much lips are accelerated from one frame to the next, if so."""
    if trembling.n and not why_no_ratio:
        return "The lips of the footage are the better measure (trembling)."
    steps_s = np.diff(lips.times_s)[lips.follows[1:]]
    fps = 1 / max(float(np.median(steps_s)), _LEAST_FRAME_S) if len(steps_s) else 0.0
    if _JITTER_FPS[0] <= fps <= _JITTER_FPS[1]:
        return ""
    return f"Real lips are known at 25 to 30 frames/s; at {fps:.3g} others are natural."


def _lost(one: Seen) -> Figure:
    lost = nothing("lost", "share", 0)
    if one.source.index:
        lost = Measure("lost", len(one.lost) / len(one.source), "share", 0, len(one.source))
    return judged("lost", lost)


def _flags(one: Seen, track: Track, seen: Watched) -> tuple[Flag, ...]:
    flags = spots.weak_closures(track.meetings)
    flags += spots.mismatches(track.opening, track.planned, track.times_s)
    flags += spots.moving_pauses(track.opening, track.is_pause, track.times_s)
    at_s = dict(zip(seen.index, seen.times_s, strict=True))
    if one.picture_index:
        times_s = np.array([at_s[k] for k in one.picture_index])
        mine, its = (np.array(pictures.sharpness) for pictures in (one.pictures, one.source_pictures))
        flags += spots.soft_spots(mine, its, times_s)
    return tuple(spots.worst([*flags, *_lost_spots(one, seen)]))


def _lost_spots(one: Seen, seen: Watched) -> list[Flag]:
    lost = set(one.lost)
    is_lost = np.array([k in lost for k in seen.index], np.bool_)
    return spots.lost_spots(is_lost, np.array(seen.times_s))


def _stretches(seen: Watched, frame_s: float) -> tuple[tuple[float, float], ...]:
    if not seen.index:
        return ()
    index, times_s = np.array(seen.index), seen.times_s
    edges = [0, *(np.flatnonzero(np.diff(index) != 1) + 1).tolist(), len(index)]
    return tuple((times_s[a], times_s[b - 1] + frame_s) for a, b in pairwise(edges))


def _sampled(track: Track, grid_s: Floats) -> list[float | None]:
    after = np.searchsorted(track.times_s, grid_s).clip(1, len(track.times_s) - 1)
    before = after - 1
    away_s = np.minimum(np.abs(track.times_s[after] - grid_s), np.abs(track.times_s[before] - grid_s))
    is_near = (track.times_s[after] - track.times_s[before] <= _HOLD_S) | (away_s <= _LEAST_STEP_S / 2)
    is_near &= (grid_s >= track.times_s[0] - _LEAST_STEP_S) & (grid_s <= track.times_s[-1] + _LEAST_STEP_S)
    return _drawn(np.where(is_near, np.interp(grid_s, track.times_s, track.opening), np.nan))


def _drawn(values_io: Floats) -> list[float | None]:
    return [None if np.isnan(value) else round(100 * float(value), 1) for value in values_io]


def file_figures(video_s: Fraction, audio_s: Fraction | None) -> tuple[Figure, ...]:
    """Figures of the file as a whole: does its sound end with its picture?"""
    if audio_s is None:
        return unknown_file_figures()
    difference = Measure("length difference", 1000 * float(video_s - audio_s), "ms", 0, 1)
    return (judged("length_difference", difference),)


def unknown_file_figures() -> tuple[Figure, ...]:
    """The same of a file that has no sound, or that cannot be read."""
    return (judged("length_difference", nothing("length difference", "ms", 0)),)


_OF_SYNC = ("sync_offset", "follows", "closures")


def overall(
    figures: Sequence[Mapping[str, Any]], flags: Sequence[Mapping[str, Any]], missed: Sequence[int | None] = ()
) -> dict[str, str]:
    """One word for all of it, and the reason: the worst of what was judged, as `Figure.as_dict` and `Flag.as_dict`.

    `missed` are the faces that should speak and whose lips were not seen: with them nothing is good.
    """
    rank = {"good": 0, "fair": 1, "poor": 2}
    told = [figure for figure in figures if figure["verdict"] in rank]
    who = " and ".join("the face" if face_id is None else f"face {face_id}" for face_id in missed)
    unseen = f"Of the lips of {who} too little was seen for anything to be measured." if missed else ""
    if not told:
        return {"word": "unknown", "says": unseen or "Nothing was measured."}
    n_grave = sum(flag["severity"] >= _GRAVE for flag in flags)
    looks = f" {n_grave} spot{'s are' if n_grave != 1 else ' is'} worth a look." if n_grave else ""
    word = max((str(figure["verdict"]) for figure in told), key=lambda verdict: rank[verdict])
    if word == "good" and missed:
        return {"word": "unknown", "says": f"{unseen}{looks}"}
    if word == "good":
        is_followed = any(figure.get("id") in _OF_SYNC for figure in told)
        but = "" if is_followed else " Whether lips and sound go together could not be measured."
        return {"word": "good", "says": f"All that was measured is good.{but}{looks}"}
    names = [str(figure["name"]) for figure in told if figure["verdict"] == word]
    unseen = f" {unseen}" if missed else ""
    return {"word": word, "says": f"{'; '.join(names)}: {word}.{unseen}{looks}"}
