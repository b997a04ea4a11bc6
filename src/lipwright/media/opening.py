"""Opening a file that somebody handed us: what is not media is refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

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

# Of the decoders in the wheel about one in eight. The others are for games, screens and cameras of long ago: nobody
# sends those in earnest, and few people have looked at their code.
_VIDEO = (
    "h264 hevc vvc av1 vp8 vp9 mpeg1video mpeg2video mpeg4 msmpeg4v2 msmpeg4v3 h263 flv1 wmv1 wmv2 wmv3 vc1 mjpeg "
    "mjpegb jpeg2000 prores dnxhd cfhd ffv1 ffvhuff huffyuv utvideo magicyuv rawvideo v210 qtrle dvvideo theora vp6f "
    "svq3 cinepak gif png apng webp bmp tiff"
)
_AUDIO = (
    "aac aac_latm mp1 mp2 mp3 mp4als ac3 eac3 dts truehd mlp flac alac ape tta wavpack opus vorbis speex amr_nb amr_wb "
    "gsm gsm_ms wmav1 wmav2 wmapro wmalossless adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_g722 adpcm_swf "
    "adpcm_yamaha nellymoser s302m"
)
VIDEO_CODECS = frozenset(_VIDEO.split())
AUDIO_CODECS = frozenset(_AUDIO.split())
_N_WAV_PROBED = 4
"""Packets of 4 kB after which the samples of a WAV file are what its header says. FFmpeg goes on for 64 and more, at
0.1 s of CPU time, to tell DTS and AC-3 in disguise; those show in the first."""
MAX_STREAMS = 64
"""Of one file; FFmpeg reads no further than that."""

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@contextmanager
def opened(path: Path) -> Generator[InputContainer]:
    """The file as a container, closed at the end.

    Raises MediaNotFound where there is no file, UnreadableMedia where it is not media or may not be read. Errors
    of FFmpeg that are raised inside the block become UnreadableMedia too.
    """
    try:
        if not path.exists():
            raise MediaNotFound(path)
        if not path.is_file():
            raise UnreadableMedia(path, "it is not a file")
        if path.stat().st_size == 0:
            raise UnreadableMedia(path, "the file is empty")
        kind, is_webp = _kind(path), is_moving_webp(path)
    except OSError as exc:
        raise UnreadableMedia(path, reason_of(exc)) from exc
    options = {
        "format_whitelist": DEMUXERS,
        "protocol_whitelist": "file",
        "max_streams": str(MAX_STREAMS),
    }
    if kind == "wav":
        options["max_probe_packets"] = str(_N_WAV_PROBED)
    try:
        with av.open(
            # a leading "./" or "/" keeps a name such as "concat:x" from being taken for a protocol
            _as_matroska(path) if is_webp else str(path.absolute()),
            "r",
            format="jpeg_pipe" if kind == "jpeg" else None,
            container_options=options,
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
    except MemoryError:
        raise UnreadableMedia(path, "its pictures need more memory than there is") from None


def _kind(path: Path) -> Literal["jpeg", "wav"] | None:
    """What has to be opened in a way of its own.

    By its name FFmpeg takes one JPEG picture for a numbered row of pictures, which is closed here; a name that says
    Motion JPEG is believed, as such a stream begins as one picture does.
    """
    with path.open("rb") as file:
        head = file.read(12)
    if head[:3] == b"\xff\xd8\xff" and path.suffix.lower() not in (".mjpg", ".mjpeg"):
        return "jpeg"
    return "wav" if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE" else None


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """The packets of these streams that carry something, up to where a damaged file breaks off."""
    try:
        for packet in container.demux(streams):
            if packet.size:
                yield packet
    except FFmpegError:
        return


def is_accepted(stream: Stream) -> bool:
    """Whether pictures or sound of this codec are decoded here. (PyAV's types forget that there may be no context.)"""
    if cast(object, stream.codec_context) is None:
        return False
    name = stream.codec_context.codec.canonical_name
    if stream.type == "video":
        return name in VIDEO_CODECS
    if stream.type == "audio":
        return name in AUDIO_CODECS or name.startswith("pcm_")
    return True


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder; libvpx's for VP8 and VP9 with alpha, which FFmpeg's own ones leave out."""
    own = stream.codec_context
    if stream.metadata.get("alpha_mode") != "1" or own.name not in ALPHA_DECODERS:
        return own
    context = av.CodecContext.create(ALPHA_DECODERS[own.name], "r")
    assert isinstance(context, VideoCodecContext)
    return context


def reason_of(error: FFmpegError | OSError) -> str:
    """The words of FFmpeg or of the system for an error, made to fit into a sentence."""
    text = str(error.strerror or "").strip()
    if not text or text.startswith("Invalid"):
        return "its content is damaged or of an unknown kind"
    return text[0].lower() + text[1:]
