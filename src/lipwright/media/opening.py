"""Opening a file that somebody handed us: what is not media is refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from lipwright.core.errors import MediaNotFound, UnreadableMedia
from lipwright.media.webp import as_matroska, is_moving_webp

# FFmpeg also reads playlists, scripts, text and network descriptions; those would let a file that we
# are given name other files on this machine. Only formats that hold the media themselves are opened.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,mxf,gxf,dv,rm,nut,ivf,obu,av1,"
    "h264,hevc,vc1,m4v,mjpeg,yuv4mpegpipe,ogg,wav,w64,rf64,aiff,caf,au,mp3,aac,ac3,eac3,flac,amr,amrnb,amrwb,"
    "ape,tta,wv,dts,truehd,voc,gif,apng,webp_anim,webp_pipe,png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe"
)

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@contextmanager
def opened(path: Path) -> Generator[InputContainer]:
    """The file as a container, closed at the end.

    Raises MediaNotFound where there is no file, UnreadableMedia where it is not media. Errors of FFmpeg
    that are raised inside the block become UnreadableMedia too.
    """
    if not path.exists():
        raise MediaNotFound(path)
    if not path.is_file():
        raise UnreadableMedia(path, "it is not a file")
    if path.stat().st_size == 0:
        raise UnreadableMedia(path, "the file is empty")
    try:
        with av.open(
            # a leading "./" or "/" keeps a name such as "concat:x" from being taken for a protocol
            _as_matroska(path) if is_moving_webp(path) else str(path.absolute()),
            "r",
            container_options={"format_whitelist": DEMUXERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        ) as container:
            yield container
    except FFmpegError as exc:
        raise UnreadableMedia(path, reason_of(exc)) from exc


def _as_matroska(path: Path) -> io.BytesIO:
    try:
        return as_matroska(path)
    except ValueError as exc:
        raise UnreadableMedia(path, str(exc)) from exc


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """The packets of these streams that carry something, up to where a damaged file breaks off."""
    try:
        for packet in container.demux(streams):
            if packet.size:
                yield packet
    except FFmpegError:
        return


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder; libvpx's for VP8 and VP9 with alpha, which FFmpeg's own ones leave out."""
    own = stream.codec_context
    if stream.metadata.get("alpha_mode") != "1" or own.name not in ALPHA_DECODERS:
        return own
    context = av.CodecContext.create(ALPHA_DECODERS[own.name], "r")
    assert isinstance(context, VideoCodecContext)
    return context


def reason_of(error: FFmpegError) -> str:
    """FFmpeg's words for an error, made to fit into a sentence."""
    text = str(error.strerror or "").strip()
    if not text or text.startswith("Invalid"):
        return "its content is damaged or of an unknown kind"
    return text[0].lower() + text[1:]
