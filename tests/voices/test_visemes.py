"""Mouth cues in the files that others read."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.core.errors import InvalidOption, MediaNotFound, NothingToSay, UnreadableMedia
from lipwright.core.speech import SILENCE, Phone
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline
from lipwright.service.speech import read_text, visemes
from lipwright.voices.visemes import ARKIT, OCULUS, Cue, Format, cues_srt, rhubarb_cues, rhubarb_json, rhubarb_tsv

TEXT = "Mama, put five apples in the food bowl."
CUES = [Cue(0, 5, "X"), Cue(5, 27, "D"), Cue(27, 35, "A")]


def timed(*rows: tuple[str, float]) -> Timeline[Phone]:
    items: list[Timed[Phone]] = []
    at = Fraction(0)
    for name, seconds in rows:
        end = at + Fraction(seconds).limit_denominator(1000)
        items.append(Timed(Span(at, end), SILENCE if name == "sil" else Phone(name, (name,))))
        at = end
    return Timeline(tuple(items))


def test_rhubarbs_json_is_written_letter_by_letter() -> None:
    assert rhubarb_json(CUES, Fraction(35, 100), Path("/a/b.wav")) == (
        "{\n"
        '  "metadata": {\n'
        '    "soundFile": "/a/b.wav",\n'
        '    "duration": 0.35\n'
        "  },\n"
        '  "mouthCues": [\n'
        '    { "start": 0.00, "end": 0.05, "value": "X" },\n'
        '    { "start": 0.05, "end": 0.27, "value": "D" },\n'
        '    { "start": 0.27, "end": 0.35, "value": "A" }\n'
        "  ]\n"
        "}\n"
    )


def test_rhubarbs_tsv_ends_with_the_closed_mouth() -> None:
    assert rhubarb_tsv(CUES, Fraction(35, 100)) == "0.00\tX\n0.05\tD\n0.27\tA\n0.35\tX\n"


def test_cues_can_be_looked_at_as_captions() -> None:
    assert cues_srt(CUES[:1]) == "1\n00:00:00,000 --> 00:00:00,050\nX\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((("PBM", 0.1), ("A", 0.3), ("FV", 0.1)), "ADG"),
        ((("A", 0.1), ("L", 0.2), ("U", 0.2), ("sil", 0.5)), "CHFX"),
        ((("A", 0.3), ("sil", 0.08), ("I", 0.2)), "DB"),
        ((("sil", 0.4),), "X"),
        ((("O", 0.2), ("W", 0.1), ("U", 0.1)), "EF"),
    ],
)
def test_sounds_have_rhubarbs_mouths(rows: tuple[tuple[str, float], ...], expected: str) -> None:
    phones = timed(*rows)

    cues = rhubarb_cues(phones, phones.items[-1].span.stop_s)

    assert "".join(cue.value for cue in cues) == expected


def test_a_closure_too_short_to_be_seen_is_lengthened_into_the_sound_before() -> None:
    phones = timed(("A", 0.3), ("PBM", 0.01), ("A", 0.3))

    cues = rhubarb_cues(phones, Fraction(61, 100))

    assert cues == [Cue(0, 26, "D"), Cue(26, 31, "A"), Cue(31, 61, "D")]


@pytest.mark.parametrize("source", [TEXT, "speech"])
def test_cues_of_a_text_and_of_a_recording_tile_it(source: str, speech: Path) -> None:
    given = str(speech) if source == "speech" else source

    table = json.loads(visemes(given, "rhubarb-json", language="en"))

    cues = table["mouthCues"]
    assert set(table) == {"metadata", "mouthCues"}
    assert cues[0]["start"] == 0
    assert cues[-1]["end"] == table["metadata"]["duration"]
    assert all(a["end"] == b["start"] and a["value"] != b["value"] for a, b in pairwise(cues))
    assert {cue["value"] for cue in cues} <= set("ABCDEFGHX")
    assert len({cue["value"] for cue in cues}) >= 5
    assert all(cue["end"] > cue["start"] for cue in cues)
    assert table["metadata"]["soundFile"] == (str(speech.absolute()) if source == "speech" else "")


def test_every_p_b_m_f_and_v_of_a_text_is_a_cue() -> None:
    table = json.loads(visemes("Bob found a map of five pubs.", "rhubarb-json", language="en", voice="espeak:"))

    values = "".join(cue["value"] for cue in table["mouthCues"])
    assert values.count("A") == 6
    assert values.count("G") == 3  # the two in "of five" are one


def test_arkit_rows_are_those_of_live_link_face() -> None:
    rows = list(csv.reader(io.StringIO(visemes(TEXT, "arkit-csv", language="en", fps=60))))
    table = json.loads(visemes(TEXT, "rhubarb-json", language="en"))

    assert rows[0] == ["Timecode", "BlendShapeCount", *ARKIT]
    assert len(ARKIT) == len(set(ARKIT)) == 61
    assert len(rows) - 1 == pytest.approx(table["metadata"]["duration"] * 60, abs=1.5)
    assert rows[1][0] == "00:00:00:00.000"
    assert rows[61][0] == "00:00:01:00.000"
    values = np.array([row[2:] for row in rows[1:]], float)
    assert values.min() >= 0
    assert values.max() <= 1
    jaw, close, press, roll = (
        values[:, ARKIT.index(name)] for name in ("JawOpen", "MouthClose", "MouthPressLeft", "MouthRollLower")
    )
    assert jaw.max() > 0.2
    assert press.max() == pytest.approx(0.4, abs=0.01)
    assert roll.max() > 0.3
    assert close.max() < 0.6
    assert not values[:, :14].any()


def test_oculus_weights_sum_to_one_and_name_the_sounds() -> None:
    table: dict[str, Any] = json.loads(visemes(TEXT, "oculus15-json", language="en", fps=30))
    frames = np.array(table["frames"])

    assert table["visemes"] == list(OCULUS)
    assert len(OCULUS) == 15
    assert frames.shape == (len(frames), 15)
    np.testing.assert_allclose(frames.sum(1), 1, atol=2e-3)
    said = {OCULUS[k] for k in frames.argmax(1)}
    assert {"PP", "FF", "aa"} <= said
    assert len(frames) == pytest.approx(table["duration"] * 30, abs=1.5)


def test_srt_has_a_caption_for_each_cue() -> None:
    text = visemes(TEXT, "srt", language="en")

    assert len(re.findall(r"^\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}$", text, re.MULTILINE)) > 10


def test_the_sound_of_a_text_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"

    table = json.loads(visemes(TEXT, "rhubarb-json", language="en", speech=path))

    assert table["metadata"]["soundFile"] == str(path)
    assert path.stat().st_size > 50_000


def test_a_text_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(TEXT, encoding="utf-8")

    assert visemes(str(path), "rhubarb-tsv", language="en") == visemes(TEXT, "rhubarb-tsv", language="en")


@pytest.mark.parametrize("name", ["missing.wav", "missing.txt", "voice over/take 1.wav", "take1.aiff", "note.amr"])
def test_what_looks_like_a_file_and_is_none_is_not_spoken(name: str) -> None:
    with pytest.raises(MediaNotFound):
        visemes(name, "rhubarb-json")


def test_what_is_there_and_is_no_file_is_not_spoken(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UnreadableMedia, match="is not a file"):
        visemes(str(tmp_path / "pipe"), "rhubarb-json")
    with pytest.raises(MediaNotFound, match="is a folder"):
        visemes(str(tmp_path), "rhubarb-json")


def test_a_recording_is_not_spoken_and_has_no_sound_to_keep(speech: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="is a recording"):
        visemes(str(speech), "rhubarb-json", speech=tmp_path / "said.wav")


def test_a_script_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia):
        read_text(tmp_path, "text")


@pytest.mark.parametrize("text", ["Mama and papa met. " * 20, "Mama\0 met papa.", "ma" * 200])
def test_words_that_no_file_can_be_called_are_spoken(text: str) -> None:
    assert visemes(text, "rhubarb-tsv", language="en").startswith("0.00\t")


def test_nothing_to_say_is_told() -> None:
    form: Format = "srt"
    with pytest.raises(NothingToSay):
        visemes("😀", form)
