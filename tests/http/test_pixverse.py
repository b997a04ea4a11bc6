"""The PixVerse face, against a server that runs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

JOB_S = 120
"""The longest that a test waits for a render, on a busy machine."""
V2 = "/openapi/v2"
GENERATE = f"{V2}/video/lip_sync/generate"


def resp(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["ErrCode"] == 0, body
    assert isinstance(body["Resp"], dict)
    return body["Resp"]


def error(answer: httpx.Response, status: int = 200) -> tuple[int, str]:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"ErrCode", "ErrMsg", "Resp"}
    assert body["Resp"] is None
    return body["ErrCode"], body["ErrMsg"]


def finished(api: httpx.Client, video_id: int) -> dict[str, Any]:
    until_s = time.monotonic() + JOB_S
    while time.monotonic() < until_s:
        now = resp(api.get(f"{V2}/video/result/{video_id}"))
        if now["status"] != 5:
            return now
        assert now["url"] == ""
        time.sleep(0.3)
    raise AssertionError(f"not done in {JOB_S} s")


@pytest.fixture(scope="module")
def made(server: Any, uploaded: dict[str, Any]) -> dict[str, Any]:
    """A video that is done: of an upload and a text."""
    with httpx.Client(base_url=server.url, headers=server.api_key, timeout=60) as api:
        body = {
            "video_media_id": uploaded["video_id"],
            "source_video_id": 0,
            "audio_media_id": 0,
            "lip_sync_tts_speaker_id": "auto",
            "lip_sync_tts_content": "Hello from here.",
        }
        submitted = resp(api.post(GENERATE, json=body, headers={"Ai-Trace-Id": str(uuid.uuid4())}))
        assert 0 < submitted["video_id"] < 2**53
        assert submitted["credits"] == 8  # 16 bytes: two times 15 begun
        return finished(api, submitted["video_id"])


def test_a_text_is_spoken_and_the_result_has_every_field_as_a_whole_number(made: dict[str, Any]) -> None:
    assert made["status"] == 1, made
    for name in ("id", "outputHeight", "outputWidth", "resolution_ratio", "seed", "size", "status"):
        assert type(made[name]) is int, name
    for name in ("create_time", "modify_time", "prompt", "negative_prompt", "style", "url"):
        assert type(made[name]) is str, name
    assert made["outputWidth"] > 0
    assert made["size"] == len(httpx.get(made["url"]).content)


def test_what_was_made_can_be_made_to_say_something_else(
    api: httpx.Client, made: dict[str, Any], uploaded: dict[str, Any], duration_of: Callable[[bytes], float]
) -> None:
    body = {"source_video_id": made["id"], "audio_media_id": uploaded["audio_id"]}

    again = finished(api, resp(api.post(GENERATE, json=body))["video_id"])

    assert again["status"] == 1
    assert duration_of(httpx.get(again["url"]).content) == pytest.approx(1.2, abs=0.05)


def test_a_repeated_trace_id_is_the_same_submit(api: httpx.Client, uploaded: dict[str, Any]) -> None:
    body = {"video_media_id": uploaded["video_id"], "audio_media_id": uploaded["audio_id"]}
    trace = {"Ai-trace-id": f"{time.time()}-clip.mp4"}

    first, second = (resp(api.post(GENERATE, json=body, headers=trace))["video_id"] for _ in range(2))

    assert first == second
    assert resp(api.get(f"{V2}/video/result/{first}", headers=trace))["id"] == first


def test_what_cannot_be_meant_is_refused_with_the_vendors_numbers(api: httpx.Client, uploaded: dict[str, Any]) -> None:
    video, audio = uploaded["video_id"], uploaded["audio_id"]
    speaks = {"lip_sync_tts_speaker_id": "7", "lip_sync_tts_content": "Hello."}
    for body, told in (
        ({}, "video_media_id"),
        ({"video_media_id": video}, "Either audio_media_id"),
        ({"video_media_id": video, "lip_sync_tts_speaker_id": "7"}, "Either audio_media_id"),
        ({"audio_media_id": audio}, "source_video_id"),
        ({"video_media_id": video, "source_video_id": 5, "audio_media_id": audio}, "Only one"),
        ({"video_media_id": video, "audio_media_id": audio, **speaks}, "Only one"),
        ({"video_media_id": 77, "audio_media_id": audio}, "No matching video_media_id"),
        ({"source_video_id": 77, "audio_media_id": audio}, "No matching source_video_id"),
        ({"video_media_id": audio, "audio_media_id": audio}, "Invalid media_type"),
        ({"video_media_id": video, "audio_media_id": video}, "Invalid media_type"),
        ({"video_media_id": video, **speaks, "lip_sync_tts_speaker_id": "99"}, "speaker ID"),
        ({"video_media_id": video, **speaks, "lip_sync_tts_content": "a" * 6000}, "within"),
    ):
        code, message = error(api.post(GENERATE, json=body))
        assert code == 400017, body
        assert told in message
    assert error(api.post(GENERATE, json={"video_media_id": "abc"}), 200)[0] == 400013
    assert error(api.get(f"{V2}/video/result/123456"))[0] == 500008
    assert error(api.post(f"{V2}/video/text/generate", json={"prompt": "x"}))[0] == 500020
    assert error(api.post(f"{V2}/nothing", json={}), 404)[0] == 500008


def test_the_vendors_example_can_be_pasted_with_its_comments_and_its_variable(
    api: httpx.Client, uploaded: dict[str, Any]
) -> None:
    example = """{
  "video_media_id": 0,
  //"source_video_id":0, //'video_id' returned from the generation API
  //"audio_media_id":0, //'media_id' from the upload API with 'media_type = audio'
  "lip_sync_tts_speaker_id": "auto",
  "lip_sync_tts_content": "hello this is harry, where are you from? see https://a.example//b"
}"""
    headers = {"Ai-Trace-Id": "{{$string.uuid}}", "Content-Type": "application/json"}

    code, message = error(api.post(GENERATE, content=example, headers=headers))
    filled = example.replace(": 0,", f": {uploaded['video_id']},", 1)
    first, second = (resp(api.post(GENERATE, content=filled, headers=headers))["video_id"] for _ in range(2))

    assert (code, "video_media_id" in message) == (400017, True)
    assert first != second
    code, message = error(api.post(GENERATE, content="{\n// nothing\n oops", headers=headers))
    assert code == 400013
    assert message.startswith("The body is not JSON")


def test_keys_and_credits(server: Any, api: httpx.Client, uploaded: dict[str, Any], portrait: Path) -> None:
    code, _ = error(httpx.get(f"{server.url}{V2}/account/balance", headers={"API-KEY": "wrong"}), 401)
    assert code == 400012
    poor = {"API-KEY": server.poor_key}
    balance = resp(httpx.get(f"{server.url}{V2}/account/balance", headers=poor))
    assert balance["credit_monthly"] + balance["credit_package"] == 0
    own = httpx.post(
        f"{server.url}{V2}/media/upload", headers=poor, files={"file": ("x", portrait.read_bytes())}, timeout=60
    )
    body = {
        "video_media_id": resp(own)["media_id"],
        "lip_sync_tts_speaker_id": "Auto",
        "lip_sync_tts_content": "Hello.",
    }
    assert error(httpx.post(server.url + GENERATE, json=body, headers=poor))[0] == 500090
    body["video_media_id"] = uploaded["video_id"]  # of another account
    assert error(httpx.post(server.url + GENERATE, json=body, headers=poor))[0] == 400017


def test_speakers_are_the_fifteen_in_their_order_with_or_without_pages(api: httpx.Client) -> None:
    path = f"{V2}/video/lip_sync/tts_list"
    everyone = resp(api.get(path))

    assert everyone["total"] == 15
    assert [one["speaker_id"] for one in everyone["data"]] == [
        *["7", "8", "3", "9", "1", "5", "10", "11", "12", "4", "2", "13", "6", "14", "Auto"]
    ]
    assert [one["name"] for one in resp(api.get(path, params={"page_num": "2", "page_size": "2"}))["data"]] == [
        everyone["data"][2]["name"],
        everyone["data"][3]["name"],
    ]
    assert len(resp(api.get(path, params={"page_num": "0", "page_size": ""}))["data"]) == 15


def test_media_by_address_are_fetched_under_guard(api: httpx.Client) -> None:
    for way in ({"data": {"file_url": "http://127.0.0.1:1/x.mp4"}}, {"files": {"file_url": (None, "file:///etc/x")}}):
        code, message = error(api.post(f"{V2}/media/upload", **way))  # pyright: ignore[reportArgumentType]
        assert code == 400017
        assert "refused" in message
    assert error(api.post(f"{V2}/media/upload", data={"x": "y"}))[0] == 400011


def test_a_link_of_ours_is_taken_as_an_address_and_becomes_media_of_who_sends_it(
    api: httpx.Client, server: Any, made: dict[str, Any]
) -> None:
    again = resp(api.post(f"{V2}/media/upload", data={"file_url": made["url"]}))
    with httpx.Client(base_url=server.url, headers={"API-KEY": server.poor_key}, timeout=60) as poor:
        theirs = resp(poor.post(f"{V2}/media/upload", files={"file_url": (None, made["url"])}))
    nothing = error(api.post(f"{V2}/media/upload", data={"file_url": f"{server.url}/files/{'0' * 32}.mp4"}))

    assert len({again["url"], theirs["url"], made["url"]}) == 3
    assert len({again["media_id"], theirs["media_id"], made["id"]}) == 3
    assert again["media_type"] == "video"
    assert httpx.get(again["url"]).content == httpx.get(made["url"]).content
    assert nothing[0] == 400017


def test_a_picture_is_taken_where_pictures_are_and_nowhere_else(api: httpx.Client) -> None:
    import cv2
    import numpy as np

    png = cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()

    kept = resp(api.post(f"{V2}/image/upload", files={"image": ("a.png", png)}))

    assert httpx.get(kept["img_url"]).content == png
    assert error(api.post(f"{V2}/media/upload", files={"file": ("a.mp4", png)}))[0] == 400017
    assert error(api.post(f"{V2}/image/upload", files={"image": ("a.png", png[:-40])}))[0] == 500031
    assert error(api.post(f"{V2}/image/upload", files={"image": ("a.png", b"no picture at all")}))[0] == 500032
