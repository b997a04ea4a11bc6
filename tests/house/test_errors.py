"""The tree of errors is what its drawing says, and its codes can be relied on."""

from __future__ import annotations

import copy
import pickle
import re

from lipwright.core import errors
from lipwright.core.errors import InputError, LipwrightError

BRANCHES = {"LipwrightError", "InputError", "OutputError"}


def tree(root: type[LipwrightError] = LipwrightError) -> list[type[LipwrightError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [error.__dict__.get("code") for error in tree()]

    assert None not in codes
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z_]*[a-z]", str(code)) for code in codes)


def test_the_drawing_shows_every_class_with_its_code_and_no_other() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +([a-z_]+)?", errors.__doc__ or ""))

    assert set(drawn) == {error.__name__ for error in tree()} - {"LipwrightError"}
    for error in tree():
        if error.__name__ not in BRANCHES:
            assert drawn[error.__name__] == error.code


def test_the_drawing_puts_what_the_caller_can_mend_under_input_error() -> None:
    under_input = re.findall(r"│   [├└]── (\w+)", (errors.__doc__ or "").split("OutputError")[0])

    assert set(under_input) == {error.__name__ for error in tree(InputError)} - {"InputError"}


def test_an_error_of_another_process_arrives_as_it_was() -> None:
    for kind in tree():
        error = kind.__new__(kind, "What to do next.")
        error.__dict__ |= {"path": "in.mp4"}
        error.add_note("its last words")

        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(other) is kind
            assert (str(other), other.__dict__) == (str(error), error.__dict__)
    full = pickle.loads(pickle.dumps(errors.DatabaseFull("disk I/O error at host.example")))
    assert (full.reason, "disk of the server" in str(full)) == ("disk I/O error at host.example", True)
