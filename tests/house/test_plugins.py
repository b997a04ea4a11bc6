"""Engines enter by one door."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from lipwright.articulation.phones import PHONES
from lipwright.core.errors import BrokenEngine, BrokenVoice, UnknownEngine
from lipwright.plugins import ENGINES, VOICES, engine_names, load_engine
from lipwright.sandbox.wire import describe, rebuild
from lipwright.service import doctor
from lipwright.service import load_engine as load_checked
from lipwright.testing import StillEngine
from lipwright.voices import check, speak, voices
from lipwright.voices.ipa import LOOKS


def package(folder: Path, name: str, lines: str, group: str = ENGINES) -> None:
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")


def test_every_engine_that_we_ship_loads_and_bears_its_name() -> None:
    ours = [entry for entry in entry_points(group=ENGINES) if entry.dist is not None and entry.dist.name == "lipwright"]

    assert [entry.name for entry in ours] == ["rewrite"]
    for entry in ours:
        assert load_checked(entry.name).name == entry.name


def test_an_engine_of_another_package_is_found_by_name(still_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(still_package))

    assert "still" in engine_names()
    assert isinstance(load_engine("still"), StillEngine)


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(UnknownEngine, match="rewrite"):
        load_engine("magic")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("lipwright.nowhere:Engine", "nowhere"),
        ("lipwright.plugins:Missing", "Missing"),
        ("lipwright.plugins:engine_names", "not a class"),
        ("lipwright.core.face:FaceChoice", "no method `study`"),
    ],
)
def test_an_engine_that_cannot_be_used_says_why(
    value: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "faulty", f"faulty = {value}")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(BrokenEngine, match=reason):
        load_checked("faulty")


def test_an_engine_that_fails_in_whatever_way_says_why_and_doctor_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_driver.py").write_text("raise OSError('libcuda.so.1 is missing')\n")
    (tmp_path / "no_device.py").write_text("class Engine:\n    def __init__(self):\n        raise RuntimeError\n")
    package(tmp_path, "faulty", "no_driver = no_driver:Engine\nno_device = no_device:Engine")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(BrokenEngine, match="OSError: libcuda"):
        load_checked("no_driver")
    with pytest.raises(BrokenEngine, match="RuntimeError"):
        load_checked("no_device")
    told = {check.name: check for check in doctor() if check.group == "engines"}
    assert told["rewrite"].is_well
    assert not told["no_driver"].is_well
    assert "libcuda.so.1 is missing" in told["no_driver"].value
    assert not told["no_device"].is_well


def test_a_provider_of_voices_that_fails_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_throat.py").write_text(
        "class Voice:\n    def __init__(self):\n        raise RuntimeError('hoarse')\n"
    )
    package(tmp_path, "faulty", "faulty = no_throat:Voice\nabsent = nowhere_at_all:Voice", VOICES)
    monkeypatch.syspath_prepend(str(tmp_path))
    notes: list[str] = []

    found = voices("de", notes=notes)

    assert "espeak:de" in {one.name for one in found}
    assert len(notes) == 2
    assert "'absent' does not speak: ModuleNotFoundError" in notes[0]
    assert "'faulty' does not speak: RuntimeError: hoarse" in notes[1]


HOARSE = """
from fractions import Fraction

import numpy as np

from lipwright.core.media import AudioClip
from lipwright.core.speech import Phone, Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline


class Voice:
    name = "hoarse"

    def voices(self):
        raise ConnectionError("no catalogue")

    def is_here(self, voice):
        return True

    def language_of(self, voice, language):
        return {}["en"] if voice == "lost" else 7 if voice == "tongue" else "en"

    def speak(self, text, voice, language, manner):
        if voice == "none" or (voice == "torn" and "Second" in text):
            return {}["sound"] if voice == "torn" else None
        samples = np.full(1600 + 16 * len(text), 0.1, np.float32)
        if voice == "nan":
            samples[7] = np.nan
        if voice == "int":
            samples = (samples * 32767).astype(np.int16)
        clip = AudioClip(samples, 16000 + (len(text) if voice == "rates" else 0))
        end_s = clip.duration_s + (Fraction(1, 16000) if voice == "long" else 0)
        phone = Phone("b", ("B" if voice == "looks" else "PBM",))
        spoken = Timeline((Timed(Span(Fraction(0), clip.duration_s), text),))
        phones = Timeline((Timed(Span(Fraction(0), end_s), phone),))
        if voice == "bare":
            clip = samples
        if voice == "list":
            phones = [phone]
        if voice == "words":
            phones = Timeline((Timed(Span(Fraction(0), end_s), "b"),))
        if voice == "seconds":
            phones = Timeline((Timed(Span(0.0, float(end_s)), phone),))
        if voice == "untimed":
            phones = Timeline((phone,))
        if voice == "mute":
            spoken = None
        return Utterance(clip, phones, spoken, f"hoarse:{voice}", "en")
"""


@pytest.fixture
def hoarse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hoarse_package.py").write_text(HOARSE)
    package(tmp_path, "hoarse", "hoarse = hoarse_package:Voice", VOICES)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("hoarse")
def test_a_provider_that_cannot_list_its_voices_does_not_hide_those_of_others() -> None:
    notes: list[str] = []

    found = voices("de", notes=notes)

    assert "espeak:de" in {one.name for one in found}
    assert notes == ["The voice 'hoarse' does not speak: ConnectionError: no catalogue."]


@pytest.mark.usefixtures("hoarse")
@pytest.mark.parametrize(
    ("voice", "reason"),
    [
        (
            "none",
            "NoneType where an Utterance belongs; whoever wrote it can test it with lipwright.testing.VoiceContract",
        ),
        ("bare", "gave ndarray as clip where AudioClip belongs"),
        ("list", "gave list as phones where Timeline belongs"),
        ("words", "gave str as phone where Phone belongs"),
        ("seconds", "gave float as start_s where Rational belongs"),
        ("untimed", "AttributeError"),
        ("mute", "gave NoneType as sentences where Timeline belongs"),
        ("tongue", "gave int as language where str belongs"),
        ("lost", "KeyError"),
        ("nan", "no finite numbers"),
        ("int", "int16, not float32"),
        ("long", "end after its sound"),
        ("looks", "look like B; they may look like sil, PBM"),
        ("rates", "at 16013 and at 16014 samples/s"),
    ],
)
def test_a_voice_that_breaks_its_promise_is_told_of_by_name(voice: str, reason: str) -> None:
    with pytest.raises(BrokenVoice, match=reason) as caught:
        speak("One is first. Second is two.", f"hoarse:{voice}")

    assert caught.value.name == f"hoarse:{voice}"


@pytest.mark.usefixtures("hoarse")
@pytest.mark.parametrize("voice", ["tongue", "lost"])
def test_who_asks_before_a_job_is_taken_in_is_told_the_same(voice: str) -> None:
    with pytest.raises(BrokenVoice) as caught:
        check(f"hoarse:{voice}", "en", "One is first.")

    assert caught.value.name == f"hoarse:{voice}"


def test_phones_may_look_like_whatever_the_network_can_hear() -> None:
    assert LOOKS == PHONES


@pytest.mark.usefixtures("hoarse")
def test_a_sentence_at_which_the_code_of_a_voice_fails_is_left_out_and_told_of() -> None:
    said = speak("One is first. Second is two. Three is last.", "hoarse:torn")

    assert [one.value for one in said.sentences] == ["One is first.", "Three is last."]
    assert "1 of 3 sentences could not be said" in said.notes[0]
    assert "KeyError" in said.notes[0]


@pytest.mark.usefixtures("hoarse")
def test_what_the_code_of_a_voice_says_as_it_fails_is_for_its_maker_alone() -> None:
    with pytest.raises(BrokenVoice) as caught:
        speak("Second.", "hoarse:torn")

    assert str(caught.value) == "The voice 'hoarse:torn' does not speak: KeyError."
    assert caught.value.__notes__[0].startswith("KeyError: 'sound' (hoarse_package.py, line ")
    assert isinstance(caught.value.__cause__, KeyError)
    # and it comes out of a child with the error
    assert rebuild(describe(caught.value)).__notes__ == caught.value.__notes__  # type: ignore[union-attr]


def test_two_packages_that_claim_one_name_are_refused_instead_of_one_of_them_winning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "impostor", "rewrite = lipwright.testing.still:StillEngine")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(BrokenEngine, match="more than one package"):
        load_engine("rewrite")
