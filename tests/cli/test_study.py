"""`lipwright study`: footage is looked at before anybody speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lipwright as api
from lipwright import demo
from lipwright.cache import Cache
from lipwright.core.options import SyncOptions
from lipwright.service import study_with


def test_the_first_speech_on_footage_that_was_studied_begins_at_once(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    kept, report = tmp_path / "kept", tmp_path / "report.json"

    studied = lipwright("study", portrait, "--cache", kept)
    spoken = lipwright("sync", portrait, short_speech, "-o", tmp_path / "o.mp4", "--cache", kept, "--report", report)

    assert studied.returncode == spoken.returncode == 0, studied.stderr + spoken.stderr
    assert "25 frames, 1 face, it has no sound; looked at in" in studied.stdout
    assert "known from an earlier run" in spoken.stdout
    assert json.loads(report.read_text())["is_recalled"] is True


def test_footage_that_is_known_is_not_looked_at_again(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    first, second = (lipwright("study", portrait, "--json", LIPWRIGHT_CACHE=str(tmp_path)) for _ in range(2))

    one, two = (json.loads(done.stdout)[0] for done in (first, second))
    assert (one["is_recalled"], two["is_recalled"]) == (False, True)
    assert one["is_kept"] is two["is_kept"] is True
    assert two["n_frames"] == 25


@pytest.mark.clips
def test_own_sound_is_kept_beside_the_people(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    footage = clips / "video" / "vr_2.mp4"

    known = api.study(footage, cache=tmp_path)
    monkeypatch.setattr("lipwright.pipeline._heard", lambda _: pytest.fail("its own sound was heard again"))
    again = api.study(footage, cache=tmp_path)

    assert known.has_sound
    assert again.has_sound
    assert again.is_recalled
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_kept_is_told_and_fails(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    done = lipwright("study", portrait, "--cache", tmp_path, LIPWRIGHT_CACHE_BYTES="100000")

    assert done.returncode == 1
    assert "and not kept" in done.stdout
    assert "it takes more than" in done.stdout


def test_what_fails_is_told_and_the_others_are_looked_at(
    lipwright: Any, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    gone, torn, kept = tmp_path / "gone.mp4", tmp_path / "torn.mp4", tmp_path / "kept"
    torn.write_text("Dear reader, this is not a film.")

    done = lipwright("study", torn, speech, gone, portrait, "--cache", kept)

    errors = [line for line in done.stderr.splitlines() if "error [" in line]
    assert done.returncode == 2
    assert [line.split("]")[0] for line in errors] == [
        f"{gone}: error [media_not_found",  # its name was looked at before anything else
        f"{torn}: error [unreadable_media",
        f"{speech}: error [no_video",
    ]
    assert done.stdout.startswith(f"{portrait}: 25 frames, 1 face")
    assert list(kept.iterdir())


def test_what_is_wrong_with_all_of_them_is_told_once(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    done = lipwright("study", portrait, portrait, "--cache", tmp_path, "--engine", "magic")

    assert done.returncode == 2
    assert done.stderr.count("error [unknown_engine]") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([demo.picture_path(), "--cache", "kept"], "invalid_option"),  # a picture keeps nothing
        ([demo.video_path(), "--cache", "kept", "--engine", "still"], "invalid_option"),  # nor does this engine
        ([demo.video_path()], "invalid_option"),  # the settings say: nowhere
        ([demo.speech_path(), "--cache", "kept"], "no_video"),
        (["nothing.mp4", "--cache", "kept"], "media_not_found"),
    ],
)
def test_what_makes_no_sense_is_told(
    lipwright: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[Any], code: str
) -> None:
    monkeypatch.chdir(tmp_path)

    done = lipwright("study", *arguments)

    assert done.returncode == 2
    assert f"error [{code}]" in done.stderr


@pytest.mark.clips
def test_notes_on_what_was_kept_are_told_once_and_of_the_sound_too(clips: Path, tmp_path: Path) -> None:
    footage, cache = clips / "video" / "vr_2.mp4", Cache(tmp_path)
    study_with(SyncOptions(), footage, cache)
    of_sound = min(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    of_sound.write_bytes(b"damaged")

    second, third = (study_with(SyncOptions(), footage, cache) for _ in range(2))

    assert second.is_recalled
    assert [note for note in second.notes if "is damaged" in note]
    assert not [note for note in third.notes if "is damaged" in note]
