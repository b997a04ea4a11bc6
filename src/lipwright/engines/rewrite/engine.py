"""The engine and its avatars: study once, then rewrite mouths frame by frame, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation import shut_at_rest, speaking_style
from lipwright.articulation.opening import opening_direction, with_opening
from lipwright.core.errors import InvalidOption
from lipwright.core.face import WIDE_RANGE_IO, FaceChoice, TrackedFace, choose_face, opening_range_io
from lipwright.core.media import Footage, VideoFrame, VideoInfo
from lipwright.core.options import OWN_OF_ENGINES
from lipwright.core.timeline import FramePlan, MouthTrack, SpeakingStyle
from lipwright.engines.base import Memory, Progress, RenderReport, Tracker
from lipwright.engines.people import Witness
from lipwright.engines.rewrite import patch
from lipwright.engines.rewrite.face import BLOCK, Face, blocks
from lipwright.engines.rewrite.guards import until_own
from lipwright.engines.rewrite.interior import Drawing, Interior, Palette, harvest_teeth, join_lips, looks_drawn
from lipwright.engines.rewrite.lift import Lifted, lay_back, lift
from lipwright.engines.rewrite.picture import Picture, shown_area, smoothstep
from lipwright.engines.rewrite.select import (
    Donors,
    MouthViews,
    Shares,
    choose_donors,
    count_changes,
    count_different,
    detail_of,
    dissolved,
    fitting,
    mouth_views,
    sharpness_to_lend,
    stretch,
)
from lipwright.engines.rewrite.shared import (
    FEWEST_TO_LEND,
    Choice,
    Ground,
    Sitter,
    clear_rows,
    open_rows,
    packed_choice,
    packed_sitter,
    sitter_of,
    sitters_from,
    unpacked,
)
from lipwright.engines.rewrite.steady import gaussian_over_frames
from lipwright.engines.rewrite.study import Study, edge_blur_px
from lipwright.engines.rewrite.target import (
    LEAD_MARGIN_FRAMES,
    Destination,
    Limits,
    is_in_mid_word,
    keep_from_folding,
    target_shapes,
    with_lead,
)
from lipwright.engines.rewrite.upright import upright_frame
from lipwright.engines.rewrite.veil import Unveiled, unveil
from lipwright.media import kept_open
from lipwright.media.overlap import ahead, batch_of, in_batches
from lipwright.vision.colour import from_rgb_matrix, to_rgb_matrix
from lipwright.vision.shape import Floats, Points, largest_gap, opening, shape_basis

Forbidden = Callable[[int], NDArray[np.bool_]]
"""For the k-th edited frame: which footage frames may not lend their mouth, (n_source_frames,)."""
ShapesAt = Callable[[NDArray[np.intp]], Points]
"""The wanted canonical shapes (k, 478, 3) of these (k,) entries of the plan."""

_WIDER_THAN_SEEN = 1.3
_UNCOVERED_SHARE, _UNCOVERED_SHARE_OF_SMALL = 0.25, 0.15
"""Of frames without a fitting mouth, so many at most; fewer where all mouths open little: stretched far, they smear."""
_FEW_TO_LEND = 24
"""Mouths that differ, as in a second of talk: of fewer it is asked whether they open far enough for this speech ..."""
_WIDEST_LENT = 1.3
"""... where this is how many times as far as the widest of them it opens: of few, the widest is lent again and again,
and what is stretched in it (teeth, a wet lower lip) is torn."""
_PARTED_FROM_IO, _PARTED_IO = 0.03, 0.06
"""Openings of mouths that are lent: lips so far apart have no line where they meet, and teeth at their rims."""
_OFF_TEETH_IO, _PARTED_OFF_TEETH_IO = 0.007, 0.02
"""How far inside their red lips are cut that are lent; farther where they were apart and are brought together."""
_LEFT = "Letters, or something else that keeps its place before the face, are left as they are."
_MOOD_SHARE = 0.5
_WORD_ENDS_S = 0.4
"""In so long, from its beginning on, a picture that was taken in mid-word shuts its lips where nothing is said yet."""
_LEAST_STRENGTH = 0.01
_UNFOLDED_IO = 0.02
_FOLDED_FROM_IO, _FOLDED_IO = 0.02, 0.05
"""How far skin is off where the mesh begins to fold it below a wide open mouth; talk alone presses it by up to 0.04."""
_BEHIND_LIPS = 0.45
"""Of the light of the lips: what is seen between them is no lighter, where pale skin has no blacks beside it."""


class RewriteEngine:
    """Rewrites the mouths of the footage with their own pixels; `study` takes one pass over the frames.

    It has no options beyond those that every engine is told.
    """

    name = "rewrite"

    def study(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> RewriteStudied:
        """Track all faces and keep what each of them needs to speak. Raises UnreadableMedia, InvalidOption.

        `options["threads"]`, where it is not "1": faces are tracked while what is known of them is put down. What is
        found is the same.
        """
        _check(options or {})
        witness = tracker if isinstance(tracker, Witness) else Witness(tracker)
        study = Study(witness.cuts)
        video = source.info.video
        total = video.n_frames if video is not None else 0
        with (
            kept_open(source.frames(writable=False)) as frames,
            _tracked(witness, frames, video, options or {}) as tracked,
        ):
            for done, (frame, faces) in enumerate(tracked, start=1):
                study.observe(frame, faces)
                if progress is not None:
                    progress(done, max(total, done))
        return RewriteStudied(source, options or {}, study=study)

    def prepare(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        face: FaceChoice,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> RewriteAvatar:
        """`study`, and the one face that is wanted. Raises NoFaceFound, FaceNotFound, UnreadableMedia."""
        witness = Witness(tracker)
        studied = self.study(source, tracker=witness, options=options, progress=progress)
        return studied.avatar(choose_face(witness.people, face, n_frames=witness.n_frames).face_id)

    def recall(self, source: Footage, memory: Mapping[str, NDArray[Any]], options: Mapping[str, str]) -> RewriteStudied:
        """The study that was kept. Raises ValueError where the memory is none of ours."""
        return RewriteStudied(source, options, sitters=sitters_from(memory))

    def part(self, source: Footage, shared: Mapping[str, NDArray[Any]], options: Mapping[str, str]) -> RewritePart:
        """The avatar that told `shared`. Raises ValueError where that is none of ours."""
        sitter, choice = unpacked(shared)
        return RewritePart(RewriteAvatar(source, sitter, options), choice)


def _check(options: Mapping[str, str]) -> None:
    for name, value in options.items():
        if name not in OWN_OF_ENGINES:
            raise InvalidOption(f"engine_options: {name}", value, f"`{RewriteEngine.name}` has no such option")


def _tracked(
    tracker: Tracker, frames: Iterator[VideoFrame], video: VideoInfo | None, options: Mapping[str, str]
) -> AbstractContextManager[Iterator[tuple[VideoFrame, list[TrackedFace]]]]:
    """What the tracker finds; it ends with the block, before the frames do."""
    tracked = tracker.track(frames)
    if options.get("threads", "1") != "1":
        return kept_open(ahead(tracked, name="track"))
    return kept_open(tracked if video is None else in_batches(tracked, batch_of(video)))


class RewriteStudied:
    """Everyone in one piece of footage: as they were studied, until somebody asks for them, or as they were kept."""

    def __init__(
        self,
        source: Footage,
        options: Mapping[str, str],
        *,
        study: Study | None = None,
        sitters: dict[int, Sitter] | None = None,
    ) -> None:
        self._source = source
        self._options = options
        self._studied = {} if study is None else dict(study.faces)
        self._sitters = {} if sitters is None else sitters

    def avatar(self, face_id: int) -> RewriteAvatar:
        """Raises KeyError for a face that the tracker has not seen."""
        return RewriteAvatar(self._source, self._sitter(face_id), self._options)

    def memory(self) -> Memory:
        """Everyone, prepared: the next speech begins at once."""
        for face_id in sorted({*self._studied, *self._sitters}):
            for name, values in packed_sitter(self._sitter(face_id)):
                yield f"face/{face_id}/{name}", values

    def _sitter(self, face_id: int) -> Sitter:
        if face_id not in self._sitters:
            self._sitters[face_id] = sitter_of(self._studied[face_id])
            del self._studied[face_id]  # what was seen of them is all in there
        return self._sitters[face_id]


@dataclass(frozen=True, slots=True, eq=False)
class _Script:
    """What is wanted of the entries of a plan."""

    face: Face
    rows: NDArray[np.intp]
    """(n_plan,) of the face; -1: it is not seen there."""
    strength: Floats
    """(n_plan,) 0..1."""
    edited: NDArray[np.intp]
    """The entries that are changed."""
    shapes_at: ShapesAt

    def targets(self, entries: NDArray[np.intp]) -> Points:
        """What the mouth shall be at these entries, (k, 478, 3)."""
        own = self.face.posed.shapes(self.rows[entries])
        return own + self.strength[entries, None, None] * (self.shapes_at(entries) - own)

    def led(self, start: int) -> Points:
        """A block of targets from the edited entry `start`, with their lead."""
        before = min(start, LEAD_MARGIN_FRAMES)
        entries = self.edited[start - before : start + BLOCK + LEAD_MARGIN_FRAMES]
        own = self.face.posed.shapes(self.rows[entries])
        return with_lead(self.targets(entries), own, self.strength[entries])[before : before + BLOCK]


class RewriteAvatar:
    """One person of one piece of footage."""

    def __init__(self, source: Footage, sitter: Sitter, options: Mapping[str, str]) -> None:
        self._source = source
        self._sitter = sitter
        self._seed = int(options.get("seed", "0"))
        self._basis = shape_basis()
        self.face = sitter.face
        self._mouths = sitter.mouths
        self._drawing: Drawing = "cartoon" if looks_drawn(self.face.posed.template) else "photo"
        self.is_talking = self.face.is_talking
        self._destination = Destination.for_template(self.face.posed.template, self._basis)
        style = speaking_style(self.face.coefficients, self.face.opening, self.face.time_s)
        video = source.info.video
        is_picture = (video is not None and video.is_seamless) or self.face.is_frozen
        self.is_in_mid_word = is_picture and is_in_mid_word(self.face.posed.template)
        """Taken in a moment of talk: it is not the pose in which this mouth rests."""
        self._style = shut_at_rest(style) if self.is_in_mid_word else style
        self._face_id = sitter.face_id
        self._report = RenderReport(engine=RewriteEngine.name, mode="retrieved", face_id=self._face_id)

    @property
    def style(self) -> SpeakingStyle:
        return self._style

    @property
    def report(self) -> RenderReport:
        return self._report

    @property
    def is_turning(self) -> bool:
        """Whether another way is up on some frames than on others."""
        return bool(np.ptp(self.face.quarter_turns))

    @property
    def is_veiled(self) -> bool:
        """Whether a bar lies before the face that is taken off and laid on again."""
        return bool(self._sitter.veils)

    def speak(
        self,
        mouth: MouthTrack,
        plan: FramePlan,
        progress: Progress | None = None,
        *,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield the plan's frames, this person saying `mouth`."""
        shapes_at, drive = self._wanted(mouth, plan)
        yield from self.render(shapes_at, plan, drive=drive, progress=progress, onto=onto)

    def share(self, mouth: MouthTrack, plan: FramePlan) -> Memory:
        """What a part of this speech needs: the person, and of their mouths those that are lent in it."""
        script = self._script(*self._wanted(mouth, plan), plan)
        self._report = self._new_report()
        donor_rows = self._donors_for(script, None)
        lending = self._open_rows() if donor_rows is None else donor_rows.tolist()
        lent = {row: self._mouths[row] for row in set(lending) if row in self._mouths}
        # mouths are chosen; what is drawn goes by more of them than a part is given
        ground = self._ground() if donor_rows is None and len(script.edited) else None
        yield from packed_sitter(replace(self._sitter, mouths=lent, lenders=None, ground=ground))
        yield from packed_choice(Choice(mouth, donor_rows, self._report))

    def speak_part(
        self,
        choice: Choice,
        plan: FramePlan,
        part: range,
        progress: Progress | None = None,
        *,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield these entries of the plan, as `speak` has them there: what was chosen for the whole is `choice`."""
        script = self._script(*self._wanted(choice.mouth, plan), plan)
        self._report = choice.fresh_report()
        yield from self._perform(script, choice.donor_rows, plan, part, progress, onto)

    def _wanted(self, mouth: MouthTrack, plan: FramePlan) -> tuple[ShapesAt, Floats]:
        """The shapes of the plan's entries, and how far each of them shall be driven, (n_plan,)."""
        wanted = mouth.at(plan.times_s)
        limits = self._limits()
        coefficients = wanted.coefficients.astype(np.float64) + self._mood(plan)

        def shapes_at(entries: NDArray[np.intp]) -> Points:
            closure = wanted.closure[entries].astype(np.float64)
            return target_shapes(coefficients[entries], closure, self.face.closed, self._basis, limits)

        # who does not talk in the footage is left alone while nothing is said: their own pixels rest best
        drive = np.ones(len(plan)) if self._style.is_talking else 1 - wanted.rest.astype(np.float64)
        if self.is_in_mid_word:  # it is shown as it is, ends its word, and its own lips are not seen again
            drive = np.maximum(drive, smoothstep(np.array([float(time_s) for time_s in plan.times_s]) / _WORD_ENDS_S))
        return shapes_at, drive * until_own(plan)

    def _limits(self) -> Limits:
        if not self.is_talking:
            return Limits()
        seen = float(np.percentile(self.face.opening, 99))
        widest = float(np.clip(_WIDER_THAN_SEEN * seen, 0.10, 0.27))
        return Limits(knee=0.6 * widest, widest=widest)

    def _mood(self, plan: FramePlan) -> Floats:
        """(n_plan, N_SHAPE): the slow expression that each base frame has beside the person's average.

        The mouth must fit the cheeks and eyes of the frame that it is laid into: a smile stays a smile.
        The opening is left to the speech.
        """
        face = self.face
        out = np.zeros((len(plan), face.coefficients.shape[1]))
        mood = face.slow - (self._style.mean if self._style.is_talking else self._style.rest)
        mood = with_opening(mood, np.zeros(len(mood)), self._style.spread, opening_direction(self._basis))
        for k, index in enumerate(plan.order):
            row = face.row_of.get(index)
            if row is not None:
                out[k] = _MOOD_SHARE * mood[row]
        return gaussian_over_frames(out, 3)

    def render(
        self,
        shapes: Points | ShapesAt,
        plan: FramePlan,
        *,
        drive: Floats | None = None,
        forbidden: Forbidden | None = None,
        progress: Progress | None = None,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield the plan's frames with the face brought to canonical `shapes` (n_plan, 478, 3).

        `drive` (n_plan,) 0..1 says how far; 0 leaves a frame as it is.
        """
        shapes_at: ShapesAt = shapes if callable(shapes) else lambda entries: shapes[entries]
        script = self._script(shapes_at, drive, plan)
        self._report = self._new_report()
        donor_rows = self._donors_for(script, forbidden)
        yield from self._perform(script, donor_rows, plan, range(len(plan)), progress, onto)

    def _new_report(self) -> RenderReport:
        return RenderReport(engine=RewriteEngine.name, mode="retrieved", face_id=self._face_id)

    def _script(self, shapes_at: ShapesAt, drive: Floats | None, plan: FramePlan) -> _Script:
        face = self.face
        rows = np.array([face.row_of.get(index, -1) for index in plan.order], np.intp)
        strength = np.where(rows >= 0, face.strength[np.maximum(rows, 0)], 0.0)
        if drive is not None:
            strength = strength * drive
        return _Script(face, rows, strength, np.flatnonzero(strength > _LEAST_STRENGTH), shapes_at)

    def _perform(
        self,
        script: _Script,
        donor_rows: NDArray[np.intp] | None,
        plan: FramePlan,
        part: range,
        progress: Progress | None,
        onto: Iterator[VideoFrame] | None,
    ) -> Iterator[VideoFrame]:
        """Yield these entries of the plan; `donor_rows` are those of all edited entries."""
        face, report, edited, rows = self.face, self._report, script.edited, script.rows
        interior = None if donor_rows is not None else self._interior()
        lent = None if donor_rows is None else dissolved(donor_rows, face.frame_index[donor_rows], edited)
        place = {int(k): n for n, k in enumerate(edited)}
        first, block = 0, script.targets(edited[:0])
        places = block[..., :2]
        report.n_frames = len(part)
        with kept_open(self._source.play(plan.order[part.start : part.stop]) if onto is None else onto) as frames:
            for done, (k, frame) in enumerate(zip(part, frames, strict=False), start=1):
                n = place.get(k)
                if n is None:
                    row = int(rows[k])
                    report.leave(_why_untouched(face, row, is_own=plan.is_own(k)))
                else:
                    if not first <= n < first + len(block):
                        # the same blocks wherever a part begins: their ends are seen in what is smoothed
                        first = n - n % BLOCK
                        block = script.led(first)
                        places = self._places(rows[edited[first : first + len(block)]], block)
                    donors = None if lent is None else lent[n]
                    target, to = block[n - first], places[n - first]
                    strength = float(script.strength[k])
                    if self._edit(frame, int(rows[k]), target, to, strength, donors, interior):
                        report.edit()
                    else:
                        report.leave("out_of_picture")
                frame.time_s = plan.times_s[k]
                yield frame
                if progress is not None:
                    progress(done, len(part))

    def _donors_for(self, script: _Script, forbidden: Forbidden | None) -> NDArray[np.intp] | None:
        """The donor row of each edited entry (n,), or None where the footage has too few fitting mouths."""
        face, edited = self.face, script.edited
        report = self._report
        if not len(edited):
            report.mode = "untouched"
            return None
        lenders = self._sitter.lenders
        if lenders is None:
            report.mode = "own-lips"
            video = self._source.info.video
            if video is None or not video.is_seamless:  # nobody expects it of a picture
                report.notes.append("The mouth hardly moves in this footage: its inside is drawn, not taken from it.")
            return None
        candidates = lenders.rows
        if len(candidates) < FEWEST_TO_LEND:
            report.mode = "own-lips"
            report.notes.append(
                "On most frames something is before the mouth or beside it (a microphone, a hand, hair), and would be "
                "taken with it: the inside of the mouth is drawn."
                if len(clear_rows(self._mouths, face)) >= FEWEST_TO_LEND
                else "Too few frames show the mouth to take mouths from them: its inside is drawn."
            )
            return None
        posed = face.posed
        views = self._views(candidates, lambda some: posed.shapes(candidates[some]))
        wanted = self._views(script.rows[edited], lambda some: script.targets(edited[some]))
        why_none = _why_none_is_lent(views, wanted)
        if why_none:
            report.mode = "own-lips"
            report.notes.append(why_none)
            return None
        lent = sharpness_to_lend(
            face.sharpness[candidates], lenders.sharpness, views.gap.astype(np.float64), views.width.astype(np.float64)
        )
        lent += detail_of(posed.scale_px[candidates])
        donors = Donors(replace(views, sharpness=lent.astype(np.float32)), face.frame_index[candidates], lenders.looks)
        numbers = face.frame_index[candidates]

        def may_not_lend(k: int) -> NDArray[np.bool_]:
            assert forbidden is not None
            return forbidden(k)[numbers]

        chosen = choose_donors(
            wanted,
            donors,
            frames_per_s=face.frames_per_s,
            forbidden=None if forbidden is None else may_not_lend,
        )
        stretched = (wanted.gap > 0.05) & (stretch(wanted.gap, donors.views.gap[chosen]) > 1.7)
        far = np.linalg.norm(wanted.features - donors.views.features[chosen], axis=1) > 0.13
        uncovered = float((stretched | far).mean())
        report.figures["uncovered_share"] = round(uncovered, 4)
        opens_wide = opening_range_io(face.opening[candidates]) > WIDE_RANGE_IO
        if uncovered > (_UNCOVERED_SHARE if opens_wide else _UNCOVERED_SHARE_OF_SMALL):
            report.mode = "own-lips"
            report.notes.append(
                f"The footage shows too few mouths like those of this speech ({uncovered:.0%} of frames without one): "
                "the inside of the mouth is drawn."
            )
            return None
        report.mode = "retrieved"
        report.n_donor_changes = count_changes(chosen, donors.neighbours)
        return candidates[chosen]

    def _views(self, rows: NDArray[np.intp], mouths: ShapesAt) -> MouthViews:
        """Views of these rows (n,) with the mouths that `mouths` gives for them, made block by block."""
        face = self.face
        features, gap = np.empty((len(rows), 0), np.float32), np.empty(len(rows), np.float32)
        for block in blocks(len(rows)):
            some = np.arange(block.start, block.stop)
            part = mouth_views(mouths(some), face.turn[rows[some]], face.sharpness[rows[some]])
            if block.start == 0:
                features = np.empty((len(rows), part.features.shape[1]), np.float32)
            features[some], gap[some] = part.features, part.gap
        sharpness = face.sharpness[rows] + detail_of(face.posed.scale_px[rows])
        return MouthViews(features, gap, face.turn[rows].astype(np.float32), sharpness.astype(np.float32))

    def _open_rows(self) -> list[int]:
        """Where the mouth is open widest: teeth may be seen there."""
        return open_rows(self.face, self._n_views)

    @property
    def _n_views(self) -> int:
        """How many mouths are asked what they show."""
        video = self._source.info.video
        return 6 if video is not None and video.is_seamless else 60  # a picture's are all alike

    def _ground(self) -> Ground:
        known = self._sitter.ground
        return Ground.of(self._mouths, self.face, self._n_views) if known is None else known

    def _interior(self) -> Interior:
        video = self._source.info.video
        assert video is not None  # a face was tracked in it
        sitter = self._sitter
        to_rgb = to_rgb_matrix(video.colour, video.height_px)
        skin, lip = (np.clip(to_rgb[:, :3] @ codes + to_rgb[:, 3], 0, 255) for codes in (sitter.skin, sitter.lip))
        palette = Palette.from_face(skin, lip, self._drawing)
        teeth = None
        if self._drawing == "photo":
            face = self.face
            views = [
                (self._mouths[row], face.landmarks.row(row), face.posed.of(row))
                for row in self._open_rows()
                if row in self._mouths
            ]
            teeth = harvest_teeth(views, face.closed, palette.tooth, to_rgb)
        back, ground = from_rgb_matrix(video.colour, video.height_px), self._ground()
        return Interior(
            self.face.closed, palette, teeth, self._drawing, back, self._seed, float(sitter.skin[0]),
            darkest=min(_lightness(ground.darkest, to_rgb), _BEHIND_LIPS * float(lip @ (0.299, 0.587, 0.114))),
            blur_px=ground.blur_px,
        )  # fmt: skip

    def _places(self, rows: NDArray[np.intp], targets: Points) -> Floats:
        """Where the mesh points of these rows (k,) go, (k, 478, 2) source pixels."""
        posed = self.face.posed
        scale, rotation = posed.scale_px[rows], posed.rotation[rows]
        return self._destination.pixels(targets, posed.shapes(rows), scale, rotation, posed.landmarks.rows(rows))

    def _edit(
        self,
        frame: VideoFrame,
        row: int,
        target: Points,
        to: Floats,
        strength: float,
        donors: Shares | None,
        interior: Interior | None,
    ) -> bool:
        """Bring the mouth of one frame to `target`, its mesh to pixels `to` (478, 2), in place.

        At a low `strength` the frame's own mouth shines through. False: no part of it is in the picture.
        """
        face = self.face
        frame = upright_frame(frame, int(face.quarter_turns[row]))
        pose = face.posed.of(row)
        points = face.landmarks.row(row)
        step, io_px = frame.chroma_step, pose.scale
        bounds = self._sitter.clear_of(frame, row, shown_area(frame), points[13, :2], io_px)
        region = patch.face_region(to, io_px, bounds=bounds, step=step)
        mouth_area = patch.mouth_region(
            to, io_px, patch.DILATION_IO + 1.2 * patch.FEATHER_IO, bounds=bounds, step=step
        ).within(region)
        if region.is_empty or mouth_area.is_empty:
            return False
        smoothing = 3e-4 if donors is not None else 2e-2
        picture = Picture.cut(frame, region)
        veiled, laid_on = self._lift(frame, picture, row)
        cover = min(1.0, 3 * strength)
        alpha = patch.patch_alpha(mouth_area, to, io_px)
        parted = 0.0
        if donors is not None:
            gap_io = float(opening(target))
            donors = fitting(donors, gap_io, face.opening)
            shut = 1 - smoothstep(np.array(float(largest_gap(target)) / _PARTED_FROM_IO))
            apart = [float(shut * _apart(float(face.opening[donor]))) for donor, _ in donors]
            parted = sum(one * share for one, (_, share) in zip(apart, donors, strict=True))
            laid = [
                patch.lay_mouth(
                    self._mouths[donor], self._unfolded(donor, face.landmarks.row(donor), target), to, mouth_area,
                    io_px, inset_io=_OFF_TEETH_IO + one * (_PARTED_OFF_TEETH_IO - _OFF_TEETH_IO),
                    smoothing=smoothing, with_interior=True,
                    together=patch.left_together(gap_io, float(face.opening[donor])),
                )
                for one, (donor, _) in zip(apart, donors, strict=True)
            ]  # fmt: skip
            mouth = laid[0] if len(laid) == 1 else laid[0].mixed(laid[1], donors[1][1])
        else:
            mouth = patch.lay_mouth(
                picture, points, to, mouth_area, io_px, inset_io=0.026, smoothing=smoothing, with_interior=False
            )
        skin = self._unfolded_where_folded(row, points, target)
        patch.follow_jaw(picture, skin[:, :2], to, io_px, smoothing=smoothing)
        black = 0 if frame.colour.is_full_range else 16
        crowded = to if self._sitter.is_crowded else None  # on footage of nothing but skin it is not looked for
        patch.blend(picture, mouth, alpha, io_px, match=donors is not None, cover=cover, black=black, to=crowded)
        if parted > 0 and donors is not None:
            join_lips(picture, to, io_px, cover * parted, edge_blur_px(self._mouths[donors[0][0]], io_px))
        if interior is not None:
            was_open = float(largest_gap(face.posed.shape(row, points)))
            interior.paint(picture, to, target, pose, was_open_io=was_open, index=frame.index, strength=cover)
        if laid_on is not None:
            lay_back(picture, laid_on)
        if veiled is not None:
            veiled.lay_on(picture)
        picture.paste(frame)
        return True

    def _lift(self, frame: VideoFrame, picture: Picture, row: int) -> tuple[Unveiled | None, Lifted | None]:
        """Take what lies on the picture of this row's frame off it, in place: a bar, letters; None: it is not there."""
        cover = self._sitter.cover_of(picture, row)
        veiled = unveil(picture, self._sitter.veils, frame)
        if veiled is not None:
            cover = veiled.with_ink(cover)
        elif cover is None:
            return None, None
        if _LEFT not in self._report.notes:
            self._report.notes.append(_LEFT)
        return veiled, None if cover is None else lift(picture, cover)

    def _unfolded_where_folded(self, row: int, points: Points, target: Points) -> Floats:
        """As `_unfolded`, for a frame's own picture: skin that talk has only pressed together is left as it is."""
        unfolded = self._unfolded(row, points, target)
        moved_io = float(np.abs(unfolded - points).max()) / float(self.face.posed.scale_px[row])
        folded = float(smoothstep(np.array((moved_io - _FOLDED_FROM_IO) / (_FOLDED_IO - _FOLDED_FROM_IO))))
        return points if folded == 0 else points + folded * (unfolded - points)

    def _unfolded(self, row: int, points: Points, target: Points) -> Floats:
        """The mesh `points` (478, 3) of this row's frame, whose mouth is brought to `target` (478, 3).

        Where a mouth is open wide the mesh has the skin below the lip too close to it, or beyond. Targets are kept from
        that; if these were not, a sliver of skin would be stretched to a box, and the lip drawn over the chin.
        """
        face, closed = self.face, self.face.closed
        own = face.posed.shape(row, points)
        both = np.stack([own, target])
        keep_from_folding(both, closed)
        if np.abs(both[1] - target).max() < _UNFOLDED_IO:
            pose = face.posed.of(row)
            return points + pose.scale * ((both[0] - own) @ pose.rotation.T)
        return points


def _lightness(luma: float, to_rgb: Floats) -> float:
    """R'G'B' 0..255 of a grey of this code value, 8-bit scale."""
    return max(0.0, float(to_rgb[0, 0] * luma + to_rgb[0, 3] + to_rgb[0, 1:3].sum() * 128))


def _why_none_is_lent(mouths: MouthViews, wanted: MouthViews) -> str:
    """A note where these mouths are too few for those that are wanted, whatever they are chosen for; else ""."""
    n_different = count_different(mouths.features, _FEW_TO_LEND)
    if n_different < FEWEST_TO_LEND:
        return "The frames that show the mouth show it too much alike to take mouths from them: its inside is drawn."
    widest = np.percentile(wanted.gap, 95)
    if n_different < _FEW_TO_LEND and stretch(widest, mouths.gap.max()) > _WIDEST_LENT:
        return "The few mouths that the footage shows open less far than this speech asks: their inside is drawn."
    return ""


def _apart(opening_io: float) -> float:
    """How far lips that are lent were parted, 0..1."""
    return float(smoothstep(np.array((opening_io - _PARTED_FROM_IO) / (_PARTED_IO - _PARTED_FROM_IO))))


def _why_untouched(face: Face, row: int, *, is_own: bool) -> str:
    """Of a frame with this row of the face, -1: none; `is_own` where the footage goes on after the speech."""
    if row < 0:
        return "no_face"
    # at the rim of a profile so little is left of the drive that nothing would be seen of it
    at_rest = "own_again" if is_own else "at_rest"
    return face.reason[row] or ("profile" if face.strength[row] <= _LEAST_STRENGTH else at_rest)


class RewritePart:
    """One person, who says a part of one speech."""

    def __init__(self, avatar: RewriteAvatar, choice: Choice) -> None:
        self._avatar = avatar
        self._choice = choice

    @property
    def report(self) -> RenderReport:
        return self._avatar.report

    def speak_part(
        self,
        plan: FramePlan,
        part: range,
        progress: Progress | None = None,
        *,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield these entries of the plan."""
        return self._avatar.speak_part(self._choice, plan, part, progress, onto=onto)
