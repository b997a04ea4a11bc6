"""Everybody says fifty sentences from text: are the lips together at every p, b and m, and still in the pauses?

The whole product is measured, from the text to the finished file, which is tracked afresh.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from math import hypot, inf
from pathlib import Path
from typing import Final

import numpy as np

from lipwright import media
from lipwright.bench.clip import Clip, Faces, MainFace, file_name
from lipwright.bench.judge import ZOOM_PX, mouth_box
from lipwright.bench.page import Section, sheet
from lipwright.bench.spoken import LONG_PAUSE_S
from lipwright.core.face import Box, SeenFace, TrackedFace
from lipwright.core.speech import Phone, timed_looks
from lipwright.core.timeline import Timeline
from lipwright.metrics.closures import Meeting, meetings
from lipwright.metrics.measure import Floats
from lipwright.metrics.stillness import stillness
from lipwright.pipeline import SyncResult
from lipwright.portrait import is_picture
from lipwright.service import speech
from lipwright.service.reports import shown_at
from lipwright.vision.colour import Rgb, roi_rgb
from lipwright.vision.shape import largest_gap, opening

COLUMNS = [
    "seconds", "sentences", "closures", "n closures", "gap median % IO", "gap 97 % IO", "still % IO", "n pauses",
    "frames lost", "mode",
]  # fmt: skip
TOUCH_IO: Final = 0.01
"""Lips that are nearer touch."""
_N_WORST: Final = 16
"""So many are shown."""
_HALF_A_FRAME_S: Final = 0.02
_FEWEST_FRAMES: Final = 2
"""With the face, for anything to be measured."""


def section() -> Section:
    return Section(
        "Sentences from text",
        "Fifty sentences in fifteen languages, from text to the finished file, which is tracked afresh. closures: the "
        f"share of all p, b and m in which the inner lips are nowhere more than {TOUCH_IO:.0%} of the eyes' distance "
        f"apart on at least one frame. still: the opening in silences longer than {1000 * LONG_PAUSE_S:.0f} ms, about "
        "its mean in each.",
        COLUMNS,
        counts=frozenset(("seconds", "sentences", "n closures", "n pauses", "frames lost")),
    )


@dataclass(frozen=True, slots=True)
class _Moment:
    """One p, b or m of one finished file."""

    met: Meeting
    picture: Rgb | None
    """Where the lips did not touch: the mouth when they came nearest."""


@dataclass(frozen=True, slots=True)
class _Said:
    """One sentence that was said and looked at."""

    lasts_s: float
    moments: list[_Moment]
    still: tuple[float, int, int]
    """Standard deviation of the opening in its pauses, % IO; over so many frames of so many pauses."""
    n_lost: int
    mode: str


def run(path: Path, name: str, out: Section, folder: Path, *, n_sentences: int | None = None) -> None:
    """One video or portrait says all sentences, or the first of each language until there are `n_sentences`.

    `name` is what it is called. Raises what `service.speech.say` raises.
    """
    done: list[_Said] = []
    with tempfile.TemporaryDirectory() as temporary:
        for language, sentence in sentences()[:n_sentences]:
            done.append(_say(path, language, sentence, Path(temporary)))
    moments = [moment for one in done for moment in one.moments]
    gaps = np.array([moment.met.gap for moment in moments])
    spread, n_still, n_pauses = np.array([one.still for one in done]).T
    still = float(np.sqrt((spread**2 * n_still).sum() / n_still.sum())) if n_still.any() else float("nan")
    modes = sorted({one.mode for one in done})
    out.rows.append(
        {
            "clip": name,
            "seconds": sum(one.lasts_s for one in done),
            "sentences": len(done),
            "closures": float((gaps < TOUCH_IO).mean()) if len(gaps) else float("nan"),
            "n closures": len(gaps),
            "gap median % IO": 100 * float(np.median(gaps)) if len(gaps) else float("nan"),
            "gap 97 % IO": 100 * float(np.percentile(gaps, 97)) if np.isfinite(gaps).any() else float("nan"),
            "still % IO": still,
            "n pauses": int(n_pauses.sum()),
            "frames lost": sum(one.n_lost for one in done),
            "mode": " ".join(modes),
        }
    )
    worst = sorted(moments, key=lambda moment: -moment.met.gap)
    cells = [(f"{100 * one.met.gap:.1f} %", [one.picture]) for one in worst if one.picture is not None][:_N_WORST]
    if cells:
        where = folder / f"text_{file_name(name)}_widest.png"
        sheet(cells, ["result"], where, per_band=8)
        out.sheets.append((f"text, {name}: the p, b and m at which the lips stay farthest apart", where))


def sentences() -> list[tuple[str, str]]:
    """(language, sentence), languages in turn, so that the first few are of many."""
    table = tomllib.loads(resources.files("lipwright.bench").joinpath("sentences.toml").read_text("utf-8"))
    placed = [(k / len(said), language, one) for language, said in table.items() for k, one in enumerate(said)]
    return [(language, one) for _, language, one in sorted(placed, key=lambda item: item[0])]


def _say(path: Path, language: str, sentence: str, folder: Path) -> _Said:
    output = folder / "said.mp4"
    said = speech.say(path, sentence, output, language=language)  # as if it were the first: nothing is kept
    (speaker,) = said.result.speakers
    phones = speaker.phones
    assert phones is not None  # the embedded voice times its phones
    places = _places(speaker.seen, _behind(said.result))
    clip = Clip(output, said.result.n_frames, choose=partial(_who_speaks, places))
    together_s = [(start_s, stop_s) for item in phones for look, start_s, stop_s in timed_looks(item) if look == "PBM"]
    is_found = len(clip.index) >= _FEWEST_FRAMES
    gap = largest_gap(clip.posed.shapes) if is_found else np.empty(0)
    # a face that is lost where the footage shows it does not close its lips
    nearest = dict.fromkeys(sorted(places), inf) | dict(zip(clip.index.tolist(), gap.tolist(), strict=False))
    found = meetings(np.array(list(nearest.values())), np.array([clip.at_s(k) for k in nearest]), together_s)
    return _Said(
        float(said.result.duration_s),
        _moments(clip, found, gap) if is_found else [_Moment(met, None) for met in found],
        _stillness(opening(clip.posed.shapes), clip.times_s, phones) if is_found else (0.0, 0, 0),
        clip.n_frames - len(clip.index),
        speaker.render.mode,
    )


def _behind(result: SyncResult) -> list[float]:
    """When the footage shows the frame behind each frame of a result."""
    video = None if is_picture(result.video) else media.probe(result.video).video
    return [float(k / result.fps if video is None else shown_at(video, k)) for k in result.plan.order]


def _places(speaker: SeenFace, source_s: Sequence[float]) -> dict[int, Box]:
    """Where the footage shows the speaker behind each frame of a result, on those behind which it does."""
    half_s = float(np.median(np.diff(speaker.time_s))) / 2 if len(speaker.time_s) > 1 else _HALF_A_FRAME_S
    rows = [int(np.abs(speaker.time_s - at_s).argmin()) for at_s in source_s]
    return {
        k: Box(*(float(side) for side in speaker.box_px[row]))
        for k, (row, at_s) in enumerate(zip(rows, source_s, strict=True))
        if abs(speaker.time_s[row] - at_s) <= half_s
    }


def _who_speaks(places: dict[int, Box], faces: Faces) -> MainFace:
    """The face of each frame of a result that stands where the speaker should: a bystander is not judged."""

    def away_px(face: TrackedFace, place: Box) -> float:
        return hypot(*np.subtract(face.box.centre_px, place.centre_px))

    out: MainFace = {}
    for k, place in places.items():
        one = min(faces.get(k, ()), key=lambda face: away_px(face, place), default=None)
        # as `metrics.watch.nearest` tells a face from its neighbours
        if one is not None and away_px(one, place) < 0.5 * place.height_px:
            out[k] = one
    return out


def _moments(clip: Clip, found: list[Meeting], gap: Floats) -> list[_Moment]:
    """With a picture each where the lips did not touch."""
    best: dict[Meeting, int] = {}
    for met in found:
        during = np.flatnonzero((clip.times_s > met.start_s - 0.03) & (clip.times_s < met.stop_s + 0.03))
        if met.gap >= TOUCH_IO and len(during):
            best[met] = int(clip.index[during[np.argmin(gap[during])]])
    wanted, pictures = set(best.values()), dict[int, Rgb]()
    for frame in clip.part().frames(writable=False) if wanted else ():
        if frame.index in wanted:
            pictures[frame.index] = roi_rgb(frame, mouth_box(clip.main[frame.index], 0.85), ZOOM_PX)
    return [_Moment(met, pictures.get(best.get(met, -1))) for met in found]


def _stillness(gap: Floats, times_s: Floats, phones: Timeline[Phone]) -> tuple[float, int, int]:
    """As `_Said.still`, of an opening (n,) IO seen at times (n,)."""
    silent = [item.span for item in phones if item.value.is_silence]
    long = [span for span in silent if span.stop_s - span.start_s > LONG_PAUSE_S]
    is_pause = np.zeros(len(gap), np.bool_)
    for span in long:
        is_pause |= (times_s >= float(span.start_s)) & (times_s <= float(span.stop_s))
    held = stillness(gap, is_pause)
    return (held.value if held.n else 0.0, held.n, len(long))
