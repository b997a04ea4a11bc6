"""Moderators answer for each picture, or say that they do not; no answer is never "nothing found"."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from lipwright import media, sandbox
from lipwright.config import ServiceSettings
from lipwright.core.errors import Cancelled, InvalidOption, ModerationFailed
from lipwright.moderation import Moderator, ModeratorOptions
from lipwright.moderation.http import HttpModerator
from lipwright.moderation.nudenet import NudeNetModerator, is_refused
from lipwright.plugins import MODERATORS, load_moderator, moderator_names
from lipwright.portrait import picture
from lipwright.service.hosted_checks import hosted_checks
from lipwright.service.moderate import N_PICTURES, Moderation, sample
from lipwright.service.moderate import load_moderator as load_checked


class Endpoint:
    """An operator's endpoint, which says what `says` says."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.says: Callable[[int], tuple[int, bytes]] = lambda n: (200, json.dumps({"refused": [False] * n}).encode())
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((dict(self.headers), body))
                status, answer = outer.says(len(body["pictures"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/look"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    made.http.shutdown()
    made.http.server_close()


class Scripted:
    """A moderator whose answers are given."""

    licence: ClassVar[str] = "none"

    def __init__(self, answers: list[bool]) -> None:
        self.answers, self.shown = answers, list[bytes]()

    def look(self, pictures: Any) -> list[bool]:
        self.shown += pictures
        return [*self.answers, *[False] * len(pictures)][: len(pictures)]

    @staticmethod
    def missing() -> str | None:
        return None


def test_ours_are_found_by_name_and_keep_the_contract() -> None:
    ours = [one.name for one in entry_points(group=MODERATORS) if one.dist is not None and one.dist.name == "lipwright"]

    assert sorted(ours) == ["http", "nudenet"]
    for name in ours:
        kind: Any = load_moderator(name)
        assert isinstance(kind.licence, str)
        assert callable(kind.look)
        assert kind.missing() is None or isinstance(kind.missing(), str)


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(InvalidOption, match=", ".join(moderator_names())):
        load_checked("nobody", ModeratorOptions())


def test_the_endpoint_sees_the_pictures_and_its_answer_counts(endpoint: Endpoint) -> None:
    endpoint.says = lambda n: (200, b'{"refused": [false, true]}')
    moderator: Moderator = HttpModerator(ModeratorOptions(url=endpoint.url, token="t0ken"))

    assert moderator.look([b"one", b"two"]) == [False, True]
    headers, body = endpoint.asked[0]
    assert [base64.b64decode(picture) for picture in body["pictures"]] == [b"one", b"two"]
    assert headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (200, b"no"), (200, b"[]"), (200, b'{"refused": [true]}'), (200, b'{"refused": [0, 1]}'),
     (302, b"")],
)  # fmt: skip
def test_an_endpoint_that_gives_no_answer_is_an_error(status: int, body: bytes, endpoint: Endpoint) -> None:
    endpoint.says = lambda n: (status, body)

    with pytest.raises(ModerationFailed):
        HttpModerator(ModeratorOptions(url=endpoint.url)).look([b"one", b"two"])


def test_an_endpoint_that_is_not_there_is_an_error(endpoint: Endpoint) -> None:
    endpoint.http.server_close()

    with pytest.raises(ModerationFailed, match=r"broke|reached"):
        HttpModerator(ModeratorOptions(url=endpoint.url)).look([b"one"])


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "http://user:pass@host/", "moderator"])
def test_an_address_that_cannot_be_asked_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(InvalidOption, match="moderation_url"):
        HttpModerator(ModeratorOptions(url=url))


def test_a_secret_is_not_shown() -> None:
    assert "t0ken" not in repr(ModeratorOptions(token="t0ken"))


def test_pictures_are_spread_over_the_whole_footage(portrait: Path, tmp_path: Path) -> None:
    told = sample({"path": str(portrait), "folder": str(tmp_path)}, lambda message: None)

    pictures = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert told == {"n": N_PICTURES} == {"n": len(pictures)}
    assert all(picture.startswith(b"\xff\xd8\xff") for picture in pictures)


def test_of_a_recording_that_was_cut_into_what_can_be_decoded_is_shown(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    """A transport stream that begins between two key frames holds fewer frames than its packets promise."""
    whole = make_video("whole.ts", n=60, options={"g": "20"}).read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[len(whole) // 6 // 188 * 188 :])
    found = media.probe(tmp_path / "cut.ts").video
    folder = tmp_path / "sample"
    folder.mkdir()

    told = sample({"path": str(tmp_path / "cut.ts"), "folder": str(folder)}, lambda _: None)

    assert found is not None
    assert found.n_frames > 40, "the stream can be read from its second key frame"
    assert told == {"n": N_PICTURES} == {"n": len(list(folder.iterdir()))}


def test_nobody_waits_for_the_pictures_of_a_job_that_is_over(portrait: Path) -> None:
    with pytest.raises(Cancelled):
        Moderation("scripted", Scripted([]), limit_s=3600)(portrait, lambda: True)


def test_a_still_is_shown_as_it_will_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that was held sideways says so beside the picture."""
    lying = np.full((120, 200, 3), 255, np.uint8)
    lying[:60] = 0
    cv2.imwrite(str(tmp_path / "turned.webp"), lying)
    monkeypatch.setattr(picture, "orientation_of_webp", lambda _: 6)
    folder = tmp_path / "sample"
    folder.mkdir()

    told = sample({"path": str(tmp_path / "turned.webp"), "folder": str(folder)}, lambda _: None)

    shown = cv2.imread(str(folder / "0.jpg"), cv2.IMREAD_GRAYSCALE)
    assert told == {"n": 1}
    assert shown[:, 400:440].mean() < 10, "its top is on the right"
    assert shown[:, 200:240].mean() > 245


def test_one_refused_picture_refuses_the_file(portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moderator = Scripted([False] * 5 + [True])

    assert Moderation("scripted", moderator)(portrait)
    assert len(moderator.shown) == N_PICTURES
    # the same pictures again, without the child that took them
    monkeypatch.setattr(sandbox, "call", lambda target, arguments, **limits: sample(arguments, lambda message: None))
    assert not Moderation("scripted", Scripted([]))(portrait)


def test_a_file_without_pictures_is_not_called_clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox, "call", lambda target, arguments, **limits: {"n": 0})

    with pytest.raises(ModerationFailed, match="no picture"):
        Moderation("scripted", Scripted([]))(tmp_path)


def test_doctor_says_who_moderates_and_under_which_licence(tmp_path: Path) -> None:
    told = {check.name: check for check in hosted_checks(ServiceSettings(data=str(tmp_path / "new")))}
    wrong = {check.name: check for check in hosted_checks(ServiceSettings(moderator="http", data="/proc/nowhere"))}

    assert all(check.is_well for check in told.values())
    assert "nobody" in told["chosen"].value
    assert "AGPL" in told["nudenet"].value
    assert not wrong["http"].is_well
    assert "address" in wrong["http"].value


@pytest.mark.parametrize(
    ("found", "is_bad"),
    [
        ([], False),
        ([{"class": "FACE_FEMALE", "score": 0.99, "box": []}, {"class": "FEET_EXPOSED", "score": 0.9}], False),
        ([{"class": "FEMALE_BREAST_EXPOSED", "score": 0.49, "box": []}], False),
        ([{"class": "FACE_MALE", "score": 0.9}, {"class": "MALE_GENITALIA_EXPOSED", "score": 0.5, "box": []}], True),
    ],
)
def test_of_what_nudenet_finds_only_nudity_counts(found: list[dict[str, Any]], is_bad: bool) -> None:
    assert is_refused(found, 0.5) is is_bad


@pytest.mark.skipif(find_spec("nudenet") is not None, reason="nudenet is installed")
def test_nudenet_says_how_to_get_it_and_its_licence() -> None:
    with pytest.raises(InvalidOption, match=r"pip install.*AGPL"):
        NudeNetModerator(ModeratorOptions())


@pytest.mark.skipif(find_spec("nudenet") is None, reason="nudenet is not installed: pip install --no-deps nudenet")
def test_nudenet_finds_nothing_in_a_portrait(portrait: Path) -> None:
    assert not Moderation("nudenet", NudeNetModerator(ModeratorOptions()))(portrait)
