"""The bundled portrait, alive, once for all tests."""

from __future__ import annotations

import pytest

from lipwright.demo import picture_path
from lipwright.portrait import open_source
from lipwright.portrait.footage import Portrait
from lipwright.vision.track import MeshTracker


@pytest.fixture(scope="session")
def tracker() -> MeshTracker:
    return MeshTracker()


@pytest.fixture(scope="session")
def living(tracker: MeshTracker) -> Portrait:
    """One whole loop of the bundled portrait."""
    footage, _ = open_source(picture_path(), tracker)
    assert isinstance(footage, Portrait)
    return footage
