"""`still`: an engine that moves nothing. The smallest one that keeps the contract, and a way to test what is around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lipwright.core.media import Footage, VideoFrame
from lipwright.core.timeline import N_SHAPE, FramePlan, MouthTrack, SpeakingStyle
from lipwright.engines.base import Progress, RenderReport, Tracker


class StillEngine:
    """Passes every frame through as it is."""

    name = "still"

    def study(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> StillStudied:
        """Look at every frame, and remember who was there. Raises UnreadableMedia."""
        video = source.info.video
        total = video.n_frames if video is not None else 0
        face_ids: set[int] = set()
        for done, (_, faces) in enumerate(tracker.track(source.frames(writable=False)), start=1):
            face_ids.update(face.face_id for face in faces)
            if progress is not None:
                progress(done, max(total, done))
        return StillStudied(source, frozenset(face_ids))


class StillStudied:
    """Footage whose people are known by their ids alone."""

    def __init__(self, source: Footage, face_ids: frozenset[int]) -> None:
        self._source = source
        self._face_ids = face_ids

    def avatar(self, face_id: int) -> StillAvatar:
        """Raises KeyError for a face that the tracker has not seen."""
        if face_id not in self._face_ids:
            raise KeyError(face_id)
        return StillAvatar(self._source, face_id)


class StillAvatar:
    """Somebody who stays as they are."""

    def __init__(self, source: Footage, face_id: int) -> None:
        self._source = source
        self.report = RenderReport("still", "untouched", face_id)

    @property
    def style(self) -> SpeakingStyle:
        """Nobody's: a closed mouth, and unit spread."""
        zero = np.zeros(N_SHAPE, np.float32)
        return SpeakingStyle(mean=zero, spread=np.ones(N_SHAPE, np.float32), rest=zero, is_talking=False, talking_s=0)

    def speak(
        self,
        mouth: MouthTrack,
        plan: FramePlan,
        progress: Progress | None = None,
        *,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """The planned frames with the plan's times, unchanged."""
        self.report = RenderReport("still", "untouched", self.report.face_id)
        frames = self._source.play(plan.order) if onto is None else onto
        for frame, time_s in zip(frames, plan.times_s, strict=True):
            frame.time_s = time_s
            self.report.n_frames += 1
            self.report.leave("still")
            if progress is not None:
                progress(self.report.n_frames, len(plan))
            yield frame
