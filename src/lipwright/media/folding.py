"""Sound of many channels in fewer: where each one goes (ITU-R BS.775), and nothing louder than full scale.

FFmpeg adds channels up as they are where samples are floats, which may be twice full scale for 5.1 in stereo, and is
clipped by whoever plays it. To scale by the worst case would make a voice in the middle 8 dB quieter than it should be.
"""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

HALF_POWER = np.float32(np.sqrt(0.5))
"""What is heard elsewhere than it was meant, or from two places, as ITU-R BS.775 has it."""

_INSTEAD: dict[str, tuple[tuple[str, ...], ...]] = {
    "FL": (("FC",),),
    "FR": (("FC",),),
    "FC": (("FL", "FR"),),
    "SL": (("BL",), ("BC",), ("FL",)),
    "SR": (("BR",), ("BC",), ("FR",)),
    "BL": (("SL",), ("BC",), ("FL",)),
    "BR": (("SR",), ("BC",), ("FR",)),
    "BC": (("BL", "BR"), ("SL", "SR"), ("FL", "FR")),
    "FLC": (("FL",),),
    "FRC": (("FR",),),
    "WL": (("FL",),),
    "WR": (("FR",),),
    "DL": (("FL",),),
    "DR": (("FR",),),
    "BIL": (("FL",),),
    "BIR": (("FR",),),
    "TFL": (("FL",),),
    "TFR": (("FR",),),
    "TFC": (("FC",), ("FL", "FR")),
    "TC": (("FC",), ("FL", "FR")),
    "TSL": (("SL",), ("BL",), ("FL",)),
    "TSR": (("SR",), ("BR",), ("FR",)),
    "TBL": (("BL",), ("SL",), ("FL",)),
    "TBR": (("BR",), ("SR",), ("FR",)),
    "TBC": (("BC",), ("BL", "BR"), ("FL", "FR")),
    "BFC": (("FC",), ("FL", "FR")),
    "BFL": (("FL",),),
    "BFR": (("FR",),),
}
"""Where a channel is heard that the result does not have: the first of these that are all there."""

_KNEE = np.float32(0.8)
"""Louder samples are bent towards full scale, which none passes."""

_RUMBLE = ("LFE", "LFE2")
"""Effects below the voice, for a loudspeaker of their own; left out of what has none, as players do."""


def folding(layout: str, into: str) -> NDArray[np.float32]:
    """(channels of `into`, channels of `layout`): what of each channel is heard in each.

    Sums of it go through `within_full_scale`. Where it is not known what the channels are, they stay in their order if
    there are as many, and else their average is heard everywhere.
    """
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    wanted = [channel.name for channel in av.AudioLayout(into).channels]
    is_known = all(name in _INSTEAD or name in wanted or name in _RUMBLE for name in names)
    if not is_known or set(names) <= set(_RUMBLE):
        if len(names) == len(wanted):
            return np.eye(len(wanted), dtype=np.float32)
        return np.full((len(wanted), len(names)), 1 / len(names), np.float32)
    matrix = np.zeros((len(wanted), len(names)), np.float32)
    for column, name in enumerate(names):
        if name in wanted:
            matrix[wanted.index(name), column] = 1
            continue
        places = next((all_of for all_of in _INSTEAD.get(name, ()) if set(all_of) <= set(wanted)), ())
        for place in places:
            matrix[wanted.index(place), column] = HALF_POWER
    # two for the sides alone are no quieter for being heard in front
    return matrix / min(np.float32(1), matrix.sum(axis=1).max())


def within_full_scale(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same, and where they are loud, as much of it as there is room for: a soft limit without memory."""
    over = np.abs(samples) - _KNEE
    if over.max(initial=0) <= 0:
        return samples
    room = 1 - _KNEE
    return np.where(over > 0, np.sign(samples) * (_KNEE + room * np.tanh(over / room)), samples)
