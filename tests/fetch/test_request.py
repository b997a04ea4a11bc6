"""Downloads come whole, of the right kind and in time, or not at all."""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpcore
import pytest

from lipwright.core.errors import (
    Cancelled,
    FetchFailed,
    LipwrightError,
    MediaTooLarge,
    OutputNotWritable,
    UrlRefused,
    WrongContent,
)
from lipwright.fetch import FetchLimits, Network, download, post, sniff

from .conftest import PUBLIC, Answer, Elsewhere, Server  # noqa: TID252  pytest gives tests no absolute name

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100)
LIMITS = FetchLimits(max_bytes=100_000, connect_s=5, total_s=10)


def gives(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drips(piece: bytes, *, in_headers: bool = False) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if in_headers:
            handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        else:
            gives(WAV, Content_Length="")(handler)
        for _ in range(60):
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(0.1)

    return answer


def test_a_file_of_a_host_that_the_operator_names_arrives_whole(server: Server, tmp_path: Path) -> None:
    body = WAV + bytes(range(256)) * 300
    server.answers["/v.mp4"] = gives(body, Content_Type="video/mp4")

    got = download(f"http://{server.host}/v.mp4?sig=1%2F", tmp_path / "got", limits=LIMITS, allow=[server.host])

    assert got.path.read_bytes() == body
    assert (got.n_bytes, got.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert got.content_type == "audio/wav"  # by its bytes, and not by what the server says
    method, path, headers, _ = server.asked[0]
    assert (method, path) == ("GET", "/v.mp4?sig=1%2F")
    assert headers["Host"] == server.host
    assert headers["Accept-Encoding"] == "identity"
    assert list(tmp_path.iterdir()) == [got.path]


def test_without_the_operators_word_the_same_file_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UrlRefused):
        download(f"http://{server.host}/v.mp4", tmp_path / "got", limits=LIMITS)

    assert not server.asked


def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_connected_to(
    server: Server, tmp_path: Path
) -> None:
    server.answers["/a.wav"] = gives(WAV)
    rebinding = Elsewhere(server.port, answers=[[PUBLIC], ["127.0.0.1"]])

    download("http://rebind.test/a.wav", tmp_path / "got", limits=LIMITS, network=rebinding)

    assert rebinding.resolved == ["rebind.test"]
    assert rebinding.connected == [PUBLIC]
    assert server.asked[0][2]["Host"] == "rebind.test"


def test_a_second_request_of_a_rebinding_name_is_refused(server: Server, tmp_path: Path) -> None:
    server.answers["/a.wav"] = gives(b"", 302, Location="http://rebind.test/b.wav")
    server.answers["/b.wav"] = gives(WAV)
    rebinding = Elsewhere(server.port, answers=[[PUBLIC], ["127.0.0.1"]])

    with pytest.raises(UrlRefused):
        download("http://rebind.test/a.wav", tmp_path / "got", limits=LIMITS, network=rebinding)

    assert rebinding.connected == [PUBLIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1/secret", "//127.0.0.1/secret", "http://[::1]/", "http://2130706433/", "file:///etc/passwd",
     "http://169.254.169.254/latest/meta-data/", "http://user@example.com/", "gopher://example.com/", "http://a:b:c/",
     "http:////[", "http:////a]b", "https:////[x]/"],
)  # fmt: skip
def test_a_redirect_to_where_we_do_not_go_is_refused(
    location: str, status: int, server: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    server.answers["/v.mp4"] = gives(b"", status, Location=location)

    with pytest.raises(UrlRefused):
        download("http://public.test/v.mp4", tmp_path / "got", limits=LIMITS, network=elsewhere)

    assert len(server.asked) == 1
    assert not list(tmp_path.iterdir())


def test_a_redirect_to_where_we_go_is_followed(server: Server, elsewhere: Elsewhere, tmp_path: Path) -> None:
    server.answers["/v"] = gives(b"", 302, Location="../w/a.wav?x=1")
    server.answers["/w/a.wav"] = gives(WAV)

    got = download("http://public.test/v", tmp_path / "got", limits=LIMITS, network=elsewhere)

    assert got.final_url == "http://public.test/w/a.wav?x=1"


@pytest.mark.parametrize("location", ["/v%C3%BC/Straße 1.wav".replace(" ", "%20"), "/vü/Stra%C3%9Fe%201.wav"])
def test_a_redirect_that_is_not_escaped_leads_where_its_server_means(
    location: str, server: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    # what http.server writes as Latin-1 goes over the wire as UTF-8
    server.answers["/v"] = gives(b"", 302, Location=location.encode().decode("latin-1"))
    server.answers["/v%C3%BC/Stra%C3%9Fe%201.wav"] = gives(WAV)

    got = download("http://public.test/v", tmp_path / "got", limits=LIMITS, network=elsewhere)

    assert got.n_bytes == len(WAV)


def test_a_redirect_that_is_no_utf_8_is_read_as_latin_1(server: Server, elsewhere: Elsewhere, tmp_path: Path) -> None:
    server.answers["/v"] = gives(b"", 302, Location="/ü.wav")
    server.answers["/%C3%BC.wav"] = gives(WAV)

    assert download("http://public.test/v", tmp_path / "got", limits=LIMITS, network=elsewhere).n_bytes == len(WAV)


def test_redirects_have_an_end(server: Server, elsewhere: Elsewhere, tmp_path: Path) -> None:
    server.answers["/v"] = gives(b"", 302, Location="/v")

    with pytest.raises(FetchFailed, match="more than 5 times"):
        download("http://public.test/v", tmp_path / "got", limits=LIMITS, network=elsewhere)

    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (gives(WAV, 404), FetchFailed, "status 404"),
        (gives(WAV, 206), FetchFailed, "status 206"),
        (gives(b"", 302), FetchFailed, "without an address"),
        (gives(WAV, Content_Encoding="gzip"), FetchFailed, "compressed"),
        (gives(WAV, Content_Length="5000000"), MediaTooLarge, "5e\\+06"),
        (gives(WAV + bytes(200_000), Content_Length=""), MediaTooLarge, "100000"),
        (gives(WAV, Content_Length="5000"), FetchFailed, "broke"),
        (gives(b"<!doctype html><html>sign in"), WrongContent, "web page"),
        (gives(b""), WrongContent, "empty"),
        (gives(b"#EXTM3U\n/etc/passwd"), WrongContent, "no media"),
        (gives(b"\x89PNG\r\n\x1a\n" + bytes(50)), WrongContent, "image/png"),
        (lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n"), FetchFailed, "broke"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), FetchFailed, "broke"),
    ],
    ids=["404", "206", "no-location", "gzip", "announced", "streamed", "short", "html", "empty", "hls", "png", "ssh",
         "headers"],
)  # fmt: skip
def test_what_cannot_be_used_says_why_and_leaves_nothing_behind(
    answer: Answer, error: type[LipwrightError], reason: str, server: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    server.answers["/x"] = answer

    with pytest.raises(error, match=reason):
        download("http://public.test/x", tmp_path / "got", limits=LIMITS, expect=["audio"], network=elsewhere)

    assert not list(tmp_path.iterdir())


def test_who_gets_compressed_data_is_told_what_helps(server: Server, elsewhere: Elsewhere, tmp_path: Path) -> None:
    server.answers["/a.wav"] = gives(WAV, Content_Encoding="aws-chunked, GZIP")

    with pytest.raises(FetchFailed, match="Have it sent as it is, or upload the file"):
        download("http://public.test/a.wav", tmp_path / "got", limits=LIMITS, network=elsewhere)


@pytest.mark.parametrize("coding", ["identity", "", "aws-chunked", "utf-8", "aws-chunked,identity"])
def test_codings_that_leave_the_bytes_as_they_are_are_taken(
    coding: str, server: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """S3-compatible stores keep what they were told when the file was put there."""
    server.answers["/a.wav"] = gives(WAV, Content_Encoding=coding)

    got = download("http://public.test/a.wav", tmp_path / "got", limits=LIMITS, network=elsewhere)

    assert got.path.read_bytes() == WAV


@pytest.mark.parametrize("in_headers", [False, True])
def test_a_slow_drip_ends_at_the_deadline(
    in_headers: bool, server: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    server.answers["/slow"] = drips(b"x", in_headers=in_headers)
    started_s = time.monotonic()

    with pytest.raises(FetchFailed, match="too long"):
        download("http://public.test/slow", tmp_path / "got", limits=FetchLimits(1000, total_s=0.8), network=elsewhere)

    assert time.monotonic() - started_s < 2.5


@pytest.mark.parametrize("silent_s", [0.1, 20])
def test_a_download_that_nobody_wants_any_more_ends_at_once(
    silent_s: float, server: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        gives(WAV, Content_Length="50000")(handler)
        for _ in range(200):
            time.sleep(silent_s)
            handler.wfile.write(bytes(10))

    server.answers["/v"] = answer
    started_s = time.monotonic()

    with pytest.raises(Cancelled):
        download(
            "http://public.test/v",
            tmp_path / "got",
            limits=LIMITS,
            network=elsewhere,
            should_stop=lambda: time.monotonic() - started_s > 0.4,
        )

    assert time.monotonic() - started_s < 2
    assert not list(tmp_path.iterdir())


def test_a_resolver_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    class Mute(Network):
        def resolve(self, host: str, port: int) -> list[str]:
            time.sleep(3)
            return []

    started_s = time.monotonic()

    with pytest.raises(FetchFailed, match="not known"):
        download("http://mute.test/", tmp_path / "got", limits=FetchLimits(1000, connect_s=0.3), network=Mute())

    assert time.monotonic() - started_s < 2


def test_an_address_that_keeps_silent_leaves_time_for_the_next_one(server: Server, tmp_path: Path) -> None:
    silent = "2606:4700::1"

    class HalfSilent(Elsewhere):
        def connect(self, address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
            given_s.append(timeout_s)
            if address == silent:
                time.sleep(timeout_s)
                raise httpcore.ConnectTimeout
            return super().connect(address, port, timeout_s)

    given_s: list[float] = []
    server.answers["/v.wav"] = gives(WAV)
    network = HalfSilent(server.port, answers=[[silent, PUBLIC]])

    got = download(
        "http://public.test/v.wav", tmp_path / "got", limits=FetchLimits(1000, connect_s=0.6), network=network
    )

    assert got.n_bytes == len(WAV)
    assert given_s == [pytest.approx(0.3, abs=0.1), pytest.approx(0.3, abs=0.1)]


def test_proxies_of_the_environment_are_not_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers["/a.wav"] = gives(WAV)

    download(f"http://{server.host}/a.wav", tmp_path / "got", limits=LIMITS, allow=[server.host])

    assert server.asked[0][1] == "/a.wav"


def test_a_folder_that_is_not_there_is_no_fault_of_the_address(server: Server, tmp_path: Path) -> None:
    server.answers["/a.wav"] = gives(WAV)

    with pytest.raises(OutputNotWritable):
        download(f"http://{server.host}/a.wav", tmp_path / "no" / "got", limits=LIMITS, allow=[server.host])


def test_the_certificate_is_the_names_though_the_connection_is_the_numbers(
    server: Server, certificate: Path, tmp_path: Path
) -> None:
    asked_for: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.answers["/a.wav"] = gives(WAV)
    trusting = Elsewhere(server.port, authority=certificate / "cert.pem")

    got = download("https://media.test/a.wav", tmp_path / "got", limits=LIMITS, network=trusting)

    assert got.n_bytes == len(WAV)
    assert asked_for == ["media.test"]
    assert server.asked[0][2]["Host"] == "media.test"
    with pytest.raises(FetchFailed, match="certificate"):
        download("https://other.test/a.wav", tmp_path / "other", limits=LIMITS, network=trusting)
    with pytest.raises(FetchFailed, match="certificate"):
        download("https://media.test/a.wav", tmp_path / "other", limits=LIMITS, network=Elsewhere(server.port))


def test_a_webhook_is_posted_as_it_is(server: Server) -> None:
    server.answers["/hook"] = gives(b"thanks" * 1000, 503)
    headers = {"webhook-id": "msg_1", "Content-Type": "application/json"}

    said = post(
        f"http://{server.host}/hook", b'{"a": 1}', headers, limits=FetchLimits(max_bytes=6), allow=[server.host]
    )

    assert (said.status, said.body) == (503, b"thanks")
    method, _, got, body = server.asked[0]
    assert (method, body) == ("POST", b'{"a": 1}')
    assert got.items() >= headers.items()
    assert got["Content-Length"] == "8"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
    ],
)
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_webhook_is_answered_once_its_status_came_though_the_body_has_no_end(
    server: Server, said: bytes, is_closed: bool
) -> None:
    ended = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(said)
        if not is_closed:
            ended.wait(10)
        handler.close_connection = True

    server.answers["/hook"] = answer
    limits = FetchLimits(max_bytes=100, total_s=0.5)

    got = post(f"http://{server.host}/hook", b"{}", {}, limits=limits, allow=[server.host])
    ended.set()

    assert (got.status, got.body) == (200, b"ok")


def test_a_webhook_does_not_follow_redirects(server: Server) -> None:
    server.answers["/hook"] = gives(b"", 307, Location="/elsewhere")

    assert post(f"http://{server.host}/hook", b"", {}, limits=LIMITS, allow=[server.host]).status == 307
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x01\x00webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x01\x00matroska", "video/x-matroska"),
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (b"\xff\xfb\x90\x00" + bytes(20), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"OggS" + bytes(20), "audio/ogg"),
        (b"RIFF\x00\x00\x00\x00AVI ", "video/x-msvideo"),
        (b"G" + bytes(187) + b"G" + bytes(187), "video/mp2t"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
        (b"BM\x36\x48\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0" + bytes(40), "image/bmp"),
        (b"BM\x36\x48\0\0\0\0\0\0\x8a\0\0\0\x7c\0\0\0" + bytes(40), "image/bmp"),
        (b"II*\0\x08\0\0\0" + bytes(20), "image/tiff"),
        (b"MM\0*\0\0\0\x08" + bytes(20), "image/tiff"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head: bytes, content_type: str) -> None:
    found = sniff(head)

    assert found is not None
    assert found.content_type == content_type


@pytest.mark.parametrize(
    "head",
    [b"", b"\x00", b"#EXTM3U\n", b"ffconcat version 1.0\nfile /etc/passwd", b"<?xml version='1.0'?><svg/>", b"<MPD/>",
     b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", b"PK\x03\x04", b"%PDF-1.7", b"\x7fELF", b"\x1f\x8b\x08", b"\xff\xfe<\x00",
     b"BM", b"BM is what this letter begins with, and it goes on for a while", b"BM" + bytes(60), b"II\x2b\0", b"MM"],
)  # fmt: skip
def test_what_is_no_media_is_not_taken_for_it(head: bytes) -> None:
    assert sniff(head) is None
