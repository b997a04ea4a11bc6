"""Engines enter by one door."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from lipwright.core.errors import BrokenEngine, UnknownEngine
from lipwright.plugins import ENGINES, engine_names, load_engine
from lipwright.service import load_engine as load_checked
from lipwright.testing import StillEngine


def package(folder: Path, name: str, lines: str) -> None:
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{ENGINES}]\n{lines}\n")


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


def test_two_packages_that_claim_one_name_are_refused_instead_of_one_of_them_winning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "impostor", "rewrite = lipwright.testing.still:StillEngine")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(BrokenEngine, match="more than one package"):
        load_engine("rewrite")
