"""Write the tables of the how-to pages from the code, or check that they still say what the code says.

    python scripts/tables.py write | check

A table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic_settings import BaseSettings

from lipwright.cli.main import app
from lipwright.config import PREFIX, CacheSettings, HttpSettings, ServiceSettings, Settings, VoiceSettings
from lipwright.core.errors import InputError, LipwrightError

ROOT = Path(__file__).resolve().parent.parent
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings() -> Iterator[str]:
    """One line for each variable of the environment."""
    yield from _variables(Settings)


def cache_settings() -> Iterator[str]:
    """The environment variables of what is kept between runs."""
    yield from _variables(CacheSettings)


def service_settings() -> Iterator[str]:
    """The same for those of a service."""
    yield from _variables(ServiceSettings)
    yield from list(_variables(HttpSettings))[2:]


def voice_settings() -> Iterator[str]:
    """The same for those of voices."""
    yield from _variables(VoiceSettings)


def _variables(kind: type[BaseSettings]) -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for name, field in kind.model_fields.items():
        shown = "empty" if field.default == "" else f"`{field.default}`"
        yield f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |"


def errors() -> Iterator[str]:
    """One line for each class that is raised."""
    yield "| code | exit status | meaning |"
    yield "|---|---|---|"
    for error in error_classes():
        if not error.__subclasses__():
            status = 2 if issubclass(error, InputError) else 1
            yield f"| `{error.code}` | {status} | {inspect.cleandoc(error.__doc__ or '')} |"


def error_classes() -> Iterator[type[LipwrightError]]:
    """The tree, root first, in the order of the file."""
    waiting: list[type[LipwrightError]] = [LipwrightError]
    while waiting:
        error = waiting.pop(0)
        yield error
        waiting = error.__subclasses__() + waiting


def commands() -> Iterator[str]:
    """Each command with its options, as `--help` words them."""
    for name, command in _leaves(typer.main.get_command(app), ""):
        yield f"### `lipwright{name}`"
        yield ""
        yield " ".join((command.help or "").split())
        yield ""
        yield "| | default | meaning |"
        yield "|---|---|---|"
        for parameter in command.params:
            yield _row(parameter)
        yield ""


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The commands of a group, and those of its groups, each with its whole name."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, inner in command.commands.items():
        yield from _leaves(inner, f"{name} {word}")


def _row(parameter: Any) -> str:
    is_argument = not parameter.opts[0].startswith("-")
    names = [parameter.name.upper()] if is_argument else [*parameter.opts, *parameter.secondary_opts]
    label = ", ".join(f"`{name}`" for name in names)
    wanted = parameter.type_descriptor.annotation
    choices = get_args(wanted) if get_origin(wanted) is Literal else ()
    text = (parameter.help or "") + (f" One of {', '.join(f'`{c}`' for c in choices)}." if choices else "")
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    default = "required" if parameter.required else "" if shown in (None, False) else shown
    return f"| {label} | {'yes' if default is True else default} | {text} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings,
    "cache_settings": cache_settings,
    "service_settings": service_settings,
    "voice_settings": voice_settings,
    "errors": errors,
    "commands": commands,
}


def filled(page: str) -> str:
    """The page with every table as the code says it now."""

    def fill(found: re.Match[str]) -> str:
        return found[1] + "\n".join(TABLES[found[2]]()).rstrip() + "\n" + found[3]

    return _TABLE.sub(fill, page)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("write", "check"))
    verb = parser.parse_args().verb
    stale: list[Path] = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        page = path.read_text()
        if filled(page) != page:
            stale.append(path)
            if verb == "write":
                path.write_text(filled(page))
    if verb == "check" and stale:
        print(f"out of date: {', '.join(str(path.relative_to(ROOT)) for path in stale)}. Run `make docs`.")
        return 1
    print(f"tables: {'up to date' if not stale else f'wrote {len(stale)} pages'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
