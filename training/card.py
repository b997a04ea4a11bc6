"""The measured parts of the model cards: `make train` writes them, people write the rest.

A part stands between `<!-- NAME: written by make train -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.evaluate import Report, table

END = "<!-- end -->"


def opening_mark(name: str) -> str:
    return f"<!-- {name}: written by make train -->"


def fill(card: Path, parts: Mapping[str, str | None]) -> None:
    """Put each part between its marks; one that is None stays as it is.

    Raises:
        ValueError: the card has no place for a part, or a place that no part fills.
    """
    text = card.read_text(encoding="utf-8")
    places = set(re.findall(r"<!-- (\S+): written by make train -->", text))
    if places != set(parts):
        raise ValueError(f"{card}: places {sorted(places)}, parts {sorted(parts)}")
    for name, part in parts.items():
        if part is None:
            continue
        place = re.compile(f"{re.escape(opening_mark(name))}.*?{re.escape(END)}", re.DOTALL)
        filled = f"{opening_mark(name)}\n{part.strip()}\n{END}"
        text, found = place.subn(lambda _, filled=filled: filled, text)
        if found != 1:
            raise ValueError(f"{card}: {found} places for {name}")
    card.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Shipped:
    """The networks in the package."""

    version: str
    lips_sha256: str
    n_bytes: int
    n_parameters: int
    """Of the lips."""
    articulator_sha256: str
    encoder_sha256: str


@dataclass(frozen=True, slots=True)
class Steps:
    """How long each stage was, in steps, and the corpus in hours."""

    hours: float
    phones: int
    articulator: tuple[int, int]


def identity(shipped: Shipped) -> str:
    """Rows of the card's first table."""
    rows = [
        ("version", shipped.version),
        ("`lips.onnx`", f"sha256 `{shipped.lips_sha256}`"),
        ("", f"{shipped.n_bytes:,} bytes, {shipped.n_parameters:,} parameters, stored in 16 bits, ONNX opset 17"),
        ("`articulator.onnx`", f"sha256 `{shipped.articulator_sha256}`"),
        ("`moonshine_tiny_encoder.onnx`", f"sha256 `{shipped.encoder_sha256}`"),
    ]
    return "\n".join(table(("", ""), rows))


def of_basis(sha256: str) -> str:
    """Rows of the first table of the card of the shape basis."""
    return "\n".join(table(("", ""), [("file", f"`shape_basis.npz`, sha256 `{sha256}`")]))


def schedule(steps: Steps, accuracy: Mapping[str, float]) -> str:
    """How long training was, and how well stage 1 knows the phones of voices that it never met."""
    rows = [
        ("synthetic speech", f"{steps.hours:.1f} h"),
        ("stage 1, phones", f"{steps.phones} steps of 24 crops of 2.56 s"),
        (
            "stage 2, articulator",
            f"{steps.articulator[0]} and then {steps.articulator[1]} steps of 24 crops of video, 8 of synthesis",
        ),
        *((f"20 ms frames classed right, {voice}", f"{100 * share:.0f} %") for voice, share in accuracy.items()),
    ]
    return "\n".join(table(("", ""), rows))


def lips_schedule(folds: int, everybody: int, n_nets: int) -> str:
    """How long stage 3 was."""
    rows = [
        ("stage 3, folds", f"{n_nets} networks, {folds} steps of 24 crops of 2.56 s each"),
        ("stage 3, shipped network", f"{n_nets} networks, {everybody} such steps each"),
    ]
    return "\n".join(table(("", ""), rows))


def bars(report: Report) -> str:
    """What was asked, and what was reached."""
    figures = report.figures()
    rows = [
        (
            "r opening, at the manifest's lags", "≥ 0.60",
            (f"**{figures.drawn_opening:.3f}** as drawn by the coefficients, {figures.opening:.3f} by the network's "
            f"own opening, **{figures.planned_opening:.3f}** in the final plan with its pauses and closures"),
        ),
        (
            "r width, likewise", "≥ 0.46",
            (f"**{figures.drawn_width:.3f}** as drawn, {figures.width:.3f} by the network's own width, "
            f"{figures.planned_width:.3f} in the final plan"),
        ),
        (
            "bilabial closure recall", "≥ 0.70",
            (f"**{figures.planned_recall:.2f}** in the final plan (false {100 * figures.planned_false:.1f} %), "
            f"{figures.recall:.2f} by the opening head"),
        ),
        (
            "lag left over the manifest's, median", "0 ± 20 ms",
            f"**{figures.lag_ms:.0f} ms**, 90 % of clips within {figures.lag_90_ms:.0f} ms",
        ),
        ("standard deviation of opening in held pauses", "< 0.5 % IO", f"**{figures.held_sd:.3f} %** at most"),
    ]  # fmt: skip
    return "\n".join(table(("bar", "asked", "reached"), rows))
