"""The page: what was made, how good it is, where to look, and how it came about; no scripts, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources
from math import ceil
from pathlib import PurePath
from typing import Any, Final

from lipwright.report import plots
from lipwright.report.words import WORDS

Told = Mapping[str, Any]

_ROW_S: Final = 15.0
"""Seconds of curves side by side."""
_MOST_ROWS: Final = 24
_LEAST_TOP: Final = 12.0
_HEADLINES: Final = {"good": "Good", "fair": "Fair", "poor": "Poor", "unknown": "Not measured"}
_KINDS: Final = {
    "sync": "Footage with new speech",
    "say": "Footage with a spoken text",
    "evaluate": "A video, evaluated",
}
_STAGES: Final = {
    "open": "opening", "study": "looking at the footage", "listen": "listening", "render": "drawing mouths",
    "encode": "writing the file", "measure": "measuring",
}  # fmt: skip
_OFFSET_GOOD, _OFFSET_FAIR = (-125.0, 45.0), (-185.0, 90.0)
_ABOUT: Final = """\
Planned is what the speech calls for; seen is what a fresh tracker reads from the finished file. The opening is in per
cent of the distance between the outer corners of the eyes.
What these figures do not show is whether it looks alive: watch it.
"""


@cache
def style() -> str:
    """The one style sheet of the page."""
    return resources.files("lipwright.report").joinpath("style.css").read_text("utf-8")


@cache
def policy() -> str:
    """The Content-Security-Policy under which the page works: its style, its pictures, nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; frame-ancestors 'self'"


def page(report: Told, *, sheet: bytes | None = None) -> str:
    """One file of HTML for a report (docs/how-to/report.md); `sheet` is a JPEG of mouths before and after.

    Raises KeyError, TypeError or ValueError where it is no report.
    """
    name = PurePath(str(report["output"])).name
    words: dict[str, str] = {**WORDS, **report["words"]}
    parts = [_header(report, name), _verdict(report)]
    for told in report["speakers"]:
        parts += _speaker(report, told, words)
    if sheet is not None:
        data = base64.b64encode(sheet).decode()
        picture = (
            f'<div class="scroll"><img class="sheet" src="data:image/jpeg;base64,{data}" '
            'alt="Mouths of the footage in the upper rows, and of the result below them"></div>'
        )
        note = "Above the footage, below the result, at moments spread over the video."
        parts.append(_card("Mouths before and after", picture, note=note))
    if report["controls"]:
        parts.append(_controls(report["controls"]))
    parts += [_making(report), _notes(report)]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}: report</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style()}</style></head>\n<body><main>\n{body}\n"
        f"<footer><p>{escape(_ABOUT)}</p><p>{escape(str(report['made_by']))}</p></footer>\n</main></body></html>\n"
    )


def _card(title: str, *inside: str, note: str = "") -> str:
    said = f'<p class="muted small">{escape(note)}</p>' if note else ""
    return f'<section class="card"><h2>{escape(title)}</h2>{said}{"".join(inside)}</section>'


def _header(report: Told, name: str) -> str:
    facts = [
        plots.seconds(float(report["duration_s"])),
        f"{report['width_px']} × {report['height_px']}",
        f"{_rate(str(report['fps']))} frames/s",
        str(report["codec"]),
    ]
    if report["length"] is not None:
        facts.append(WORDS.get(str(report["length"]["did"]), str(report["length"]["did"])))
    told = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    kind = _KINDS.get(str(report["kind"]), "Report")
    return (
        f'<header><p class="eyebrow">{escape(kind)}</p><h1>{escape(name)}</h1><div class="facts">{told}</div></header>'
    )


def _verdict(report: Told) -> str:
    word = str(report["verdict"]["word"])
    looked = report["measurement"]
    more = "" if looked["state"] == "done" else f'<p class="muted small">{escape(str(looked["says"]))}</p>'
    return (
        f'<section class="card verdict {_class(word)}"><div class="word">{_HEADLINES[_class(word)]}</div>'
        f"<div><p>{escape(str(report['verdict']['says']))}</p>{more}</div></section>"
    )


def _speaker(report: Told, told: Told, words: Mapping[str, str]) -> list[str]:
    duration_s = float(report["duration_s"])
    who = "" if len(report["speakers"]) < 2 else f"Face {told['face_id']}: "
    title = "Where the face is seen" if report["kind"] == "evaluate" else "What was done, and where"
    parts = [_frames(told, f"{who}{title}", duration_s, words)]
    of_file: list[Told] = report["figures"] if told is report["speakers"][0] else []
    figures: list[Told] = [*told["figures"], *of_file]
    if told["sync"] is not None:
        parts.append(_sync(told["sync"], who))
    if told["figures"]:
        parts.append(_figures(figures, who))
    drawn = _curves(report, told, who)
    if drawn:
        parts.append(drawn)
    if told["flags"]:
        spots = "".join(
            f'<li><span class="when">{plots.seconds(float(flag["start_s"]))}</span><span><span class="name">'
            f"{escape(words.get(str(flag['kind']), str(flag['kind'])).capitalize())}.</span> "
            f'<span class="muted">{escape(str(flag["says"]))}</span></span></li>'
            for flag in told["flags"]
        )
        parts.append(
            f'<section class="card"><h2>{escape(who)}Worth a look</h2><ul class="spots">{spots}</ul></section>'
        )
    return parts


def _frames(told: Told, title: str, duration_s: float, words: Mapping[str, str]) -> str:
    spans: Sequence[Told] = told["strip"]
    n_all = sum(int(span["n_frames"]) for span in spans) or 1
    by: dict[str, int] = {}
    for span in spans:
        by[str(span["what"])] = by.get(str(span["what"]), 0) + int(span["n_frames"])
    items = "".join(
        f"<li>{_swatch(plots.state_class(what))}{escape(words.get(what, what))}: {n} of {n_all} frames</li>"
        for what, n in sorted(by.items(), key=lambda item: -item[1])
    )
    if told["flags"]:
        items += f"<li>{_swatch('flag')}worth a look</li>"
    drawn = plots.strip(spans, told["flags"], duration_s, words) if spans else ""
    empty = "" if spans else '<p class="muted small">The engine does not tell which frames it changed.</p>'
    return _card(title, drawn, f'<ul class="legend">{items}</ul>', empty, note=str(told["mode"]["says"]))


def _sync(sync: Told, who: str) -> str:
    offset = sync["offset_ms"] if sync["word"] != "unsure" else None
    drawn = plots.offset_scale(offset, _OFFSET_GOOD, _OFFSET_FAIR)
    sure = f"Confidence {float(sync['confidence']):.2f} of 1, from {float(sync['talk_s']):.1f} s of speech."
    legend = (
        f'<ul class="legend"><li>{_swatch("b-good")}nobody notices</li><li>{_swatch("b-fair")}some notice</li>'
        f"<li>{_swatch('b-poor')}disturbs</li><li>{sure}</li></ul>"
    )
    return _card(f"{who}Lips against sound", f"<p>{escape(str(sync['says']))}</p>", drawn, legend)


def _figures(figures: Sequence[Told], who: str) -> str:
    rows = "".join(
        f'<tr><td><span class="name">{escape(str(one["name"]))}</span></td>'
        f'<td class="number">{escape(_value(one))}</td>'
        f'<td><span class="tag {_class(str(one["verdict"]))}">{_HEADLINES[_class(str(one["verdict"]))]}</span></td>'
        f"<td><div>{escape(str(one['says']))}</div>"
        f'<div class="muted small">Good: {escape(str(one["good"]))}</div></td></tr>'
        for one in figures
    )
    heads = _heads("What", "Value", "Verdict", "Meaning")
    return _card(f"{who}How good it is", f'<table class="figures">{heads}<tbody>{rows}</tbody></table>')


def _heads(*names: str) -> str:
    return f"<thead><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr></thead>"


def _curves(report: Told, told: Told, who: str) -> str:
    curves = told["curves"]
    values = [value for name in ("planned", "seen", "source") for value in curves[name] if value is not None]
    if not values:
        return ""
    top = max(_LEAST_TOP, 4 * ceil(max(values) / 4))
    spans: list[tuple[float, float]] = [(a, b) for a, b in report["measurement"]["spans"]]
    rows = _rows(spans or [(0.0, float(report["duration_s"]))])
    drawn = "".join(plots.curves(curves, told["flags"], a, b, top) for a, b in rows[:_MOST_ROWS])
    is_ours = report["kind"] != "evaluate"
    names = (
        ("seen", "seen in the result" if is_ours else "seen in the video"),
        ("planned", "planned" if is_ours else "what the speech calls for"),
        ("source", "the footage's own"),
    )
    shown = [
        f'<li><svg width="22" height="10"><path class="c-{name}" d="M0 5H22"/></svg>{text}</li>'
        for name, text in names
        if any(value is not None for value in curves[name])
    ]
    note = ""
    if len(rows) > _MOST_ROWS:
        note = f"Drawn up to {plots.seconds(rows[_MOST_ROWS - 1][1])}; the report has the rest, as numbers."
    return _card(f"{who}Opening of the mouth", f'<ul class="legend curves">{"".join(shown)}</ul>', drawn, note=note)


def _rows(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The spans, the long ones cut into equal rows."""
    rows: list[tuple[float, float]] = []
    for start_s, stop_s in spans:
        n = max(1, ceil((stop_s - start_s) / _ROW_S - 0.2))
        step_s = (stop_s - start_s) / n
        rows += [(start_s + k * step_s, start_s + (k + 1) * step_s) for k in range(n)]
    return rows


def _controls(rows: Sequence[Told]) -> str:
    def cell(value: Any, text: str) -> str:
        return f'<td class="number">{"–" if value is None else text.format(value)}</td>'

    body = "".join(
        f'<tr><td><span class="name">{escape(str(row["name"]))}</span> '
        f'<span class="muted small">{escape(str(row["says"]))}</span></td>'
        f"{cell(_whole_number(row['offset_ms']), '{:+d} ms')}{cell(row['confidence'], '{:.2f}')}"
        f"{cell(row['fit'], '{:.2f}')}{cell(row['follows'], '{:.2f}')}"
        f"{cell(_percent(row['closures']), '{:.0f} %')}</tr>"
        for row in rows
    )
    heads = _heads("", "Offset", "Confidence", "Fit", "Goes with speech", "Closures")
    return _card(
        "Beside what must score worse",
        f'<div class="scroll"><table class="controls">{heads}<tbody>{body}</tbody></table></div>',
        note="The same measurement of inputs whose quality is known: if they scored as well, it would mean nothing.",
    )


def _whole_number(value: float | None) -> int | None:
    return None if value is None else round(value)  # which knows no -0


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _making(report: Told) -> str:
    looked = report["measurement"]
    stages: dict[str, float] = dict(report.get("stages_s", {}))
    if looked["took_s"]:
        stages["measure"] = float(looked["took_s"])
    memory: Told = report.get("memory_mb", {})
    rows = [
        (_STAGES.get(name, name), took_s, f"{took_s:.1f} s" + (f", {memory[name]} MB" if name in memory else ""))
        for name, took_s in stages.items()
    ]
    length = f"<p>{escape(str(report['length']['says']))}</p>" if report["length"] is not None else ""
    options = {name: value for name, value in report.get("options", {}).items() if value not in (None, {}, 0, False)}
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in options.items())
    details = f"<h3>Options</h3><dl>{told}</dl>" if told else ""
    return _card("How it came about", length, plots.bars(rows), details) if report["kind"] != "evaluate" else ""


def _notes(report: Told) -> str:
    if not report["notes"]:
        return ""
    items = "".join(f"<li>{escape(str(note))}</li>" for note in report["notes"])
    return _card("Notes", f'<ul class="notes">{items}</ul>')


def _swatch(name: str) -> str:
    return f'<svg width="12" height="12"><rect class="{name}" width="12" height="12" rx="3"/></svg>'


def _class(word: str) -> str:
    return word if word in _HEADLINES else "unknown"


def _value(figure: Told) -> str:
    value, unit = figure["value"], str(figure["unit"])
    if value is None or figure["verdict"] == "unknown":  # a number from which nothing is to be concluded
        return "–"
    if unit == "share":
        return f"{100 * float(value):.0f} %"
    if unit == "ms":
        return f"{round(float(value)):+d} ms" if round(float(value)) else "0 ms"
    return f"{float(value):.2f}" + {"ratio": " ×", "% IO": " %", "r": ""}.get(unit, f" {unit}")


def _rate(fps: str) -> str:
    top, _, below = fps.partition("/")
    return f"{float(top) / float(below or 1):.2f}".rstrip("0").rstrip(".")
