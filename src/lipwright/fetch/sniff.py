"""What a file is, by its first bytes: a header or a file name can say anything."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 4096
"""How many bytes decide."""

_AV = ("video", "audio")


@dataclass(frozen=True, slots=True)
class Sniffed:
    content_type: str
    kinds: tuple[str, ...]
    """What such a file can hold: "video", "audio", "image". The first is the likeliest."""


_STARTS: tuple[tuple[bytes, Sniffed], ...] = (
    (b"OggS", Sniffed("audio/ogg", ("audio", "video"))),
    (b"ID3", Sniffed("audio/mpeg", ("audio",))),
    (b"fLaC", Sniffed("audio/flac", ("audio",))),
    (b"#!AMR", Sniffed("audio/amr", ("audio",))),
    (b"caff", Sniffed("audio/x-caf", ("audio",))),
    (b".snd", Sniffed("audio/basic", ("audio",))),
    (b"FLV\x01", Sniffed("video/x-flv", _AV)),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sniffed("video/x-ms-asf", _AV)),
    (b"\x00\x00\x01\xba", Sniffed("video/mpeg", _AV)),
    (b"\x00\x00\x01\xb3", Sniffed("video/mpeg", ("video",))),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", Sniffed("application/mxf", _AV)),
    (b"GIF87a", Sniffed("image/gif", ("image", "video"))),
    (b"GIF89a", Sniffed("image/gif", ("image", "video"))),
    (b"\x89PNG\r\n\x1a\n", Sniffed("image/png", ("image",))),
    (b"\xff\xd8\xff", Sniffed("image/jpeg", ("image",))),
    (b"II*\0", Sniffed("image/tiff", ("image",))),
    (b"MM\0*", Sniffed("image/tiff", ("image",))),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", Sniffed("audio/x-w64", ("audio",))),
    (b"wvpk", Sniffed("audio/x-wavpack", ("audio",))),
    (b"TTA1", Sniffed("audio/x-tta", ("audio",))),
    (b"MAC ", Sniffed("audio/x-ape", ("audio",))),
    (b"Creative Voice File\x1a", Sniffed("audio/x-voc", ("audio",))),
    (b"\x7f\xfe\x80\x01", Sniffed("audio/vnd.dts", ("audio",))),
    (b"DKIF", Sniffed("video/x-ivf", ("video",))),
    (b"YUV4MPEG2 ", Sniffed("video/x-yuv4mpeg", ("video",))),
    (b"nut/multimedia container\0", Sniffed("video/x-nut", _AV)),
    (b"\0\0\0\0\x01\xbc", Sniffed("application/gxf", _AV)),
    (b"\x1f\x07\0", Sniffed("video/x-dv", _AV)),
    (b"\0\0\x01\xb0", Sniffed("video/mpeg4-visual", ("video",))),
    *((b"\0\0\0\x01" + unit, Sniffed("video/h264", ("video",))) for unit in (b"\x67", b"\x27", b"\x09")),
    *((b"\0\0\0\x01" + unit, Sniffed("video/h265", ("video",))) for unit in (b"\x40\x01", b"\x46\x01")),
)
_RIFF = {
    b"WAVE": Sniffed("audio/wav", ("audio",)),
    b"AVI ": Sniffed("video/x-msvideo", _AV),
    b"WEBP": Sniffed("image/webp", ("image",)),
}
_MP4_FIRST = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp", b"uuid"}
_MP4_AUDIO = {b"M4A ", b"M4B ", b"F4A "}
_MP4_IMAGE = {b"heic", b"heix", b"mif1", b"avif"}
_PACKET_BYTES = (188, 192, 204)
_N_PACKETS = 5
"""So many in a row are no chance."""
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""How long its second header can be."""


def sniff(head: bytes) -> Sniffed | None:
    """The kind of file that begins with `head` (up to HEAD_BYTES of it), or None for none that we take."""
    if head[:4] in (b"RIFF", b"RF64", b"FORM"):
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return Sniffed("audio/aiff", ("audio",))
        return _RIFF.get(head[8:12])
    if head[4:8] in _MP4_FIRST:
        return _mp4(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return Sniffed("video/webm" if b"webm" in head else "video/x-matroska", _AV)
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:2] == b"BM" and head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return Sniffed("image/bmp", ("image",))
    if _is_transport_stream(head):
        return Sniffed("video/mp2t", _AV)
    return _frames_of_sound(head)


def _mp4(head: bytes) -> Sniffed:
    brand = head[8:12]
    if brand in _MP4_AUDIO:
        return Sniffed("audio/mp4", ("audio", "video"))
    if brand in _MP4_IMAGE:
        return Sniffed("image/avif" if brand == b"avif" else "image/heic", ("image",))
    return Sniffed("video/quicktime" if brand == b"qt  " or head[4:8] != b"ftyp" else "video/mp4", _AV)


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets begin evenly: 188 bytes each, 192 with a time before (cameras, discs), 204 with a checksum after.

    The file may begin within a packet, as recorders cut it.
    """
    if len(head) > 188 and head[0] == 0x47 and head[188] == 0x47:
        return True
    starts = ((first, size) for size in _PACKET_BYTES for first in range(size))
    return any(
        len(found := head[first::size]) >= _N_PACKETS and found.count(0x47) == len(found) for first, size in starts
    )


def _frames_of_sound(head: bytes) -> Sniffed | None:
    if head[:2] == b"\x0b\x77" and len(head) > 5 and head[5] >> 3 <= 16:
        return Sniffed("audio/ac3" if head[5] >> 3 <= 10 else "audio/eac3", ("audio",))
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return Sniffed("audio/aac", ("audio",))
    is_mpeg = head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0 and head[1] & 0x18 != 0x08
    if is_mpeg and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C:
        return Sniffed("audio/mpeg", ("audio",))
    return None
