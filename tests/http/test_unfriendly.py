"""Requests that nobody friendly sends: endless, slow, odd, and of others' things."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs
from uvicorn import Config
from uvicorn.server import ServerState

from lipwright import sandbox
from lipwright.core.errors import WorkerCrashed
from lipwright.core.jobs import JobRequest, JobState, Media
from lipwright.http import crossing, door, protocol
from lipwright.http.errors import Refusal
from lipwright.http.multipart import MAX_FIELD_BYTES, MAX_FIELDS, MultipartStream
from lipwright.http.playground import session_of
from lipwright.service.intake import N_LOOKS
from lipwright.store import jobs

PIXVERSE = "/openapi/v2"
LIPSYNC = "/api/v3/pixverse/lipsync"
JSON = {"Content-Type": "application/json"}


# --- what is odd --------------------------------------------------------------------------------------------

HALF = b'"\\ud800"'
NUL = b'"a\\u0000b"'


@pytest.mark.parametrize("text", [HALF, NUL])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v3/pixverse/lipsync", b'{"video":"https://a.example/v.mp4","text":%s}'),
        ("/api/v3/lipwright/rewrite", b'{"video":"https://a.example/v.mp4","audio":"x","engine_options":{%s:"x"}}'),
        ("/api/v3/predictions", b'{"model":%s}'),
        ("/api/v3/predictions/delete", b'{"ids":[%s]}'),
        ("/api/v3/media/uploads", b'{"filename":%s}'),
        ("/api/v3/model/price", b'{"model_id":"pixverse/lipsync","inputs":{"text":%s}}'),
        ("/openapi/v2/video/lip_sync/generate", b'{"video_media_id":4,"lip_sync_tts_content":%s}'),
        ("/api/lipwright/batches", b'{"items":[{"video":"https://a.example/v.mp4","text":%s}]}'),
        ("/playground/api/quote", b'{"speech_s":1,"text":%s}'),
        ("/playground/session", b'{"key":%s}'),
    ],
)
def test_text_that_is_none_is_refused_before_any_database_sees_it(
    here: Any, path: str, body: bytes, text: bytes
) -> None:
    answer = here.send("POST", path, content=body % text, headers={**JSON, **here.own})

    assert answer.status_code == (200 if path.startswith(PIXVERSE) else 400), answer.text
    assert "half a character" in answer.text


@pytest.mark.parametrize(
    "body",
    [
        '{"model":"a\\u0000b"}'.encode("utf-16"),
        '{"model":"a\\u0000b"}'.encode("utf-16-le"),
        '{"model":"a\\ud800b"}'.encode("utf-32"),
        '{"model":"a\ud800b"}'.encode("utf-16-be", "surrogatepass"),
        '{"model":"a\ud800b"}'.encode("utf-8", "surrogatepass"),
    ],
    ids=["UTF-16", "UTF-16LE", "UTF-32", "half in UTF-16", "half in UTF-8"],
)
def test_such_text_is_refused_in_whatever_encoding_it_comes(here: Any, body: bytes) -> None:
    answer = here.send("POST", "/api/v3/predictions", content=body, headers=JSON)

    assert (answer.status_code, "half a character" in answer.text) == (400, True), answer.text


def test_json_may_come_in_another_encoding(here: Any) -> None:
    body = '{"model":"\U0001f600 \ud55c \\ud83d\\ude00"}'

    for encoding in ("utf-8", "utf-16", "utf-32-be"):
        assert here.send("POST", "/api/v3/predictions", content=body.encode(encoding), headers=JSON).status_code == 200


def test_characters_that_are_written_as_two_halves_are_characters(here: Any) -> None:
    body = b'{"model_id":"pixverse/lipsync","inputs":{"text":"\\ud83d\\ude00 and \\\\ud800"}}'

    assert here.send("POST", "/api/v3/model/price", content=body, headers=JSON).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v3/pixverse/lipsync", {"video": "http://[::1", "audio": "https://a.example/a.wav"}),
        ("POST", "/api/v3/pixverse/lipsync", {"video": "https://a.example/v.mp4", "audio": "https://a:99999999/a"}),
        ("POST", "/api/v3/pixverse/lipsync?webhook=http://[::1", {"video": "https://a.example/v", "audio": "x"}),
        ("GET", "/api/v3/predictions/%00/result", None),
        ("GET", "/api/v3/account/usage?model=%00", None),
        ("GET", "/api/v3/account/usage?start_date=yesterday", None),
        ("GET", "/playground/api/jobs?page_number=9999999999999999999", None),
        ("POST", "/api/v3/pixverse/lipsync", "[" * 100_000),
        ("POST", "/api/v3/pixverse/lipsync", '{"video":' * 100_000),
    ],
)
def test_what_is_odd_is_the_clients_fault_and_told_so(here: Any, method: str, path: str, body: Any) -> None:
    sent: dict[str, Any] = {"content": body, "headers": JSON} if isinstance(body, str) else {"json": body}

    answer = here.send(method, path, **(sent if body is not None else {}))

    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == 400


def test_programs_that_name_html_among_others_are_answered_in_json_below_the_apis(here: Any) -> None:
    java = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}

    for path in ("/api/v3/nothing", "/api/v9/balance", "/api/lipwright/nothing"):
        answer = here.send("GET", path, headers=java)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "not_found")
    for path in (f"{PIXVERSE}/nothing", "/openapi/v9/nothing", "/video/nothing"):
        assert here.send("GET", path, headers=java).json()["ErrCode"] != 0
    page = here.send("GET", "/nothing", headers=java)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "https://elsewhere.example"])
def test_an_origin_that_is_not_ours_is_refused_whatever_it_looks_like(here: Any, origin: str) -> None:
    answer = here.send("POST", "/playground/session", json={"key": here.alice_key}, headers={"Origin": origin})

    assert answer.status_code == 403, answer.text


def test_what_is_sent_and_not_used_is_not_kept(here: Any) -> None:
    """A text beside a recording is passed over, and may be as long as a body."""
    links = {"video": "https://a.example/v.mp4", "audio": "https://a.example/a.wav"}
    options = {"engine_options": {"mode": "x" * 3000}}

    def job(body: dict[str, str]) -> Any:
        return here.hosted.job(here.alice, here.send("POST", LIPSYNC, json=body).json()["data"]["id"])

    wordy = job({**links, "text": "x" * 500_000, "voice": "7"})
    spoken = job({"video": links["video"], "text": "word " * 100, "voice": "7"})

    assert (wordy.request.text, wordy.request.voice) == (None, None)
    assert len(str(wordy.request.raw)) < 300
    assert spoken.request.raw["text"] == "word " * 100
    assert here.send("POST", LIPSYNC, json={**links, "voice": "x" * 500_000}).status_code == 400
    assert here.send("POST", "/api/v3/lipwright/rewrite", json={**links, **options}).status_code == 400
    assert here.send("POST", LIPSYNC, json={**links, "video": "https://a.example/" + "x" * 9000}).status_code == 400


def test_an_upload_that_breaks_off_is_the_clients_doing_and_no_error_of_ours() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"the beginning"
        raise ClientDisconnect

    async def take_in() -> None:
        await crossing.call(lambda: list(crossing.pulled(broken())))

    with pytest.raises(Refusal, match="broke off") as refused:
        asyncio.run(take_in())

    assert (refused.value.status, refused.value.err_status) == (499, 499)


@pytest.mark.parametrize("path", ["/media/upload", "/video/lip_sync/generate"])
def test_json_that_is_too_deep_is_none(here: Any, path: str) -> None:
    answer = here.send("POST", PIXVERSE + path, content="[" * 8000, headers=JSON)

    assert (answer.status_code, answer.json()["ErrCode"]) == (200, 400013)


@pytest.mark.parametrize(
    "query",
    ["end_date=0001-01-01T00:00:00Z", "start_date=0001-01-01T00:00:00%2B14:00", "end_date=9999-12-31T23:59:59-14:00"],
)
def test_times_beyond_all_reckoning_are_brought_within_it(here: Any, query: str) -> None:
    answer = here.send("GET", f"/api/v3/account/usage?{query}")

    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["total_requests"] == 0


def test_an_item_of_a_batch_that_is_no_address_is_refused_and_the_batch_is_not(here: Any) -> None:
    body = {"items": [{"video": "http://[::1", "audio": "https://a.example/a.wav"}]}

    answer = here.send("POST", "/api/lipwright/batches", json=body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["items"][0]["error_code"] == "url_refused"


def test_a_result_whose_bytes_are_gone_is_not_an_answer_that_breaks_off(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {"video": "https://a.example/v.mp4", "audio": "https://a.example/a.wav", "enable_base64_output": True}
    job = here.hosted.job(here.alice, here.send("POST", LIPSYNC, json=links).json()["data"]["id"])
    gone = Media("0" * 32, 1, here.alice.id, "video", "a.mp4", "video/mp4", 9, "", job.created_at)
    monkeypatch.setattr(here.hosted, "job", lambda *_: replace(job, state=JobState.SUCCEEDED, outputs=(gone,)))

    answer = here.send("GET", f"/api/v3/predictions/{job.id}")

    assert (answer.status_code, answer.json()["error_code"]) == (404, "media_not_known")


def test_a_link_of_ours_is_one_by_whatever_name_of_the_server_it_has(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF    WAVE" + bytes(100))
    seen = {"kind": "audio", "duration_s": 12.0, "width_px": None, "height_px": None, "has_sound": True}
    monkeypatch.setattr(sandbox, "call", lambda *_, **__: seen)
    kept = here.hosted.upload_file(here.alice, path, "a.wav").id
    link = f"http://another.name:18731/api/files/{kept}.wav"

    def submit(audio: str) -> Any:
        return here.send("POST", LIPSYNC, json={"video": "https://a.example/v.mp4", "audio": audio}).json()

    priced = {"model_id": "pixverse/lipsync", "inputs": {"audio": link}}

    assert here.hosted.job(here.alice, submit(link)["data"]["id"]).request.audio == f"media:{kept}"
    assert here.send("POST", "/api/v3/model/price", json=priced).json()["data"]["price"] == 0.45
    assert (
        here.send("POST", f"{PIXVERSE}/media/upload", data={"file_url": link}).json()["Resp"]["media_type"] == "audio"
    )
    for unknown in (link.replace(kept, "0" * 32), link.replace("/files/", "/file/"), link + "?/files/" + kept):
        assert submit(unknown)["error_code"] == "url_refused"


def test_what_clients_of_the_vendor_send_is_understood(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(method: str, path: str, **sent: Any) -> Any:
        return here.send(method, f"{PIXVERSE}/video/{path}", **sent).json()

    everyone = told("GET", "lip_sync/tts_list?page_num=0&page_size=0")["Resp"]["data"]
    paged = told("GET", "lip_sync/tts_list", json={"page_num": 2, "page_size": 10})["Resp"]["data"]
    theirs = 630_000_000_000_000_000
    made = told("GET", f"result/{theirs}")
    source = told("POST", "lip_sync/generate", json={"source_video_id": theirs, "audio_media_id": 1})
    links = {"video": "https://a.example/v.mp4", "audio": "https://a.example/a.wav"}
    job = here.hosted.job(here.alice, here.send("POST", LIPSYNC, json=links).json()["data"]["id"])
    monkeypatch.setattr(here.hosted, "job", lambda *_: replace(job, state=JobState.SUCCEEDED))
    expired = told("POST", "lip_sync/generate", json={"source_video_id": job.number, "audio_media_id": 1})

    assert (len(everyone), paged) == (15, everyone[10:])
    assert made["ErrCode"] == 500008
    assert source["ErrMsg"] == "No matching source_video_id."
    assert "has expired" in expired["ErrMsg"]


def test_a_result_that_has_expired_is_none_to_clients_that_take_its_first_output(
    here: Any, links: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"video": links["video"], "audio": links["audio"]}
    made = here.send("POST", LIPSYNC, json=body).json()["data"]
    with here.hosted._database.writing() as connection:
        jobs.finish(connection, made["id"], jobs.Ending(state=JobState.SUCCEEDED, outputs=("0" * 32,)))
    job = here.hosted.job(here.alice, made["id"])

    assert (job.state, job.outputs) == (JobState.SUCCEEDED, ())
    polled = here.send("GET", made["urls"]["get"])
    monkeypatch.setattr(here.hosted, "submit", lambda *_, **__: job)  # under the key of an earlier one
    waited = here.send("POST", LIPSYNC, json=body | {"enable_sync_mode": True})

    for answer in (polled, waited):
        assert (answer.status_code, answer.json()["error_code"]) == (404, "media_not_known")
        assert "expired" in answer.json()["message"]
    shown = here.send("GET", f"/api/v3/predictions/{made['id']}").json()["data"]
    assert (shown["status"], shown["outputs"]) == ("completed", [])


@pytest.fixture
def links(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Footage and speech that are here, and whose bytes nobody looks at; their numbers too."""
    out: dict[str, Any] = {}
    for kind, head in (("video", b"\0\0\0\x18ftypmp42"), ("audio", b"RIFF    WAVE")):
        (tmp_path / kind).write_bytes(head + bytes(100))
        seen = {"kind": kind, "duration_s": 1.0, "width_px": 64, "height_px": 64, "has_sound": True}
        monkeypatch.setattr(sandbox, "call", lambda *_, seen=seen, **__: seen)
        kept = here.hosted.upload_file(here.alice, tmp_path / kind, kind)
        out |= {kind: f"http://another.name/files/{kept.id}", f"{kind}_media_id": kept.number}
    return out


def test_white_space_around_an_address_is_no_part_of_it(here: Any, links: dict[str, Any]) -> None:
    """It comes from the end of a line, of a file or a variable."""
    hook, spaced = "https://hook.example/cb", " https://hook.example/cb\r\n"
    both = {"video": f" {links['video']}\n", "audio": f"{links['audio']}\t"}
    numbers = {name: links[name] for name in ("video_media_id", "audio_media_id")}
    for sent in ({"data": {"file_url": both["audio"]}}, {"files": {"file_url": (None, both["audio"])}}):
        assert here.send("POST", f"{PIXVERSE}/media/upload", **sent).json()["ErrCode"] == 0

    def hook_of(path: str, body: Any, **sent: Any) -> str:
        told = here.send("POST", path, json=body, **sent).json()
        said = told.get("Resp") or told["data"]
        job = said.get("video_id") or said.get("items", [said])[0]["id"]
        return here.hosted.job(here.alice, job).request.webhook_url

    assert hook_of(LIPSYNC, both, params={"webhook": spaced}) == hook
    assert hook_of(LIPSYNC, both | {"webhook_url": spaced}) == hook
    assert hook_of("/api/lipwright/batches", {"items": [both | {"webhook_url": spaced}]}) == hook
    for name in ("webhook_id", "webhook_url"):
        assert hook_of(f"{PIXVERSE}/video/lip_sync/generate", numbers | {name: spaced}) == hook


def test_a_webhook_that_is_refused_is_told_as_one(here: Any, links: dict[str, Any]) -> None:
    numbers = {name: links[name] for name in ("video_media_id", "audio_media_id")}

    def generated(**more: Any) -> tuple[int, str]:
        told = here.send("POST", f"{PIXVERSE}/video/lip_sync/generate", json=numbers | more).json()
        return told["ErrCode"], told["ErrMsg"]

    # the vendor's own are ids, of webhooks in its console
    for theirs in ("wh_123", "630000000000000001", 77, "ftp://hook.example/"):
        code, words = generated(webhook_id=theirs)
        assert (code, "webhook_id" in words, "https://" in words) == (400017, True, True)
    private = generated(webhook_id="http://10.0.0.1/cb")[1]
    answer = here.send("POST", LIPSYNC, json={"video": links["video"], "audio": links["audio"], "webhook_url": "cb"})

    assert answer.json()["error_code"] == "url_refused"
    for words in (private, answer.json()["message"]):
        assert "webhook" in words
        assert "upload" not in words


# --- what is endless ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ['"' + '\\"' * 20_000 + '"', '"' + "\\" * 40_000 + '"', '"' + "\\1" * 20_000 + '"'])
def test_no_cookie_takes_long_to_read(value: str) -> None:
    began_s = time.process_time()

    session_of(Headers({"cookie": f"a=b; lipwright_session={value}"}))

    assert time.process_time() - began_s < 0.1


def test_the_session_is_found_among_other_cookies() -> None:
    assert session_of(Headers({"cookie": "a=b;lipwright_session=x-Y_1; c"})) == "x-Y_1"
    assert session_of(Headers({"cookie": "not_lipwright_session=x; lipwright_session="})) is None


def test_long_heads_are_refused(here: Any) -> None:
    for path, headers in (("/healthz", {"X-Long": "a" * 70_000}), (f"/healthz?{'a' * 60_000}", {"X": "a" * 9000})):
        assert here.client.get(path, headers=headers).status_code == 431


def test_who_shows_no_key_sends_little(here: Any) -> None:
    said = {"key": "x" * 20_000}
    own = here.own

    assert here.client.post("/playground/session", json=said, headers=own).status_code == 413
    assert here.client.post("/upload", content=b"x" * 20_000).status_code in {404, 413}
    assert here.client.post("/playground/session", json={"key": "lw_x"}, headers=own).status_code == 401


def test_an_address_in_a_form_is_not_as_long_as_a_file(here: Any) -> None:
    """It is answered although most of it has not come."""
    address = (here.client.base_url.host, here.client.base_url.port)
    head = f"POST {PIXVERSE}/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {here.alice_key}\r\n"
    head += "Content-Type: text/plain\r\nContent-Length: 5000000\r\n\r\n"
    said = b""
    with socket.create_connection(address, timeout=5) as line:
        line.sendall(head.encode() + b"x" * 100_000)
        while b"ErrMsg" not in said:
            came = line.recv(65536)
            assert came, said
            said += came

    assert b'"ErrCode":400017,"ErrMsg":"file_url is too long."' in said


def part(name: str, value: bytes) -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [part(f"f{i}", b"x") for i in range(MAX_FIELDS + 1)],
        [part(f"f{i}", b"x" * (MAX_FIELD_BYTES // 4)) for i in range(5)],
        [part("f" * 2000, b"x" * (MAX_FIELD_BYTES + 1))],
    ],
    ids=["many", "long together", "long"],
)
def test_the_fields_of_a_form_are_few_and_short(parts: list[bytes]) -> None:
    with pytest.raises(Refusal) as refused:
        MultipartStream("multipart/form-data; boundary=XX", iter([*parts, b"--XX--\r\n"])).find_file({"file"})

    assert refused.value.status == 413
    assert len(refused.value.message) < 200


# --- what is slow -------------------------------------------------------------------------------------------


def test_a_body_that_does_not_come_on_is_not_waited_for() -> None:
    messages: asyncio.Queue[Any] = asyncio.Queue()

    async def listen() -> None:
        counted = door._limited(messages.get, 10_000, patience_s=0.05)
        messages.put_nowait({"type": "http.request", "body": b"a", "more_body": True})
        assert (await counted())["body"] == b"a"
        await counted()

    with pytest.raises(HTTPException) as late:
        asyncio.run(listen())
    assert late.value.status_code == 408


def test_a_body_that_nobody_asks_for_does_not_come_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(door, "time", SimpleNamespace(monotonic=lambda: now_s))

    async def receive() -> Any:
        await asyncio.sleep(0)  # on its way
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def listen() -> None:
        nonlocal now_s
        counted = door._limited(receive, 10_000)
        for _ in range(3):
            now_s += 2 * door.PATIENCE_S  # until there is a thread, or room on a disk
            assert (await counted())["body"] == b"a"

    asyncio.run(listen())


def test_who_waits_for_the_answer_is_waited_for_as_long_as_it_takes() -> None:
    messages: asyncio.Queue[Any] = asyncio.Queue()

    async def listen() -> bool:
        counted = door._limited(messages.get, 10_000, patience_s=0.05)
        messages.put_nowait({"type": "http.request", "body": b"a", "more_body": False})
        await counted()
        gone = asyncio.ensure_future(counted())
        await asyncio.sleep(0.15)
        is_waiting = not gone.done()
        messages.put_nowait({"type": "http.disconnect"})
        assert (await gone)["type"] == "http.disconnect"
        return is_waiting

    assert asyncio.run(listen())


def test_one_owner_does_not_have_all_threads() -> None:
    async def crowd() -> list[str]:
        lane = crossing.SlowLane(n_threads=3, n_each=2)
        is_open = False
        ended: list[str] = []

        def hold() -> None:
            while not is_open:
                time.sleep(0.005)

        greedy = [asyncio.ensure_future(lane.call(hold, "greedy")) for _ in range(10)]
        await asyncio.sleep(0.05)
        await asyncio.wait_for(lane.call(lambda: ended.append("modest"), "modest"), 5)
        is_open = True
        await asyncio.gather(*greedy)
        return [*ended, *lane._owners]

    assert asyncio.run(crowd()) == ["modest"]


def test_bytes_that_come_by_signed_links_keep_no_short_call_waiting() -> None:
    async def crowd() -> list[str]:
        hosted: Any = SimpleNamespace(has_upload_links=True, who_brings=lambda *sources: sources[0])
        lane = crossing.SlowLane()
        is_open = False

        def hold() -> str:
            while not is_open:
                time.sleep(0.005)
            return "taken in"

        asking = [asyncio.ensure_future(crossing.taking_in(hosted, hold, lane, f"{k % 4}")) for k in range(60)]
        await asyncio.sleep(0.1)
        short = [await asyncio.wait_for(crossing.call(lambda: "short"), 5)]
        is_open = True
        return short + await asyncio.gather(*asking)

    assert asyncio.run(crowd()) == ["short"] + ["taken in"] * 60


def test_a_submit_that_came_whole_does_not_wait_for_uploads_over_slow_lines(here: Any) -> None:
    address = (here.client.base_url.host, here.client.base_url.port)
    head = f"POST /api/v3/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {here.bob_key}\r\nContent-Length: 99\r\n"
    begun = (head + "Content-Type: multipart/form-data; boundary=XX\r\n\r\n--XX").encode()
    lines = [socket.create_connection(address) for _ in range(16)]
    try:
        for line in lines:
            line.sendall(begun)
        time.sleep(0.1)
        body = {"video": "/files/x.mp4", "audio": "https://a.example/a.wav"}
        answer = here.send("POST", LIPSYNC, key=here.bob_key, json=body, timeout=20)
    finally:
        for line in lines:
            line.close()

    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_option")


def test_however_many_uploads_end_at_once_few_are_looked_at(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF    WAVE" + bytes(100))
    at_work: list[int] = []
    most = 0

    def look(*_: Any, **__: Any) -> dict[str, Any]:
        nonlocal most
        at_work.append(1)
        most = max(most, len(at_work))
        time.sleep(0.05)
        at_work.pop()
        return {"kind": "audio", "duration_s": 1.0, "width_px": None, "height_px": None, "has_sound": True}

    monkeypatch.setattr(sandbox, "call", look)
    with ThreadPoolExecutor(20) as pool:
        kept = list(pool.map(lambda _: here.hosted.upload_file(here.alice, path, "a.wav"), range(20)))

    assert len({one.id for one in kept}) == 20
    assert 1 < most <= N_LOOKS


class Wire:
    """A connection to the server's own protocol, on a socket pair, with an application that says ok."""

    def __init__(self, loop: asyncio.AbstractEventLoop, idle_s: float, *, is_read: bool) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            while is_read and (await receive()).get("more_body", False):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        config = Config(app, lifespan="off", log_config=None, access_log=False)
        config.load()
        self.made: Any = protocol.BoundedHttp(config, ServerState(), {}, loop)
        self.made.timeout_keep_alive = idle_s


async def talk(*pieces: bytes, pause_s: float = 0.0, idle_s: float = 5.0, is_read: bool = False) -> bytes:
    """What comes back until the server hangs up, or for a second."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    await loop.connect_accepted_socket(lambda: Wire(loop, idle_s, is_read=is_read).made, theirs)
    came = b""
    try:
        for piece in pieces:
            await loop.sock_sendall(ours, piece)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(1):
            while block := await loop.sock_recv(ours, 65536):
                came += block
        return came + b"(hung up)"
    except TimeoutError:
        return came
    except OSError:
        return came + b"(hung up)"
    finally:
        ours.close()


def test_heads_without_end_and_silence_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    head = b"GET / HTTP/1.1\r\nHost: a\r\n"

    fine = asyncio.run(talk(head + b"\r\n", pause_s=0.4))
    twice = asyncio.run(talk(head + b"\r\n", head + b"\r\n", pause_s=0.1))
    endless = asyncio.run(talk(head + b"X: ", *[b"a" * 20_000] * 12))
    half = asyncio.run(talk(head))
    silent = asyncio.run(talk())

    assert (fine.count(b"200 OK"), fine.endswith(b"(hung up)")) == (1, False)
    assert twice.count(b"200 OK") == 2
    assert endless == half == silent == b"(hung up)"


def test_bytes_that_ask_for_nothing_keep_no_connection_open() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n"
    upload = head.replace(b"GET", b"POST") + b"Content-Length: 20000\r\n\r\n"
    chunked = head.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n"

    def said(*pieces: bytes) -> bytes:
        return asyncio.run(talk(*pieces, pause_s=0.05, idle_s=0.25))

    for answered, more in ((head + b"\r\n", b"\r\n"), (upload, b"x"), (chunked, b"1\r\nx\r\n")):
        once, again_and_again = said(answered, more), said(answered, *[more] * 12)
        assert (once.count(b"200 OK"), once.endswith(b"(hung up)")) == (1, True)
        assert again_and_again.endswith(b"(hung up)")
    refused = said(upload, *[b"x" * 2000] * 10, head + b"\r\n")
    assert refused.count(b"200 OK") == 2, "what was answered early may come to its end, and the next one be asked"


@pytest.mark.parametrize("is_read", [False, True], ids=["answered early", "read"])
def test_headers_behind_a_chunked_body_have_an_end(is_read: bool) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 100
    fine = head + chunks + b"0\r\nX-Sum: 1\r\n\r\n"

    def said(*pieces: bytes) -> bytes:
        return asyncio.run(talk(*pieces, is_read=is_read))

    # in pieces that end in the middle of everything
    pieces = [fine[at : at + 200_001] for at in range(0, len(fine), 200_001)]
    assert said(*pieces, fine).count(b"200 OK") == 2
    long = head.replace(b"Transfer-Encoding: chunked", b"Content-Length: 200000") + b"x" * 200_000
    assert said(long + long[:20], long[20:]).count(b"200 OK") == 2, "a head that comes behind a body"
    for endless in (b"a" * 20_000, b"X: a\r\n" * 3_000):
        assert said(head + chunks + b"0\r\nX: ", *[endless] * 60).endswith(b"(hung up)")


# --- what is others' ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hers(here: Any, portrait: Path, short_speech: Path) -> SimpleNamespace:
    """A job, its batch and its media, of alice."""
    video, audio = (here.hosted.upload_file(here.alice, path, path.name) for path in (portrait, short_speech))
    request = JobRequest("native", "lipwright/rewrite", f"media:{video.id}", f"media:{audio.id}")
    job = here.hosted.submit(here.alice, request)
    body = {"items": [{"video": "media:x", "audio": "media:y"}]}
    batch = here.send("POST", "/api/lipwright/batches", json=body).json()["data"]["id"]
    return SimpleNamespace(job=job, video=video, audio=audio, batch=batch)


def test_no_key_reaches_a_job_or_a_number_of_another(here: Any, hers: SimpleNamespace) -> None:
    job, number = hers.job.id, hers.job.number
    asked = [
        *(("GET", f"/api/{version}/predictions/{job}{end}") for version in ("v2", "v3") for end in ("", "/result")),
        ("DELETE", f"/api/v3/predictions/{job}"),
        ("GET", f"{PIXVERSE}/video/result/{number}"),
        ("GET", f"/video/credits/{number}"),
        ("GET", f"/api/lipwright/batches/{hers.batch}"),
        ("POST", f"/api/lipwright/batches/{hers.batch}/cancel"),
        ("GET", f"/playground/api/jobs/{job}"),
        ("POST", f"/playground/api/jobs/{job}/cancel"),
        ("DELETE", f"/playground/api/jobs/{job}"),
        ("GET", f"/playground/api/jobs/{job}/events"),
        ("GET", f"/playground/api/jobs/{job}/subtitles.srt"),
        ("GET", f"/playground/api/jobs/{job}/report.json"),
        ("GET", f"/playground/api/jobs/{job}/report.html"),
        ("DELETE", f"/playground/api/jobs/{job}/share"),
    ]
    for method, path in asked:
        answer = here.send(method, path, here.bob_key)
        told = answer.json()
        assert answer.status_code == 404 or told.get("ErrCode") == 500008, (method, path, answer.text)
    shared = here.send("POST", f"/playground/api/jobs/{job}/share", here.bob_key, json={})
    assert shared.status_code == 404
    ids = {"ids": [job]}
    assert here.send("POST", "/api/v3/predictions/delete", here.bob_key, json=ids).json()["data"]["deleted_count"] == 0
    pair = {"video_media_id": hers.video.number, "audio_media_id": hers.audio.number}
    for body in (pair, {"source_video_id": number, "audio_media_id": hers.audio.number}):
        answer = here.send("POST", f"{PIXVERSE}/video/lip_sync/generate", here.bob_key, json=body).json()
        assert (answer["ErrCode"], "No matching" in answer["ErrMsg"]) == (400017, True)
    for path in ("/api/v3/predictions", "/playground/api/jobs"):
        method = "GET" if "playground" in path else "POST"
        listed = here.send(method, path, here.bob_key).json()
        assert listed.get("data", listed)["total"] == 0
    assert here.send("GET", "/playground/api/operator", here.bob_key).status_code == 403
    assert here.hosted.job(here.alice, job).state is JobState.QUEUED


def test_every_address_that_shows_something_of_someone_wants_a_key(here: Any) -> None:
    """Whatever is added: open are links that cannot be guessed, probes, documents and the page itself."""
    is_open = ("/files/", "/put/", "/reports/", "/playground/", "/shared/", "/jobs/", "/healthz", "/readyz", "/metrics",
               "/openapi.json", "/docs", "/history", "/operator")  # fmt: skip
    n = 0
    for route in here.app.routes:
        path, methods = str(getattr(route, "path", "")), getattr(route, "methods", None) or {"GET"}
        if path == "/" or (path.startswith(is_open) and not path.startswith("/playground/api/")):
            continue
        for method in methods:
            address = path.replace("{rest:path}", "x").replace("{kind}", "srt").replace("{", "").replace("}", "")
            answer = here.client.request(method, address, content=b"{}", headers=JSON)
            assert answer.status_code == 401, (method, path, answer.status_code)
            n += 1
    assert n > 50


def test_a_new_secret_for_a_key_ends_what_was_opened_with_the_old_one(here: Any) -> None:
    account, old = here.hosted.create_key("carol", has_credit_limit=False)
    signed_in = here.client.post("/playground/session", json={"key": old}, headers=here.own)
    cookie = {"Cookie": f"lipwright_session={signed_in.cookies['lipwright_session']}"}
    here.client.cookies.clear()
    before = here.client.get("/playground/api/jobs", headers=cookie)

    here.hosted.rotate_key(account.id)

    assert before.status_code == 200
    assert here.client.get("/playground/api/jobs", headers=cookie).status_code == 401


def test_a_deleted_job_is_deleted_and_tells_nothing_of_what_was_said(here: Any, portrait: Path) -> None:
    video = here.hosted.upload_file(here.alice, portrait, "p.mp4")
    body = {"video_media_id": video.number, "lip_sync_tts_speaker_id": "7", "lip_sync_tts_content": "A secret."}
    number = here.send("POST", f"{PIXVERSE}/video/lip_sync/generate", json=body).json()["Resp"]["video_id"]
    before = here.send("GET", f"{PIXVERSE}/video/result/{number}")

    here.hosted.delete(here.alice, number)

    after = here.send("GET", f"{PIXVERSE}/video/result/{number}")
    assert (before.json()["Resp"]["status"], "A secret." in before.text) == (5, True)
    assert (after.json()["Resp"]["status"], after.json()["Resp"]["url"], "A secret." in after.text) == (6, "", False)
    assert here.send("GET", f"{PIXVERSE}/video/result/{number}", here.bob_key).json()["ErrCode"] == 500008


def test_the_list_of_operations_loads_nothing_from_elsewhere(here: Any) -> None:
    page = here.client.get("/docs")

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert {"/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"} < set(loaded)
    for path in loaded:
        assert path.startswith("/"), path
        assert here.client.get(path).status_code == 200, path
    assert here.client.get("/docs/redoc.standalone.js").status_code == 404


def test_what_a_child_said_before_it_broke_at_an_upload_is_in_the_log_alone(
    here: Any, monkeypatch: pytest.MonkeyPatch, portrait: Path
) -> None:
    def break_down(*_: Any, **__: Any) -> Any:
        crash = WorkerCrashed("SIGSEGV")
        crash.add_note("stack smashing detected")
        raise crash

    monkeypatch.setattr(sandbox, "call", break_down)
    with capture_logs() as lines:
        files = {"file": ("mine.mp4", portrait.read_bytes())}
        answer = here.send("POST", "/api/v3/media/upload/binary", files=files)

    assert answer.status_code == 400
    assert "stack smashing" not in answer.text
    (told,) = [line for line in lines if line["event"] == "request failed"]
    assert (told["code"], told["last_words"]) == ("unreadable_media", "stack smashing detected")
