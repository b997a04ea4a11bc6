"""The speakers that are asked for by number or name, and what speaks for them: the table in `speakers.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast

from lipwright.core.errors import InvalidOption
from lipwright.voices.base import Gender

AUTO: Final = "Auto"


@dataclass(frozen=True, slots=True)
class Speaker:
    """One of the speakers."""

    id: str
    name: str
    gender: Gender = "unknown"
    voice: str = ""
    """What speaks any language; empty for Auto, which chooses another speaker."""
    speed: float = 1.0
    pitch: float = 0.0
    """Semitones."""
    better: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(language, voices to use instead, where they are here)."""

    def better_for(self, language: str) -> tuple[str, ...]:
        return next((voices for code, voices in self.better if code == language), ())


@dataclass(frozen=True, slots=True)
class SpeakerTable:
    """Every speaker, and whom `auto` chooses."""

    speakers: tuple[Speaker, ...]
    """In the order of the table; Auto is the last."""
    female: str
    male: str
    otherwise: str

    def find(self, name: str) -> Speaker | None:
        """By id or name, without case."""
        wanted = name.strip().lower()
        return next((one for one in self.speakers if wanted in (one.id.lower(), one.name.lower())), None)

    def chosen(self, gender: Gender) -> Speaker:
        """Whom `auto` lets speak."""
        named = self.find({"female": self.female, "male": self.male}.get(gender, self.otherwise))
        assert named is not None, "the table was checked when it was read"
        return named


@cache
def read_speakers(path: Path | None = None) -> SpeakerTable:
    """The table of `path`, or the one that ships. Raises InvalidOption, saying what is wrong with it."""
    try:
        text = (
            resources.files("lipwright.voices").joinpath("speakers.toml").read_text(encoding="utf-8")
            if path is None
            else path.read_text(encoding="utf-8")
        )
        return _table(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as exc:
        reason = f"there is no {exc}" if isinstance(exc, KeyError) else str(exc)
        raise InvalidOption("the table of speakers", str(path), reason) from exc


def _table(raw: dict[str, Any]) -> SpeakerTable:
    made = tuple(_speaker(row) for row in cast(list[dict[str, Any]], raw["speaker"]))
    names = [word.lower() for one in made for word in (one.id, one.name)]
    if len(set(names)) < len(names):
        raise ValueError("an id or a name is there twice")
    auto = cast(dict[str, str], raw["auto"])
    table = SpeakerTable((*made, Speaker(AUTO, AUTO)), auto["female"], auto["male"], auto["otherwise"])
    for name in (table.female, table.male, table.otherwise):
        chosen = table.find(name)
        if chosen is None or chosen.name == AUTO:
            raise ValueError(f"auto names {name!r}, which is none of the speakers")
    return table


def _speaker(row: dict[str, Any]) -> Speaker:
    gender = row.get("gender", "unknown")
    if gender not in ("female", "male", "unknown"):
        raise ValueError(f"gender is {gender!r}, and not female or male")
    better = cast(dict[str, list[str]], row.get("better", {}))
    return Speaker(
        str(row["id"]), str(row["name"]), gender, str(row["voice"]), float(row.get("speed", 1.0)),
        float(row.get("pitch", 0.0)), tuple((code, tuple(voices)) for code, voices in better.items()),
    )  # fmt: skip
