"""One tracker for all tests: opening the networks takes most of a second."""

from __future__ import annotations

import pytest

from lipwright.vision.track import MeshTracker


@pytest.fixture(scope="session")
def tracker() -> MeshTracker:
    return MeshTracker()
