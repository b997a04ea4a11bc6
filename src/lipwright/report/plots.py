"""Pictures of a report as SVG that grows with the page: positions are per cent, so that nothing is stretched but lines.

No style attributes: a page of ours is served under a policy that allows its one style sheet and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from math import isfinite
from typing import Any, Final

Span = Mapping[str, Any]

_STATE_CLASSES: Final = {
    **dict.fromkeys(("edited", "seen"), "s-edited"),
    **dict.fromkeys(("at_rest", "own_again", "still"), "s-rest"),
}
_OFFSETS_MS: Final = 250.0
_TICKS: Final = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_HIGH: Final = 100.0


def seconds(value: float) -> str:
    """A moment as people read it: 3.2 s, 1:07."""
    if value < 60:
        return f"{value:.1f}".rstrip("0").rstrip(".") + " s"
    return f"{int(value // 60)}:{int(value % 60):02d}"


def state_class(what: str) -> str:
    """The style of what was done to a stretch."""
    return _STATE_CLASSES.get(what, "s-passed")


def strip(spans: Sequence[Span], flags: Sequence[Span], duration_s: float, words: Mapping[str, str]) -> str:
    """What was done to which stretch of the video, with the spots worth a look above."""
    parts = [_open("strip", 64, "What was done to which stretch of the video")]
    for flag in flags:
        middle = (flag["start_s"] + flag["stop_s"]) / 2
        kind = words.get(str(flag["kind"]), str(flag["kind"]))
        parts.append(
            f'<circle class="flag" cx="{_at(middle, duration_s)}" cy="7" r="{3 + 2 * float(flag["severity"]):.1f}">'
            f"<title>{escape(seconds(flag['start_s']))}: {escape(kind)}</title></circle>"
        )
    for span in spans:
        start, width = _at(span["start_s"], duration_s), _at(span["stop_s"] - span["start_s"], duration_s)
        what = str(span["what"])
        told = f"{seconds(span['start_s'])} to {seconds(span['stop_s'])}: {words.get(what, what)}"
        parts.append(
            f'<rect class="{state_class(what)}" x="{start}" y="16" width="{width}" height="26">'
            f"<title>{escape(told)}</title></rect>"
        )
    parts += _seconds_axis(0.0, duration_s, 46)
    return "".join([*parts, "</svg>"])


def curves(told: Mapping[str, Any], flags: Sequence[Span], start_s: float, stop_s: float, top: float) -> str:
    """Opening of the mouth between two moments: planned, seen and before; `top` is the end of the scale, % IO."""
    high_px, low_px = 14, 150
    parts = [_open("curves", low_px + 22, f"Opening of the mouth from {seconds(start_s)} to {seconds(stop_s)}")]
    length = stop_s - start_s
    for flag in flags:
        first, last = max(start_s, flag["start_s"]), min(stop_s, flag["stop_s"])
        if last > first:
            width = max(0.4, 100 * (last - first) / length)
            parts.append(
                f'<rect class="flagged" x="{_at(first - start_s, length)}" y="{high_px}" width="{width:.2f}%" '
                f'height="{low_px - high_px}"><title>{escape(str(flag["says"]))}</title></rect>'
            )
    for part in (0.0, 0.5, 1.0):
        y = low_px - part * (low_px - high_px)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        if part:
            parts.append(f'<text class="tick" x="4" y="{y - 3}">{part * top:.0f} %</text>')
    parts.append(
        f'<svg x="0" y="{high_px}" width="100%" height="{low_px - high_px}" '
        f'viewBox="0 0 1000 {_HIGH:.0f}" preserveAspectRatio="none">'
    )
    for name in ("source", "planned", "seen"):
        path = _path(told[name], told["start_s"], told["step_s"], start_s, stop_s, top)
        if path:
            parts.append(f'<path class="c-{name}" d="{path}"/>')
    parts.append("</svg>")
    parts += _seconds_axis(start_s, stop_s, low_px + 4)
    return "".join([*parts, "</svg>"])


def offset_scale(offset_ms: float | None, good: tuple[float, float], fair: tuple[float, float]) -> str:
    """Where an offset lies between early and late, and what people notice."""
    parts = [_open("offset", 58, "Offset between lips and sound")]
    for (low, high), name in (((-_OFFSETS_MS, _OFFSETS_MS), "poor"), (fair, "fair"), (good, "good")):
        x, width = _ms(low), 100 * (high - low) / (2 * _OFFSETS_MS)
        parts.append(f'<rect class="b-{name}" x="{x:.2f}%" y="18" width="{width:.2f}%" height="12" rx="2"/>')
    for tick in (-200, -100, 0, 100, 200):
        parts.append(f'<line class="grid" x1="{_ms(tick):.2f}%" x2="{_ms(tick):.2f}%" y1="30" y2="35"/>')
        parts.append(f'<text class="tick mid" x="{_ms(tick):.2f}%" y="48">{tick if tick < 1 else f"+{tick}"}</text>')
    parts.append(
        '<text class="tick" x="0" y="12">lips early</text><text class="tick end" x="100%" y="12">lips late</text>'
    )
    if offset_ms is not None and isfinite(offset_ms):
        x = _ms(max(-_OFFSETS_MS, min(_OFFSETS_MS, offset_ms)))
        parts.append(f'<line class="needle" x1="{x:.2f}%" x2="{x:.2f}%" y1="13" y2="35"/>')
        parts.append(f'<circle class="needle-top" cx="{x:.2f}%" cy="13" r="5"/>')
    return "".join([*parts, "</svg>"])


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """Named lengths below each other, with their values: stages of work."""
    longest = max((value for _, value, _ in rows), default=0) or 1
    drawn = "".join(
        f'<tr><td>{escape(name)}</td><td class="grow"><svg width="100%" height="14">'
        f'<rect class="bar" width="{max(0.3, 100 * value / longest):.2f}%" height="14" rx="3"/></svg></td>'
        f'<td class="number">{escape(text)}</td></tr>'
        for name, value, text in rows
    )
    return f'<table class="bars"><tbody>{drawn}</tbody></table>' if rows else ""


def _open(name: str, height_px: int, title: str) -> str:
    return f'<svg class="{name}" width="100%" height="{height_px}" role="img" aria-label="{escape(title, quote=True)}">'


def _at(time_s: float, duration_s: float) -> str:
    return f"{100 * time_s / max(duration_s, 1e-9):.3f}%"


def _ms(offset_ms: float) -> float:
    return 50 + 50 * offset_ms / _OFFSETS_MS


def _seconds_axis(start_s: float, stop_s: float, y: float) -> Iterable[str]:
    length = stop_s - start_s
    step = next((tick for tick in _TICKS if length / tick <= 8), _TICKS[-1])
    tick = step * -(-start_s // step)
    while tick <= stop_s + 1e-6:
        x = 100 * (tick - start_s) / max(length, 1e-9)
        anchor = "" if x < 3 else " end" if x > 96 else " mid"
        yield f'<text class="tick{anchor}" x="{x:.2f}%" y="{y + 11}">{seconds(tick)}</text>'
        tick += step


def _path(
    values: Sequence[float | None], first_s: float, step_s: float, start_s: float, stop_s: float, top: float
) -> str:
    """An SVG path of the samples within the two moments, broken where there are none."""
    low = max(0, round((start_s - first_s) / step_s))
    high = min(len(values), round((stop_s - first_s) / step_s) + 1)
    points: list[str | None] = []
    for k in range(low, high):
        value = values[k]
        if value is None:
            points.append(None)
            continue
        x = 1000 * (first_s + k * step_s - start_s) / (stop_s - start_s)
        points.append(f"{x:.1f} {_HIGH * (1 - min(max(value, 0.0), top) / top):.1f}")
    return "".join(
        ("L" if before is not None else "M") + now for before, now in pairwise([None, *points]) if now is not None
    )
