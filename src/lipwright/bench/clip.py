"""A clip of the folder: its footage, its own speech where it has one, and its main face, tracked once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright import media
from lipwright.core.errors import NoAudio
from lipwright.core.face import TrackedFace
from lipwright.core.media import AudioClip, SourceInfo, VideoFrame
from lipwright.vision.shape import PosedShapes, pose_shapes
from lipwright.vision.track import MeshTracker

SILENT_DB = -50.0


class Part:
    """Frames `start` to `stop` of a clip, as footage of its own that begins at zero."""

    def __init__(self, path: Path, start: int = 0, stop: int | None = None) -> None:
        self._whole = media.open_footage(path, threads=1)
        info = self._whole.info
        assert info.video is not None
        self.start = start
        self.stop = min(info.video.n_frames, stop or info.video.n_frames)
        n = self.stop - self.start
        times = info.video.times_s[self.start : self.stop]
        times = tuple(t - times[0] for t in times)
        video = replace(info.video, n_frames=n, duration_s=n / info.video.fps, times_s=times)
        self._info = replace(info, video=video)
        self._zero_s: Fraction | None = None

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def notes(self) -> list[str]:
        return self._whole.notes

    def frames(self, *, writable: bool = True) -> Iterator[VideoFrame]:
        for frame in islice(self._whole.frames(writable=writable), self.start, self.stop):
            yield self._moved(frame)

    def play(self, order: Sequence[int]) -> Iterator[VideoFrame]:
        for frame in self._whole.play([index + self.start for index in order]):
            yield self._moved(frame)

    def _moved(self, frame: VideoFrame) -> VideoFrame:
        if self._zero_s is None:
            assert self._info.video is not None
            self._zero_s = frame.time_s - Fraction(frame.index - self.start) / self._info.video.fps
        frame.index -= self.start
        frame.time_s -= self._zero_s
        return frame


class Recorded:
    """Tells again, at no cost, what was tracked before; frame indices are shifted by `start`."""

    def __init__(self, faces: dict[int, list[TrackedFace]], start: int = 0) -> None:
        self._faces = faces
        self._start = start

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        for frame in frames:
            yield frame, list(self._faces.get(frame.index + self._start, ()))


@dataclass(frozen=True)
class Clip:
    """One video of the folder, or its first seconds."""

    path: Path
    max_frames: int

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def info(self) -> SourceInfo:
        return media.probe(self.path)

    @property
    def fps(self) -> Fraction:
        assert self.info.video is not None
        return self.info.video.fps

    @cached_property
    def n_frames(self) -> int:
        assert self.info.video is not None
        return min(self.info.video.n_frames, self.max_frames)

    def part(self, start: int = 0, stop: int | None = None) -> Part:
        return Part(self.path, start, min(stop or self.n_frames, self.n_frames))

    @cached_property
    def faces(self) -> dict[int, list[TrackedFace]]:
        """All faces by frame, tracked once."""
        return {frame.index: faces for frame, faces in MeshTracker().track(self.part().frames(writable=False))}

    @cached_property
    def main(self) -> dict[int, TrackedFace]:
        """The face that is largest over time, by frame."""
        areas: dict[int, float] = {}
        for faces in self.faces.values():
            for face in faces:
                areas[face.face_id] = areas.get(face.face_id, 0.0) + face.box.area_px2
        if not areas:
            return {}
        chosen = max(areas, key=lambda face_id: areas[face_id])
        return {k: face for k, faces in self.faces.items() for face in faces if face.face_id == chosen}

    @cached_property
    def index(self) -> NDArray[np.intp]:
        """(n,) the frames that show the main face."""
        return np.array(sorted(self.main), np.intp)

    @cached_property
    def posed(self) -> PosedShapes:
        """Its raw pose and shape on those frames."""
        return pose_shapes(np.array([self.main[int(k)].landmarks for k in self.index], np.float64))

    @cached_property
    def times_s(self) -> NDArray[np.float64]:
        """(n,) when those frames are shown."""
        assert self.info.video is not None
        known = self.info.video.times_s
        if known:
            return np.array([float(known[int(k)] - known[0]) for k in self.index])
        return self.index / float(self.fps)

    @cached_property
    def speech(self) -> AudioClip | None:
        """Its own sound; None where it has none to hear."""
        try:
            clip = media.read_speech(self.path)
        except NoAudio:
            return None
        level_db = 20 * np.log10(float(np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2))) + 1e-9)
        return clip if level_db > SILENT_DB else None


def between(clip: AudioClip, start_s: float, stop_s: float) -> AudioClip:
    """A part of a recording."""
    a, b = (round(t * clip.rate_hz) for t in (start_s, stop_s))
    return AudioClip(clip.samples[max(0, a) : b].copy(), clip.rate_hz)
