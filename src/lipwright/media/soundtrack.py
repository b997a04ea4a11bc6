# pyright: reportUnknownMemberType=false
# PyAV leaves the keyword arguments of its streams untyped.
"""The sound of a written video: the speech's own packets where the container takes them, else encoded anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from filecmp import cmp
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from lipwright.core.errors import NoAudio
from lipwright.media.audio import PACKED, Samples, Sound, best_audio, first_sample_time, frame_of, samples_of
from lipwright.media.folding import folding, within_full_scale
from lipwright.media.opening import opened, packets_of
from lipwright.media.survey import presentation_start

TAKES: dict[str, frozenset[str]] = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "flac", "opus", "alac"}),
    "mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_s16be"}),
    "matroska": frozenset({"aac", "ac3", "eac3", "flac", "opus", "pcm_s16le", "pcm_s24le", "pcm_f32le"}),
    "webm": frozenset({"opus"}),
}
"""Codecs whose packets are copied, by container. MP4 could hold PCM, but few players take it there."""

MP4_MP3_FROM_HZ = 16_000
"""FFmpeg writes no header of an MP4 that holds MP3 of a lower rate, as telephones record it; MOV takes it."""

AAC_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
"""Channel layouts that every player of AAC knows, by number of channels."""


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """What is heard: the speech from time zero, and under it the source's own sound if wished."""

    speech: Path | None
    """None for the source's own sound alone, or silence."""
    keep_original_db: float | None = None
    """Gain of the source's own sound, such as -12; None leaves it out."""
    others: tuple[Path, ...] = ()
    """Speeches of other people, heard together with `speech`; a recording that is given to several is heard once."""


class Soundtrack(Protocol):
    """Packets of sound, handed out as the picture advances."""

    @property
    def how(self) -> Literal["copied", "encoded", "none"]: ...

    def until(self, time_s: Fraction) -> Iterator[Packet[AudioStream]]:
        """The packets that start before `time_s` and were not yet handed out."""
        ...


class Silent:
    """No audio stream at all."""

    how: Literal["none"] = "none"

    def until(self, time_s: Fraction) -> Iterator[Packet[AudioStream]]:
        return iter(())


def soundtrack(
    out: OutputContainer,
    container: str,
    plan: AudioPlan,
    source: Path,
    duration_s: Fraction,
    frame_s: Fraction,
    stack: ExitStack,
    notes: list[str],
) -> Soundtrack:
    """Add the audio stream to `out`. Files stay open until `stack` closes. What of the sound `out` cannot hold goes
    into the notes. Raises NoAudio if the speech has none."""
    speeches = distinct([speech for speech in (plan.speech, *plan.others) if speech is not None])
    if len(speeches) == 1 and plan.keep_original_db is None:
        copied = _Copied.try_to(out, container, speeches[0], duration_s, frame_s, stack)
        if copied is not None:
            return copied
    voices = [(Sound(stack.enter_context(opened(speech)), speech), 1.0) for speech in speeches]
    if plan.keep_original_db is not None:
        opened_source = stack.enter_context(opened(source))
        if best_audio(opened_source) is not None:
            voices.append((Sound(opened_source, source), float(10 ** (plan.keep_original_db / 20))))
    if not voices:
        return Silent()
    return _Encoded(out, container, voices, duration_s, notes)


def distinct(recordings: Sequence[Path]) -> list[Path]:
    """The recordings without those that are given twice, in order: to several faces, or under two names."""
    found: list[Path] = []
    for one in recordings:
        if not any(_is_same(one, other) for other in found):
            found.append(one)
    return found


def _is_same(one: Path, other: Path) -> bool:
    """Whether the files hold the same bytes."""
    try:
        return cmp(one, other, shallow=False)
    except OSError:  # what is wrong with it is told where it is opened
        return False


class _Copied:
    how: Literal["copied"] = "copied"

    def __init__(self, packets: Iterator[Packet[AudioStream]]) -> None:
        self._packets = packets
        self._next: Packet[AudioStream] | None = next(packets, None)

    @classmethod
    def try_to(
        cls,
        out: OutputContainer,
        container: str,
        speech: Path,
        duration_s: Fraction,
        frame_s: Fraction,
        stack: ExitStack,
    ) -> _Copied | None:
        """Copy the packets if nothing is lost by it: the container takes the codec, the first sample stays the
        first, and the sound ends within a frame of the picture."""
        opened_speech = stack.enter_context(opened(speech))
        stream = best_audio(opened_speech)
        if stream is None:
            raise NoAudio(speech)
        assert stream.time_base is not None
        codec = stream.codec_context.codec.canonical_name
        if codec not in TAKES[container]:
            return None
        if codec == "mp3" and container == "mp4" and (stream.rate or 0) < MP4_MP3_FROM_HZ:
            return None
        extent = _extent(speech, duration_s)
        if extent is None:
            return None
        start = extent.zero_s
        if extent.decoded_end_s - duration_s >= frame_s or duration_s - extent.heard_end_s >= frame_s:
            return None
        if container in ("mp4", "mov"):
            # an edit list hides the encoder's delay, if the clock can say where it ends
            if extent.first_packet_s < 0 and stream.time_base * (stream.rate or 1) > 1:
                return None
        elif extent.first_packet_s < 0 and codec != "opus":
            # Matroska can hide it for Opus alone: the others would push the picture back
            return None
        copy = out.add_stream_from_template(stream)

        def packets() -> Iterator[Packet[AudioStream]]:
            time_base = stream.time_base
            assert time_base is not None
            shift = round(start / time_base)
            full = 0
            for packet in packets_of(opened_speech, stream):
                if packet.pts is None:
                    continue
                if packet.pts * time_base - start >= duration_s:
                    break
                packet.pts -= shift
                packet.dts = packet.pts
                full = max(full, packet.duration or 0)
                # a short last packet is how MP4 says that the rest of it is not sound
                packet.duration = _heard_ticks(packet, full, stream.rate or 1)
                packet.stream = copy
                yield packet

        return cls(packets())

    def until(self, time_s: Fraction) -> Iterator[Packet[AudioStream]]:
        while self._next is not None:
            packet = self._next
            assert packet.pts is not None
            if packet.pts * packet.time_base >= time_s:
                return
            self._next = next(self._packets, None)
            yield packet


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where the sound of a file lies: `zero_s` in container time, the rest counted from there."""

    zero_s: Fraction
    first_packet_s: Fraction
    """Below zero where the encoder's delay comes first."""
    heard_end_s: Fraction
    decoded_end_s: Fraction
    """Past `heard_end_s` where the last packet is filled up, which not every player cuts off."""


def _heard_ticks(packet: Packet[AudioStream], full: int, rate_hz: int) -> int:
    """How long a packet is heard: without the samples that only fill it up. `full` is a whole packet's length.

    MP3 tells of the filling beside the packet's duration, Ogg shortens the duration as well.
    """
    ticks = packet.duration or 0
    if ticks == full and packet.has_sidedata("skip_samples"):
        _, n_fill = np.frombuffer(bytes(packet.get_sidedata("skip_samples"))[:8], "<u4")
        ticks -= round(Fraction(int(n_fill), rate_hz) / packet.time_base)
    return max(1, ticks)


def _extent(path: Path, until_s: Fraction) -> _Extent | None:
    """The sound up to the last packet that starts before `until_s`; None where packets carry no times, or times that
    go back, as files put together have them."""
    zero = presentation_start(path)
    if zero is None:
        zero = first_sample_time(path)
    first: Fraction | None = None
    heard = decoded = Fraction(0)
    full = 0
    last_tick: int | None = None
    with opened(path) as container:
        stream = best_audio(container)
        if stream is None:
            raise NoAudio(path)
        for packet in packets_of(container, stream):
            if packet.pts is None or not packet.duration or packet.is_corrupt or not _is_whole(packet, stream):
                return None
            if last_tick is not None and packet.pts <= last_tick:
                return None
            last_tick = packet.pts
            start = packet.pts * packet.time_base - zero
            if start >= until_s:
                break
            if first is None:
                first = start
            full = max(full, packet.duration)
            decoded = start + (full if packet.has_sidedata("skip_samples") else packet.duration) * packet.time_base
            heard = start + _heard_ticks(packet, full, stream.rate or 1) * packet.time_base
    return None if first is None else _Extent(zero, first, heard, decoded)


def _is_whole(packet: Packet[AudioStream], stream: AudioStream) -> bool:
    """Whether a muxer can take this packet. AAC from a broadcast has a header on each one, which tells its length."""
    context = stream.codec_context
    if context.codec.canonical_name != "aac" or context.extradata:
        return True
    head = bytes(packet)[:6]
    n_bytes = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 if len(head) == 6 else 0
    return head[0] == 0xFF and head[1] >> 4 == 0xF and n_bytes == packet.size


class _Encoded:
    how: Literal["encoded"] = "encoded"

    def __init__(
        self,
        out: OutputContainer,
        container: str,
        voices: list[tuple[Sound, float]],
        duration_s: Fraction,
        notes: list[str],
    ) -> None:
        codec = "libopus" if container == "webm" else "aac"
        rate = max(sound.rate_hz for sound, _ in voices)
        if codec == "libopus":
            self._rate_hz = 48_000
        else:
            # its own rate, or the next higher one that AAC knows; what is recorded at 192 kHz is heard at 48
            self._rate_hz = min((have for have in AAC_RATES_HZ if have >= rate), default=48_000)
        channels = max(sound.stream.codec_context.channels for sound, _ in voices)
        self._layout = LAYOUTS.get(channels, "stereo")
        if codec == "libopus" and channels > 2:
            self._layout = "stereo"
        self._channels = len(av.AudioLayout(self._layout).channels)
        if self._channels < channels:
            notes.append(f"Sound of {channels} channels was brought together in {self._channels} ({self._layout}).")
        per_channel = min(96_000, 4 * self._rate_hz)
        stream = out.add_stream(codec, rate=self._rate_hz)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = self._layout
        stream.codec_context.bit_rate = per_channel * self._channels
        stream.codec_context.time_base = Fraction(1, self._rate_hz)
        self._stream = stream
        self._n_total = round(duration_s * self._rate_hz)
        self._voices = voices
        self._packets = self._encode()
        self._n_in = 0

    def until(self, time_s: Fraction) -> Iterator[Packet[AudioStream]]:
        while self._n_in < min(time_s * self._rate_hz, self._n_total) or time_s * self._rate_hz >= self._n_total:
            packet = next(self._packets, None)
            if packet is None:
                return
            yield packet

    def _encode(self) -> Iterator[Packet[AudioStream]]:
        for samples in self._mixed():
            frame = frame_of(samples, self._layout, self._rate_hz, self._n_in)
            self._n_in += samples.shape[1]
            yield from self._stream.encode(frame)
        yield from self._stream.encode(None)

    def _mixed(self) -> Iterator[Samples]:
        """Blocks of the sum of all voices, as long as the picture: cut, or followed by silence."""
        readers = [_Reader(_converted(sound, self._layout, self._rate_hz), self._channels) for sound, _ in self._voices]
        done = 0
        while done < self._n_total:
            n = min(4096, self._n_total - done)
            block = np.zeros((self._channels, n), np.float32)
            for reader, (_, gain) in zip(readers, self._voices, strict=True):
                part = reader.read(n)
                block[:, : part.shape[1]] += part if gain == 1.0 else part * np.float32(gain)
            if len(readers) > 1:
                np.clip(block, -1.0, 1.0, out=block)
            done += n
            yield block


class _Reader:
    """Reads a stream of chunks in blocks of any size."""

    def __init__(self, chunks: Iterator[Samples], channels: int) -> None:
        self._chunks = chunks
        self._rest: Samples = np.zeros((channels, 0), np.float32)

    def read(self, n: int) -> Samples:
        """The next `n` samples, fewer at the end."""
        parts = [self._rest]
        have = self._rest.shape[1]
        while have < n:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            have += chunk.shape[1]
        joined = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        self._rest = joined[:, n:]
        return joined[:, :n]


def _converted(sound: Sound, layout: str, rate_hz: int) -> Iterator[Samples]:
    resampler: AudioResampler | None = None
    fold: Samples | None = None
    n_in = 0
    for chunk in sound.chunks():
        if sound.layout == layout and sound.rate_hz == rate_hz:
            yield chunk
            continue
        if len(chunk) > 1 and sound.layout not in ("stereo", layout):
            if fold is None:
                fold = folding(sound.layout, layout)
            chunk = fold @ chunk
            if fold.sum(axis=1).max() > 1:  # else sums are no louder than what they are of
                chunk = within_full_scale(chunk)
            if sound.rate_hz == rate_hz:
                yield chunk
                continue
        if resampler is None:
            resampler = AudioResampler(PACKED, layout, rate_hz)
        frame = frame_of(chunk, sound.layout if fold is None else layout, sound.rate_hz, n_in)
        n_in += chunk.shape[1]
        for out in resampler.resample(frame):
            yield samples_of(out)
    if resampler is not None:
        for out in resampler.resample(None):
            yield samples_of(out)
