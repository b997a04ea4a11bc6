"""One table, one JSON file, and one page that carries its pictures inside."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from lipwright.metrics.sheet import png
from lipwright.vision.colour import Rgb

_STYLE = """body{font:14px system-ui;margin:24px;background:#111;color:#ddd}h1,h2{font-weight:500}
table{border-collapse:collapse;margin:8px 0 24px}td,th{padding:3px 10px;border-bottom:1px solid #333;text-align:right}
td:first-child,th:first-child{text-align:left}img{max-width:100%;display:block;margin:6px 0 4px}
.note{color:#999}"""


@dataclass
class Section:
    """One kind of measurement."""

    title: str
    meaning: str
    columns: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Each with "clip" and one value for each column; "note" where something went wrong."""
    sheets: list[tuple[str, Path]] = field(default_factory=list[tuple[str, Path]])
    counts: frozenset[str] = frozenset()
    """Columns of which a mean says nothing."""
    signed: frozenset[str] = frozenset()
    """Columns in which late and early would cancel each other: the mean is of their sizes."""
    has_mean: bool = True

    @property
    def heads(self) -> list[str]:
        """Of the columns that are shown: what went wrong with a clip only where something did."""
        return ["clip", *self.columns, *(["note"] if any("note" in row for row in self.rows) else [])]

    def mean(self) -> dict[str, Any]:
        """Means over clips, weighted by their seconds where rows have them; of a signed column as `|column|`."""
        out: dict[str, Any] = {"clip": "mean"}
        for column in self.columns if self.has_mean else ():
            pairs = [
                (abs(row[column]) if column in self.signed else row[column], row.get("seconds", 1.0))
                for row in self.rows
                if isinstance(row.get(column), (int, float)) and not math.isnan(row[column])
            ]
            total = sum(weight for _, weight in pairs)
            if total > 0 and column not in self.counts:
                name = f"|{column}|" if column in self.signed else column
                out[name] = float(sum(value * weight for value, weight in pairs) / total)
        return out

    @property
    def caption(self) -> str:
        """What it means, and what its mean is of."""
        sizes = " and ".join(f"|{column}|" for column in sorted(self.signed))
        return f"{self.meaning} In the last row: the mean of {sizes}." if sizes else self.meaning

    def cells(self) -> list[list[str]]:
        """The rows, and their mean, as they are shown under `heads`."""
        mean = self.mean()
        shown = [[_text(row.get(column)) for column in self.heads] for row in self.rows]
        if len(mean) > 1:
            of_sizes = {name: f"|{_text(mean[f'|{name}|'])}|" for name in self.signed if f"|{name}|" in mean}
            shown.append([of_sizes.get(column, _text(mean.get(column))) for column in self.heads])
        return shown


def show(section: Section, console: Console) -> None:
    table = Table(title=section.title, caption=section.caption, caption_justify="left", title_justify="left")
    for column in section.heads:
        table.add_column(column, justify="left" if column in ("clip", "note") else "right")
    for cells in section.cells():
        table.add_row(*cells)
    console.print(table)


def write(sections: Sequence[Section], facts: dict[str, Any], folder: Path) -> Path:
    """`bench.json` and `bench.html` in the folder; returns the page. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "facts": facts,
        "sections": [
            {"title": s.title, "columns": s.columns, "rows": s.rows, "mean": s.mean() if s.rows else {}}
            for s in sections
        ],
    }
    (folder / "bench.json").write_text(json.dumps(_plain(data), indent=1), encoding="utf-8")
    parts = [
        f"<!doctype html><meta charset=utf-8><title>lipwright bench</title><style>{_STYLE}</style>",
        "<h1>lipwright bench</h1>",
    ]
    parts.append("<p class=note>" + html.escape(", ".join(f"{k}: {v}" for k, v in facts.items())) + "</p>")
    for section in sections:
        parts.append(
            f"<h2>{html.escape(section.title)}</h2><p class=note>{html.escape(section.caption)}</p><table><tr>"
        )
        parts += [f"<th>{html.escape(c)}</th>" for c in section.heads]
        parts.append("</tr>")
        for cells in section.cells():
            parts.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        parts.append("</table>")
        for caption, path in section.sheets:
            data64 = base64.b64encode(_jpeg(path)).decode()
            parts.append(f"<p>{html.escape(caption)}</p><img src='data:image/jpeg;base64,{data64}'>")
    page = folder / "bench.html"
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def sheet(
    columns: Sequence[tuple[str, Sequence[Rgb]]], labels: Sequence[str], path: Path, *, per_band: int = 12
) -> None:
    """Write a PNG: each column a moment with its rows one below the other, in bands of `per_band` columns."""
    if not columns:
        return
    cell = columns[0][1][0].shape[0]
    n_rows = len(labels)
    bands: list[Rgb] = []
    for first in range(0, len(columns), per_band):
        band = np.full((n_rows * (cell + 3) + 18, per_band * (cell + 3), 3), 24, np.uint8)
        for k, (caption, cells) in enumerate(columns[first : first + per_band]):
            left = k * (cell + 3)
            cv2.putText(band, caption, (left + 2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (220, 220, 220), 1)
            for row, picture in enumerate(cells):
                top = 18 + row * (cell + 3)
                band[top : top + cell, left : left + cell] = picture
                if k == 0:
                    cv2.putText(
                        band, labels[row], (left + 3, top + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (90, 255, 90), 1
                    )
        bands.append(band)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(np.concatenate(bands)))


def _jpeg(path: Path) -> bytes:
    # read here: OpenCV takes no name whose bytes are no text
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert done
    return data.tobytes()


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast("list[Any]", value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
