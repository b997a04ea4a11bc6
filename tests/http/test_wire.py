"""The parts of the wire that need no server: signatures, the table of errors, forms, ranges, links."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lipwright.core import errors
from lipwright.core.errors import LipwrightError
from lipwright.core.jobs import Job, JobRequest, JobState, Media
from lipwright.http.errors import TABLE, Refusal, body_of, refusal_of, task_code, wire_of
from lipwright.http.faces.pixverse import result_of
from lipwright.http.faces.sources import decoded, shortened
from lipwright.http.faces.wavespeed import prediction, webhook_in
from lipwright.http.files import byte_range, own_media_id
from lipwright.http.multipart import MultipartStream
from lipwright.http.webhooks import SignedWebhooks, pixverse_form, pixverse_signature, wavespeed_signature

SENT_AT = datetime.fromtimestamp(1_760_000_000, UTC)
MEDIA = Media("ab" * 16, 7, "me", "video", "out.mp4", "video/mp4", 32768, "00", SENT_AT, 1.0, 640, 360)
JOB = Job(
    id="0123456789abcdef0123456789abcdef",
    number=318000123,
    account_id="me",
    request=JobRequest("wavespeed", "pixverse/lipsync", "media:x", raw={"video": "https://a.example/v.mp4"}),
    state=JobState.SUCCEEDED,
    created_at=SENT_AT,
    started_at=SENT_AT,
    finished_at=SENT_AT,
    outputs=(MEDIA,),
    price_microusd=200_000,
)


def tree(root: type[LipwrightError] = LipwrightError) -> list[type[LipwrightError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


def test_every_error_of_ours_has_its_row_in_the_table_of_the_wire() -> None:
    ours = {cls for cls in tree() if cls.__module__ == errors.__name__}

    assert ours - set(TABLE) == set()
    for wire in TABLE.values():
        assert 400 <= wire.status < 600
        assert wire.err_status == 200 or 400 <= wire.err_status < 600


def test_an_error_of_a_plugin_is_told_as_the_class_that_it_is_derived_from() -> None:
    class Odd(errors.InvalidOption): ...

    assert wire_of(Odd("x", 1, "no")) == TABLE[errors.InvalidOption]


def test_each_face_tells_an_error_in_its_own_form() -> None:
    refusal = refusal_of(errors.JobNotFound("x"))

    assert body_of("wavespeed", refusal) == (
        404,
        {
            "code": 404,
            "message": "There is no job x.",
            "error": "There is no job x.",
            "error_code": "job_not_found",
        },
    )
    assert body_of("pixverse", refusal) == (200, {"ErrCode": 500008, "ErrMsg": "There is no job x.", "Resp": None})
    assert task_code("fetch_failed") == 1402
    assert task_code("content_refused") == 1200
    assert task_code("something new") == 1403


def test_wavespeeds_signature_is_that_of_the_published_algorithm() -> None:
    body = b'{"id":"0123456789abcdef0123456789abcdef","model":"pixverse/lipsync","status":"completed"}'

    signature = wavespeed_signature("whsec_bG9jYWwtdGVzdC1zZWNyZXQ=", "0123456789abcdef012345678", 1_760_000_000, body)

    assert signature == "v3,db63b49142958c7c7191385e5899a29a398b3fafd368864f8cd6d27ea0172019"


def test_pixverses_signature_is_that_of_the_published_algorithm() -> None:
    payload = {
        "credits": 20,
        "has_audio": True,
        "id": "318000123",
        "size": 32768,
        "status": 1,
        "url": "https://media.example/out/318000123.mp4",
    }

    assert pixverse_form(payload) == (
        "credits=20&has_audio=true&id=318000123&size=32768&status=1"
        "&url=https%3A%2F%2Fmedia.example%2Fout%2F318000123.mp4"
    )
    signature = pixverse_signature("local-webhook-secret", 1_760_000_000, "0123456789abcdefghijklmnopqrstuv", payload)
    assert signature == "jHwu6UCQYIPzV3O0RlkXmnvxzlFGYVD/pQogsc+bC2s="


def test_a_webhook_of_wavespeed_is_the_prediction_without_an_envelope_and_verifies() -> None:
    webhooks = SignedWebhooks("https://lips.example/")

    body, headers = webhooks.compose(JOB, secret="whsec_abc", delivery_id="id" * 12, sent_at=SENT_AT)

    told = json.loads(body)
    assert told["id"] == JOB.id
    assert told["input"] == {"video": "https://a.example/v.mp4"}
    assert told["outputs"] == [f"https://lips.example/files/{MEDIA.id}.mp4"]
    assert headers["webhook-signature"] == wavespeed_signature("whsec_abc", "id" * 12, 1_760_000_000, body)
    assert webhooks.is_accepted(JOB, status=204, body=b"")
    assert not webhooks.is_accepted(JOB, status=302, body=b"")


def test_a_webhook_of_pixverse_verifies_and_is_accepted_by_ok_alone() -> None:
    job = replace(JOB, request=replace(JOB.request, face="pixverse"))
    webhooks = SignedWebhooks("https://lips.example")

    body, headers = webhooks.compose(job, secret="s", delivery_id="x", sent_at=SENT_AT)

    told = json.loads(body)
    assert list(told) == sorted(told)
    assert told["credits"] == 20
    assert len(headers["Webhook-Nonce"]) == 32
    expected = pixverse_signature("s", 1_760_000_000, headers["Webhook-Nonce"], told)
    assert headers["Webhook-Signature"] == expected
    assert webhooks.is_accepted(job, status=200, body=b"ok")
    assert not webhooks.is_accepted(job, status=200, body=b"fine")


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELLED])
def test_a_video_that_has_expired_or_was_cancelled_is_told_as_deleted_and_never_as_done_without_a_link(
    state: JobState,
) -> None:
    job = replace(JOB, state=state, outputs=(), request=replace(JOB.request, face="pixverse"))

    body, _ = SignedWebhooks("http://h").compose(job, secret="s", delivery_id="x", sent_at=SENT_AT)

    assert result_of(job, "http://h", 10_000)["status"] == json.loads(body)["status"] == 6


def test_a_cancelled_job_is_failed_for_clients_that_know_four_words() -> None:
    told = prediction(replace(JOB, state=JobState.CANCELLED, outputs=()), "http://h")

    assert (told["status"], told["error"], told["outputs"]) == ("failed", "Cancelled.", [])


@pytest.mark.parametrize(
    ("query", "webhook"),
    [
        (b"webhook=https%3A%2F%2Fhook.example%2Fcb%3Fa%3D1%26b%3D2", "https://hook.example/cb?a=1&b=2"),
        (b"webhook=https://hook.example/cb?a=1&b=2", "https://hook.example/cb?a=1&b=2"),
        (b"x=1&webhook=https://hook.example/cb", "https://hook.example/cb"),
        # as yarl writes it, and with it aiohttp: only what would end the value is encoded
        (b"webhook=https://hook.example/cb?id%3D42%26t%3Da+b", "https://hook.example/cb?id=42&t=a b"),
        (b"webhook=https://hook.example/cb?id%3D42&x=1", "https://hook.example/cb?id=42"),
        (b"webhook=https://hook.example/a%2520b", "https://hook.example/a%20b"),
        # written out, with an address of its own that is encoded
        (
            b"webhook=https://hook.example/cb?to=https%3A%2F%2Fa.example",
            "https://hook.example/cb?to=https%3A%2F%2Fa.example",
        ),
        (b"", None),
        (b"webhook=", None),
    ],
)
def test_a_webhook_is_read_from_the_query_escaped_or_not(query: bytes, webhook: str | None) -> None:
    assert webhook_in(query) == webhook


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, None)),
        ("bytes=-7", (-7, None)),
        ("bytes=9-5", None),
        ("bytes=0-1,4-5", None),
        ("bytes=-", None),
        ("frames=0-1", None),
        (None, None),
    ],
)
def test_a_range_is_read_as_http_writes_it(header: str | None, wanted: tuple[int | None, int | None] | None) -> None:
    assert byte_range(header) == wanted


def test_only_links_of_our_own_are_taken_for_our_own() -> None:
    ours = {"http://127.0.0.1:8000"}

    assert own_media_id("http://127.0.0.1:8000/files/abc.mp4", ours) == "abc"
    assert own_media_id("http://127.0.0.1:8001/files/abc.mp4", ours) is None
    assert own_media_id("http://127.0.0.1:8000@evil.example/files/abc.mp4", ours) is None
    assert own_media_id("http://127.0.0.1:8000/api/files/abc.mp4", ours) is None


@pytest.mark.parametrize("base_url", ["https://lips.example/api", "https://lips.example/api/"])
def test_below_a_path_of_a_proxy_our_links_are_those_with_that_path(base_url: str) -> None:
    ours = {base_url}

    assert own_media_id("https://lips.example/api/files/abc.mp4", ours) == "abc"
    assert own_media_id("https://lips.example/api/files/abc.mp4?download=1#t=2", ours) == "abc"
    for other in ("", "/app", "/api2", "/api/v2", "/API", "/api/../api", "//api"):
        assert own_media_id(f"https://lips.example{other}/files/abc.mp4", ours) is None
    assert own_media_id("https://lips.example/api/file/abc.mp4", ours) is None
    assert own_media_id("https://lips.example/apifiles/abc.mp4", ours) is None
    assert own_media_id("https://lips.example@evil.example/api/files/abc.mp4", ours) is None


def test_base64_is_read_in_pieces_in_either_alphabet() -> None:
    data = bytes(range(256)) * 5000

    for text in (
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        base64.encodebytes(data).decode(),
    ):
        assert b"".join(decoded(text)) == data


def test_a_history_shows_no_whole_file() -> None:
    shown = shortened({"video": "data:video/mp4;base64," + "A" * 10_000, "text": "b" * 500}, "b" * 500)

    assert len(shown["video"]) < 100
    assert shown["text"] == "b" * 500


def form(*, boundary: bytes = b"XX", end: bytes = b"--XX--\r\n", data: bytes = b"\r\n--X not yet\r\n") -> bytes:
    return (
        b'--XX\r\nContent-Disposition: form-data; name="media_type"\r\n\r\naudio\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a b.wav"\r\n\r\n' + data + b"\r\n" + end
    )


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_form_is_read_however_it_is_cut(size: int) -> None:
    body = form()
    chunks: Iterator[bytes] = (body[at : at + size] for at in range(0, len(body), size))

    stream = MultipartStream("multipart/form-data; boundary=XX", chunks)

    assert stream.find_file({"file"})
    assert (stream.filename, stream.fields) == ("a b.wav", {"media_type": "audio"})
    assert b"".join(stream.file_chunks()) == b"\r\n--X not yet\r\n"
    assert not stream.find_file({"file"})


def test_a_form_that_ends_too_early_is_no_file() -> None:
    stream = MultipartStream("multipart/form-data; boundary=XX", iter([form(end=b"")[:-4]]))

    assert stream.find_file({"file"})
    with pytest.raises(Refusal, match="too early"):
        list(stream.file_chunks())
    with pytest.raises(Refusal, match="multipart"):
        MultipartStream("text/plain", iter([]))


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [("filename*=utf-8''%C3%BC%20x.wav", "ü x.wav"), ("filename*=UTF-8''a.wav; filename=b.wav", "b.wav")],
)
def test_a_name_that_is_written_the_extended_way_is_that_of_a_file(disposition: str, filename: str) -> None:
    head = f'--XX\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n\r\n'.encode()
    stream = MultipartStream("multipart/form-data; boundary=XX", iter([head, b"RIFF\r\n--XX--\r\n"]))

    assert stream.find_file({"file"})
    assert stream.filename == filename
    assert b"".join(stream.file_chunks()) == b"RIFF"


def test_a_file_that_was_not_chosen_is_not_given_and_hides_nothing() -> None:
    def named_nothing(data: bytes) -> bytes:
        return b'--XX\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n' + data + b"\r\n"

    address = b'--XX\r\nContent-Disposition: form-data; name="file_url"\r\n\r\nhttps://a.example/a\r\n--XX--\r\n'
    stream = MultipartStream("multipart/form-data; boundary=XX", iter([named_nothing(b""), address]))
    named = MultipartStream("multipart/form-data; boundary=XX", iter([named_nothing(b"RI"), address]))

    assert not stream.find_file({"file"})
    assert stream.fields == {"file_url": "https://a.example/a"}
    assert named.find_file({"file"})
    assert b"".join(named.file_chunks()) == b"RI"
