"""A still picture as it was meant to be seen: upright, on white where it is transparent, as planes of Y'CbCr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.errors import PictureTooLarge, UnreadableMedia
from lipwright.core.media import Colour
from lipwright.portrait.tags import COLOURS, EXTRA, HEIGHT, STARTS, SUBFILE, WIDTH, orientation_of_webp, tags_of
from lipwright.vision.colour import from_rgb_matrix
from lipwright.vision.graphs import quiet_stderr

Kind = Literal["png", "jpeg", "webp", "bmp", "tiff"]
Bytes: TypeAlias = NDArray[np.uint8]
Alpha = Literal["beside", "multiplied"]
"""Whether a picture's colours are multiplied by its alpha."""

MAX_SIDE_PX: Final = 4096
"""What every decoder of H.264 in use takes: larger pictures are made smaller."""
MAX_PIXELS: Final = 64_000_000
"""Of a picture that is read at all: what the largest cameras in hands make."""
MAX_FILE_BYTES: Final = 256 << 20
BT709: Final = Colour(is_full_range=False, primaries=1, transfer=1, matrix=1)
_VIDEO_ENDINGS: Final = (".mjpg", ".mjpeg")
"""A stream of JPEGs begins as one JPEG does."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_BMP_HEADERS: Final = (12, 40, 52, 56, 64, 108, 124)
"""The lengths of a BMP's second header, which tells its version: two letters alone begin many a file."""
_TIFF_RGB: Final = 2


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a picture say."""

    kind: Kind
    width_px: int
    height_px: int
    is_animated: bool = False
    is_preview: bool = False
    """A small copy of the picture that is meant, which lies elsewhere in the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A picture as video has it: 4:2:0, 8 bits, BT.709, limited range, both sides even."""

    path: Path
    kind: Kind
    luma: Bytes
    """(h, w)."""
    cb: Bytes
    """(h/2, w/2); colour lies at the left of each pair of columns, between two rows, as H.264 has it."""
    cr: Bytes
    notes: tuple[str, ...] = ()
    """What was done to it that nobody asked for."""

    @property
    def planes(self) -> tuple[Bytes, Bytes, Bytes]:
        return self.luma, self.cb, self.cr


def is_picture(path: Path) -> bool:
    """Whether the file is a still PNG, JPEG, WebP, BMP or TIFF, by its content; False where it cannot be read."""
    try:
        if path.suffix.lower() in _VIDEO_ENDINGS or not path.is_file():
            return False
        with path.open("rb") as file:
            first = file.read(32)
    except OSError:
        return False
    if _kind_of(first) is None:
        return False
    try:
        return not read_header(path, _content(path)).is_animated
    except UnreadableMedia:
        return True  # it shall be refused as the picture that it says it is


def read_still(path: Path) -> Still:
    """Raises UnreadableMedia, PictureTooLarge."""
    data = _content(path)
    header = read_header(path, data)
    if header.width_px * header.height_px > MAX_PIXELS:
        raise PictureTooLarge(path, width_px=header.width_px, height_px=header.height_px, max_pixels=MAX_PIXELS)
    rgb = _decode(path, data, header.kind)
    notes: tuple[str, ...] = ()
    height, width = rgb.shape[:2]
    if max(height, width) > MAX_SIDE_PX:
        share = MAX_SIDE_PX / max(height, width)
        size = (max(2, round(share * width)), max(2, round(share * height)))
        rgb = cast("Bytes", cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
        notes = (f"The picture is {width}x{height}: it was made {size[0]}x{size[1]}, as large as players take.",)
    # the last row or column of an odd side goes: nothing is invented, nothing is resampled
    rgb = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]
    if min(rgb.shape[:2]) < 2:
        raise UnreadableMedia(path, "it is smaller than 2x2 pixels")
    return Still(path, header.kind, *to_planes(rgb), notes)


def read_header(path: Path, data: bytes) -> Header:
    """Raises UnreadableMedia."""
    kind = _kind_of(data[:32])
    if kind is None:
        raise UnreadableMedia(path, "it is no PNG, JPEG, WebP, BMP or TIFF")
    try:
        header = _HEADERS[kind](data)
    except (IndexError, ValueError) as exc:
        raise UnreadableMedia(path, "the picture is damaged or breaks off") from exc
    if header.is_preview:
        reason = "it begins with a thumbnail, as raw photos do"
        raise UnreadableMedia(path, reason, advice="Export the photo as JPEG, PNG or TIFF.")
    return header


def _kind_of(first: bytes) -> Kind | None:
    """What a file is that begins with these bytes."""
    if first.startswith(_PNG):
        return "png"
    if first.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "webp"
    if first[:4] in STARTS:
        return "tiff"
    is_bmp = first[:2] == b"BM" and first[6:10] == bytes(4) and int.from_bytes(first[14:18], "little") in _BMP_HEADERS
    return "bmp" if is_bmp else None


def to_planes(rgb: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """(h, w, 3) with even sides -> Y' (h, w), Cb and Cr (h/2, w/2); BT.709, limited range, rounded once."""
    matrix = from_rgb_matrix(BT709, rgb.shape[0]).astype(np.float32)
    codes = cast("NDArray[np.float32]", cv2.transform(rgb.astype(np.float32), matrix))
    luma = _eight_bits(codes[..., 0])
    columns = codes.shape[1] // 2
    chroma: list[Bytes] = []
    for number in (1, 2):
        rows = (codes[0::2, :, number] + codes[1::2, :, number]) / 2
        framed = np.pad(rows, ((0, 0), (1, 0)), mode="edge")
        left, middle, right = framed[:, 0::2][:, :columns], framed[:, 1::2], framed[:, 2::2]
        chroma.append(_eight_bits((left + 2 * middle + right) / 4))
    return luma, chroma[0], chroma[1]


def _eight_bits(codes: NDArray[np.float32]) -> Bytes:
    return np.clip(np.rint(codes), 0, 255).astype(np.uint8)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableMedia(path, f"the picture's file is larger than {MAX_FILE_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as exc:
        raise UnreadableMedia(path, (exc.strerror or "it cannot be read").lower()) from exc


def _alpha_of(kind: Kind, data: bytes) -> Alpha | None:
    """Where the file may be transparent, in which way OpenCV gives its colours; None: it need not be decoded again."""
    if kind == "png":  # grey or colours, without one that stands for none
        return None if data[25] in (0, 2) and b"tRNS" not in data[: data.find(b"IDAT")] else "beside"
    if kind == "bmp":  # only the longer headers have a mask for it
        return "beside" if int.from_bytes(data[14:18], "little") >= 56 and any(data[66:70]) else None
    if kind == "tiff":
        tags = tags_of(data)
        return "multiplied" if tags.get(COLOURS) == _TIFF_RGB and tags.get(EXTRA) in (1, 2) else None
    return "beside" if kind == "webp" else None


def _decode(path: Path, data: bytes, kind: Kind) -> Bytes:
    """(h, w, 3) RGB, upright, on white."""
    if kind == "webp":
        # OpenCV of today knows no Exif in WebP; that of tomorrow shall not turn it once more
        lying = _decoded(path, data, kind, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        return _upright(lying, orientation_of_webp(data))
    return _decoded(path, data, kind, cv2.IMREAD_COLOR)


def _upright(lying: Bytes, orientation: int) -> Bytes:
    """`lying` turned as Exif's `orientation`, 1 to 8, says."""
    out = lying.swapaxes(0, 1) if orientation > 4 else lying
    out = out[:, ::-1] if orientation in (2, 3, 6, 7) else out
    return np.ascontiguousarray(out[::-1] if orientation in (3, 4, 7, 8) else out)


def _decoded(path: Path, data: bytes, kind: Kind, how: int) -> Bytes:
    """(h, w, 3) RGB on white, turned as OpenCV does it."""
    given = np.frombuffer(data, np.uint8)
    alpha_is = _alpha_of(kind, data)
    whole: NDArray[np.uint8 | np.uint16] | None = None
    try:
        with quiet_stderr():  # libpng speaks of colour profiles, libjpeg of missing ends
            upright = cast("Bytes | None", cv2.imdecode(given, how))
            if alpha_is is not None:
                whole = cast("NDArray[np.uint8 | np.uint16] | None", cv2.imdecode(given, cv2.IMREAD_UNCHANGED))
    except cv2.error as exc:
        raise UnreadableMedia(path, "the picture cannot be decoded") from exc
    if upright is None:
        raise UnreadableMedia(path, "the picture is damaged, or of a kind that is not read")
    rgb = np.ascontiguousarray(upright[..., ::-1])
    if whole is not None and whole.ndim == 3 and whole.shape[2] == 4:
        with quiet_stderr():
            lying = cast("Bytes", cv2.imdecode(given, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION))
        alpha = whole[..., 3].astype(np.float32) / (255 if whole.dtype == np.uint8 else 65535)
        alpha = _turned_alike(alpha, lying, upright)[..., None]
        if kind == "bmp" and not alpha.any():  # many a program writes nothing there
            return rgb
        colours = rgb if alpha_is == "multiplied" else rgb * alpha
        rgb = np.rint(np.minimum(colours + 255 * (1 - alpha), 255)).astype(np.uint8)
    return rgb


def _turned_alike(alpha: NDArray[np.float32], lying: Bytes, upright: Bytes) -> NDArray[np.float32]:
    """The alpha of a picture as it lies in the file, turned as the decoder turned its colours."""
    for is_mirrored in (False, True):
        for turns in range(4):
            turned = np.rot90(lying[:, ::-1] if is_mirrored else lying, turns)
            if turned.shape == upright.shape and np.array_equal(turned, upright):
                return np.ascontiguousarray(np.rot90(alpha[:, ::-1] if is_mirrored else alpha, turns))
    raise AssertionError("the decoder turned the picture in no known way")


def _png_header(data: bytes) -> Header:
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at, is_animated = 8, False
    while True:
        kind = data[at + 4 : at + 8]
        if len(kind) < 4:
            raise ValueError("no picture data")
        if kind == b"IDAT":
            return Header("png", width, height, is_animated)
        is_animated |= kind == b"acTL"
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _jpeg_header(data: bytes) -> Header:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            return Header("jpeg", width, height)
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _webp_header(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return Header("webp", width, height, bool(data[20] & 0x02))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Header("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        return Header("webp", width, height)
    raise ValueError("no known WebP")


def _bmp_header(data: bytes) -> Header:
    n = 2 if int.from_bytes(data[14:18], "little") == 12 else 4
    if len(data) < 18 + 2 * n:
        raise ValueError("no size")
    width, height = (int.from_bytes(data[at : at + n], "little", signed=n == 4) for at in (18, 18 + n))
    return Header("bmp", abs(width), abs(height))  # rows from top to bottom are told by a height below zero


def _tiff_header(data: bytes) -> Header:
    tags = tags_of(data)
    if WIDTH not in tags or HEIGHT not in tags:
        raise ValueError("no size")
    return Header("tiff", tags[WIDTH], tags[HEIGHT], is_preview=bool(tags.get(SUBFILE, 0) & 1))


_HEADERS: Final[dict[Kind, Callable[[bytes], Header]]] = {
    "png": _png_header,
    "jpeg": _jpeg_header,
    "webp": _webp_header,
    "bmp": _bmp_header,
    "tiff": _tiff_header,
}
