"""What the OpenAPI document says holds for whatever is sent: no 5xx, and every answer as its schema has it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lipwright.config import HttpSettings, ServiceSettings
from lipwright.http.app import create_app
from lipwright.service.hosted import Hosted

N_CASES = int(os.environ.get("LIPWRIGHT_TEST_API_CASES", "150"))
"""In all; 2,000 by hand before a release."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, str]]:
    """The application itself, without a worker, and the headers of a key."""
    chosen = ServiceSettings(data=str(tmp_path_factory.mktemp("api")), max_upload_bytes=100_000)
    hosted = Hosted.open(chosen)
    _, key = hosted.create_key("tester", has_credit_limit=False, max_requests_per_min=10**9)
    app = create_app(hosted, chosen, HttpSettings(sync_wait_s=0.2, max_json_bytes=100_000))
    return schemathesis.openapi.from_asgi("/openapi.json", app), {"Authorization": f"Bearer {key}", "API-KEY": key}


def test_the_document_shows_both_faces_with_examples(api: tuple[Any, dict[str, str]]) -> None:
    paths = api[0].raw_schema["paths"]

    assert {"/api/v3/pixverse/lipsync", "/openapi/v2/video/lip_sync/generate", "/files/{name}"} <= set(paths)
    for path in ("/api/v3/pixverse/lipsync", "/openapi/v2/video/lip_sync/generate"):
        assert paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]


def test_the_document_says_which_key_opens_what(api: tuple[Any, dict[str, str]]) -> None:
    keys: dict[str, Any] = {}
    for path, methods in api[0].raw_schema["paths"].items():
        for operation in methods.values():
            keys[path] = [name for scheme in operation.get("security", []) for name in scheme]

    assert keys["/api/lipwright/batches"] == keys["/api/lipwright/batches/{batch_id}/cancel"]
    assert keys["/api/lipwright/batches"] == ["WaveSpeed key", "PixVerse key"]
    assert keys["/api/v3/pixverse/lipsync"] == ["WaveSpeed key"]
    assert keys["/openapi/v2/video/lip_sync/generate"] == ["PixVerse key"]
    assert keys["/files/{name}"] == []


def test_the_document_tells_of_no_answer_of_the_frameworks_own(api: tuple[Any, dict[str, str]]) -> None:
    document = api[0].raw_schema
    answers = {
        path: set(operation["responses"])
        for path, operations in document["paths"].items()
        for operation in operations.values()
    }

    assert "ValidationError" not in json.dumps(document)
    assert "422" not in answers["/openapi/v2/video/result/{video_id}"] | answers["/files/{name}"]
    assert "422" in answers["/api/v3/pixverse/lipsync"]  # our own: the key of another request


def test_whatever_is_sent_the_answer_is_as_the_document_says(api: tuple[Any, dict[str, str]]) -> None:
    schema, headers = api
    operations = [found.ok() for found in schema.get_all_operations()]
    each = -(-N_CASES // len(operations))
    n_sent = 0
    failures: list[str] = []
    for operation in operations:

        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],  # pyright: ignore[reportArgumentType]
        )
        def send(case: Any) -> None:
            nonlocal n_sent
            n_sent += 1
            case.call_and_validate(headers=headers, checks=CHECKS)

        from hypothesis import given

        try:
            given(case=operation.as_strategy())(send)()
        except Exception as exc:  # noqa: BLE001 - every operation is heard before the test fails
            failures.append(f"{operation.label}: {exc}")

    assert not failures, "\n\n".join(failures)
    assert n_sent >= len(operations)
