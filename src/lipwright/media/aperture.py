"""Which part of its picture a QuickTime, MP4 or Matroska file wants shown: PyAV does not hand on what FFmpeg reads."""

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
_SEGMENT, _TRACKS, _TRACK, _VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
_CROPS = {b"\x54\xaa": "height", b"\x54\xbb": "height", b"\x54\xcc": "width", b"\x54\xdd": "width"}
"""Matroska's PixelCropBottom, Top, Left and Right, and what they take from."""
Span = tuple[int, int]
_NOTHING: Span = (0, 0)


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


def cropped(path: Path, track: int, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height in pixels of what Matroska wants shown of the picture of this size in a track (from 0)."""
    left = {"width": width_px, "height": height_px}
    with path.open("rb") as file:
        outer = (0, file.seek(0, os.SEEK_END))
        for wanted, number in ((_SEGMENT, 0), (_TRACKS, 0), (_TRACK, track), (_VIDEO, 0)):
            found = (span for name, span in _elements(file, outer) if name == wanted)
            outer = next(islice(found, number, None), _NOTHING)
        for name, (start, stop) in _elements(file, outer):
            if name in _CROPS:
                file.seek(start)
                left[_CROPS[name]] -= int.from_bytes(file.read(min(8, stop - start)))
    return left["width"], left["height"]


def _elements(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    """Name and content of Matroska's elements that lie side by side in a part of the file."""
    return islice(_all_elements(file, span), _MOST_BOXES)


def _all_elements(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    at, stop = span
    while at + 2 <= stop:
        file.seek(at)
        head = file.read(12).ljust(12, b"\0")
        # of both numbers the leading zeros tell how many bytes follow the first
        n_name = 9 - head[0].bit_length()
        n_size = 9 - head[min(n_name, 4)].bit_length()
        if n_name > 4 or n_size > 8:
            return
        ones = (1 << (7 * n_size)) - 1
        size = int.from_bytes(head[n_name : n_name + n_size]) & ones
        start = at + n_name + n_size
        end = stop if size == ones else min(start + size, stop)  # of no known size, as live recordings are
        yield head[:n_name], (start, end)
        at = end


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
