"""The report of a result over HTTP: whoever has the result's link has the report's, and nobody else."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

JOB_S = 60.0
"""The longest that a test waits for a render, on a busy machine."""


@pytest.fixture(scope="module")
def done(server: Any, uploaded: dict[str, Any]) -> dict[str, Any]:
    """A prediction that is completed."""
    with httpx.Client(base_url=server.url, headers=server.bearer, timeout=60) as api:
        body = {"video": uploaded["video"], "audio": uploaded["audio"]}
        found: dict[str, Any] = api.post("/api/v3/lipwright/still", json=body).json()["data"]
        until_s = time.monotonic() + JOB_S
        while found["status"] not in {"completed", "failed"} and time.monotonic() < until_s:
            time.sleep(0.3)
            found = api.get(found["urls"]["get"]).json()["data"]
    assert found["status"] == "completed", found
    return found


def test_the_report_is_read_without_a_key_at_an_address_as_unguessable_as_the_results(done: dict[str, Any]) -> None:
    answer = httpx.get(done["urls"]["report"])

    report = answer.json()
    media_id = done["outputs"][0].rpartition("/")[2].partition(".")[0]
    assert answer.status_code == 200
    assert done["urls"]["report"].endswith(f"/reports/{media_id}.json")
    assert report["report"] == 1
    assert report["measurement"]["state"] == "done"
    assert report["speakers"][0]["strip"][0]["what"] == "still"


def test_the_report_does_not_tell_what_the_result_was_made_of(done: dict[str, Any], uploaded: dict[str, Any]) -> None:
    text = httpx.get(done["urls"]["report"]).text

    for role in ("video", "audio"):
        assert uploaded[role].rpartition("/")[2].partition(".")[0] not in text
    assert "/tmp" not in text


def test_the_page_runs_no_script_and_loads_nothing(done: dict[str, Any]) -> None:
    answer = httpx.get(done["urls"]["report"].replace(".json", ".html"))

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert "http" not in answer.text.replace("http-equiv", "")


@pytest.mark.parametrize("name", ["0" * 32 + ".json", "0" * 32 + ".html", "nothing", "..%2f..%2fetc.json"])
def test_what_is_not_there_is_not_found(server: Any, name: str) -> None:
    assert httpx.get(f"{server.url}/reports/{name}").status_code == 404


def test_an_upload_has_no_report(server: Any, uploaded: dict[str, Any]) -> None:
    media_id = uploaded["video"].rpartition("/")[2].partition(".")[0]

    assert httpx.get(f"{server.url}/reports/{media_id}.json").status_code == 404


def test_with_the_result_goes_its_report(server: Any, uploaded: dict[str, Any]) -> None:
    with httpx.Client(base_url=server.url, headers=server.bearer, timeout=60) as api:
        body = {"video": uploaded["video"], "audio": uploaded["audio"], "enable_sync_mode": True}
        made = api.post("/api/v3/lipwright/still", json=body).json()["data"]
        assert httpx.get(made["urls"]["report"]).status_code == 200

        api.delete(f"/api/v3/predictions/{made['id']}")

        assert httpx.get(made["urls"]["report"]).status_code == 404
