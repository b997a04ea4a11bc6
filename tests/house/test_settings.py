"""What the environment says is taken as it is meant, or refused by its name."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lipwright import config
from lipwright.cli.main import app
from lipwright.core.errors import InvalidOption

READ: dict[type[Any], Callable[[], Any]] = {
    config.Settings: config.read_settings,
    config.CacheSettings: config.read_cache_settings,
    config.ServiceSettings: config.read_service_settings,
    config.HttpSettings: config.read_http_settings,
    config.VoiceSettings: config.read_voice_settings,
}
FIELDS = [(kind, name) for kind in READ for name in kind.model_fields]


@pytest.mark.parametrize("value", ["inf", "nan", "1e15"])
@pytest.mark.parametrize(("kind", "name"), [one for one in FIELDS if one[0].model_fields[one[1]].annotation is float])
def test_what_is_counted_in_seconds_and_hours_has_an_end(
    monkeypatch: pytest.MonkeyPatch, kind: type[Any], name: str, value: str
) -> None:
    variable = f"LIPWRIGHT_{name.upper()}"
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidOption, match=variable):
        READ[kind]()


@pytest.mark.parametrize(("kind", "name"), [one for one in FIELDS if one[1] != "cache"])
def test_a_variable_that_is_empty_is_as_one_that_is_not_set(
    monkeypatch: pytest.MonkeyPatch, kind: type[Any], name: str
) -> None:
    monkeypatch.setenv(f"LIPWRIGHT_{name.upper()}", "")

    assert getattr(READ[kind](), name) == kind.model_fields[name].default


def test_an_empty_folder_of_data_is_not_the_one_that_we_are_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LIPWRIGHT_DATA", "")

    assert config.read_service_settings().folder == tmp_path / ".local/share/lipwright"


@pytest.fixture
def signals_as_they_were() -> Iterator[None]:
    """A worker listens for the end of its process, which is that of the tests here."""
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, listener in heard.items():
        signal.signal(number, listener)


@pytest.mark.usefixtures("signals_as_they_were")
@pytest.mark.parametrize(
    "command", [["keys", "list"], ["jobs", "list"], ["worker", "--public-url", "http://a.example"]]
)
def test_an_empty_folder_that_is_given_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    told = CliRunner().invoke(app, [*command, "--data", ""])

    assert (told.exit_code, "error [invalid_option]: " in told.stderr) == (2, True)
    assert "name a folder" in told.stderr
    assert not list(tmp_path.iterdir())


def test_an_empty_cache_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_CACHE", "")

    assert config.read_cache_settings().folder is None
