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


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
def test_colours_survive_the_way_into_video(ending: str, tmp_path: Path) -> None:
    lossless = {"webp": (cv2.IMWRITE_WEBP_QUALITY, 101), "jpg": (cv2.IMWRITE_JPEG_QUALITY, 100)}.get(ending, ())
    path = write(tmp_path / f"a.{ending}", coloured(64, 96), *lossless)

    still = read_still(path)

    assert is_picture(path)
    assert still.luma.shape == (64, 96)
    assert still.cb.shape == still.cr.shape == (32, 48)
    assert np.abs(middles(seen(still)) - middles(coloured(64, 96))).max() <= (3 if ending == "jpg" else 2)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png"])
def test_a_picture_can_be_probed_whatever_its_name_says(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "given.jpg", coloured(64, 96)).rename(tmp_path / name)

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


def test_a_picture_larger_than_players_take_is_made_smaller_and_says_so(tmp_path: Path) -> None:
    still = read_still(write(tmp_path / "wide.jpg", np.full((40, 6000, 3), 128, np.uint8)))

    assert still.luma.shape == (26, 4096)  # 27 rows, less the odd one
    assert still.notes == ("The picture is 6000x40: it was made 4096x27, as large as players take.",)


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
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
