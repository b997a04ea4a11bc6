"""The one door through which engines and voices enter, ours too: a name in an entry-point group of a package.

[project.entry-points."lipwright.engines"]
rewrite = "lipwright.engines.rewrite:RewriteEngine"

[project.entry-points."lipwright.voices"]
espeak = "lipwright.voices.espeak:Espeak"
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points

from lipwright.core.errors import BrokenEngine, BrokenVoice, InvalidOption, LipwrightError, UnknownEngine, UnknownVoice

ENGINES = "lipwright.engines"
VOICES = "lipwright.voices"
MODERATORS = "lipwright.moderators"


def _offered(group: str) -> EntryPoints:
    return _read(group, tuple(sys.path))


@lru_cache(maxsize=8)
def _read(group: str, path: tuple[str, ...]) -> EntryPoints:
    """The entry points of a group on `path`, which is Python's: finding them takes a look into every package."""
    return entry_points(group=group)


def engine_names() -> tuple[str, ...]:
    """The engines that are installed, in alphabetical order. Loads none of them."""
    return tuple(sorted({entry.name for entry in _offered(ENGINES)}))


def load_engine(name: str) -> object:
    """A new engine of this name; the caller knows its contract (`engines.base.Engine`).

    Raises UnknownEngine; BrokenEngine where it cannot be imported or made, or two packages offer the name.
    """
    found = {entry.value: entry for entry in _offered(ENGINES).select(name=name)}
    if not found:
        raise UnknownEngine(name, known=engine_names())
    if len(found) > 1:
        raise BrokenEngine(name, f"it is offered by more than one package: {' and '.join(sorted(found))}")
    (entry,) = found.values()
    kind = _load(entry)
    try:
        return kind()
    except LipwrightError:
        raise
    except Exception as exc:
        raise BrokenEngine(name, why(exc)) from exc


def _load(entry: EntryPoint) -> type[object]:
    try:
        made = entry.load()
    except Exception as exc:  # a library that misses a driver raises an OSError, others what they like
        raise BrokenEngine(entry.name, why(exc)) from exc
    if not isinstance(made, type):
        raise BrokenEngine(entry.name, f"{entry.value} is not a class")
    return made


def why(exc: Exception) -> str:
    """What code that is not ours raised, in words for its maker."""
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__


def voice_provider_names() -> tuple[str, ...]:
    """The providers of voices that are installed, in alphabetical order. Loads none of them."""
    return tuple(sorted({entry.name for entry in _offered(VOICES)}))


def load_voice_provider(name: str) -> type[object]:
    """The class of this provider of voices; the caller knows its contract (`voices.base.VoiceProvider`).

    Raises UnknownVoice; BrokenVoice where its package cannot be imported, or two packages offer the name.
    """
    found = {entry.value: entry for entry in _offered(VOICES).select(name=name)}
    if not found:
        raise UnknownVoice(name)
    if len(found) > 1:
        raise BrokenVoice(name, f"it is offered by more than one package: {' and '.join(sorted(found))}")
    (entry,) = found.values()
    try:
        made = entry.load()
    except Exception as exc:
        raise BrokenVoice(name, why(exc)) from exc
    if not isinstance(made, type):
        raise BrokenVoice(name, f"{entry.value} is not a class")
    return made


def moderator_names() -> tuple[str, ...]:
    """The moderators that are installed, in alphabetical order. Loads none of them."""
    return tuple(sorted({entry.name for entry in _offered(MODERATORS)}))


def load_moderator(name: str) -> type[object]:
    """The class of this moderator; the caller knows its contract (`moderation.base.Moderator`).

    Raises InvalidOption, which names the setting: no such moderator, one of two, or one that cannot be imported.
    """
    found = {entry.value: entry for entry in _offered(MODERATORS).select(name=name)}
    if not found:
        raise InvalidOption("moderator", name, f"the moderators that there are: {', '.join(moderator_names())}")
    if len(found) > 1:
        raise InvalidOption("moderator", name, f"more than one package offers it: {' and '.join(sorted(found))}")
    (entry,) = found.values()
    try:
        made = entry.load()
    except Exception as exc:
        raise InvalidOption("moderator", name, f"it cannot be loaded: {why(exc)}") from exc
    if not isinstance(made, type):
        raise InvalidOption("moderator", name, f"{entry.value} is not a class")
    return made
