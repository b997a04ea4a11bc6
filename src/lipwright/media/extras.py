# pyright: reportUnknownMemberType=false
# PyAV leaves the keyword arguments of its streams untyped.
"""What else a file carries: its title and tags, chapters, and written subtitles. They are taken over as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream

from lipwright.media.opening import opened, packets_of
from lipwright.media.survey import has_decoder, presentation_start

SUBTITLES: dict[str, frozenset[str]] = {
    "mp4": frozenset({"mov_text"}),
    "mov": frozenset({"mov_text"}),
    "matroska": frozenset({"subrip", "ass", "ssa", "webvtt", "text"}),
    "webm": frozenset({"webvtt"}),
}
"""Kinds of text that each container holds as they are."""
TEXT = frozenset[str]().union(*SUBTITLES.values())
MADE_INTO = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
"""What other kinds of text are made into. Subtitles that are pictures are left out."""

OWN_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "creation_time"}
"""Tags that speak of the file, not of what it shows."""

TIMECODE = "timecode"


class Extras:
    """Tags, chapters and subtitles of `source`, on their way into `out`, up to `duration_s`."""

    def __init__(
        self,
        out: OutputContainer,
        container: str,
        source: Path,
        duration_s: Fraction,
        stack: ExitStack,
        notes: list[str],
    ) -> None:
        self._origin_s = Fraction(0)
        self._duration_s = duration_s
        self._next: Packet[Any] | None = None
        self._packets: Iterator[Packet[Any]] = iter(())
        self._of: dict[int, Stream] = {}
        self._remade: dict[int, tuple[SubtitleCodecContext, SubtitleCodecContext]] = {}
        """Decoder and encoder of text that changes its kind."""
        given = stack.enter_context(opened(source))
        if given.chapters() or any(stream.type == "subtitle" for stream in given.streams):
            self._origin_s = presentation_start(source) or Fraction(0)
        # mov and mp4 tell the time code of their first picture with a stream, the others with the file
        codes = [stream.metadata[TIMECODE] for stream in given.streams if TIMECODE in stream.metadata]
        if codes:
            out.metadata[TIMECODE] = codes[0]
        out.metadata.update({key: text for key, text in given.metadata.items() if key.lower() not in OWN_TAGS})
        out.set_chapters(self._chapters(cast(list[dict[str, Any]], given.chapters()), container))  # type: ignore[arg-type]
        kept: list[Stream] = []
        if n_attached := sum(stream.type == "attachment" for stream in given.streams):
            notes.append(f"{n_attached} of the footage's attachments (fonts of its subtitles, for one) were left out.")
        for stream in given.streams:
            name = stream.codec_context.codec.canonical_name if has_decoder(stream) else ""
            if stream.type == "subtitle" and name in SUBTITLES[container]:
                self._of[stream.index] = _described(out.add_stream_from_template(stream), stream)
                kept.append(stream)
            elif isinstance(stream, SubtitleStream) and name in TEXT and _can_open(stream):
                self._of[stream.index] = _described(self._add_remade(out, stream, MADE_INTO[container]), stream)
                kept.append(stream)
                notes.append(f"Subtitles of kind {name} were written as {MADE_INTO[container]}.")
            else:
                stream.discard = Discard.all
                if stream.type == "subtitle":
                    notes.append(
                        f"{container} does not hold subtitles of kind {name or 'unknown'}; they were left out."
                    )
        if kept:
            self._packets = packets_of(given, *kept)
            self._next = next(self._packets, None)

    def until(self, time_s: Fraction) -> Iterator[Packet[Any]]:
        """The lines that begin before `time_s` and were not yet handed out."""
        while self._next is not None:
            packet = self._next
            if packet.pts is not None:
                if packet.pts * packet.time_base - self._origin_s >= time_s:
                    return
                remade = self._remake(packet) if self._place(packet) else None
                if remade is not None:
                    remade.stream = self._of[packet.stream_index]
                    yield remade
            self._next = next(self._packets, None)

    def _place(self, packet: Packet[Any]) -> bool:
        """Give the line its place in the output; whether anything of it is there."""
        assert packet.pts is not None
        given = packet.pts - round(self._origin_s / packet.time_base)
        end = int(self._duration_s / packet.time_base)
        start = given
        if packet.duration:
            # what is shown at the start stays so, and a line that is still shown after the end would lengthen the file
            start, stop = max(0, given), min(given + packet.duration, end)
            if start >= stop:
                return False
            packet.duration = stop - start
        packet.pts = packet.dts = start
        return 0 <= start < end

    def _add_remade(self, out: OutputContainer, stream: SubtitleStream, kind: str) -> Stream:
        made = out.add_stream(kind)
        decoder, encoder = stream.codec_context, made.codec_context
        assert isinstance(decoder, SubtitleCodecContext)
        assert isinstance(encoder, SubtitleCodecContext)
        encoder.subtitle_header = decoder.subtitle_header  # how ASS describes itself, which FFmpeg converts by way of
        encoder.time_base = stream.time_base or Fraction(1, 1000)
        made.time_base = encoder.time_base
        self._remade[stream.index] = (decoder, encoder)
        return made

    def _remake(self, packet: Packet[Any]) -> Packet[Any] | None:
        """The packet as the output holds it; None where it says nothing."""
        if packet.stream_index not in self._remade:
            return packet
        decoder, encoder = self._remade[packet.stream_index]
        try:
            line = decoder.decode2(packet)
            if line is None or not len(line):
                return None
            made = cast("Packet[Any]", encoder.encode_subtitle(line))
        except FFmpegError:  # damaged text
            return None
        made.time_base, made.duration = packet.time_base, packet.duration
        made.pts = made.dts = packet.pts
        return made

    def _chapters(self, given: list[dict[str, Any]], container: str) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = []
        for chapter in given:
            unit = cast(Fraction, chapter["time_base"])
            shift, end = round(self._origin_s / unit), int(self._duration_s / unit)
            start, stop = max(0, chapter["start"] - shift), min(chapter["end"] - shift, end)
            if start < stop:
                kept.append({**chapter, "start": start, "end": stop})
        if kept and container in ("mp4", "mov") and (first := min(kept, key=_starts_s))["start"] > 0:
            # there the first chapter begins with the file: one without a name keeps the others at their times
            unnamed = {"id": 0, "start": 0, "end": first["start"], "time_base": first["time_base"]}
            kept.insert(0, {**unnamed, "metadata": {"title": ""}})
        return kept


def _starts_s(chapter: dict[str, Any]) -> Fraction:
    return chapter["start"] * cast(Fraction, chapter["time_base"])


def _described(made: Stream, given: Stream) -> Stream:
    """The stream `made`, in the language of `given` and with its title, and shown as it was: by default, forced."""
    made.metadata.update(given.metadata)
    made.disposition = given.disposition
    return made


def _can_open(stream: SubtitleStream) -> bool:
    """Whether these subtitles can be read: what describes them may be damaged."""
    try:
        stream.codec_context.open(strict=False)
    except FFmpegError:
        return False
    return True
