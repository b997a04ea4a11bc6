"""The WaveSpeed face, against a server that runs."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

JOB_S = 120
"""The longest that a test waits for a render, on a busy machine."""
STILL = "/api/v3/lipwright/still"


def data_of(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["code"] == 200
    assert body["message"] == "success"
    assert "error" not in body
    return body["data"]


def finished(api: httpx.Client, prediction: dict[str, Any]) -> dict[str, Any]:
    until_s = time.monotonic() + JOB_S
    while time.monotonic() < until_s:
        now = data_of(api.get(prediction["urls"]["get"]))
        if now["status"] in {"completed", "failed"}:
            return now
        time.sleep(0.3)
    raise AssertionError(f"not done in {JOB_S} s")


@pytest.fixture(scope="module")
def done(server: Any, uploaded: dict[str, Any]) -> dict[str, Any]:
    """A prediction that is completed."""
    with httpx.Client(base_url=server.url, headers=server.bearer, timeout=60) as api:
        body = {"video": uploaded["video"], "audio": uploaded["audio"], "a_field_of_tomorrow": [1]}
        return finished(api, data_of(api.post(STILL, json=body)))


def test_a_prediction_has_every_field_that_the_strictest_client_wants(
    api: httpx.Client, uploaded: dict[str, Any]
) -> None:
    made = data_of(api.post(STILL, json={"video": uploaded["video"], "audio": uploaded["audio"]}))

    assert list(made) == [
        "id", "model", "outputs", "urls", "has_nsfw_contents", "status", "created_at", "error", "executionTime",
        "timings",
    ]  # fmt: skip
    assert len(made["id"]) == 32
    assert int(made["id"], 16)
    assert made["outputs"] == []
    assert made["has_nsfw_contents"] == []
    assert made["status"] in {"created", "processing"}
    assert made["created_at"].endswith("Z")
    assert made["error"] == ""
    assert isinstance(made["executionTime"], int)
    assert isinstance(made["timings"]["inference"], int)
    assert made["urls"]["get"].startswith("http")
    assert data_of(api.delete(f"/api/v3/predictions/{made['id']}")) == {"id": made["id"], "status": "deleted"}
    assert api.get(made["urls"]["get"]).status_code == 404


def test_the_result_is_the_same_in_both_spellings_and_both_versions(api: httpx.Client, done: dict[str, Any]) -> None:
    assert done["status"] == "completed", done
    for version in ("v2", "v3"):
        for ending in ("", "/result"):
            assert data_of(api.get(f"/api/{version}/predictions/{done['id']}{ending}")) == done


def test_the_output_is_a_plain_link_of_the_right_length_with_ranges_and_an_etag(
    done: dict[str, Any], duration_of: Callable[[bytes], float]
) -> None:
    (link,) = done["outputs"]
    whole = httpx.get(link)

    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert duration_of(whole.content) == pytest.approx(1.2, abs=0.05)
    head = httpx.head(link)
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.content == b""
    etag = {"If-None-Match": whole.headers["etag"]}
    assert httpx.get(link, headers=etag).status_code == 304
    for wanted, found in (("0-9", whole.content[:10]), ("100-", whole.content[100:]), ("-7", whole.content[-7:])):
        part = httpx.get(link, headers={"Range": f"bytes={wanted}"})
        assert part.status_code == 206
        assert part.content == found
        assert part.headers["content-range"].endswith(f"/{len(whole.content)}")
    assert httpx.get(link, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert httpx.get(link, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    assert httpx.get(link.rsplit("/", 1)[0] + "/" + "0" * 32).status_code == 404


def test_the_history_shows_inputs_and_never_a_whole_data_uri(
    api: httpx.Client, done: dict[str, Any], uploaded: dict[str, Any]
) -> None:
    page = data_of(api.post("/api/v3/predictions", json={"page": 1, "page_size": 100, "include_inputs": True}))

    assert page["total"] >= 1
    shown = next(item for item in page["items"] if item["id"] == done["id"])
    assert shown["input"] == {"video": uploaded["video"], "audio": uploaded["audio"]}
    none = data_of(api.post("/api/v3/predictions", json={"model": "no/such"}))
    assert none["items"] == []


def test_sync_mode_with_data_uris_and_base64_output_is_one_request(
    api: httpx.Client, portrait: Path, short_speech: Path, duration_of: Callable[[bytes], float]
) -> None:
    body = {
        "video": "data:video/mp4;base64," + base64.b64encode(portrait.read_bytes()).decode(),
        "audio": base64.b64encode(short_speech.read_bytes()).decode(),
        "enable_sync_mode": True,
        "enable_base64_output": True,
    }

    made = data_of(api.post(STILL, json=body, timeout=JOB_S))

    assert made["status"] == "completed", made
    assert duration_of(base64.b64decode(made["outputs"][0], validate=True)) == pytest.approx(1.2, abs=0.05)


def test_a_ticket_is_filled_without_a_key_and_once(api: httpx.Client, server: Any, short_speech: Path) -> None:
    data = short_speech.read_bytes()
    said = {"filename": "a.wav", "size": len(data), "content_type": "audio/x-wav"}

    ticket = data_of(api.post("/api/v3/media/uploads", json=said))
    upload = ticket["upload"]

    assert upload["method"] == "PUT"
    assert ticket["type"] == "audio"
    assert httpx.get(ticket["download_url"]).status_code == 404
    short = httpx.put(upload["url"], content=data[:-1], headers=upload["headers"], timeout=60)
    assert short.status_code == 400
    assert httpx.put(upload["url"], content=data, headers=upload["headers"], timeout=60).is_success
    assert httpx.get(ticket["download_url"]).content == data
    assert httpx.put(upload["url"], content=data, headers=upload["headers"], timeout=60).status_code == 403


def test_a_file_in_a_form_is_known_by_its_bytes_and_not_by_its_name(api: httpx.Client, short_speech: Path) -> None:
    for version in ("v2", "v3"):
        files = {"file": ("video.mp4", short_speech.read_bytes(), "video/mp4")}
        kept = data_of(api.post(f"/api/{version}/media/upload/binary", files=files))

        assert kept["type"] == "audio"
        assert kept["size"] == short_speech.stat().st_size


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"video": "https://a.example/v.mp4"}, 400),
        ({"video": 3, "audio": "https://a.example/a.wav"}, 400),
        ({"video": "not a link", "audio": "https://a.example/a.wav"}, 400),
        ({"video": "data:video/mp4;base64,AAAA", "audio": "https://a.example/a.wav"}, 400),
        ({"video": "http://127.0.0.1:9/v.mp4", "audio": "https://a.example/a.wav"}, 400),
        ({"video": "media:" + "0" * 32, "audio": "https://a.example/a.wav"}, 404),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_message_in_both_keys(
    api: httpx.Client, body: dict[str, Any], status: int
) -> None:
    refused = api.post("/api/v3/pixverse/lipsync", json=body)

    assert refused.status_code == status, refused.text
    told = refused.json()
    assert told["code"] == status
    assert told["message"] == told["error"] != ""


def test_an_idempotency_key_makes_one_job(api: httpx.Client, uploaded: dict[str, Any]) -> None:
    body = {"video": uploaded["video"], "audio": uploaded["audio"]}
    key = {"Idempotency-Key": f"key-{time.time()}"}

    first, second = (data_of(api.post(STILL, json=body, headers=key))["id"] for _ in range(2))
    other = api.post(STILL, json={**body, "seed": 2}, headers=key)

    assert first == second
    assert other.status_code == 422
    assert data_of(api.post("/api/v3/predictions/delete", json={"ids": [first, "unknown"]})) == {"deleted_count": 1}


def test_keys_credits_and_rates_are_told_as_clients_expect(server: Any, uploaded: dict[str, Any]) -> None:
    def ask(key: str) -> httpx.Response:
        return httpx.get(f"{server.url}/api/v3/balance", headers={"Authorization": f"Bearer {key}"})

    assert ask("lw_wrong").status_code == 401
    assert httpx.get(f"{server.url}/api/v3/balance").status_code == 401
    poor = {"Authorization": f"Bearer {server.poor_key}"}
    body = {"video": uploaded["video"], "audio": uploaded["audio"]}
    refused = httpx.post(server.url + STILL, json=body, headers=poor)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("Insufficient credits")
    answers = [ask(server.slow_key) for _ in range(5)]
    assert [answer.status_code for answer in answers][:3] == [200] * 3
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["code"] == 429
    # who waits for several jobs asks for each of them every second, and must not be told that they failed
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.slow_key}"}) as slow:
        polls = [slow.get("/api/v3/predictions/0/result") for _ in range(40)]
    assert {answer.status_code for answer in polls[:30]} == {404}
    assert polls[-1].status_code == 429
    assert "may send 30 such a minute" in polls[-1].json()["message"]


def test_a_body_is_read_as_json_also_where_the_client_does_not_say_so(
    api: httpx.Client, uploaded: dict[str, Any]
) -> None:
    body = json.dumps({"video": uploaded["video"], "audio": uploaded["audio"]})

    assert data_of(api.post(STILL, content=body))["status"] == "created"


def test_the_figures_name_routes_as_they_stand_in_addresses(api: httpx.Client) -> None:
    api.get("/api/v3/balance")
    api.get("/api/v2/predictions/0/result")

    figures = api.get("/metrics").text

    assert 'lipwright_requests_total{method="GET",route="/api/v3/balance",status="200"}' in figures
    assert 'route="/api/v2/predictions/{prediction_id}/result",status="404"' in figures


def test_base64_output_and_a_webhook_do_not_go_together(api: httpx.Client, uploaded: dict[str, Any]) -> None:
    body = {"video": uploaded["video"], "audio": uploaded["audio"], "enable_base64_output": True}

    refused = api.post("/api/v3/pixverse/lipsync?webhook=https://hook.example/cb", json=body)

    assert refused.status_code == 400
    assert "base64" in refused.json()["error"]


def test_prices_models_and_the_secret(api: httpx.Client, uploaded: dict[str, Any]) -> None:
    models = {model["model_id"]: model for model in data_of(api.get("/api/v3/models"))}

    assert {"pixverse/lipsync", "sync/lipsync-1.9.0-beta", "lipwright/rewrite", "lipwright/still"} <= set(models)
    schema = models["pixverse/lipsync"]["api_schema"]["api_schemas"][0]["request_schema"]
    assert schema["required"] == ["video", "audio"]
    inputs = {"audio": uploaded["audio"]}
    asked = {"model_id": "pixverse/lipsync", "inputs": inputs}
    assert data_of(api.post("/api/v3/model/pricing", json=asked))["unit_price"] == 0.15
    assert data_of(api.post("/api/v3/model/price", json=asked))["price"] == 0.15
    assert api.post("/api/v3/model/price", json={"model_id": "no/such"}).status_code == 404
    assert data_of(api.get("/api/v3/webhook/secret"))["secret"].startswith("whsec_")
    assert data_of(api.get("/api/v3/account/balance"))["currency"] == "USD"


def test_usage_of_a_day_is_that_of_the_whole_day_and_what_is_empty_is_not_asked_for(
    api: httpx.Client, done: dict[str, Any]
) -> None:
    def usage(**asked: str) -> dict[str, Any]:
        return data_of(api.get("/api/v3/account/usage", params=asked))

    days = {(now := datetime.now(UTC)).date(), datetime.fromisoformat(done["created_at"]).date()}
    first, last = str(min(days)), str(max(days))  # it may be midnight

    everything = usage()
    assert everything["total_cost"] > 0
    assert usage(start_date="", end_date=" ", model="")["total_cost"] >= everything["total_cost"]
    day = usage(start_date=first, end_date=last)
    assert day["total_cost"] >= everything["total_cost"]
    assert (day["period"]["start"][:10], day["period"]["end"][:10]) == (first, str(max(days) + timedelta(days=1)))
    yesterday = str((now - timedelta(days=2)).date())
    assert usage(start_date=yesterday, end_date=yesterday)["total_cost"] == 0
    assert usage(end_date="9999-12-31")["period"]["end"].startswith("9999-01-01")
    for none in ("2026-02-30", "soon"):
        assert api.get("/api/v3/account/usage", params={"end_date": none}).status_code == 400


def test_an_upload_that_is_larger_than_is_taken_is_cut_off(api: httpx.Client, server: Any) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(server.max_json_bytes // 65_536 + 2):
            yield b" " * 65_536

    refused = api.post("/api/v3/pixverse/lipsync", content=endless(), headers={"Content-Type": "application/json"})

    assert refused.status_code == 413
    assert refused.json()["code"] == 413


def test_the_log_has_ids_and_no_secret(api: httpx.Client, server: Any) -> None:
    api.get("/api/v3/balance?webhook=https://hook.example/?token=hidden-thing", headers={"Ai-Trace-Id": "trace-77"})

    until_s = time.monotonic() + 10  # the answer may be here before the line that tells of it
    while "trace-77" not in (text := server.log_path.read_text()) and time.monotonic() < until_s:
        time.sleep(0.1)
    assert "trace-77" in text
    assert "request_id" in text
    assert server.key not in text
    assert "hidden-thing" not in text
