"""A picture file becomes the picture that a person sees, or is refused with a reason."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright import media
from lipwright.core.errors import PictureTooLarge, UnreadableMedia
from lipwright.core.media import VideoFrame
from lipwright.demo import video_path
from lipwright.portrait.footage import frame_of
from lipwright.portrait.picture import Still, is_picture, read_still
from lipwright.vision.colour import to_rgb


def coloured(height: int, width: int) -> NDArray[np.uint8]:
    """(h, w, 3) RGB: another flat colour in each corner, all of them far from grey."""
    out = np.empty((height, width, 3), np.uint8)
    out[: height // 2, : width // 2] = (200, 60, 40)
    out[: height // 2, width // 2 :] = (40, 170, 80)
    out[height // 2 :, : width // 2] = (50, 70, 190)
    out[height // 2 :, width // 2 :] = (220, 190, 60)
    return out


def write(path: Path, rgb: NDArray[Any], *options: int) -> Path:
    order = [2, 1, 0, 3][: rgb.shape[2]]
    assert cv2.imwrite(str(path), rgb[..., order], options)
    return path


def seen(still: Still) -> NDArray[np.uint8]:
    """(h, w, 3) as a player would show it."""
    frame: VideoFrame = frame_of(still)
    size = still.luma.shape[::-1]
    cb, cr = (cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8) for plane in still.planes[1:])
    return to_rgb([still.luma, cb, cr], frame)


def middles(picture: NDArray[Any]) -> NDArray[np.float64]:
    """(4, 3): the colour in the middle of each quarter."""
    h, w = picture.shape[:2]
    return np.array([picture[y, x] for y in (h // 4, 3 * h // 4) for x in (w // 4, 3 * w // 4)], np.float64)


@pytest.mark.parametrize("ending", ["png", "webp", "jpg", "bmp", "tiff"])
def test_colours_survive_the_way_into_video(ending: str, tmp_path: Path) -> None:
    lossless = {"webp": (cv2.IMWRITE_WEBP_QUALITY, 101), "jpg": (cv2.IMWRITE_JPEG_QUALITY, 100)}.get(ending, ())
    path = write(tmp_path / f"a.{ending}", coloured(64, 96), *lossless)

    still = read_still(path)

    assert is_picture(path)
    assert still.luma.shape == (64, 96)
    assert still.cb.shape == still.cr.shape == (32, 48)
    assert np.abs(middles(seen(still)) - middles(coloured(64, 96))).max() <= (3 if ending == "jpg" else 2)


@pytest.mark.parametrize(
    ("given", "name"),
    [("a.jpg", "b.jpg"), ("a.jpg", "b.webp"), ("a.jpg", "b.png"), ("a.bmp", "b.bmp"), ("a.tiff", "b.tiff")],
)
def test_a_picture_can_be_probed_whatever_its_name_says(given: str, name: str, tmp_path: Path) -> None:
    path = write(tmp_path / given, coloured(64, 96)).rename(tmp_path / name)

    video = media.probe(path).video

    assert video is not None
    assert (video.width_px, video.height_px, video.n_frames) == (96, 64, 1)


def test_a_side_that_is_odd_loses_one_row_and_nothing_is_resampled(tmp_path: Path) -> None:
    given = np.random.default_rng(1).integers(0, 255, (51, 77, 1), np.uint8).repeat(3, axis=2)

    still = read_still(write(tmp_path / "odd.png", given))

    assert still.luma.shape == (50, 76)
    assert np.abs(still.luma - (16 + given[:50, :76, 0].astype(float) * 219 / 255)).max() <= 0.51


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    given = np.dstack([coloured(40, 40), np.full((40, 40), 255, np.uint8)])
    given[:20, :20, 3] = 0
    given[:20, 20:, 3] = 128

    shown = middles(seen(read_still(write(tmp_path / "cut-out.png", given))))

    assert np.abs(shown[0] - 255).max() <= 2
    assert np.abs(shown[1] - ((40 + 255) / 2, (170 + 255) / 2, (80 + 255) / 2)).max() <= 3
    assert np.abs(shown[2] - (50, 70, 190)).max() <= 2


@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored"), [(3, 2, False), (6, 3, False), (8, 1, False), (2, 0, True)]
)
def test_a_camera_that_was_turned_gives_an_upright_picture(
    orientation: int, turns: int, mirrored: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / "turned.jpg", coloured(64, 96), cv2.IMWRITE_JPEG_QUALITY, 100)
    note = b"Exif\0\0MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:])

    shown = seen(read_still(path))

    upright = np.rot90(coloured(64, 96), turns)
    upright = upright[:, ::-1] if mirrored else upright
    assert shown.shape == upright.shape
    assert np.abs(middles(shown) - middles(upright)).max() <= 4


def upright(lying: NDArray[Any], orientation: int) -> NDArray[Any]:
    """What Exif's table says: which side of the picture its first row is, and which its first column."""
    rows, columns = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }[orientation]  # fmt: skip
    out = lying.swapaxes(0, 1) if rows in ("left", "right") else lying
    out = out[::-1] if "bottom" in (rows, columns) else out
    return out[:, ::-1] if "right" in (rows, columns) else out


def exif(orientation: int, order: str = ">") -> bytes:
    start = b"MM\0*" if order == ">" else b"II*\0"
    return start + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def with_exif(webp: bytes, note: bytes, width: int, height: int, *, has_alpha: bool) -> bytes:
    """The same WebP with a note of a camera behind it."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    flags = bytes([0x08 | (0x10 if has_alpha else 0), 0, 0, 0])
    start = 30 if webp[12:16] == b"VP8X" else 12
    parts = ((b"VP8X", flags + size), (b"EXIF", note))
    front, back = (name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1) for name, body in parts)
    body = b"WEBP" + front + webp[start:] + back
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_webp_of_a_camera_that_was_turned_is_upright(orientation: int, has_alpha: bool, tmp_path: Path) -> None:
    lying = coloured(64, 96)
    shown_lying = lying.copy()
    if has_alpha:
        alpha = np.full((64, 96), 255, np.uint8)
        alpha[:32, 48:] = 0
        shown_lying[:32, 48:] = 255
        lying = np.dstack([lying, alpha])
    path = write(tmp_path / "turned.webp", lying, cv2.IMWRITE_WEBP_QUALITY, 101)
    note = exif(orientation) if has_alpha else b"Exif\0\0" + exif(orientation, "<")  # both are written
    path.write_bytes(with_exif(path.read_bytes(), note, 96, 64, has_alpha=has_alpha))

    shown = seen(read_still(path))

    wanted = upright(shown_lying, orientation)
    assert shown.shape == wanted.shape
    assert np.abs(middles(shown) - middles(wanted)).max() <= 3


@pytest.mark.parametrize("note", [b"", b"Exif\0\0", b"MM\0*\0\0", exif(6)[:12], exif(0), exif(9), bytes(40)])
def test_a_note_that_is_damaged_leaves_a_webp_as_it_is(note: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "noted.webp", coloured(64, 96), cv2.IMWRITE_WEBP_QUALITY, 101)
    path.write_bytes(with_exif(path.read_bytes(), note, 96, 64, has_alpha=False))

    assert np.abs(middles(seen(read_still(path))) - middles(coloured(64, 96))).max() <= 3


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_picture_that_is_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0))
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)))

    with pytest.raises(PictureTooLarge, match="60000x50000"):
        read_still(bomb)


def tiff(samples: NDArray[Any], order: str = "<", **told: int) -> bytes:
    """(h, w, n) as a TIFF without compression; `told` are tags by their numbers, such as t274."""
    h, w, n = samples.shape
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    bits = struct.pack(f"{order}{n}H", *[8 * samples.itemsize] * n)
    start = 8 + len(data)
    tags = {
        256: (4, 1, w), 257: (4, 1, h), 258: (3, n, start), 259: (3, 1, 1), 262: (3, 1, 2), 273: (4, 1, 8),
        277: (3, 1, n), 278: (4, 1, h), 279: (4, 1, len(data)), 284: (3, 1, 1),
    }  # fmt: skip
    tags |= {int(name[1:]): (3, 1, value) for name, value in told.items()}
    entries = b"".join(
        struct.pack(f"{order}HHI" + ("HH" if (kind, count) == (3, 1) else "I"), tag, kind, count, value, *rest)
        for tag, (kind, count, value) in sorted(tags.items())
        for rest in [(0,) if (kind, count) == (3, 1) else ()]
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start + len(bits))
    return head + data + bits + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_raw_photo_which_begins_with_its_thumbnail_is_refused(order: str, tmp_path: Path) -> None:
    raw, photo = (tmp_path / name for name in ("raw.dng", "photo.tiff"))
    raw.write_bytes(tiff(coloured(64, 96), order, t254=1))
    photo.write_bytes(tiff(coloured(64, 96), order, t254=2))  # a page of several

    assert is_picture(raw)
    with pytest.raises(UnreadableMedia, match=r"raw photos do\. Export the photo as JPEG"):
        read_still(raw)
    assert read_still(photo).luma.shape == (64, 96)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_upright_too(orientation: int, order: str, tmp_path: Path) -> None:
    path = tmp_path / "turned.tif"
    path.write_bytes(tiff(coloured(64, 96), order, t274=orientation))

    shown = seen(read_still(path))

    wanted = upright(coloured(64, 96), orientation)
    assert shown.shape == wanted.shape
    assert np.abs(middles(shown) - middles(wanted)).max() <= 2


@pytest.mark.parametrize(("extra", "deep"), [(2, False), (1, False), (2, True), (1, True)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_what_is_transparent_in_a_tiff_is_white(extra: int, deep: bool, orientation: int, tmp_path: Path) -> None:
    given = coloured(64, 96).astype(np.float64)
    alpha = np.ones((64, 96, 1))
    alpha[:32, :48], alpha[:32, 48:] = 0, 0.5
    stored = given * alpha if extra == 1 else given  # 1: multiplied already
    whole = np.rint(np.dstack([stored, 255 * alpha]) * (257 if deep else 1)).astype(np.uint16 if deep else np.uint8)
    path = tmp_path / "cut-out.tif"
    path.write_bytes(tiff(whole, t338=extra, t274=orientation))

    shown = middles(seen(read_still(path)))

    assert np.abs(shown - middles(upright(given * alpha + 255 * (1 - alpha), orientation))).max() <= 3


def test_the_black_of_a_printed_tiff_is_no_transparency(tmp_path: Path) -> None:
    path = tmp_path / "print.tif"
    inks = np.dstack([255 - coloured(64, 96), np.zeros((64, 96), np.uint8)])
    path.write_bytes(tiff(inks, t262=5))

    assert np.abs(middles(seen(read_still(path))) - middles(coloured(64, 96))).max() <= 3


def bmp(bgra: NDArray[np.uint8], *, alpha_mask: int) -> bytes:
    """(h, w, 4), from top to bottom, under the header of version 5."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, alpha_mask)
    size = struct.pack("<IiiHHIIiiII", 124, bgra.shape[1], -bgra.shape[0], 1, 32, 3, bgra.size, 0, 0, 0, 0)
    head = struct.pack("<2sIHHI", b"BM", 138 + bgra.size, 0, 0, 138)
    return head + size + masks + bytes(124 - 56) + bgra.tobytes()


@pytest.mark.parametrize(
    ("mask", "alpha", "is_white"), [(0xFF << 24, 0, True), (0, 0, False), (0xFF << 24, 255, False)]
)
def test_a_bmp_is_transparent_only_where_it_says_so(mask: int, alpha: int, is_white: bool, tmp_path: Path) -> None:
    bgra = np.dstack([coloured(64, 96)[..., ::-1], np.full((64, 96), alpha, np.uint8)])
    bgra[32:, :, 3] = 255 if mask else 0
    path = tmp_path / "cut-out.bmp"
    path.write_bytes(bmp(bgra, alpha_mask=mask))

    wanted = coloured(64, 96)
    if is_white:
        wanted[:32] = 255
    assert np.abs(middles(seen(read_still(path))) - middles(wanted)).max() <= 2


def test_a_bmp_whose_alpha_was_never_written_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "clipboard.bmp"
    bgra = np.dstack([coloured(64, 96)[..., ::-1], np.zeros((64, 96), np.uint8)])
    path.write_bytes(bmp(bgra, alpha_mask=0xFF << 24))

    assert np.abs(middles(seen(read_still(path))) - middles(coloured(64, 96))).max() <= 2


def test_a_bmp_or_tiff_that_is_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    def tagged(width: int, height: int) -> bytes:
        return struct.pack("<HHIIHHII", 256, 4, 1, width, 257, 4, 1, height)

    bombs = [
        bmp(np.zeros((64, 96, 4), np.uint8), alpha_mask=0).replace(
            struct.pack("<ii", 96, -64), struct.pack("<ii", 60_000, -50_000)
        ),
        tiff(coloured(64, 96)).replace(tagged(96, 64), tagged(60_000, 50_000)),
    ]
    for data in bombs:
        (tmp_path / "bomb").write_bytes(data)
        with pytest.raises(PictureTooLarge, match="60000x50000"):
            read_still(tmp_path / "bomb")


def test_a_picture_larger_than_players_take_is_made_smaller_and_says_so(tmp_path: Path) -> None:
    still = read_still(write(tmp_path / "wide.jpg", np.full((40, 6000, 3), 128, np.uint8)))

    assert still.luma.shape == (26, 4096)  # 27 rows, less the odd one
    assert still.notes == ("The picture is 6000x40: it was made 4096x27, as large as players take.",)


@pytest.mark.parametrize("ending", ["png", "webp", "jpg", "bmp", "tiff"])
def test_a_picture_that_breaks_off_at_once_is_unreadable(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"torn.{ending}", np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:20])

    assert is_picture(path)
    with pytest.raises(UnreadableMedia, match=path.name):
        read_still(path)


def test_videos_and_moving_pictures_are_not_stills(tmp_path: Path) -> None:
    moving = tmp_path / "moving.png"
    data = write(moving, coloured(16, 16)).read_bytes()
    moving.write_bytes(data[:33] + chunk(b"acTL", struct.pack(">II", 2, 0)) + data[33:])
    text = tmp_path / "text.png"
    text.write_text("no picture")

    paths = [moving, text, video_path(), tmp_path / "none.png", tmp_path / f"{'a' * 300}.png"]
    assert [is_picture(path) for path in paths] == [False] * 5
