"""How long the header of a file says that its sound is, where the header is one that knows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from struct import unpack

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

COUNTED = ("flac", "mov", "matroska", "aiff", "au", "wv", "tta", "mp3")
"""Containers whose header tells what was written into them. Of the others FFmpeg works the length out from what is
there: from the size of the file (WAV, whose header live recorders leave wrong), or from its last packet (Ogg, TS). WAV
is asked by ourselves: where the sizes of file and sound agree, whoever wrote them knew."""

LONGEST_S = 24 * 3600
"""A header that was written before the sound was known can hold the greatest number of its field."""

_MOST_CHUNKS = 64
"""Before the sound of a WAV file."""
_WAV_TAIL_BYTES = 1 << 20
"""Of titles and cue points after it."""

N_MP3_HEAD = 256
"""Bytes of the first packet of MP3 in which its count of packets lies, if it has one."""


def declared_end_s(container: InputContainer, stream: AudioStream, path: Path) -> Fraction | None:
    """Container time, in seconds, at which the sound ends according to the header; None where it does not know.

    A longer sound may be there all the same: files that were put together keep the header of the first.
    """
    name = container.format.name.split(",")[0]
    if name == "wav":
        return _wav_lasts_s(path)
    if name not in COUNTED or (name == "mp3" and not _is_counted_mp3(path)):
        return None
    start_s = Fraction(0)
    if stream.start_time is not None and stream.time_base is not None:
        start_s = stream.start_time * stream.time_base
    if stream.duration is not None and stream.time_base is not None:
        lasts_s = stream.duration * stream.time_base
    elif container.duration is not None and len(container.streams) == 1:  # else another stream may be the longest
        lasts_s = Fraction(container.duration, av.time_base)
    else:
        return None
    return start_s + lasts_s if 0 < lasts_s < LONGEST_S else None


def _wav_lasts_s(path: Path) -> Fraction | None:
    """The length of the sound by the header of a WAV file; None where file and sound are not said to end together."""
    with path.open("rb") as file:
        riff, size, wave = unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
        if riff != b"RIFF" or wave != b"WAVE":
            return None
        bytes_per_s = 0
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                return None
            kind, length = unpack("<4sI", head)
            if kind == b"data":
                end = file.tell() + length
                is_known = length > 0 and bytes_per_s > 0 and 0 <= 8 + size - end <= _WAV_TAIL_BYTES
                return Fraction(length, bytes_per_s) if is_known else None
            body = file.tell()
            if kind == b"fmt ":
                (bytes_per_s,) = unpack("<8xI", file.read(12).ljust(12, b"\0"))
            file.seek(body + length + length % 2)
    return None


def _is_counted_mp3(path: Path) -> bool:
    """Whether an MP3 counts its packets at its beginning; the length of the others is a guess from the first ones."""
    with path.open("rb") as file:
        head = file.read(10)
        # a tag comes first, with titles and pictures; its size is in four times seven bits
        size = 0
        if head[:3] == b"ID3" and len(head) == 10:
            size = 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(size)
        first = file.read(N_MP3_HEAD)
    return any(word in first for word in (b"Xing", b"Info", b"VBRI"))
