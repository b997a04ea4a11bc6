"""What customers send who change a base address and a key, and nothing else."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from httpx import ASGITransport

from lipwright.config import HttpSettings
from lipwright.core.jobs import JobState
from lipwright.demo import video_path
from lipwright.http.app import create_app
from lipwright.http.faces.sources import Sources

LIPSYNC = "/api/v3/pixverse/lipsync"
GENERATE = "/openapi/v2/video/lip_sync/generate"


@pytest.fixture(scope="module")
def mine(here: Any, portrait: Path, short_speech: Path) -> SimpleNamespace:
    """Uploads, and their links."""
    video, audio = (here.hosted.upload_file(here.alice, path, path.name) for path in (portrait, short_speech))
    base = str(here.client.base_url).rstrip("/")
    return SimpleNamespace(
        video=video, audio=audio, links={"video": f"{base}/files/{video.id}.mp4", "audio": f"{base}/files/{audio.id}"}
    )


def taken_in(here: Any, answer: Any) -> Any:
    """The job that a submit made; it is cancelled at once."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.get("code", 200) == 200, body
    assert body.get("ErrCode", 0) == 0, body
    job_id = body["data"]["id"] if "data" in body else body["Resp"]["video_id"]
    job = here.hosted.job(here.alice, job_id)
    here.hosted.cancel(here.alice, job_id)
    return job


@pytest.mark.parametrize(
    "left_empty",
    [
        {"webhook_url": ""}, {"webhook_url": None}, {"text": ""}, {"voice": None}, {"enable_sync_mode": None},
        {"enable_base64_output": None}, {"enable_base64_output": "false"}, {"seed": -1, "prompt": ""},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_client_leaves_empty_is_left_out(here: Any, mine: SimpleNamespace, left_empty: dict[str, Any]) -> None:
    job = taken_in(here, here.send("POST", LIPSYNC, json={**mine.links, **left_empty}))

    assert (job.request.text, job.request.webhook_url) == (None, None)


@pytest.mark.parametrize("public_url", ["https://10.0.0.5/lips/", "https://10.0.0.5"])
def test_links_that_an_upload_gave_are_inputs_wherever_a_proxy_serves_us(
    here: Any, short_speech: Path, portrait: Path, public_url: str
) -> None:
    settings = here.hosted.settings.model_copy(update={"public_url": public_url})
    app = create_app(here.hosted, settings, HttpSettings())

    async def submitted() -> httpx.Response:
        key = {"Authorization": f"Bearer {here.alice_key}"}
        async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://inside", headers=key) as client:
            links: dict[str, str] = {}
            for name, path in (("video", portrait), ("audio", short_speech)):
                sent = await client.post("/api/v3/media/upload/binary", files={"file": (path.name, path.read_bytes())})
                links[name] = sent.json()["data"]["download_url"]
                assert links[name].startswith(f"{public_url.rstrip('/')}/files/")
            return await client.post(LIPSYNC, json=links)

    job = taken_in(here, asyncio.run(submitted()))

    assert job.request.video.startswith("media:")


def test_a_long_text_is_not_quoted_at_the_least_price(here: Any) -> None:
    """What it takes to say these 370 characters is 20 to 25 s."""
    text = "The harbour was quiet this morning and the boats lay still upon the water. " * 5
    asked = {"model_id": "pixverse/lipsync", "inputs": {"video": "https://a.example/v.mp4", "text": text}}

    assert here.send("POST", "/api/v3/model/price", json=asked).json()["data"]["price"] == 0.75
    assert here.send("POST", "/api/v3/model/pricing", json=asked).json()["data"]["unit_price"] == 0.15
    told = here.client.get("/openapi.json").json()["paths"]["/api/v3/model/price"]["post"]["description"]
    assert "estimate" in told


def test_a_price_goes_by_the_video_that_is_made_and_by_no_picture_that_is_only_heard(
    here: Any, mine: SimpleNamespace
) -> None:
    footage = here.hosted.upload_file(here.alice, video_path(), "six.mp4")  # seconds
    link = f"{here.client.base_url}/files/{footage.id}.mp4"

    def price(model: str, **inputs: Any) -> float:
        asked = {"model_id": model, "inputs": {"video": link, "audio": mine.links["audio"], **inputs}}
        return here.send("POST", "/api/v3/model/price", json=asked).json()["data"]["price"]

    assert price("sync/lipsync-3") == 0.15
    assert price("sync/lipsync-3", sync_mode="silence") == 0.3
    assert price("sync/lipsync-3", sync_mode="silence", video="https://a.example/v.mp4") == 0.15
    assert price("sync/lipsync-3", sync_mode="silence", audio=None, text="Hello.") == 0.3
    assert price("lipwright/rewrite", when_long="keep") == 0.3
    assert price("lipwright/rewrite", when_long=None, sync_mode="silence") == 0.15
    assert price("pixverse/lipsync", audio=link, text="What is not said. " * 50) == 0.15


def test_options_that_are_left_empty_are_as_by_default(here: Any, mine: SimpleNamespace) -> None:
    empty = {"seed": None, "when_short": "", "face": None, "language": "", "keep_original_db": None, "crf": "20"}

    job = taken_in(here, here.send("POST", "/api/v3/lipwright/rewrite", json={**mine.links, **empty}))

    assert job.request.options == {"engine": "rewrite", "crf": 20.0}
    needed = here.send("POST", LIPSYNC, json={"video": "", "audio": mine.links["audio"]})
    assert (needed.status_code, needed.json()["error_code"]) == (400, "invalid_parameter")
    silent = here.send("POST", LIPSYNC, json={**mine.links, "audio": ""})
    assert (silent.status_code, silent.json()["message"]) == (400, "audio: field required")


@pytest.mark.parametrize("text", ["😀😀", "!!!", "...", "—", "ភាសាខ្មែរ"])
def test_text_that_nobody_can_say_is_refused_at_once_with_the_reason(
    here: Any, mine: SimpleNamespace, text: str
) -> None:
    spoken = {"lip_sync_tts_speaker_id": "7", "lip_sync_tts_content": text}

    told = here.send("POST", GENERATE, json={"video_media_id": mine.video.number, **spoken}).json()
    also = here.send("POST", LIPSYNC, json={"video": mine.links["video"], "text": text})

    assert told["ErrCode"] == 400017
    assert "no word" in told["ErrMsg"] or "Khmer" in told["ErrMsg"]
    assert (also.status_code, also.json()["message"]) == (400, told["ErrMsg"])


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", ""])
def test_a_body_is_json_whatever_its_header_says(here: Any, mine: SimpleNamespace, kind: str) -> None:
    pair = {"video_media_id": mine.video.number, "audio_media_id": mine.audio.number}
    for path, body in ((LIPSYNC, mine.links), (GENERATE, pair)):
        key = {"API-KEY": here.alice_key}
        answer = here.send("POST", path, content=json.dumps(body), headers={**key, "Content-Type": kind})

        assert taken_in(here, answer).state is JobState.QUEUED


@pytest.mark.parametrize(
    "start",
    [
        "data:audio/wav;base64,", "data:;base64,", "data:video/webm;codecs=vp8,opus;base64,",
        'data:video/webm;codecs="vp8, opus";base64,', "DATA:audio/x-wav;charset=x;BASE64,", "",
    ],
)  # fmt: skip
def test_a_file_within_a_request_is_taken_as_browsers_write_it(start: str) -> None:
    class Keeps:
        """Stands in for the service."""

        came = b""

        def upload_file(self, _account: object, chunks: Any, _name: str) -> SimpleNamespace:
            self.came = b"".join(chunks)
            return SimpleNamespace(id="kept")

    keeps = Keeps()
    sources = Sources(keeps, None, set())  # pyright: ignore[reportArgumentType]

    assert sources.settle("audio", start + "QUJD" * 30) == "media:kept"
    assert keeps.came == b"ABC" * 30


@pytest.mark.parametrize("kind", ["multipart/form-data", "Multipart/Form-Data", "MULTIPART/FORM-DATA"])
@pytest.mark.parametrize("path", ["/openapi/v2/media/upload", "/api/v3/media/upload/binary"])
def test_a_form_is_one_however_its_type_is_written(here: Any, short_speech: Path, path: str, kind: str) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="s.wav"\r\n\r\n'
    body = head + short_speech.read_bytes() + b"\r\n--b--\r\n"
    headers = {"API-KEY": here.alice_key, "Content-Type": f"{kind}; boundary=b"}

    answer = here.send("POST", path, content=body, headers=headers).json()

    assert (answer.get("ErrCode", 0), answer.get("code", 200)) == (0, 200), answer


def test_the_list_of_models_begins_with_the_media_and_every_field_has_one_type(here: Any) -> None:
    models = here.send("GET", "/api/v3/models").json()["data"]
    schemas = {one["model_id"]: one["api_schema"]["api_schemas"][0]["request_schema"] for one in models}

    assert schemas["pixverse/lipsync"]["x-order-properties"][:2] == ["video", "audio"]
    assert schemas["wavespeed-ai/infinitetalk"]["x-order-properties"][:2] == ["image", "audio"]
    for schema in schemas.values():
        assert list(schema["properties"]) == schema["x-order-properties"]
        assert all(isinstance(told["type"], str) for told in schema["properties"].values()), schema


def test_the_history_is_asked_for_in_many_ways(here: Any, mine: SimpleNamespace) -> None:
    job = taken_in(here, here.send("POST", LIPSYNC, json=mine.links))
    empty = {"model": "", "status": "", "created_after": "", "created_before": None, "page": 1}

    for sent in ({"content": b""}, {"json": {}}, {"json": empty}, {"json": {"status": "cancelled"}}):
        page = here.send("POST", "/api/v3/predictions", **sent).json()["data"]
        assert job.id in [item["id"] for item in page["items"]], sent
    waiting = here.send("POST", "/api/v3/predictions", json={"status": "pending"}).json()["data"]
    assert job.id not in [item["id"] for item in waiting["items"]]


@pytest.mark.parametrize("also", [{"lip_sync_tts_speaker_id": "auto"}, {"webhook_id": 0}, {"webhook_id": ""}], ids=str)
def test_fields_that_pixverses_clients_always_send_do_no_harm(
    here: Any, mine: SimpleNamespace, also: dict[str, Any]
) -> None:
    body = {"video_media_id": str(mine.video.number), "audio_media_id": mine.audio.number, "source_video_id": 0, **also}

    job = taken_in(here, here.send("POST", GENERATE, json=body))

    assert (job.request.voice, job.request.webhook_url) == (None, None)


def test_any_text_is_a_trace_id(here: Any, mine: SimpleNamespace) -> None:
    pair = {"video_media_id": mine.video.number, "audio_media_id": mine.audio.number}
    ids: dict[str, int] = {}
    for trace in ("1", "x" * 300, "x" * 301, "1700000000000-clip 1.mp4"):
        twice = [
            here.send("POST", GENERATE, json=pair, headers={"ai-trace-id": trace}).json()["Resp"]["video_id"]
            for _ in range(2)
        ]
        assert twice[0] == twice[1]
        ids[trace] = twice[0]
    for number in ids.values():
        here.hosted.cancel(here.alice, number)

    assert len(set(ids.values())) == len(ids)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/video/text/generate"), ("POST", "/video/img/generate"), ("POST", "/video/sound_effect/generate"),
        ("GET", "/video/restyle/list"), ("GET", "/effects/templates/list"), ("GET", "/video/tts_speaker"),
        ("DELETE", "/video/tts_speaker/7"), ("POST", "/account/billing/usage-detail"), ("GET", "/image/result/7"),
    ],
)  # fmt: skip
def test_what_else_the_vendor_makes_is_not_permitted_here(here: Any, method: str, path: str) -> None:
    answer = here.send(method, f"/openapi/v2{path}")

    assert (answer.status_code, answer.json()["ErrCode"], answer.json()["Resp"]) == (200, 500020, None)


# --- the commands of the vendors' pages, with another base address and key ------------------------------------


def bash(command: str) -> dict[str, Any]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_commands_on_wavespeeds_page(here: Any, mine: SimpleNamespace) -> None:
    base = str(here.client.base_url).rstrip("/")
    submit = """curl --location --request POST "BASE/api/v3/pixverse/lipsync" \\
--header "Content-Type: application/json" \\
--header "Authorization: Bearer ${WAVESPEED_API_KEY}" \\
--data-raw '{}'"""
    result = """curl --location --request GET "BASE/api/v3/predictions/${requestId}/result" \\
--header "Authorization: Bearer ${WAVESPEED_API_KEY}\""""
    key = f"WAVESPEED_API_KEY={here.alice_key}\n"

    empty = bash(key + submit.replace("BASE", base))
    made = bash(key + submit.replace("BASE", base).replace("{}", json.dumps(mine.links)))
    then = bash(f"{key}requestId={made['data']['id']}\n" + result.replace("BASE", base))
    here.hosted.cancel(here.alice, made["data"]["id"])

    assert (empty["code"], empty["message"]) == (400, "video: field required")
    assert then == made
    assert {name: type(value) for name, value in made["data"].items()} == {
        "id": str, "model": str, "outputs": list, "urls": dict, "has_nsfw_contents": list, "status": str,
        "created_at": str, "error": str, "executionTime": int, "timings": dict,
    }  # fmt: skip


def test_the_command_on_pixverses_page(here: Any, mine: SimpleNamespace) -> None:
    submit = """curl --location --request POST 'BASE/openapi/v2/video/lip_sync/generate' \\
--header 'Ai-Trace-Id: {{$string.uuid}}' \\
--header 'API-KEY: your-api-key' \\
--header 'Content-Type: application/json' \\
--data-raw '{
  "video_media_id": 0,
  //"source_video_id":0, //'\\''video_id'\\'' returned from the generation API
  //"audio_media_id":0, //'\\''media_id'\\'' from the upload API with '\\''media_type = audio'\\''
  "lip_sync_tts_speaker_id": "auto",
  "lip_sync_tts_content": "hello this is harry, where are you from?"
}'"""
    ours = submit.replace("BASE", str(here.client.base_url).rstrip("/"))

    stranger = bash(ours)
    empty = bash(ours.replace("your-api-key", here.alice_key))
    made = bash(ours.replace("your-api-key", here.alice_key).replace(": 0,", f": {mine.video.number},", 1))
    here.hosted.cancel(here.alice, made["Resp"]["video_id"])

    assert (stranger["ErrCode"], stranger["Resp"]) == (400012, None)
    assert (empty["ErrCode"], "video_media_id" in empty["ErrMsg"]) == (400017, True)
    assert (made["ErrCode"], made["ErrMsg"]) == (0, "Success")
    assert 0 < made["Resp"]["video_id"] < 2**53
