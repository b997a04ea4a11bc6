"""The inside of mouths that footage does not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.engines.rewrite.interior import Teeth

LUMA = np.array((0.299, 0.587, 0.114))


@pytest.fixture(scope="module")
def teeth(avatar: RewriteAvatar) -> Teeth:
    """Of the bundled portrait, who smiles."""
    harvested = avatar._interior().teeth
    assert harvested is not None
    return harvested


def at(teeth: Teeth, v: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Brightness and cover along a line down the face."""
    rgb, cover = teeth.at(np.zeros_like(v)[None], v[None])
    return rgb[0] @ LUMA, cover[0]


def test_teeth_go_on_under_the_upper_lip_that_lay_on_them(teeth: Teeth) -> None:
    """A lip that rises shows more of them, not a dark hole above them."""
    light, cover = at(teeth, np.linspace(teeth.edge_io - 0.12, teeth.edge_io - 0.01, 60, dtype=np.float32))

    assert cover.min() > 0.95
    assert light.min() > 0.7 * (LUMA @ teeth.colour)


def test_they_end_where_they_were_seen_to_end(teeth: Teeth) -> None:
    _, below = at(teeth, np.linspace(teeth.edge_io + 0.045, teeth.edge_io + 0.1, 30, dtype=np.float32))

    assert below.max() < 0.05
