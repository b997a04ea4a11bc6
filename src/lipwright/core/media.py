"""Pictures and sound as values, and what is known of the file that they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lipwright.core.errors import MediaTooLarge

Plane: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""(height, width) of one component; uint8 for 8-bit video, uint16 above (the value in the low bits)."""


@dataclass(frozen=True, slots=True)
class Colour:
    """How code values mean colours: the code points of ITU-T H.273; 2 means "unspecified"."""

    is_full_range: bool = False
    primaries: int = 2
    transfer: int = 2
    matrix: int = 2


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The screen that HDR was graded on (SMPTE ST 2086): CIE 1931 (x, y) of its colours, and its luminances."""

    red: tuple[Fraction, Fraction]
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    min_cd_m2: Fraction
    max_cd_m2: Fraction


@dataclass(frozen=True, slots=True)
class ContentLight:
    """How bright HDR becomes (CTA-861.3): its brightest pixel, and the brightest average of a frame."""

    max_cd_m2: int
    max_average_cd_m2: int


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video stream, as its container and its first frames describe it."""

    width_px: int
    """Upright width: after `rotation_deg` has been applied."""
    height_px: int
    fps: Fraction
    """Average rate; exact for constant-rate video."""
    is_vfr: bool
    """Frame durations differ by more than rounding of the container's time base."""
    n_frames: int
    """Frames that will be decoded and shown (edit lists applied)."""
    duration_s: Fraction
    rotation_deg: int
    """Clockwise turn, 0, 90, 180 or 270, that a player applies to the coded picture."""
    pixel_format: str
    """FFmpeg's name of the coded pixel format, such as "yuv420p"."""
    bits: int
    colour: Colour
    codec: str
    sample_aspect: Fraction = Fraction(1)
    is_mirrored: bool = False
    """The upright picture is the coded one turned by `rotation_deg` and then flipped left to right."""
    is_interlaced: bool = False
    start_s: Fraction = Fraction(0)
    """When the first frame is shown, counted from the start of the presentation (its first picture or sound)."""
    times_s: tuple[Fraction, ...] = field(default=(), repr=False)
    """When each frame is shown, where the rate varies; empty for a constant rate: `start_s + index / fps`."""
    mastering: MasteringDisplay | None = None
    content_light: ContentLight | None = None
    is_seamless: bool = False
    """Its last frame leads on to its first: it is made longer by starting again, whatever is chosen for others."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """An audio stream, as its container describes it."""

    codec: str
    rate_hz: int
    channels: int
    duration_s: Fraction
    start_s: Fraction = Fraction(0)
    """When the first sample is heard, counted from the start of the presentation."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a media file holds."""

    path: Path
    container: str
    video: VideoInfo | None
    audio: tuple[AudioInfo, ...]
    notes: tuple[str, ...] = ()
    """What was found damaged or odd, worded for the person who looks at the result."""


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What media of strangers may ask of us; beyond it they are refused, if possible before they are decoded."""

    max_side_px: int = 8192
    max_pixels: int = 4096 * 2304
    """Of one picture."""
    max_s: float = 3600.0
    max_fps: float = 240.0
    max_streams: int = 32

    def check(self, found: SourceInfo) -> None:
        """Raises MediaTooLarge."""
        name = found.path.name
        if found.video is not None:
            self.check_size(name, found.video.width_px, found.video.height_px)
            self.check_number(name, "fps", float(found.video.fps))
            self.check_number(name, "seconds", float(found.video.duration_s))
        for sound in found.audio:
            self.check_number(name, "seconds", float(sound.duration_s))

    def check_size(self, name: str, width_px: int, height_px: int) -> None:
        """Raises MediaTooLarge."""
        self.check_number(name, "side_px", max(width_px, height_px))
        self.check_number(name, "pixels", width_px * height_px)

    def check_number(
        self, name: str, what: Literal["side_px", "pixels", "seconds", "fps", "streams"], n: float
    ) -> None:
        """Raises MediaTooLarge."""
        limit = {
            "side_px": self.max_side_px,
            "pixels": self.max_pixels,
            "seconds": self.max_s,
            "fps": self.max_fps,
            "streams": self.max_streams,
        }[what]
        if n > limit:
            raise MediaTooLarge(name, what=what, found=round(n, 3), limit=limit)


@dataclass(frozen=True, slots=True, eq=False)
class AudioClip:
    """Mono speech."""

    samples: NDArray[np.float32]
    """(n_samples,), full scale is [-1, 1]."""
    rate_hz: int
    """Samples per second."""

    def __post_init__(self) -> None:
        if self.samples.ndim != 1:
            raise ValueError(f"samples must be (n_samples,), got {self.samples.shape}")
        if self.rate_hz <= 0:
            raise ValueError(f"rate_hz must be positive, got {self.rate_hz}")

    @property
    def duration_s(self) -> Fraction:
        return Fraction(len(self.samples), self.rate_hz)

    def __repr__(self) -> str:
        return f"AudioClip({float(self.duration_s):.3f} s at {self.rate_hz} Hz)"


@dataclass(slots=True, eq=False)
class VideoFrame:
    """One decoded picture, upright, as planar Y'CbCr.

    `planes` are writable views of the decoder's own memory: an edit in place is what gets encoded.
    They may be strided (a turned picture is a turned view): copy the part that is worked on.
    """

    planes: tuple[Plane, ...]
    """Luma (h, w), Cb and Cr (each h/sy, w/sx), and alpha (h, w) where the video has it.
    Grey video has luma alone."""
    index: int
    """Place in the source, in order of presentation, from 0."""
    time_s: Fraction
    """When the frame is shown, in seconds from the start of its source."""
    bits: int
    colour: Colour
    raw: Any = field(default=None, repr=False)
    """What `media` needs to encode this frame without a copy; nobody else looks inside."""

    @property
    def width_px(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height_px(self) -> int:
        return int(self.planes[0].shape[0])

    @property
    def chroma_step(self) -> tuple[int, int]:
        """(sx, sy): luma samples for each chroma sample, 2 and 2 for 4:2:0; (1, 1) for grey."""
        if len(self.planes) < 3:
            return 1, 1
        chroma_h, chroma_w = self.planes[1].shape
        return round(self.width_px / chroma_w), round(self.height_px / chroma_h)

    def __repr__(self) -> str:
        return f"VideoFrame(#{self.index} at {float(self.time_s):.3f} s, {self.width_px}x{self.height_px})"


class Footage(Protocol):
    """A video that can be read more than once, never held whole in memory."""

    @property
    def info(self) -> SourceInfo: ...

    def frames(self, *, writable: bool = True) -> Iterator[VideoFrame]:
        """Every frame in order of presentation. Raises UnreadableMedia.

        Who only looks asks for `writable=False` and is spared a copy of the picture: those planes are read-only.
        """
        ...

    def play(self, order: Sequence[int]) -> Iterator[VideoFrame]:
        """The frames with these indices, in this order (forwards, backwards, repeated).

        Each yielded frame is the caller's to change: a repeated index comes as a fresh copy.
        Memory stays bounded whatever the order. Raises UnreadableMedia.
        """
        ...
