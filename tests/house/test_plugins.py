"""Engines enter by one door."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from lipwright.core.errors import BrokenEngine, UnknownEngine
from lipwright.plugins import ENGINES, VOICES, engine_names, load_engine
from lipwright.service import doctor
from lipwright.service import load_engine as load_checked
from lipwright.testing import StillEngine
from lipwright.voices import voices


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


def test_two_packages_that_claim_one_name_are_refused_instead_of_one_of_them_winning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "impostor", "rewrite = lipwright.testing.still:StillEngine")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(BrokenEngine, match="more than one package"):
        load_engine("rewrite")
