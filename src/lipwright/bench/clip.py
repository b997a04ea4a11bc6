"""A clip of the folder: its footage, its own speech where it has one, and its main face, tracked once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lipwright import media
from lipwright.articulation import listen
from lipwright.core.errors import NoAudio
from lipwright.core.face import FaceChoice, TrackedFace
from lipwright.core.media import AudioClip, SourceInfo, VideoFrame
from lipwright.engines.people import give_roles, people_seen
from lipwright.vision.shape import PosedShapes, pose_shapes
from lipwright.vision.track import MeshTracker

SILENT_DB = -50.0
_LONGEST_NAME: Final = 120
"""Bytes of a file's name that come from the name of a clip."""


class Part:
    """Frames `start` to `stop` of a clip, as footage of its own that begins at zero."""

    def __init__(self, path: Path, start: int = 0, stop: int | None = None) -> None:
        self._whole = media.open_footage(path, threads=1)
        info = self._whole.info
        assert info.video is not None
        self.start = start
        self.stop = min(info.video.n_frames, stop or info.video.n_frames)
        n = self.stop - self.start
        lasts_s = n / info.video.fps
        self._zero_s: Fraction | None = None
        if known := info.video.times_s:
            end_s = info.video.start_s + info.video.duration_s if self.stop == len(known) else known[self.stop]
            self._zero_s = known[self.start]
            lasts_s = max(end_s - self._zero_s, known[self.stop - 1] - self._zero_s + Fraction(1, 1000))
            known = tuple(t - self._zero_s for t in known[self.start : self.stop])
        video = replace(info.video, n_frames=n, start_s=Fraction(0), duration_s=lasts_s, times_s=known)
        self._info = replace(info, video=video)

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


Faces: TypeAlias = dict[int, list[TrackedFace]]
"""All faces, by frame."""
MainFace: TypeAlias = dict[int, TrackedFace]
"""The face that is judged, on the frames that show it."""


@dataclass(frozen=True)
class Clip:
    """One video of the folder, or its first seconds."""

    path: Path
    max_frames: int
    label: str = ""
    """What it is called, where its name alone does not tell it from others."""
    choose: Callable[[Faces], MainFace] | None = None
    """Who is judged; None: who talks with the clip's own sound, else the largest face."""

    @property
    def name(self) -> str:
        return self.label or shown_name(self.path.stem)

    @property
    def file_name(self) -> str:
        """Of files about it."""
        return file_name(self.name)

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

    def at_s(self, index: int) -> float:
        """When frame `index` is shown, counted from the first; of the one after the last: when the picture ends."""
        video = self.info.video
        assert video is not None
        known = video.times_s
        if not known:
            return index / float(video.fps)
        return float((known[index] if index < len(known) else video.start_s + video.duration_s) - known[0])

    @cached_property
    def faces(self) -> Faces:
        """Tracked once."""
        return {frame.index: faces for frame, faces in MeshTracker().track(self.part().frames(writable=False))}

    @cached_property
    def main(self) -> MainFace:
        """The face that is judged: the product, left to itself, makes the same one speak."""
        if self.choose is not None:
            return self.choose(self.faces)
        people = people_seen((self.at_s(k), faces) for k, faces in self.faces.items())
        if not people:
            return {}
        own_sound = listen(self.speech) if len(people) > 1 and self.speech is not None else None
        (role,) = give_roles([FaceChoice(by_voice=True)], people, own_sound, n_frames=self.n_frames)
        chosen = role.face.face_id
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
        return np.array([self.at_s(int(k)) for k in self.index], np.float64)

    @cached_property
    def speech(self) -> AudioClip | None:
        """Its own sound, from the first picture on; None where there is none to hear."""
        try:
            clip = media.read_speech(self.path)
        except NoAudio:
            return None
        assert self.info.video is not None
        start_s = float(self.info.video.start_s)
        clip = between(clip, start_s, float(clip.duration_s)) if start_s > 0 else clip
        if not len(clip.samples):
            return None
        level_db = 20 * np.log10(float(np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2))) + 1e-9)
        return clip if level_db > SILENT_DB else None


def shown_name(text: str) -> str:
    """A name of the disk, whose bytes may be no text, for tables and pages."""
    return os.fsencode(text).decode("utf-8", "replace")


def file_name(label: str) -> str:
    """A name that every disk takes, its own for each label."""
    plain = re.sub(r"[^\w .,()+-]", "_", label)
    if plain == label and len(plain.encode()) <= _LONGEST_NAME:
        return plain
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return f"{plain.encode()[:_LONGEST_NAME].decode('utf-8', 'ignore')}-{digest}"


def between(clip: AudioClip, start_s: float, stop_s: float) -> AudioClip:
    """A part of a recording."""
    a, b = (round(t * clip.rate_hz) for t in (start_s, stop_s))
    return AudioClip(clip.samples[max(0, a) : b].copy(), clip.rate_hz)
