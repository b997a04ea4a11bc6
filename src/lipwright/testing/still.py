"""`still`: an engine that moves nothing. The smallest one that keeps the contract, and a way to test what is around."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from lipwright.core.errors import FaceNotFound, NoFaceFound
from lipwright.core.face import FaceChoice
from lipwright.core.media import Footage, VideoFrame
from lipwright.core.timeline import N_SHAPE, FramePlan, MouthTrack, SpeakingStyle
from lipwright.engines.base import Progress, RenderReport, Tracker


class StillEngine:
    """Passes every frame through as it is."""

    name = "still"

    def prepare(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        face: FaceChoice,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> StillAvatar:
        """Look for the face that was asked for. Raises NoFaceFound, FaceNotFound, UnreadableMedia."""
        n_frames = 0
        video = source.info.video
        total = video.n_frames if video is not None else 0
        area_px2: Counter[int] = Counter()
        n_at_point: Counter[int] = Counter()
        for _, faces in tracker.track(source.frames(writable=False)):
            n_frames += 1
            for seen in faces:
                area_px2[seen.face_id] += round(seen.box.area_px2)
                n_at_point[seen.face_id] += face.point_px is not None and seen.box.contains(*face.point_px)
            if progress is not None:
                progress(n_frames, max(total, n_frames))
        if not area_px2:
            raise NoFaceFound(frames_searched=n_frames)
        return StillAvatar(source, _choose(face, area_px2, n_at_point))


class StillAvatar:
    """Footage that stays as it is."""

    def __init__(self, source: Footage, face_id: int) -> None:
        self._source = source
        self.report = RenderReport("still", "untouched", face_id)

    @property
    def style(self) -> SpeakingStyle:
        """Nobody's: a closed mouth, and unit spread."""
        zero = np.zeros(N_SHAPE, np.float32)
        return SpeakingStyle(mean=zero, spread=np.ones(N_SHAPE, np.float32), rest=zero, is_talking=False, talking_s=0)

    def speak(self, mouth: MouthTrack, plan: FramePlan, progress: Progress | None = None) -> Iterator[VideoFrame]:
        """The planned frames with the plan's times, unchanged."""
        self.report = RenderReport("still", "untouched", self.report.face_id)
        for frame, time_s in zip(self._source.play(plan.order), plan.times_s, strict=True):
            frame.time_s = time_s
            self.report.n_frames += 1
            self.report.untouched["still"] = self.report.n_frames
            if progress is not None:
                progress(self.report.n_frames, len(plan))
            yield frame


def _choose(face: FaceChoice, area_px2: Counter[int], n_at_point: Counter[int]) -> int:
    if face.point_px is not None:
        face_id, n_frames = n_at_point.most_common(1)[0] if n_at_point else (0, 0)
        if n_frames == 0:
            raise FaceNotFound(choice=str(face), face_ids=tuple(sorted(area_px2)))
        return face_id
    if face.face_id is None:
        return area_px2.most_common(1)[0][0]
    if face.face_id not in area_px2:
        raise FaceNotFound(choice=str(face), face_ids=tuple(sorted(area_px2)))
    return face.face_id
