"""`lipwright bench`: measure the default engine over a folder of clips."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.screen import speaks_errors


class Kind(StrEnum):
    """What can be measured."""

    oracle = "oracle"
    halves = "halves"
    cross = "cross"
    text = "text"
    speed = "speed"


@speaks_errors
def bench(
    clips: Annotated[Path, typer.Argument(help="Folder with footage, and recordings of speech.")],
    kinds: Annotated[list[Kind] | None, typer.Argument(help="What to measure; everything if none is named.")] = None,
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder for bench.html and bench.json.")] = Path(
        "out/bench"
    ),
    only: Annotated[list[str] | None, typer.Option(help="A clip by name, without ending; repeatable.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="At most so much of each clip.")] = 20.0,
    speech_seconds: Annotated[float, typer.Option(min=0.1, help="So much of another person's speech.")] = 8.0,
    network: Annotated[
        Path | None, typer.Option(help="For halves: another network of lips (lips.onnx) that has not met them.")
    ] = None,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="For text: so many of the fifty sentences.", show_default="all")
    ] = None,
) -> None:
    """Measure the engine over a folder of clips. Controls beside it; one table, and a page with contact sheets.

    oracle: lips driven by their own true shapes. halves: the first half of a clip, driven by the sound of the second.
    cross: somebody else's speech. text: fifty sentences, said by still portraits too; are the lips together at p, b
    and m? speed: beside a plain decode and encode.
    """
    from lipwright.bench.measure import KINDS, Choice, measure

    measure(
        Choice(
            clips,
            out,
            tuple(kind.value for kind in kinds) if kinds else KINDS,
            tuple(only or ()),
            seconds=seconds,
            speech_seconds=speech_seconds,
            network=network,
            sentences=sentences,
        )
    )
