"""What figures mean to people: their names, what is good, and a word of judgement.

Bands are of published tolerances where there are any, else of what real footage scores (docs/measurements.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isnan
from typing import Any, Final, Literal

from lipwright.metrics.measure import Measure

Verdict = Literal["good", "fair", "poor", "unknown"]
Band = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """How one figure is judged. What is in neither band is poor."""

    name: str
    good: Band
    fair: Band
    good_text: str
    says: dict[Verdict, str]
    """One sentence for each verdict; `{value}` and `{n}` are filled in."""
    shown: Callable[[float], str]
    """The value with its unit, for people."""

    def verdict(self, value: float) -> Verdict:
        if isnan(value):
            return "unknown"
        if self.good[0] <= value <= self.good[1]:
            return "good"
        return "fair" if self.fair[0] <= value <= self.fair[1] else "poor"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure with its judgement."""

    id: str
    measure: Measure
    scale: Scale
    verdict: Verdict
    says: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a value that could not be measured is null."""
        value = self.measure.value
        return {
            "id": self.id,
            "name": self.scale.name,
            "value": None if isnan(value) else round(value, 4),
            "unit": self.measure.unit,
            "best": self.measure.best,
            "n": self.measure.n,
            "verdict": self.verdict,
            "good": self.scale.good_text,
            "says": self.says,
        }


def judged(id: str, measure: Measure, *, scale: Scale | None = None, unknown: str = "") -> Figure:
    """The figure of a measure. `unknown` says why nothing could be told, or why nothing is to be concluded."""
    scale = SCALES[id] if scale is None else scale
    verdict: Verdict = "unknown" if unknown else scale.verdict(measure.value)
    says = unknown or scale.says.get(verdict, "There was nothing to measure.")
    shown = "" if isnan(measure.value) else scale.shown(measure.value)
    return Figure(id, measure, scale, verdict, says.format(value=shown, n=measure.n))


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _ms(value: float) -> str:
    return f"{abs(value):.0f} ms"


def _times(value: float) -> str:
    return f"{value:.2f} ×"


def _io(value: float) -> str:
    return f"{value:.2f} % of the eyes' distance"


def _r(value: float) -> str:
    return f"{value:.2f}"


_OFFSET: Final = Scale(
    "Lips against sound", (-125, 45), (-185, 90), "lips up to 45 ms late or 125 ms early (ITU-R BT.1359)",
    {
        "good": "Lips and sound go together: {value} apart, which nobody notices.",
        "fair": "Lips and sound are {value} apart, which some notice.",
        "poor": "Lips and sound are {value} apart, which disturbs.",
        "unknown": "It cannot be told whether lips and sound go together.",
    },
    _ms,
)  # fmt: skip
SCALES: Final[dict[str, Scale]] = {
    "sync_offset": _OFFSET,
    "follows": Scale(
        "Mouth does what it should", (0.7, inf), (0.5, inf), "0.7 and more (1 is exactly)",
        {
            "good": "The mouth opens and closes as planned (correlation {value}).",
            "fair": "The mouth follows its plan loosely (correlation {value}).",
            "poor": "The mouth hardly does what was planned (correlation {value}).",
        },
        _r,
    ),
    "closures": Scale(
        "Lips close at p, b, m", (0.9, inf), (0.7, inf), "90 % and more",
        {
            "good": "The lips meet at {value} of the sounds that need it ({n} in all).",
            "fair": "The lips meet at {value} of the sounds that need it ({n} in all).",
            "poor": "The lips meet at only {value} of the sounds that need it ({n} in all).",
            "unknown": "No sound needs closed lips where it was looked.",
        },
        _share,
    ),
    "stillness": Scale(
        "Still in silence", (-inf, 1.0), (-inf, 2.0), "up to 1 % of the eyes' distance",
        {
            "good": "The mouth rests where nothing is said.",
            "fair": "The mouth moves a little where nothing is said ({value}).",
            "poor": "The mouth moves where nothing is said ({value}).",
            "unknown": "There is no pause long enough to tell.",
        },
        _io,
    ),
    "sharpness_ratio": Scale(
        "Sharpness of the mouth", (0.75, 1.5), (0.55, 2.0), "0.75 to 1.5 times the footage's",
        {
            "good": "The mouth is as sharp as in the footage ({value}).",
            "fair": "The mouth is not quite as sharp as in the footage ({value}).",
            "poor": "The mouth differs clearly in sharpness from the footage ({value}).",
            "unknown": "There is no footage to compare with.",
        },
        _times,
    ),
    "seam_ratio": Scale(
        "Rim of the new mouth", (0.7, 1.3), (0.5, 1.7), "0.7 to 1.3 times the footage's",
        {
            "good": "No seam: the rim is as smooth as in the footage ({value}).",
            "fair": "The rim differs a little from the footage ({value}).",
            "poor": "A rim may be seen around the mouth ({value}).",
            "unknown": "There is no footage to compare with.",
        },
        _times,
    ),
    "jitter_ratio": Scale(
        "Trembling", (-inf, 1.5), (-inf, 2.2), "up to 1.5 times the footage's",
        {
            "good": "The lips are as steady as in the footage ({value}).",
            "fair": "The lips are less steady than in the footage ({value}).",
            "poor": "The lips tremble ({value}).",
            "unknown": "There is no footage to compare with.",
        },
        _times,
    ),
    "jitter": Scale(
        "Acceleration of the lips", (-inf, 2.0), (-inf, 3.0), "up to 2 % of the eyes' distance from frame to frame",
        {
            "good": "The lips move as smoothly as real ones ({value}).",
            "fair": "The lips move less smoothly than real ones ({value}).",
            "poor": "The lips move in jerks ({value}).",
        },
        _io,
    ),
    "flicker_ratio": Scale(
        "Flicker in the mouth", (-inf, 1.5), (-inf, 2.2), "up to 1.5 times the footage's",
        {
            "good": "Teeth and lips are as calm as in the footage ({value}).",
            "fair": "Teeth and lips flicker more than in the footage ({value}).",
            "poor": "Teeth or lips flicker ({value}).",
            "unknown": "There is no footage to compare with.",
        },
        _times,
    ),
    "lost": Scale(
        "Face kept", (-inf, 0.01), (-inf, 0.05), "lost on up to 1 % of frames",
        {
            "good": "The face is found wherever the footage shows it.",
            "fair": "On {value} of the frames the footage shows a face and the result none.",
            "poor": "On {value} of the frames the footage shows a face and the result none.",
            "unknown": "There is no footage to compare with.",
        },
        _share,
    ),
    "length_difference": Scale(
        "Sound and picture end together", (-50, 50), (-200, 200), "within 50 ms",
        {
            "good": "Picture and sound are equally long.",
            "fair": "Picture and sound differ by {value} in length.",
            "poor": "Picture and sound differ by {value} in length.",
            "unknown": "There is no sound.",
        },
        _ms,
    ),
}  # fmt: skip
NATURAL: Final = Scale(
    "Mouth goes with the speech", (0.4, inf), (0.25, inf), "0.4 and more: real speakers score 0.4 to 0.8",
    {
        "good": "The mouth moves as the speech calls for (correlation {value}).",
        "fair": "The mouth follows the speech loosely (correlation {value}).",
        "poor": "The mouth does not follow the speech (correlation {value}).",
    },
    _r,
)  # fmt: skip
"""`follows`, where nothing was planned: what the speech calls for is then guessed from its sound."""
