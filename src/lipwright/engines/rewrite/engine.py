"""The engine and its avatar: study once, then rewrite the mouth frame by frame, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lipwright.articulation import speaking_style
from lipwright.articulation.plan import opening_direction, with_opening
from lipwright.core.face import FaceChoice, Pose
from lipwright.core.media import Footage, VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack, SpeakingStyle
from lipwright.engines.base import Progress, RenderReport, Tracker
from lipwright.engines.rewrite import patch
from lipwright.engines.rewrite.guards import strengths
from lipwright.engines.rewrite.interior import Drawing, Interior, Palette, harvest_teeth, looks_drawn
from lipwright.engines.rewrite.picture import Picture
from lipwright.engines.rewrite.select import (
    Donors,
    choose_donors,
    count_changes,
    mouth_views,
)
from lipwright.engines.rewrite.steady import fill_gaps, gaussian_over_frames, steady
from lipwright.engines.rewrite.study import FaceStudy, Study, mouth_look
from lipwright.engines.rewrite.target import Destination, Limits, target_shapes
from lipwright.vision.colour import from_rgb_matrix, to_rgb_matrix
from lipwright.vision.shape import (
    Floats,
    Points,
    PosedShapes,
    closed_neutral,
    largest_gap,
    neutral_shape,
    opening,
    pose_shapes,
    shape_basis,
)

Forbidden = Callable[[int], NDArray[np.bool_]]
"""For the k-th edited frame: which footage frames may not lend their mouth, (n_source_frames,)."""

TALKING_RANGE_IO = 0.07
"""Opening p97 - p3 above which the footage shows its own talking mouth."""
_WIDER_THAN_SEEN = 1.3
_UNCOVERED_SHARE = 0.25
_MOOD_SHARE = 0.5
_MOOD_S = 2.0
"""What changes slower than this is mood, not speech."""
_MAX_DONORS = 1200
_LEAST_STRENGTH = 0.01


@dataclass(slots=True, eq=False)
class _Face:
    """The chosen face, ready to be driven: one row for each frame that shows it."""

    frame_index: NDArray[np.intp]
    """(n,) which source frame each row is."""
    row_of: dict[int, int]
    """Source frame index -> row."""
    landmarks: Points
    """(n, 478, 3) px, steadied where the face rests."""
    posed: PosedShapes
    turn: Floats
    """(n, 3) rotation vectors, rad."""
    sharpness: Floats
    strength: Floats
    """(n,) 0 leaves the frame as it is, 1 drives it fully."""
    reason: list[str]
    """(n,) why the strength is 0, else ""."""
    closed: Points
    coefficients: Floats
    """(n, N_SHAPE) the footage's own mouth."""
    slow: Floats
    """(n, N_SHAPE) its slow part: mood and pose, not speech."""


class RewriteEngine:
    """Rewrites the mouth of the footage with its own pixels; `prepare` takes one pass over the frames."""

    name = "rewrite"

    def prepare(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        face: FaceChoice,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> RewriteAvatar:
        """Track all faces, keep what the chosen one needs. Raises NoFaceFound, FaceNotFound, UnreadableMedia."""
        study = Study()
        video = source.info.video
        total = video.n_frames if video is not None else 0
        for frame, faces in tracker.track(source.frames(writable=False)):
            study.observe(frame, faces, face)
            if progress is not None:
                progress(study.n_frames, max(total, study.n_frames))
        chosen = study.choose(face)
        return RewriteAvatar(source, chosen, options or {})


class RewriteAvatar:
    """One person of one piece of footage."""

    def __init__(self, source: Footage, study: FaceStudy, options: Mapping[str, str]) -> None:
        self._source = source
        self._skin, self._lip = (np.median(samples, axis=0) for samples in (study.skin, study.lip))
        self._seed = int(options.get("seed", "0"))
        self._basis = shape_basis()
        self.face = _prepare_face(study)
        self._mouths = {self.face.row_of[study.frame_index[row]]: mouth for row, mouth in study.mouths.items()}
        self._drawing: Drawing = "cartoon" if looks_drawn(self.face.posed.template) else "photo"
        gap = opening(self.face.posed.shapes)
        self.is_talking = float(np.percentile(gap, 97) - np.percentile(gap, 3)) > TALKING_RANGE_IO
        self._destination = Destination.for_template(self.face.posed.template, self._basis)
        self._style = speaking_style(self.face.coefficients, gap, _row_times(study, self.face))
        self._face_id = study.face_id
        self._report = RenderReport(engine=RewriteEngine.name, mode="retrieved", face_id=study.face_id)

    @property
    def style(self) -> SpeakingStyle:
        return self._style

    @property
    def report(self) -> RenderReport:
        return self._report

    def speak(self, mouth: MouthTrack, plan: FramePlan, progress: Progress | None = None) -> Iterator[VideoFrame]:
        """Yield the plan's frames, the chosen face saying `mouth`."""
        wanted = mouth.at(plan.times_s)
        limits = self._limits()
        coefficients = wanted.coefficients.astype(np.float64) + self._mood(plan)
        shapes = target_shapes(coefficients, wanted.closure.astype(np.float64), self.face.closed, self._basis, limits)
        # who does not talk in the footage is left alone while nothing is said: their own pixels rest best
        drive = np.ones(len(plan)) if self._style.is_talking else 1 - wanted.rest.astype(np.float64)
        yield from self.render(shapes, plan, drive=drive, progress=progress)

    def _limits(self) -> Limits:
        if not self.is_talking:
            return Limits()
        seen = float(np.percentile(opening(self.face.posed.shapes), 99))
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
        shapes: Points,
        plan: FramePlan,
        *,
        drive: Floats | None = None,
        forbidden: Forbidden | None = None,
        progress: Progress | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield the plan's frames with the face brought to canonical `shapes` (n_plan, 478, 3).

        `drive` (n_plan,) 0..1 says how far; 0 leaves a frame as it is.
        """
        face = self.face
        report = self._report = RenderReport(engine=RewriteEngine.name, mode="retrieved", face_id=self._face_id)
        rows = np.array([face.row_of.get(index, -1) for index in plan.order], np.intp)
        strength = np.where(rows >= 0, face.strength[np.maximum(rows, 0)], 0.0)
        if drive is not None:
            strength = strength * drive
        edited = np.flatnonzero(strength > _LEAST_STRENGTH)
        own = face.posed.shapes[rows[edited]]
        targets = own + strength[edited, None, None] * (shapes[edited] - own)
        donor_rows = self._donors_for(targets, rows[edited], forbidden) if len(edited) else None
        interior = None if donor_rows is not None else self._interior()
        place = {int(k): n for n, k in enumerate(edited)}
        report.n_frames = len(plan)
        for k, frame in enumerate(self._source.play(plan.order)):
            n = place.get(k)
            if n is None:
                row = int(rows[k])
                why = "no_face" if row < 0 else face.reason[row] or "at_rest"
                report.untouched[why] = report.untouched.get(why, 0) + 1
            else:
                donor = None if donor_rows is None else int(donor_rows[n])
                self._edit(frame, int(rows[k]), targets[n], float(strength[k]), donor, interior)
                report.n_edited += 1
            frame.time_s = plan.times_s[k]
            yield frame
            if progress is not None:
                progress(k + 1, len(plan))

    def _donors_for(
        self, targets: Points, rows: NDArray[np.intp], forbidden: Forbidden | None
    ) -> NDArray[np.intp] | None:
        """The donor row of each target (n,), or None where the footage has too few fitting mouths."""
        face = self.face
        report = self._report
        if not self.is_talking:
            report.mode = "own-lips"
            report.notes.append("The mouth hardly moves in this footage: its inside is drawn, not taken from it.")
            return None
        candidates = self._donor_candidates()
        if len(candidates) < 8:
            report.mode = "own-lips"
            report.notes.append("Too few frames show the mouth to take mouths from them: its inside is drawn.")
            return None
        posed = face.posed
        donors = Donors(
            mouth_views(posed.shapes[candidates], face.turn[candidates], face.sharpness[candidates]),
            face.frame_index[candidates],
            np.stack(
                [
                    mouth_look(self._mouths[row], face.landmarks[row].astype(np.float32), float(posed.scale_px[row]))
                    for row in candidates
                ]
            ),
        )
        wanted = mouth_views(posed.shapes[rows], face.turn[rows], face.sharpness[rows], look=targets)
        numbers = face.frame_index[candidates]

        def may_not_lend(k: int) -> NDArray[np.bool_]:
            assert forbidden is not None
            return forbidden(k)[numbers]

        chosen = choose_donors(wanted, donors, forbidden=None if forbidden is None else may_not_lend)
        stretched = (wanted.gap > 0.05) & ((wanted.gap + 0.012) / (donors.views.gap[chosen] + 0.012) > 1.7)
        far = np.linalg.norm(wanted.features - donors.views.features[chosen], axis=1) > 0.13
        uncovered = float((stretched | far).mean())
        report.figures["uncovered_share"] = round(uncovered, 4)
        if uncovered > _UNCOVERED_SHARE:
            report.mode = "own-lips"
            report.notes.append(
                f"The footage shows too few mouths like those of this speech ({uncovered:.0%} of frames without one): "
                "the inside of the mouth is drawn."
            )
            return None
        report.mode = "retrieved"
        report.n_donor_changes = count_changes(chosen, donors.neighbours)
        return candidates[chosen]

    def _donor_candidates(self) -> NDArray[np.intp]:
        """Rows whose mouth was kept and may be lent."""
        rows = np.array(sorted(row for row in self._mouths if self.face.strength[row] > 0.99), np.intp)
        if len(rows) > _MAX_DONORS:
            rows = rows[np.unique(np.linspace(0, len(rows) - 1, _MAX_DONORS).astype(int))]
        return rows

    def _pose(self, row: int) -> Pose:
        posed = self.face.posed
        return Pose(float(posed.scale_px[row]), posed.rotation[row], posed.translation_px[row])

    def _interior(self) -> Interior:
        video = self._source.info.video
        assert video is not None  # a face was tracked in it
        to_rgb = to_rgb_matrix(video.colour, video.height_px)
        skin, lip = (np.clip(to_rgb[:, :3] @ codes + to_rgb[:, 3], 0, 255) for codes in (self._skin, self._lip))
        palette = Palette.from_face(skin, lip, self._drawing)
        teeth = None
        if self._drawing == "photo":
            face = self.face
            gap = opening(face.posed.shapes)
            open_rows = [row for row in np.argsort(-gap)[:60] if gap[row] > 0.045]
            views = [
                (self._mouths[int(row)], face.landmarks[row], self._pose(int(row)))
                for row in open_rows
                if int(row) in self._mouths
            ]
            teeth = harvest_teeth(views, face.closed, palette.tooth, to_rgb)
        back = from_rgb_matrix(video.colour, video.height_px)
        return Interior(self.face.closed, palette, teeth, self._drawing, back, self._seed)

    def _edit(
        self,
        frame: VideoFrame,
        row: int,
        target: Points,
        strength: float,
        donor: int | None,
        interior: Interior | None,
    ) -> None:
        """Rewrite the mouth of one frame, in place; at a low `strength` the frame's own mouth shines through."""
        face = self.face
        pose = self._pose(row)
        points = face.landmarks[row]
        to = self._destination.pixels(target, face.posed.shapes[row], pose.scale, pose.rotation, points)
        size, step = (frame.width_px, frame.height_px), frame.chroma_step
        io_px = pose.scale
        region = patch.face_region(to, io_px, frame_size=size, step=step)
        mouth_area = patch.mouth_region(
            to, io_px, patch.DILATION_IO + 1.2 * patch.FEATHER_IO, frame_size=size, step=step
        ).within(region)
        if region.is_empty or mouth_area.is_empty:
            return
        smoothing = 3e-4 if donor is not None else 2e-2
        source = Picture.cut(frame, region)
        result = patch.follow_jaw(source, points[:, :2], to, io_px, smoothing=smoothing)
        cover = min(1.0, 3 * strength)
        alpha = patch.patch_alpha(mouth_area, to, io_px) * np.float32(cover)
        if donor is not None:
            mouth = patch.lay_mouth(
                self._mouths[donor], face.landmarks[donor], to, mouth_area, io_px,
                inset_io=0.007, smoothing=smoothing, with_interior=True,
            )  # fmt: skip
            patch.blend(result, mouth, alpha, io_px, match=True)
        else:
            assert interior is not None
            mouth = patch.lay_mouth(
                source, points, to, mouth_area, io_px, inset_io=0.026, smoothing=smoothing, with_interior=False
            )
            patch.blend(result, mouth, alpha, io_px, match=False)
            was_open = float(largest_gap(face.posed.shapes[row]))
            interior.paint(result, to, target, pose, was_open_io=was_open, index=frame.index, strength=cover)
        result.paste(frame)


def _row_times(study: FaceStudy, face: _Face) -> Floats:
    """(n,) seconds of each row; filled rows lie between their neighbours."""
    return np.interp(face.frame_index, study.frame_index, [float(t) for t in study.time_s])


def _prepare_face(study: FaceStudy) -> _Face:
    raw = np.stack(study.landmarks).astype(np.float64)
    index, filled, seen = fill_gaps(study.frame_index, raw)
    landmarks = steady(index, filled)
    posed = pose_shapes(landmarks)
    sharpness = np.interp(index, study.frame_index, study.sharpness)
    hidden = np.zeros(len(index), bool)
    hidden[seen] = study.meter.finish().is_hidden
    strength, reason = strengths(index, posed, hidden)
    usable = seen & (strength > 0)
    closed = closed_neutral(neutral_shape(posed.shapes[usable if usable.any() else seen]))
    coefficients = shape_basis().encode(posed.shapes, closed)
    return _Face(
        frame_index=np.array(index, np.intp),
        row_of={number: row for row, number in enumerate(index)},
        landmarks=landmarks,
        posed=posed,
        turn=Rotation.from_matrix(posed.rotation).as_rotvec(),
        sharpness=sharpness,
        strength=strength,
        reason=reason,
        closed=closed,
        coefficients=coefficients,
        slow=gaussian_over_frames(coefficients, _MOOD_S * study.frames_per_s),
    )
