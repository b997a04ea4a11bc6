"""The harness runs on a folder that it has never seen, and says what it found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lipwright import demo
from lipwright.bench.measure import Choice, measure
from lipwright.core.errors import InvalidOption

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lipwright")), "bench", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one video and one recording, as somebody might have it."""
    clips = tmp_path / "my clips"
    (clips / "deeper").mkdir(parents=True)
    shutil.copy(demo.video_path(), clips / "deeper" / "somebody.mp4")
    shutil.copy(demo.speech_path(), clips / "a recording.flac")
    return clips


def test_a_moment_of_an_unseen_folder_gives_a_table_json_and_a_page_with_its_pictures_inside(
    folder: Path, tmp_path: Path
):
    out = tmp_path / "out"

    done = bench(folder, "cross", "-o", out, "--seconds", "0.6", "--speech-seconds", "0.6")

    assert done.returncode == 0, done.stderr[-2000:]
    assert "somebody" in done.stdout
    (row,) = json.loads((out / "bench.json").read_text())["sections"][0]["rows"]
    assert row["clip"] == "somebody"
    assert row["speech"] == "a recording"
    assert row["outside"] == 0
    page = (out / "bench.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "src='http" not in page


def test_a_kind_that_does_not_exist_and_a_folder_without_video_are_refused(folder: Path, tmp_path: Path):
    assert "beauty" in bench(folder, "beauty").stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = bench(empty, "cross")
    assert refused.returncode != 0
    assert "no video" in refused.stderr


def test_a_clip_that_is_not_there_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(InvalidOption, match="only cannot be 'nobody'"):
        measure(Choice(folder, tmp_path / "out", only=("somebody", "nobody")))


def test_everybody_says_sentences_from_text_a_still_portrait_too(tmp_path: Path):
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    shutil.copy(demo.picture_path(), clips / "still.jpg")

    done = bench(clips, "text", "-o", out, "--sentences", "2")

    assert done.returncode == 0, done.stderr[-2000:]
    (row,) = json.loads((out / "bench.json").read_text())["sections"][0]["rows"]
    assert row["clip"] == "still"
    assert row["sentences"] == 2
    assert row["n closures"] >= 10, "these sentences are full of p, b and m"
    assert row["closures"] >= 0.97, "in the finished file, tracked afresh"
    assert row["frames lost"] == 0
