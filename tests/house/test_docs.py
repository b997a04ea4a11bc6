"""The docs say what the code says."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lipwright.config import Settings
from lipwright.core.options import SyncOptions

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])
PACKAGE = ROOT / "src" / "lipwright"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_tables_of_settings_errors_and_commands_are_those_of_the_code() -> None:
    tables: Any = script("tables")

    stale = [str(page.relative_to(ROOT)) for page in PAGES if tables.filled(page.read_text()) != page.read_text()]

    assert not stale, "run `make docs`"


def test_every_setting_is_an_option_of_sync_with_the_same_default() -> None:
    options = SyncOptions()

    for name, field in Settings.model_fields.items():
        assert getattr(options, name) == field.default
        assert field.description


def test_the_map_shows_every_room_and_no_other() -> None:
    page = (ROOT / "docs" / "MAP.md").read_text()
    table = page.split("## Rooms")[1].split("Beside the package")[0]
    shown = set(re.findall(r"^\| `([\w.]+?)/?` ", table, re.MULTILINE))
    rooms = {path.name for path in PACKAGE.iterdir() if path.name not in {"__init__.py", "py.typed", "__pycache__"}}

    assert shown == rooms


def test_the_arrows_of_the_map_are_those_that_are_checked() -> None:
    page = (ROOT / "docs" / "MAP.md").read_text()
    drawn = page.split("## Arrows")[1].split("```")[1].strip().splitlines()
    drawn_rows = [set(re.findall(r"\w+", line.split("  ")[0])) for line in drawn]
    with (ROOT / "pyproject.toml").open("rb") as file:
        contract = tomllib.load(file)["tool"]["importlinter"]["contracts"][0]
    checked = [{room.strip() for room in row.split("|") if "(" not in room} for row in contract["layers"]]

    assert drawn_rows == checked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)

    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_dependency_that_is_installed_has_its_licence_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text().lower()
    aliases = {"av": "pyav"}
    locked = re.findall(r"^([a-z0-9.-]+)==[^;\n]*(?:;(.*))?$", (ROOT / "requirements" / "run.lock").read_text(), re.M)

    for name, marker in locked:
        shown = str(aliases.get(name, name))
        if "win32" not in marker:
            assert re.search(rf"\b{re.escape(shown)}\b", notice), name


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))
