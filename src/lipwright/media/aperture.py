"""Which part of its picture a QuickTime or MP4 file wants shown: FFmpeg reads it, PyAV does not hand it on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from struct import unpack
from typing import BinaryIO

_MOST_BOXES = 10_000
"""Side by side; more are damage."""
_N_ENTRY_HEAD = 78
"""Bytes of a picture's description before the boxes in it."""
Span = tuple[int, int]


def clean_aperture(path: Path, track: int) -> tuple[Fraction, Fraction] | None:
    """Width and height in pixels of what is to be shown of a track (from 0); None where the file does not say."""
    with path.open("rb") as file:
        tracks = [
            span
            for movie in _named(file, (0, file.seek(0, os.SEEK_END)), b"moov")
            for span in _named(file, movie, b"trak")
        ]
        if track >= len(tracks):
            return None
        spans = [tracks[track]]
        for name in (b"mdia", b"minf", b"stbl", b"stsd"):
            spans = [inner for span in spans for inner in _named(file, span, name)]
        for start, stop in spans:
            for _, entry in _boxes(file, (start + 8, stop)):
                for at, end in _named(file, (entry[0] + _N_ENTRY_HEAD, entry[1]), b"clap"):
                    return _size(file, at, end)
    return None


def _size(file: BinaryIO, at: int, end: int) -> tuple[Fraction, Fraction] | None:
    file.seek(at)
    content = file.read(min(end - at, 16))
    if len(content) < 16:
        return None
    width, width_per, height, height_per = unpack(">4I", content)
    return (Fraction(width, width_per), Fraction(height, height_per)) if width_per and height_per else None


def _named(file: BinaryIO, span: Span, wanted: bytes) -> Iterator[Span]:
    return (inner for name, inner in _boxes(file, span) if name == wanted)


def _boxes(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    """Name and content of the boxes that lie side by side in a part of the file."""
    return islice(_all_boxes(file, span), _MOST_BOXES)


def _all_boxes(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    at, stop = span
    while at + 8 <= stop:
        file.seek(at)
        head = file.read(16).ljust(16, b"\0")
        size, name, n_head = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, n_head = int.from_bytes(head[8:], "big"), 16
        elif size == 0:
            size = stop - at
        if size < n_head:
            return
        yield name, (at + n_head, min(at + size, stop))
        at += size
