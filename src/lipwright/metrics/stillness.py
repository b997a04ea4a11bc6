"""Does the mouth hold still while nothing is said?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.metrics.measure import Floats, Measure, nothing, same_length


def stillness(opening: Floats, is_pause: NDArray[np.bool_], *, shortest: int = 6, edge: int = 2) -> Measure:
    """Standard deviation of the opening (n,), IO, within pauses, each about its own mean; seconds weigh equally.

    Runs of less than `shortest` frames are no pauses; `edge` frames at either end belong to the speech.
    """
    same_length(opening, is_pause)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_pause, [False]]).astype(np.int8))).reshape(-1, 2)
    held = [opening[a + edge : b - edge] for a, b in edges if b - a >= max(shortest, 2 * edge + 2)]
    if not held:
        return nothing("stillness", "% IO", 0)
    around = np.concatenate([part - part.mean() for part in held])
    return Measure("stillness", 100 * float(around.std()), "% IO", 0, len(around))
