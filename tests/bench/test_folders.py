"""Ordinary folders: whatever lies in them, what can be measured is, and the rest is told with its reason."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright import demo
from lipwright.bench import spoken
from lipwright.bench.measure import PICTURE, VIDEO, Choice, Kind, find, measure
from lipwright.core.errors import InternalError, OutputNotWritable


@pytest.fixture
def folder(tmp_path: Path, portrait: Path) -> Path:
    """A good clip and somebody else's recording."""
    clips = tmp_path / "clips"
    clips.mkdir()
    shutil.copy(portrait, clips / "good.mp4")
    shutil.copy(demo.speech_path(), clips / "speech.flac")
    return clips


def benched(folder: Path, out: Path, *kinds: Kind, **named: Any) -> dict[str, dict[str, Any]]:
    """The sections of `bench.json`, by title, after a short run."""
    measure(Choice(folder, out, kinds, seconds=0.4, speech_seconds=0.4, **named))
    return sections(out)


def sections(out: Path) -> dict[str, dict[str, Any]]:
    return {one["title"]: one for one in json.loads((out / "bench.json").read_text("utf-8"))["sections"]}


def reasons(section: dict[str, Any]) -> dict[str, str]:
    return {row["clip"]: row["why"] for row in section["rows"]}


CROSS = "Somebody else's speech"


def test_what_is_no_footage_is_left_out_with_its_reason_and_the_rest_is_measured(
    folder: Path, tmp_path: Path, make_video: Any
) -> None:
    (folder / "broken.mp4").write_bytes(b"\0" * 3000)
    (folder / "._good.mp4").write_bytes(b"\0\x05\x16\x07" + b"\0" * 200)
    (folder / "take.mov").mkdir()
    shutil.copy(make_video(n=12), folder / "landscape.mp4")
    import av

    with av.open(str(folder / "memo.mp4"), "w") as out:
        stream: Any = out.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), "fltp", "mono")
        frame.sample_rate = 16_000
        out.mux([*stream.encode(frame), *stream.encode(None)])

    done = benched(folder, tmp_path / "out", "oracle", "cross")

    told = {row["clip"]: row for row in done[CROSS]["rows"]}
    assert set(told) == {"good", "landscape"}
    assert told["good"]["edited"] >= 0
    assert told["landscape"]["untouched"] == "no_face"
    assert "No face was found" in told["landscape"]["note"]
    assert {row["clip"] for row in done["Left out"]["rows"]} == {"broken", "memo", "good", "landscape"}
    assert "cannot be read as media" in reasons(done["Left out"])["broken"]
    assert "sound only" in reasons(done["Left out"])["memo"]
    assert reasons(done["Left out"])["landscape"] == "no face is found"
    page = (tmp_path / "out" / "bench.html").read_text("utf-8")
    assert "cannot be read as media" in page
    assert "No face was found" in page


def test_names_that_are_no_text_no_markup_and_not_their_own_are_told_apart(folder: Path, tmp_path: Path) -> None:
    good = folder / "good.mp4"
    for name in ("one/Talk [b2].mp4", "two/Talk [b2].mp4", "很" * 70 + ".mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(good, folder / name)
    shutil.copy(good, folder / os.fsdecode(b"caf\xe9.mp4"))

    done = benched(folder, tmp_path / "out [" / "b]", "cross")[CROSS]

    assert {row["clip"] for row in done["rows"]} == {
        "caf�", "good", "one/Talk [b2].mp4", "two/Talk [b2].mp4", "很" * 70,
    }  # fmt: skip
    assert not any("note" in row for row in done["rows"])
    page = (tmp_path / "out [" / "b]" / "bench.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 10
    assert len(list((tmp_path / "out [" / "b]" / "sheets").iterdir())) == 10


def test_the_sheets_of_one_run_are_no_clips_of_the_next(folder: Path) -> None:
    out = folder / "out"
    benched(folder, out, "cross")
    assert find(out, PICTURE)

    again = benched(folder, out, "cross", "text", sentences=1)

    assert [row["clip"] for row in again["Sentences from text"]["rows"]] == ["good"]


def test_nobody_but_oneself_to_listen_to_is_a_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "speech.flac").rename(folder / "Good.flac")

    done = benched(folder, tmp_path / "out", "halves", "cross", "speed")

    whys = [(row["kind"], row["why"]) for row in done["Left out"]["rows"]]
    assert whys == [
        ("End to end on unseen halves", "it has no sound that can be heard"),
        (CROSS, "there is no recording of somebody else"),
        ("Speed and memory", "it has no sound that can be heard"),
    ]


def test_sound_that_ends_before_the_second_half_is_a_reason(folder: Path, tmp_path: Path, make_video: Any) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)
    shutil.copy(make_video("short.mp4", n=50, sound=sound), folder / "short.mp4")

    measure(Choice(folder, tmp_path / "out", ("halves",), only=("short",)))

    assert reasons(sections(tmp_path / "out")["Left out"]) == {"short": "its sound ends before its second half begins"}


def test_what_breaks_with_one_clip_is_a_row_and_told_at_the_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(folder / "good.mp4", folder / "bad.mp4")
    true = spoken.run_cross

    def breaks(clip: Any, *given: Any) -> None:
        if clip.name == "bad":
            raise ValueError("(3,) against (4,)")
        true(clip, *given)

    monkeypatch.setattr(spoken, "run_cross", breaks)

    with pytest.raises(InternalError) as told:
        benched(folder, tmp_path / "out", "cross")

    assert any("bench.html" in note for note in told.value.__notes__)
    bad, good = sections(tmp_path / "out")[CROSS]["rows"]
    assert (bad["untouched"], bad["note"]) == ("internal_error", "ValueError: (3,) against (4,)")
    assert "note" not in good


def test_an_output_that_is_a_file_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(OutputNotWritable):
        benched(folder, tmp_path / "out", "cross")


def test_endings_that_are_taken_elsewhere_are_footage_and_what_moves_is_no_still(
    folder: Path, tmp_path: Path, make_video: Any
) -> None:
    for name in ("a.ts", "b.wmv", "c.MXF", "d.flv"):
        (folder / name).write_bytes(b"")
    shutil.copy(make_video("moves.apng", n=3, codec="apng", pixel_format="rgb24"), folder / "moves.png")
    shutil.copy(demo.picture_path(), folder / "still.png")

    assert {path.name for path in find(folder, VIDEO)} == {"a.ts", "b.wmv", "c.MXF", "d.flv", "good.mp4"}
    told = benched(folder, tmp_path / "out", "oracle", "text", sentences=1)
    assert {"moves"} <= {row["clip"] for row in told["Left out"]["rows"]}
    assert "still" not in {row["clip"] for row in told["Left out"]["rows"]}
    assert "still" in {row["clip"] for row in told["Sentences from text"]["rows"]}
