"""Sound: any codec, rate and layout as float samples on the presentation's clock.

container     |--gap--[ packets ... ]      origin = start of the presentation
samples here  0 0 0 0 [ samples ... ]      silence stands for the gap, so sample k is heard at k / rate
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition
from numpy.typing import NDArray

from lipwright.core.errors import NoAudio
from lipwright.core.media import AudioClip
from lipwright.media.declared import declared_end_s
from lipwright.media.opening import opened, reason_of
from lipwright.media.overlap import kept_open
from lipwright.media.survey import BACK_S, has_decoder, joins, presentation_start

JITTER_S = Fraction(1, 25)
"""Time stamps that stray by less than this are taken for rounding; more is a gap or an overlap."""

MISSING_S = Fraction(1, 4)
"""Sound that is shorter than its header says by less than this is whole: encoders count their delay differently."""

N_JOINED = 16_384
"""Samples that are averaged and resampled at a time."""

N_SHORT = 1024
"""The last piece has at least so many samples, if there are: more than are cut off its end."""

PACKED = "flt"
"""Interleaved floats: PyAV miscounts the planes of planar sound with eight channels."""

PLAIN = {"flt": 1, "fltp": 1, "s16": 1 << 15, "s16p": 1 << 15}
"""Formats that need no resampler to become floats, and their full scale."""

_CANCELLED = 0.02
"""Of the energy that is left in the average of channels that tell nothing of each other: with less they cancel."""

Samples = NDArray[np.float32]
"""(channels, n), full scale is [-1, 1]."""


def read_speech(path: Path, rate_hz: int = 16_000, *, first_s: float | None = None) -> AudioClip:
    """The sound of a file as mono: the average of its channels, resampled, from time zero of the presentation.

    Where its channels cancel each other the loudest is taken.
    Where the sound starts after the picture, silence comes first. Samples that are not numbers are silent.
    Needs memory for the result alone; of `first_s` seconds, nothing after them is read.
    Raises MediaNotFound, UnreadableMedia, NoAudio.
    """
    n, out = 0, np.empty(0, np.float32)
    with kept_open(speech_pieces(path, rate_hz, first_s=first_s)) as pieces:
        for piece in pieces:
            if n + len(piece) > len(out):
                out.resize(int(1.1 * (n + len(piece))) + rate_hz, refcheck=False)  # large arrays move without a copy
            out[n : n + len(piece)] = piece
            n += len(piece)
    out.resize(n, refcheck=False)
    return AudioClip(out, rate_hz)


def speech_pieces(
    path: Path, rate_hz: int = 16_000, *, first_s: float | Fraction | None = None, notes: list[str] | None = None
) -> Generator[NDArray[np.float32]]:
    """The samples of `read_speech`, piece by piece, in memory for a few of them. Raises what it raises.

    `notes` is told what was odd once all was read, in words that follow a name, such as "breaks off".
    """
    left = None if first_s is None else round(first_s * rate_hz)
    with kept_open(_pieces(path, rate_hz, [] if notes is None else notes)) as pieces:
        for piece in pieces:
            if left is not None and len(piece) >= left:
                yield piece[:left]
                return
            yield piece
            left = None if left is None else left - len(piece)


def _pieces(path: Path, rate_hz: int, notes: list[str]) -> Generator[NDArray[np.float32]]:
    with opened(path) as container:
        sound = Sound(container, path)
        mono = map(_Mono(), _joined(sound.chunks(), N_JOINED))
        n, last = 0, np.empty(0, np.float32)
        for piece in _resampled(mono, sound, rate_hz):
            if len(last) < N_SHORT:
                last = np.concatenate([last, piece])
                continue
            yield last
            n += len(last)
            last = piece
    if sound.n_decoded == 0 or n + len(last) == 0:
        raise NoAudio(path)
    notes += sound.notes
    # the resampler rounds its end up; the exact length keeps the clock
    n_exact = max(1, round(sound.n_samples * Fraction(rate_hz, sound.rate_hz)))
    yield last[: n_exact - n]


class _Mono:
    """The average of the channels, or the loudest of them where they have cancelled each other so far.

    They do where the wires of a microphone are swapped on one side.
    """

    def __init__(self) -> None:
        self._energy: list[float] = []
        self._left = 0.0
        """Energy of the average."""

    def __call__(self, chunk: Samples) -> NDArray[np.float32]:
        if len(chunk) == 1:
            return chunk[0]
        mean = chunk.mean(axis=0, dtype=np.float32)
        energy = [float(channel @ channel) for channel in chunk]
        self._energy = [before + now for before, now in zip(self._energy or [0.0] * len(energy), energy, strict=True)]
        self._left += float(mean @ mean)
        of_strangers = sum(self._energy) / len(energy) ** 2
        return chunk[self._energy.index(max(self._energy))] if self._left < _CANCELLED * of_strangers else mean


def _joined(chunks: Iterator[Samples], n: int) -> Iterator[Samples]:
    """The same samples in pieces of `n` or a little more: each piece costs a fixed sum further on."""
    held: list[Samples] = []
    have = 0
    for chunk in chunks:
        held.append(chunk)
        have += chunk.shape[1]
        if have >= n:
            yield np.concatenate(held, axis=1)
            held, have = [], 0
    if held:
        yield np.concatenate(held, axis=1)


def speech_duration(path: Path) -> Fraction:
    """How long the sound of a file lasts from time zero of the presentation: its decoded samples, counted.

    Raises MediaNotFound, UnreadableMedia, NoAudio.
    """
    with opened(path) as container:
        sound = Sound(container, path)
        for _ in sound.chunks():
            pass
    if sound.n_decoded == 0:
        raise NoAudio(path)
    return Fraction(sound.n_samples, sound.rate_hz)


def first_sample_time(path: Path) -> Fraction:
    """Container time, in seconds, of the first sample that is heard. Raises NoAudio."""
    with opened(path) as container:
        stream = best_audio(container)
        if stream is None:
            raise NoAudio(path)
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            for frame in frames:
                if frame.samples:
                    return frame.pts * frame.time_base if frame.pts is not None and frame.time_base else Fraction(0)
    raise NoAudio(path)


def best_audio(container: InputContainer) -> AudioStream | None:
    """The stream that a player would choose: the default one, else the first."""
    streams = [stream for stream in container.streams.audio if has_decoder(stream)]
    chosen = [stream for stream in streams if stream.disposition & Disposition.default]
    return next(iter(chosen or streams), None)


@dataclass(slots=True)
class _Shape:
    layout: str
    channels: int
    rate_hz: int


class Sound:
    """The decoded sound of an open file, in order, without gaps."""

    def __init__(self, container: InputContainer, path: Path) -> None:
        stream = best_audio(container)
        if stream is None:
            raise NoAudio(path)
        self._container = container
        self._path = path
        self.stream = stream
        self._shape = _Shape(stream.codec_context.layout.name, stream.codec_context.channels, stream.rate or 0)
        self.n_samples = 0
        """Samples given out so far."""
        self.n_decoded = 0
        """Of these, the ones that came from the file."""
        self.notes: dict[str, None] = {}
        """What was odd about what was given out, in words that follow the name of the sound."""

    @property
    def rate_hz(self) -> int:
        return self._shape.rate_hz

    @property
    def layout(self) -> str:
        return self._shape.layout

    def chunks(self) -> Iterator[Samples]:
        """(channels, n) float32 at the stream's own rate, from time zero of the presentation.

        Gaps become silence, overlaps are cut, what goes back in time by more than BACK_S follows what came before
        it, damaged packets are passed over, values that are not finite become 0. A stream that changes rate or layout
        in its course is converted to what it began with.
        """
        origin = presentation_start(self._path)
        clock: _Clock | None = None
        line = _Line(joins=lambda: joins(self._path))
        for other in self._container.streams:
            if other.index != self.stream.index:
                other.discard = Discard.all
        to_float: AudioResampler | None = None
        seen: tuple[str, str, int] | None = None
        for frame, n_heard in self._decode():
            key = (frame.format.name, frame.layout.name, frame.sample_rate)
            if seen is None:
                self._shape = _Shape(frame.layout.name, len(frame.layout.channels), frame.sample_rate)
            direct = (frame.format.name, self._shape.layout, self._shape.rate_hz)
            if seen != key:
                to_float = AudioResampler(PACKED, self._shape.layout, self._shape.rate_hz)
                seen = key
            assert to_float is not None
            at = self.n_samples
            if frame.pts is not None and frame.time_base is not None:
                if clock is None or clock.time_base != frame.time_base:
                    if origin is None:
                        origin = frame.pts * frame.time_base
                    clock = _Clock.of(frame.time_base, origin, self.rate_hz)
                at = line.place(clock.sample(frame.pts), self.n_samples, self.rate_hz)
            if self.n_decoded and abs(at - self.n_samples) <= JITTER_S * self.rate_hz:
                at = self.n_samples
            plain = _plain(frame) if key == direct else None
            for samples in [plain] if plain is not None else map(samples_of, to_float.resample(frame)):
                if n_heard < frame.samples:  # it counts at the frame's own rate, which need not be the first one's
                    samples = samples[:, : round(n_heard * self.rate_hz / frame.sample_rate)]
                if at < self.n_samples:
                    samples = samples[:, self.n_samples - at :]
                elif at > self.n_samples:
                    yield from self._silence(at - self.n_samples)
                if samples.shape[1]:
                    if not np.isfinite(samples).all():
                        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
                    self.n_samples += samples.shape[1]
                    self.n_decoded += samples.shape[1]
                    yield samples
                at = self.n_samples
        if line.n_begun:
            self.notes["goes back in time, as files put together do: each part is heard after the one before"] = None
        if seen is not None and origin is not None:
            self._tell_missing(origin)

    def _tell_missing(self, origin: Fraction) -> None:
        """Once all was given out, from `origin` on: whether the header tells of more."""
        end_s = declared_end_s(self._container, self.stream, self._path)
        has_s = Fraction(self.n_samples, self.rate_hz)
        if end_s is not None and end_s - origin - has_s > MISSING_S:
            told = f"its header tells of {float(end_s - origin):.2f} s, and {float(has_s):.2f} s of it are there"
            self.notes[f"is not whole: {told}"] = None

    def _silence(self, n: int) -> Iterator[Samples]:
        while n > 0:
            part = min(n, self.rate_hz)
            self.n_samples += part
            n -= part
            yield np.zeros((self._shape.channels, part), np.float32)

    def _decode(self) -> Iterator[tuple[av.AudioFrame, int]]:
        """Frames, and how many of their samples are meant to be heard.

        MP4 says by a short last packet that what fills it up is no sound; FFmpeg decodes it all the same.
        """
        last: av.AudioFrame | None = None
        for frame in self._frames():
            if last is not None:
                yield last, last.samples
            last = frame
        if last is None:
            return
        heard = last.samples
        if self._container.format.name.startswith("mov") and last.duration and last.time_base is not None:
            heard = min(heard, round(last.duration * last.time_base * last.sample_rate))
        yield last, heard

    def _frames(self) -> Iterator[av.AudioFrame]:
        has_begun = is_broken = False
        try:
            for packet in self._container.demux(self.stream):
                try:
                    frames = packet.decode()
                except FFmpegError:
                    # before the first sound and after the last it is no loss that is heard: half a packet where a
                    # recorder was switched on or off, or a tag at the end
                    is_broken = has_begun
                    continue
                for frame in frames:
                    if frame.samples:
                        if is_broken:
                            self.notes["is damaged: packets that could not be decoded were left out"] = None
                        has_begun = True
                        yield frame
        except FFmpegError as exc:
            self.notes[f"breaks off: {reason_of(exc)}"] = None


@dataclass(frozen=True, slots=True)
class _Clock:
    """From presentation ticks to sample numbers, in whole numbers: a fraction for each packet costs more than
    decoding it does."""

    time_base: Fraction
    step: int
    zero: int
    unit: int

    @classmethod
    def of(cls, time_base: Fraction, origin: Fraction, rate_hz: int) -> _Clock:
        unit = time_base.denominator * origin.denominator
        step = time_base.numerator * origin.denominator * rate_hz
        zero = origin.numerator * time_base.denominator * rate_hz
        return cls(time_base, step, zero, unit)

    def sample(self, tick: int) -> int:
        """The nearest sample number."""
        return (2 * (tick * self.step - self.zero) + self.unit) // (2 * self.unit)


@dataclass(slots=True)
class _Line:
    """Where recordings that were put together, each with its own time stamps, lie behind each other."""

    shift: int = 0
    """Samples by which what is heard now comes later than its time stamps say."""
    before: int = 0
    """The shift of the recording before."""
    n_begun: int = 0
    """Recordings after the first."""
    joins: Callable[[], Sequence[Fraction]] = tuple
    """By how many seconds each is moved at least, so that it stays beside its picture."""

    def place(self, at: int, n_samples: int, rate_hz: int) -> int:
        """The number of a sample whose time stamp says `at`, where `n_samples` come before it."""
        reach = BACK_S * rate_hz
        if n_samples and n_samples - at - self.shift > reach:
            behind, said = n_samples - at, self.joins()
            if self.n_begun < len(said):
                behind = max(behind, round(said[self.n_begun] * rate_hz))
            self.before, self.shift = self.shift, behind
            self.n_begun += 1
        elif at + self.shift - n_samples > reach and abs(at + self.before - n_samples) <= reach:
            # it was a stray time stamp, and what follows is where it would have been
            self.shift = self.before
            self.n_begun -= 1
        return at + self.shift


def _plain(frame: av.AudioFrame) -> Samples | None:
    """The samples of a frame whose format numpy can scale itself, which spares a trip through the resampler."""
    scale = PLAIN.get(frame.format.name)
    n_channels = len(frame.layout.channels)
    if scale is None or n_channels > 2:
        return None
    raw = frame.to_ndarray()
    planes = raw if frame.format.is_planar else raw.reshape(-1, n_channels).T
    return planes.astype(np.float32) if scale == 1 else planes * np.float32(1 / scale)


def samples_of(frame: av.AudioFrame) -> Samples:
    """The samples of a frame in the PACKED format, as a view of (channels, n)."""
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, len(frame.layout.channels)).T


def frame_of(samples: Samples, layout: str, rate_hz: int, start: int) -> av.AudioFrame:
    """Samples as a frame that starts at sample number `start`."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), PACKED, layout)
    frame.sample_rate = rate_hz
    frame.time_base = Fraction(1, rate_hz)
    frame.pts = start
    return frame


def _resampled(mono: Iterator[NDArray[np.float32]], sound: Sound, rate_hz: int) -> Iterator[NDArray[np.float32]]:
    resampler: AudioResampler | None = None
    n_in = 0
    for chunk in mono:
        if resampler is None:
            resampler = AudioResampler(PACKED, "mono", rate_hz)
        frame = frame_of(chunk[None, :], "mono", sound.rate_hz, n_in)
        n_in += len(chunk)
        for out in resampler.resample(frame):
            yield samples_of(out)[0]
    if resampler is not None and sound.rate_hz != rate_hz:
        for out in resampler.resample(None):
            yield samples_of(out)[0]
