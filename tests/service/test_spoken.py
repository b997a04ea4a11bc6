"""A text of a job is spoken once: for its price, and again from memory for its render."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright import voices
from lipwright.cache import Cache
from lipwright.service import children, spoken


@pytest.fixture
def arguments(tmp_path: Path, portrait: Path) -> dict[str, Any]:
    return {
        "video": str(portrait),
        "audio": None,
        "output": str(tmp_path / "out.mp4"),
        "cache": str(tmp_path / "cache"),
        "options": {"preset": "ultrafast"},
        "text": "Good day. How are you?",
        "voice": None,
        "language": None,
        "speaking": {},
        "voice_options": None,
    }


def test_what_is_recalled_is_what_was_said(tmp_path: Path) -> None:
    said = voices.speak("Good day. How are you?", "Harper")
    cache = Cache(tmp_path)

    spoken.keep(cache, "spoken-1", said)
    again = spoken.recall(cache, "spoken-1")

    assert again is not None
    assert np.array_equal(again.clip.samples, said.clip.samples)
    assert again.clip.rate_hz == said.clip.rate_hz
    assert (again.phones, again.sentences) == (said.phones, said.sentences)
    assert (again.voice, again.language, again.notes) == (said.voice, said.language, said.notes)
    assert spoken.recall(cache, "spoken-2") is None


def test_other_words_another_voice_and_other_footage_for_auto_are_another_thing_to_say(
    arguments: dict[str, Any], short_speech: Path
) -> None:
    others = [
        {"text": "Good day."},
        {"voice": "7"},
        {"language": "de"},
        {"speaking": {"speed": 1.1}},
        {"video": str(short_speech)},
    ]
    keys = [spoken.key_of({**arguments, **changes}) for changes in ({}, *others)]

    assert len(set(keys)) == len(keys)
    named = {**arguments, "voice": "7"}
    assert spoken.key_of(named) == spoken.key_of({**named, "video": str(short_speech)})


def test_the_render_of_a_text_does_not_speak_it_again(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard_s = children.heard_s(arguments, lambda message: None)["duration_s"]

    def silent(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("it was spoken already")

    monkeypatch.setattr(voices, "speak", silent)
    report = children.render(arguments, lambda message: None)

    assert report["duration_s"] == pytest.approx(heard_s, abs=0.05)
    assert Path(arguments["output"]).stat().st_size > 0
