"""Our own endpoint for many jobs at once, on a whole server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lipwright.config import ServiceSettings
from lipwright.core.errors import DatabaseAway
from lipwright.service.hosted import Hosted

BATCHES = "/api/lipwright/batches"


@pytest.fixture
def item(uploaded: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        return {"video": uploaded["video"], "audio": uploaded["audio"], "engine": "still"} | changes

    return make


def data(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body["data"] if status == 200 else body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"API-KEY": "{key}"}, 404),
        ({"Authorization": "Bearer {key}"}, 404),
        ({"Authorization": "Bearer {key}", "API-KEY": "another"}, 404),
        ({"API-KEY": "another"}, 401),
        ({"X-API-Key": "{key}"}, 401),
        ({}, 401),
    ],
)
def test_the_key_is_taken_as_the_clients_of_either_vendor_send_it(
    here: Any, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.format(key=here.alice_key) for name, value in headers.items()}

    assert here.client.get(f"{BATCHES}/none", headers=sent).status_code == status
    elsewhere = here.client.get("/api/v3/predictions/none", headers=sent).status_code
    assert elsewhere == (status if "Authorization" in sent else 401)  # WaveSpeed's knows one header


def test_every_item_ends_on_its_own_and_what_cannot_be_is_refused(
    api: httpx.Client, item: Callable[..., dict[str, Any]], duration_of: Callable[[bytes], float]
) -> None:
    items = [
        item(reference="one", crf=30, when_short="loop"),
        item(reference="none", engine="nobody's"),
        item(video="media:nowhere", reference="lost"),
        {"video": item()["video"], "reference": "silent"},
    ]

    batch = data(api.post(BATCHES, json={"items": items}))
    until_s = time.monotonic() + 160
    while batch["status"] == "processing" and time.monotonic() < until_s:
        time.sleep(0.2)
        batch = data(api.get(f"{BATCHES}/{batch['id']}"))

    assert batch["total"] == 4
    assert batch["counts"] | {"succeeded": 1, "refused": 3} == batch["counts"]
    assert sum(batch["counts"].values()) == 4
    assert [one["reference"] for one in batch["items"]] == ["one", "none", "lost", "silent"]
    assert [one["error_code"] for one in batch["items"]] == [
        None, "unknown_engine", "media_not_known", "invalid_option",
    ]  # fmt: skip
    one = batch["items"][0]
    assert duration_of(httpx.get(one["outputs"][0]).content) == pytest.approx(1.2, abs=0.1)
    job = data(api.get(f"/api/v3/predictions/{one['id']}/result"))
    assert job["status"] == "completed"
    assert job["model"] == "lipwright/still"


def test_the_same_batch_is_sent_twice_and_made_once(api: httpx.Client, item: Callable[..., dict[str, Any]]) -> None:
    body = {"items": [item(when_long="keep"), item(engine="nobody's")]}
    headers = {"Idempotency-Key": "monday"}

    first = data(api.post(BATCHES, json=body, headers=headers))
    second = data(api.post(BATCHES, json=body, headers=headers))
    other = data(api.post(BATCHES, json={"items": [item()]}, headers=headers), 422)
    ended = data(api.post(f"{BATCHES}/{first['id']}/cancel"))

    assert second["id"] == first["id"]
    assert [one["id"] for one in second["items"]] == [one["id"] for one in first["items"]]
    assert other["error_code"] == "idempotency_mismatch"
    assert ended["status"] == "completed"
    assert ended["counts"]["refused"] == 1
    assert ended["counts"]["cancelled"] + ended["counts"]["succeeded"] == 1


def test_footage_that_several_speak_on_is_looked_at_whole(
    api: httpx.Client, server: Any, item: Callable[..., dict[str, Any]]
) -> None:
    def look_of(job_id: str) -> str | None:
        hosted = Hosted.open(ServiceSettings(data=str(server.log_path.parent / "data")))
        try:
            account = hosted.authenticate(server.key)
            return hosted.job(account, job_id).request.options.get("look")
        finally:
            hosted.close()

    alone = item() | {"video": "https://media.example/other.mp4"}

    batch = data(api.post(BATCHES, json={"items": [item(), item(look="enough"), item(), alone]}))

    data(api.post(f"{BATCHES}/{batch['id']}/cancel"))
    assert [look_of(one["id"]) for one in batch["items"]] == ["all", "enough", "all", None]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [(DatabaseAway("it restarts"), 503, "database_away"), (RuntimeError("a bug"), 500, "internal_error")],
)
def test_a_batch_that_breaks_off_tells_its_id_for_what_was_taken_in_runs(
    here: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {here.alice_key}", "Idempotency-Key": code}
    one = {"video": "https://media.example/v.mp4", "audio": "https://media.example/a.wav"}
    body = {"items": [one, one | {"reference": "second"}]}
    real = Hosted.submit

    def submit(self: Hosted, *given: Any, **named: Any) -> Any:
        if named["idempotency_key"].endswith(":1"):
            raise fault
        return real(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Hosted, "submit", submit)
        refused = data(here.client.post(BATCHES, json=body, headers=headers), status)
    half = data(here.client.get(f"{BATCHES}/{refused['batch_id']}", headers=headers))
    whole = data(here.client.post(BATCHES, json=body, headers=headers))
    data(here.client.post(f"{BATCHES}/{whole['id']}/cancel", headers=headers))

    assert refused["error_code"] == code
    assert refused["batch_id"] in refused["message"]
    assert half["counts"] | {"queued": 1, "pending": 1} == half["counts"]
    assert whole["id"] == half["id"]
    assert whole["counts"]["queued"] == 2


def test_a_batch_is_seen_by_its_owner_only(api: httpx.Client, server: Any, item: Callable[..., dict[str, Any]]) -> None:
    batch = data(api.post(BATCHES, json={"items": [item(engine="nobody's")]}))
    poor = {"Authorization": f"Bearer {server.poor_key}"}

    for method, path in (("GET", ""), ("POST", "/cancel")):
        with httpx.Client(base_url=server.url, headers=poor) as client:
            assert data(client.request(method, f"{BATCHES}/{batch['id']}{path}"), 404)["error_code"] == "job_not_found"
    assert httpx.get(f"{server.url}{BATCHES}/{batch['id']}").status_code == 401


@pytest.mark.parametrize(
    "body",
    [{"items": []}, {"items": [{"video": "v", "audio": "a"}] * 501}, {"items": [{"audio": "a"}]}, {}, {"items": "all"},
     {"items": [{"video": "v", "audio": "a", "enable_sync_mode": True}]}],
    ids=["none", "501", "no footage", "nothing", "no list", "sync"],
)  # fmt: skip
def test_a_batch_that_is_none_is_refused_as_a_whole(api: httpx.Client, body: dict[str, Any]) -> None:
    assert data(api.post(BATCHES, json=body), 400)["error_code"] in {"invalid_parameter", "missing_parameter"}
