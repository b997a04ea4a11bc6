"""The tags of TIFF, which Exif is written in too, whatever file it lies in."""

from __future__ import annotations

import struct
from typing import Final

from lipwright.media.webp import chunks

STARTS: Final = {b"II*\0": "<", b"MM\0*": ">"}
"""By them the order of bytes is told."""
SUBFILE: Final = 254
"""What the picture is: bit 0 stands for a smaller copy of another one in the file."""
WIDTH: Final = 256
HEIGHT: Final = 257
COLOURS: Final = 262
ORIENTATION: Final = 274
EXTRA: Final = 338
"""What a fourth sample is: 1 stands for alpha that the colours are multiplied by, 2 for alpha."""
_FORMS: Final = {3: "H", 4: "I"}


def tags_of(data: bytes) -> dict[int, int]:
    """The whole numbers of the first directory, by tag; of several numbers the first. Raises ValueError."""
    order = STARTS.get(data[:4])
    if order is None:
        raise ValueError("no TIFF")
    found: dict[int, int] = {}
    seen: set[int] = set()  # the first of a kind counts, as it does for who decodes: a second one hides no size
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (n,) = struct.unpack_from(f"{order}H", data, at)
        for entry in range(at + 2, at + 2 + 12 * n, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
            if tag in seen or kind not in _FORMS or count == 0:
                seen.add(tag)
                continue
            seen.add(tag)
            form = order + _FORMS[kind]
            lies_here = count * struct.calcsize(form) <= 4
            where = entry + 8 if lies_here else struct.unpack_from(f"{order}I", data, entry + 8)[0]
            (found[tag],) = struct.unpack_from(form, data, where)
    except struct.error as exc:
        raise ValueError("it breaks off") from exc
    return found


def orientation_of_webp(data: bytes) -> int:
    """How its Exif says that the picture lies, 1 to 8; 1, upright, where it says nothing."""
    for name, start, stop in chunks(data):
        if name == b"EXIF":
            try:
                told = tags_of(data[start:stop].removeprefix(b"Exif\0\0")).get(ORIENTATION, 1)
            except ValueError:
                return 1
            return told if told in range(1, 9) else 1
    return 1
