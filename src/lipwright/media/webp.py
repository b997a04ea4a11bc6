# pyright: reportUnknownMemberType=false
# PyAV leaves its packets' type parameter open.
"""Moving WebP, which FFmpeg does not read: its pictures are put together here and handed on without loss.

    RIFF WEBP | VP8X canvas | ANIM | ANMF x y w h duration | ALPH? VP8 or VP8L | ANMF ...

Each ANMF holds a whole WebP picture, which FFmpeg does read, and a place on the canvas.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

MOVES = 0x02
HAS_ALPHA = 0x10
DISPOSE = 0x01
REPLACE = 0x02
NO_HURRY_MS = 100
"""What browsers make of pictures that ask for 10 ms or less."""

MAX_PIXELS = 4096 * 4096
"""Of a picture: more is no footage, but somebody who wants our memory."""
MAX_BYTES = 1 << 30
"""Of all pictures together, without loss."""

Canvas = NDArray[np.uint8]
"""(h, w, 4): B, G, R, alpha, not multiplied."""


def is_moving_webp(path: Path) -> bool:
    """Whether this is a WebP file of several pictures."""
    with path.open("rb") as file:
        head = file.read(21)
    return len(head) == 21 and head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & MOVES)


def as_matroska(path: Path) -> io.BytesIO:
    """The same video as FFV1 in Matroska, in memory. A file that breaks off gives the pictures before that.

    Raises ValueError if there is not one picture, or more than there is room for.
    """
    stat = path.stat()
    return io.BytesIO(_converted(path, stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=1)  # a file is opened several times on the way, and only one after the other
def _converted(path: Path, mtime_ns: int, size: int) -> bytes:
    del mtime_ns, size
    data = path.read_bytes()
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as opened:
        container: Any = opened  # PyAV's types do not tell a video stream from a sound one
        stream: Any = None
        at_ms = 0
        for canvas, duration_ms in _pictures(data):
            if stream is None:
                stream = container.add_stream("ffv1", rate=25)
                stream.width, stream.height = canvas.shape[1], canvas.shape[0]
                stream.pix_fmt = "bgra" if data[20] & HAS_ALPHA else "bgr0"
                stream.codec_context.time_base = Fraction(1, 1000)
                stream.codec_context.gop_size = 1
                stream.codec_context.thread_count = 1
            frame = av.VideoFrame.from_ndarray(canvas, "bgra")
            if not data[20] & HAS_ALPHA:
                frame = frame.reformat(format="bgr0")
            frame.pts, frame.time_base, frame.duration = at_ms, Fraction(1, 1000), duration_ms
            for packet in stream.encode(frame):
                packet.duration = duration_ms
                container.mux(packet)
            at_ms += duration_ms
            if out.tell() > MAX_BYTES:
                raise ValueError("its pictures are too many")
        if stream is None:
            raise ValueError("it holds not one whole picture")
        container.mux(stream.encode(None))
    return out.getvalue()


def _pictures(data: bytes) -> Iterator[tuple[Canvas, int]]:
    """Canvases and how long each is shown, in ms."""
    width, height = _uint24(data, 24) + 1, _uint24(data, 27) + 1
    if width * height > MAX_PIXELS:
        raise ValueError(f"it is {width}x{height} pixels")
    canvas = np.zeros((height, width, 4), np.uint8)
    stale: tuple[slice, slice] | None = None
    for name, start, stop in chunks(data):
        if name != b"ANMF" or stop - start < 24:
            continue
        x, y = 2 * _uint24(data, start), 2 * _uint24(data, start + 3)
        w, h = _uint24(data, start + 6) + 1, _uint24(data, start + 9) + 1
        duration_ms, flags = _uint24(data, start + 12), data[start + 15]
        try:
            piece = _decoded(data[start + 16 : stop])
        except FFmpegError:
            return
        if piece is None or piece.shape[:2] != (h, w) or x + w > width or y + h > height:
            return
        if stale is not None:
            canvas[stale] = 0
        where = (slice(y, y + h), slice(x, x + w))
        canvas[where] = piece if flags & REPLACE else _over(piece, canvas[where])
        yield canvas, duration_ms if duration_ms > 10 else NO_HURRY_MS
        stale = where if flags & DISPOSE else None


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Names of chunks and where their content starts and ends; a chunk that is cut off is not given."""
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        start, stop = at + 8, at + 8 + size
        if stop > len(data):
            return
        yield data[at : at + 4], start, stop
        at = stop + (size & 1)


def _decoded(body: bytes) -> Canvas | None:
    """A picture on its own."""
    context = av.CodecContext.create("webp", "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    whole = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    packet = av.Packet(len(whole))  # not of the bytes themselves: a decoder reads a little beyond the end of its input
    packet.update(whole)
    frames = [*context.decode(packet), *context.decode(None)]
    return np.asarray(frames[0].to_ndarray(format="bgra"), np.uint8) if frames else None


def _over(above: Canvas, below: Canvas) -> Canvas:
    """`above` laid over `below`."""
    a = above[..., 3:].astype(np.float32) / 255
    if a.min() == 1:
        return above
    b = below[..., 3:].astype(np.float32) / 255 * (1 - a)
    alpha = a + b
    colour = (above[..., :3] * a + below[..., :3] * b) / np.maximum(alpha, 1e-6)
    return np.concatenate([np.rint(colour), np.rint(255 * alpha)], axis=-1).astype(np.uint8)


def _uint24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
