"""Mouth cues for game engines and rigs: the same articulation as in a video, without the video.

rhubarb-json, rhubarb-tsv   the nine mouths A to H and X of Rhubarb Lip Sync, in its own files, letter by letter
arkit-csv                   ARKit's 52 blend shapes and 9 angles for each frame, as Live Link Face records them
oculus15-json               weights of the 15 visemes of Oculus (sil, PP, FF, ... ou) for each frame
srt                         Rhubarb's mouths as captions, to look at over a video
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation import Heard, plan, population_style
from lipwright.articulation.curves import Floats, smooth
from lipwright.articulation.known_phones import known
from lipwright.articulation.network import TICK_RATE_HZ
from lipwright.articulation.phones import PHONES
from lipwright.core.speech import SILENCE, Phone, timed_looks
from lipwright.core.time import Span, frame_count
from lipwright.core.timeline import N_SHAPE, Timed, Timeline
from lipwright.vision.shape import ShapeBasis, shape_basis

Format = Literal["rhubarb-json", "rhubarb-tsv", "arkit-csv", "oculus15-json", "srt"]

_SWITCH_COST: Final = 3.0
"""In nats: a sound is heard only where it is worth a change, there and back."""
_SHORT_PAUSE_S: Final = 0.12
_CONTACTS, _SHORTEST_CONTACT_CS = frozenset("AG"), 5
_LONG_VOWEL_S, _LONG_L_S, _SHORT_ER_S = 0.2, 0.1, 0.07
_RHUBARB: Final = {
    "sil": "X", "PBM": "A", "FV": "G", "TH": "B", "TDN": "B", "L": "B", "KG": "B", "SZ": "B", "SH": "B", "R": "B",
    "W": "F", "J": "B", "H": "C", "A": "C", "E": "C", "I": "B", "O": "E", "U": "F", "schwa": "B", "ER": "E",
}  # fmt: skip
OCULUS: Final = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
_OCULUS_OF: Final = {
    "sil": "sil", "PBM": "PP", "FV": "FF", "TH": "TH", "TDN": "DD", "L": "nn", "KG": "kk", "SZ": "SS", "SH": "CH",
    "R": "RR", "W": "ou", "J": "ih", "H": "E", "A": "aa", "E": "E", "I": "ih", "O": "oh", "U": "ou", "schwa": "E",
    "ER": "RR",
}  # fmt: skip
_NASALS: Final = tuple("nɲɳŋ")
ARKIT: Final = (
    "EyeBlinkLeft", "EyeLookDownLeft", "EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeSquintLeft",
    "EyeWideLeft", "EyeBlinkRight", "EyeLookDownRight", "EyeLookInRight", "EyeLookOutRight", "EyeLookUpRight",
    "EyeSquintRight", "EyeWideRight", "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel",
    "MouthPucker", "MouthRight", "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight",
    "MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower", "MouthRollUpper",
    "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft",
    "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft", "BrowDownRight", "BrowInnerUp",
    "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft",
    "NoseSneerRight", "TongueOut", "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cue:
    """One mouth, half-open, in hundredths of a second as Rhubarb counts them."""

    start_cs: int
    stop_cs: int
    value: str


def heard_phones(heard: Heard, duration_s: Fraction) -> Timeline[Phone]:
    """The likeliest sounds of a recording, tiling it: the cheapest path through the network's classes (Viterbi)."""
    cost = -np.log(np.maximum(heard.phones.astype(np.float64), 1e-4))  # (n, 20)
    best, came_from = cost[0], np.zeros(cost.shape, np.intp)
    for tick in range(1, len(cost)):
        cheapest = int(best.argmin())
        stays = best <= best[cheapest] + _SWITCH_COST
        came_from[tick] = np.where(stays, np.arange(len(best)), cheapest)
        best = np.where(stays, best, best[cheapest] + _SWITCH_COST) + cost[tick]
    path = [int(best.argmin())]
    for tick in range(len(cost) - 1, 0, -1):
        path.append(int(came_from[tick, path[-1]]))
    path.reverse()
    edges = [0, *(k for k in range(1, len(path)) if path[k] != path[k - 1]), len(path)]
    items: list[Timed[Phone]] = []
    for start, stop in pairwise(edges):
        end_s = duration_s if stop == len(path) else min(duration_s, Fraction(stop, TICK_RATE_HZ))
        span = Span(min(end_s, Fraction(start, TICK_RATE_HZ)), end_s)
        look = PHONES[path[start]]
        if span.duration_s > 0:
            items.append(Timed(span, SILENCE if look == "sil" else Phone(look, (look,))))
    return Timeline(tuple(items))


def rhubarb_cues(phones: Timeline[Phone], duration_s: Fraction) -> list[Cue]:
    """The mouths of Rhubarb Lip Sync, without gap from zero to the end. Its own rules for what each sound looks like.

    A pause under 0.12 s keeps the mouth before it; a long open vowel is D, a short one C; a long l is H.
    """
    rows: list[tuple[Fraction, str]] = []
    for item in phones:
        n = len(item.value.looks)
        for k, look in enumerate(item.value.looks):
            length_s = item.span.duration_s / n
            start_s = item.span.start_s + k * length_s
            value = _rhubarb(look, float(length_s))
            if value == "X" and length_s < _SHORT_PAUSE_S and rows:
                value = rows[-1][1]
            rows.append((start_s, value))
    end_cs = round(duration_s * 100)
    cues: list[Cue] = []
    for number, (start_s, value) in enumerate(rows):
        start_cs = cues[-1].stop_cs if cues else round(start_s * 100)
        stop_cs = round(rows[number + 1][0] * 100) if number + 1 < len(rows) else end_cs
        if value in _CONTACTS and cues:  # lips that meet are seen: they come together while the sound before ends
            before = cues[-1]
            start_cs = max(min(start_cs, stop_cs - _SHORTEST_CONTACT_CS), (before.start_cs + before.stop_cs) // 2)
            cues[-1] = Cue(before.start_cs, start_cs, before.value)
            if start_cs == before.start_cs:
                cues.pop()
        if stop_cs <= start_cs:
            continue
        if cues and cues[-1].value == value:
            cues[-1] = Cue(cues[-1].start_cs, stop_cs, value)
        else:
            cues.append(Cue(start_cs, stop_cs, value))
    return cues or [Cue(0, end_cs, "X")]


def _rhubarb(look: str, length_s: float) -> str:
    if look == "A" and length_s >= _LONG_VOWEL_S:
        return "D"
    if look == "L" and length_s >= _LONG_L_S:
        return "H"
    if look == "ER" and length_s < _SHORT_ER_S:
        return "B"
    return _RHUBARB[look]


def rhubarb_json(cues: Sequence[Cue], duration_s: Fraction, sound_file: Path | None) -> str:
    """As Rhubarb writes it; `soundFile` is the whole path, or empty where the sound was not kept."""
    name = json.dumps("" if sound_file is None else str(sound_file.absolute()), ensure_ascii=False)
    rows = ",\n".join(
        f'    {{ "start": {_seconds(cue.start_cs)}, "end": {_seconds(cue.stop_cs)}, "value": "{cue.value}" }}'
        for cue in cues
    )
    return (
        f'{{\n  "metadata": {{\n    "soundFile": {name},\n    "duration": {_seconds(round(duration_s * 100))}\n  }},\n'
        f'  "mouthCues": [\n{rows}\n  ]\n}}\n'
    )


def rhubarb_tsv(cues: Sequence[Cue], duration_s: Fraction) -> str:
    """As Rhubarb writes it: when each mouth begins, and the closed mouth at the end."""
    rows = [f"{_seconds(cue.start_cs)}\t{cue.value}\n" for cue in cues]
    return "".join([*rows, f"{_seconds(round(duration_s * 100))}\tX\n"])


def cues_srt(cues: Sequence[Cue]) -> str:
    """The letters as captions."""

    def clock(time_cs: int) -> str:
        seconds, hundredths = divmod(time_cs, 100)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{hundredths * 10:03d}"

    blocks = [
        f"{number}\n{clock(cue.start_cs)} --> {clock(cue.stop_cs)}\n{cue.value}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def _seconds(time_cs: int) -> str:
    return f"{time_cs // 100}.{time_cs % 100:02d}"


def oculus_json(phones: Timeline[Phone], duration_s: Fraction, fps: int) -> str:
    """{"fps", "duration", "visemes": the 15 names, "frames": [[15 weights that sum to 1], ...]}; frame k at k / fps."""
    rate = 200
    times_s = np.arange(max(1, int(duration_s * rate))) / rate
    weights = np.zeros((len(times_s), len(OCULUS)))
    weights[:, 0] = 1.0
    for item in phones:
        for look, start_s, stop_s in timed_looks(item):
            viseme = "nn" if look == "TDN" and item.value.name.startswith(_NASALS) else _OCULUS_OF[look]
            weights[(times_s >= start_s) & (times_s < stop_s)] = np.eye(len(OCULUS))[OCULUS.index(viseme)]
    soft = smooth(weights, 0.025 * rate)
    n = frame_count(duration_s, Fraction(fps))
    at = np.minimum((np.arange(n) * rate) // fps, len(soft) - 1)
    frames = [[round(float(weight), 4) for weight in row] for row in soft[at]]
    table = {"fps": fps, "duration": round(float(duration_s), 3), "visemes": list(OCULUS), "frames": frames}
    return json.dumps(table) + "\n"


def arkit_csv(heard: Heard, phones: Timeline[Phone], duration_s: Fraction, fps: int, *, is_exact: bool) -> str:
    """One row a frame: timecode, the count 61, 52 blend shapes (0 to 1) and 9 angles (0).

    Jaw, lips and width are those of the planned mouth of an average person at rest with closed lips; only what
    speech moves is set. `is_exact`: the phones are known, not heard.
    """
    style = population_style(np.zeros(N_SHAPE, np.float32))
    track = plan(heard, style, phones=phones if is_exact else None)
    facts = known(phones, len(heard))
    n = frame_count(duration_s, Fraction(fps))
    at_s = np.arange(n) / fps
    ticks_s = np.arange(len(heard)) / TICK_RATE_HZ

    def at(values: Floats) -> Floats:
        return np.interp(at_s, ticks_s, values)

    coefficients = track.coefficients.astype(np.float64)
    opening, jaw, width = (at(coefficients @ direction) for direction in _directions(shape_basis()))
    shut = at(track.closure.astype(np.float64))
    rounded = at(smooth(np.isin(facts.looks, [PHONES.index(look) for look in ("U", "W", "O", "SH")]) * 1.0, 2.0))
    open_share = np.clip(opening / 0.20, 0.0, 1.0)
    jaw_open = np.clip(jaw / 0.22, 0.0, 1.0)
    shapes = {
        "JawOpen": jaw_open,
        # in ARKit the jaw opens the lips with it; closing them over an open jaw is a shape of its own
        "MouthClose": np.clip(jaw_open - open_share, 0.0, 1.0),
        "MouthPucker": np.clip(-width / 0.12, 0.0, 1.0) * np.clip(rounded + 0.3, 0.0, 1.0),
        "MouthFunnel": rounded * open_share,
        "MouthStretchLeft": np.clip(width / 0.10, 0.0, 1.0),
        "MouthPressLeft": 0.4 * shut,
        "MouthRollLower": np.maximum(0.5 * at(facts.to_teeth), 0.25 * shut),
        "MouthRollUpper": 0.2 * shut,
        "MouthLowerDownLeft": 0.6 * open_share * (1 - shut),
        "MouthUpperUpLeft": 0.3 * open_share * (1 - shut),
        "TongueOut": 0.15 * at(smooth((facts.looks == PHONES.index("TH")) * 1.0, 1.5)),
    }
    for name in list(shapes):
        if name.endswith("Left"):
            shapes[name.removesuffix("Left") + "Right"] = shapes[name]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["Timecode", "BlendShapeCount", *ARKIT])
    still = np.zeros(n)
    columns = np.column_stack([np.clip(shapes.get(name, still), 0.0, 1.0) for name in ARKIT])
    for frame, row in enumerate(columns):
        writer.writerow([_timecode(frame, fps), len(ARKIT), *(f"{value:.4f}" for value in row)])
    return out.getvalue()


def _timecode(frame: int, fps: int) -> str:
    seconds, within = divmod(frame, fps)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{within:02d}.000"


def _directions(basis: ShapeBasis) -> tuple[Floats, Floats, Floats]:
    """(N_SHAPE,) each: how much a coefficient opens the inner lips, lowers the chin, widens the mouth, IO."""
    effect: NDArray[np.float64] = basis.components[:N_SHAPE].reshape(N_SHAPE, -1, 3) / basis.weights
    column = {int(point): index for index, point in enumerate(basis.points)}

    def moved(points: tuple[int, ...], axis: int) -> Floats:
        return np.mean(effect[:, [column[point] for point in points], axis], axis=1)

    opening = moved((87, 14, 317), 1) - moved((82, 13, 312), 1)
    return opening, moved((152, 148, 377), 1), moved((291,), 0) - moved((61,), 0)
