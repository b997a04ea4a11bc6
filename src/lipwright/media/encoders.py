"""Which encoder makes a codec, what it takes, and how it is told quality and effort.

codec "auto"    mp4, mkv   h264, or h265 above 8 bits; in mkv vp9 where the picture has alpha
                mov        the same, but prores for prores and for alpha
                webm       vp9, or av1 above 8 bits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Final

import av
from av.codec import Codec as FFmpegCodec
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

from lipwright.core.errors import EncoderUnavailable, UnsupportedOutput
from lipwright.core.media import ContentLight, MasteringDisplay, VideoInfo
from lipwright.core.options import Codec, EncoderChoice, Preset
from lipwright.media.pixels import layout, nearest_planar

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
STEADY_X264 = "asm=avx2,fma3,bmi2,bmi1,lzcnt"
"""x264's AVX-512 code for the macroblock tree reads memory that nobody has written, so that the same frames give
files that differ a little. Its AVX2 code gives what its plain C code gives, at the same speed (measured)."""

EIGHT_BITS = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray")
TEN_BITS = ("yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le")
TWELVE_BITS = ("yuv420p12le", "yuv422p12le", "yuv444p12le", "gray12le")
EVERY_BUT_WEBM = frozenset({"mp4", "mov", "matroska"})
EVERY_BUT_MOV = frozenset({"mp4", "matroska", "webm"})


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder of FFmpeg."""

    name: str
    codec: str
    containers: frozenset[str]
    formats: tuple[str, ...]
    """Pixel formats that it takes, and players too."""
    kind: str = "software"
    keeps_fields: bool = False
    """Interlaced pictures are coded as such."""
    keeps_light: bool = False
    """Mastering display and content light level go into its stream."""


SOFTWARE: Mapping[str, Encoder] = {
    "h264": Encoder("libx264", "h264", EVERY_BUT_WEBM, (*EIGHT_BITS, *TEN_BITS), keeps_fields=True, keeps_light=True),
    "h265": Encoder("libx265", "h265", EVERY_BUT_WEBM, (*EIGHT_BITS, *TEN_BITS, *TWELVE_BITS), keeps_light=True),
    "av1": Encoder("libsvtav1", "av1", EVERY_BUT_MOV, ("yuv420p", "yuv420p10le"), keeps_light=True),
    "vp9": Encoder("libvpx-vp9", "vp9", EVERY_BUT_MOV, ("yuv420p", "yuva420p", "yuv422p", "yuv440p", "yuv444p")),
    "prores": Encoder(
        "prores_ks",
        "prores",
        frozenset({"mov", "matroska"}),
        ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
        keeps_fields=True,
    ),
}
HARDWARE: Mapping[str, Mapping[str, Encoder]] = {
    "nvenc": {
        "h264": Encoder("h264_nvenc", "h264", EVERY_BUT_WEBM, ("yuv420p", "yuv444p"), "nvenc"),
        "h265": Encoder("hevc_nvenc", "h265", EVERY_BUT_WEBM, ("yuv420p", "yuv444p", "p010le"), "nvenc"),
        "av1": Encoder("av1_nvenc", "av1", EVERY_BUT_MOV, ("yuv420p", "p010le"), "nvenc"),
    },
    "videotoolbox": {
        "h264": Encoder("h264_videotoolbox", "h264", EVERY_BUT_WEBM, ("yuv420p",), "videotoolbox"),
        "h265": Encoder("hevc_videotoolbox", "h265", EVERY_BUT_WEBM, ("yuv420p", "p010le"), "videotoolbox"),
    },
}
"""By kind and codec. They code progressive pictures and carry no mastering display."""

N_REORDERED = 8
_PRESETS: tuple[Preset, ...] = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
SVT_PRESET = dict(zip(_PRESETS, (11, 10, 9, 9, 8, 7, 6, 5, 4, 3), strict=True))
"""From 10 on SVT-AV1 itself warns of visible faults."""
VP9_SPEED = dict(zip(_PRESETS, (8, 7, 6, 5, 5, 4, 3, 2, 1, 0), strict=True))
NVENC_PRESET = dict(zip(_PRESETS, (1, 2, 4, 4, 4, 5, 6, 6, 7, 7), strict=True))


def container_of(path: Path) -> str:
    """The container that a file name asks for. Raises UnsupportedOutput."""
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise UnsupportedOutput(path, unknown_ending(path))
    return container


ALSO_INPUT: Final = "it is also an input; the footage and the speech are never replaced"
"""Why an output is refused."""
ALSO_OUTPUT: Final = "another file that this command writes has the same name; give each its own"
"""Likewise."""


def unknown_ending(path: Path) -> str:
    """Why no file is written under such a name, and which names there are."""
    found = f"'{path.suffix}' is not written" if path.suffix else "its name has no ending"
    return f"{found}; end it with one of {', '.join(sorted(CONTAINERS))}"


def check_encoding(path: Path, codec: Codec = "auto", encoder: EncoderChoice = "software") -> None:
    """Find out before any work that the encoder is not here, or that the container does not hold the codec.

    Raises UnsupportedOutput, EncoderUnavailable.
    """
    container = container_of(path)
    if codec != "auto":
        _check_container(path, container, codec)
    if encoder in HARDWARE:
        _hardware(encoder, container, codec, codec)


def choose(path: Path, video: VideoInfo, codec: Codec, encoder: EncoderChoice, notes: list[str]) -> Encoder:
    """The encoder for pictures like those of `video`. Raises UnsupportedOutput, EncoderUnavailable."""
    container = container_of(path)
    wanted = best_codec(container, video) if codec == "auto" else codec
    _check_container(path, container, wanted)
    software = SOFTWARE[wanted]
    if encoder == "software":
        return software
    if encoder != "auto":
        return _hardware(encoder, container, codec, wanted)
    for kind in HARDWARE:
        found = HARDWARE[kind].get(wanted)
        if found is None or not works(found.name):
            continue
        lost = _lost_by(found, software, video)
        if not lost:
            notes.append(f"The picture was encoded in hardware, by {found.name}.")
            return found
        notes.append(f"{found.name} would lose {lost}; the picture was encoded by {software.name} instead.")
        return software
    notes.append(f"No hardware encoder for {wanted} works here; the picture was encoded by {software.name}.")
    return software


def best_codec(container: str, video: VideoInfo) -> str:
    """What is meant by "auto": what most players of the container show, with nothing of the picture lost."""
    shape = layout(nearest_planar(video.pixel_format))
    # a GIF may always have alpha: most have none
    has_alpha = shape is not None and shape.has_alpha and video.codec != "gif"
    if container == "mov" and (has_alpha or video.codec == "prores"):
        return "prores"
    if container in ("webm", "matroska") and has_alpha:
        return "vp9"
    is_deep = video.bits > 8
    if container == "webm":
        return "av1" if is_deep else "vp9"
    # H.264 is the one that codes fields
    return "h265" if is_deep and not video.is_interlaced else "h264"


def _check_container(path: Path, container: str, codec: str) -> None:
    if container not in SOFTWARE[codec].containers:
        raise UnsupportedOutput(path, f"{container} does not hold {codec}")


def _hardware(kind: str, container: str, asked: str, wanted: str) -> Encoder:
    """The encoder of this kind for `wanted`; where the codec was left to us, the nearest that the kind makes."""
    known = {codec: have for codec, have in HARDWARE[kind].items() if container in have.containers}
    if asked == "auto" and wanted not in known:
        wanted = next(iter(known), wanted)
    if wanted not in known:
        choices = ", ".join(known) or "nothing that this container holds"
        raise EncoderUnavailable(kind, wanted, f"{kind} makes {choices}")
    if not works(known[wanted].name):
        raise EncoderUnavailable(kind, wanted, f"{known[wanted].name} cannot be opened on this machine")
    return known[wanted]


@cache
def works(name: str) -> bool:
    """Whether this encoder can be opened here: hardware encoders are in FFmpeg also where the hardware is not."""
    try:
        context = av.CodecContext.create(FFmpegCodec(name, "w"), "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
        context.time_base = Fraction(1, 25)
        context.open()
    except (FFmpegError, ValueError):  # ValueError: this FFmpeg has no encoder of that name
        return False
    return True


def _lost_by(hardware: Encoder, software: Encoder, video: VideoInfo) -> str:
    have = VideoFormat(nearest_planar(video.pixel_format))
    there = VideoFormat(nearest(have, hardware.formats))
    here = VideoFormat(nearest(have, software.formats))
    if distance(have, there)[:3] > distance(have, here)[:3] or video.width_px % 2 or video.height_px % 2:
        return "colour or depth"
    if video.is_interlaced and software.keeps_fields:
        return "the interlacing"
    if has_light(video) and software.keeps_light:
        return "what the source says of its HDR"
    return ""


def is_rgb(video: VideoInfo) -> bool:
    """Whether the source's pictures are not Y'CbCr."""
    coded = VideoFormat(video.pixel_format)
    return coded.is_rgb or coded.has_palette


def has_light(video: VideoInfo) -> bool:
    """Whether the source tells how bright its HDR is."""
    return video.mastering is not None or video.content_light is not None


def options_of(
    encoder: Encoder, *, crf: float, preset: Preset, format_name: str, video: VideoInfo, n_frames: int
) -> dict[str, str]:
    """The options of an encoder for this quality and effort, for `n_frames` pictures or so in `format_name`."""
    quality = f"{crf:g}"
    light = _light(encoder.codec, video) if encoder.keeps_light else []
    if encoder.kind == "nvenc":
        return {"rc": "vbr", "cq": quality, "preset": f"p{NVENC_PRESET[preset]}", "tune": "hq"}
    if encoder.kind == "videotoolbox":
        return {"allow_sw": "0"}
    if encoder.codec == "h264":
        params = [*([STEADY_X264] if has_avx512() else []), *light]
        return {"crf": quality, "preset": preset, **({"x264-params": ":".join(params)} if params else {})}
    if encoder.codec == "h265":
        # with fewer frames than it reorders, x265 gives decoding times that nobody has written
        order = ["bframes=0"] if n_frames < N_REORDERED else []
        return {"crf": quality, "preset": preset, "x265-params": ":".join(["log-level=error", *order, *light])}
    if encoder.codec == "av1":
        params = {"svtav1-params": ":".join(light)} if light else {}
        return {"crf": quality, "preset": f"{SVT_PRESET[preset]}", **params}
    if encoder.codec == "vp9":
        speed = VP9_SPEED[preset]
        deadline = "realtime" if speed > 4 else "good"
        return {"crf": quality, "b": "0", "cpu-used": f"{speed}", "deadline": deadline, "row-mt": "1"}
    return {"profile": "4444" if "444" in format_name else "hq"}


def _light(codec: str, video: VideoInfo) -> list[str]:
    """Mastering display and content light level as the encoder's parameters."""
    out: list[str] = []
    if video.mastering is not None:
        name = {"h264": "mastering-display", "h265": "master-display", "av1": "mastering-display"}[codec]
        out.append(f"{name}={_display(video.mastering, is_av1=codec == 'av1')}")
    if video.content_light is not None:
        name = {"h264": "cll", "h265": "max-cll", "av1": "content-light"}[codec]
        out.append(f"{name}={_cll(video.content_light)}")
    return out


def _cll(light: ContentLight) -> str:
    return f"{light.max_cd_m2},{light.max_average_cd_m2}"


def _display(display: MasteringDisplay, *, is_av1: bool) -> str:
    def point(xy: tuple[Fraction, Fraction]) -> str:
        return "({},{})".format(*(f"{float(v):.6f}" if is_av1 else round(v * 50_000) for v in xy))

    def level(cd_m2: Fraction) -> str:
        return f"{float(cd_m2):.6f}" if is_av1 else f"{round(cd_m2 * 10_000)}"

    colours = f"G{point(display.green)}B{point(display.blue)}R{point(display.red)}WP{point(display.white)}"
    return f"{colours}L({level(display.max_cd_m2)},{level(display.min_cd_m2)})"


@cache
def has_avx512() -> bool:
    """Whether x264 would choose its AVX-512 code here."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return False


def nearest(wanted: VideoFormat, formats: tuple[str, ...]) -> str:
    """The format among these that keeps the most of `wanted`."""
    if wanted.name in formats:
        return wanted.name
    return min(formats, key=lambda other: distance(wanted, VideoFormat(other)))


def distance(wanted: VideoFormat, other: VideoFormat) -> tuple[int, int, int, int]:
    """How much is lost from one format to the other: alpha first, then chroma, then depth, then needless size."""
    (wx, wy), (ox, oy) = chroma_step(wanted), chroma_step(other)
    n_wanted, n_other = len(wanted.components), len(other.components)
    lost_alpha = int(n_wanted == 4 and n_other != 4)
    lost_chroma = max(0, ox - wx) + max(0, oy - wy) + 4 * (n_wanted >= 3 and n_other < 3)
    if n_wanted < 3:
        lost_chroma = 0  # grey has none to lose
    lost_bits = max(0, wanted.components[0].bits - other.components[0].bits)
    needless = abs(n_other - n_wanted) + max(0, wx - ox) + max(0, wy - oy)
    needless += max(0, other.components[0].bits - wanted.components[0].bits)
    if n_wanted < 3:
        needless -= ox + oy  # the coarsest chroma is the cheapest
    return lost_alpha, lost_chroma, lost_bits, needless


def loss_of(wanted: VideoFormat, other: VideoFormat) -> str:
    """In words, what of `wanted` is not in `other`; empty where nothing is."""
    alpha, chroma, bits, _ = distance(wanted, other)
    lost = [("its alpha", alpha), ("resolution of colour", chroma), (f"depth ({bits} bits)", bits)]
    return " and ".join(name for name, much in lost if much)


def chroma_step(fmt: VideoFormat) -> tuple[int, int]:
    """(sx, sy) luma samples for each chroma sample."""
    if len(fmt.components) < 3:
        return 1, 1
    return round(256 / fmt.chroma_width(256)), round(256 / fmt.chroma_height(256))
