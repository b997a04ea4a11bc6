"""The one door through which engines enter, ours too: a name in an entry-point group of an installed package.

[project.entry-points."lipwright.engines"]
rewrite = "lipwright.engines.rewrite:RewriteEngine"
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from lipwright.core.errors import BrokenEngine, UnknownEngine

ENGINES = "lipwright.engines"


def engine_names() -> tuple[str, ...]:
    """The engines that are installed, in alphabetical order. Loads none of them."""
    return tuple(sorted({entry.name for entry in entry_points(group=ENGINES)}))


def load_engine(name: str) -> object:
    """A new engine of this name; the caller knows its contract (`engines.base.Engine`).

    Raises UnknownEngine; BrokenEngine where its package cannot be imported, or two packages offer the name.
    """
    found = {entry.value: entry for entry in entry_points(group=ENGINES, name=name)}
    if not found:
        raise UnknownEngine(name, known=engine_names())
    if len(found) > 1:
        raise BrokenEngine(name, f"it is offered by more than one package: {' and '.join(sorted(found))}")
    (entry,) = found.values()
    return _load(entry)()


def _load(entry: EntryPoint) -> type[object]:
    try:
        made = entry.load()
    except (ImportError, AttributeError) as exc:
        raise BrokenEngine(entry.name, str(exc)) from exc
    if not isinstance(made, type):
        raise BrokenEngine(entry.name, f"{entry.value} is not a class")
    return made
