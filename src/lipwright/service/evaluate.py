"""Scores a result, or any video, also one that another tool made: then with controls beside it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lipwright import media
from lipwright.core.media import AudioClip, VideoInfo
from lipwright.core.options import text_or_id, within
from lipwright.service.reports import (
    MEASURE_S,
    VERSION,
    Measuring,
    behind,
    file_figures,
    listened,
    made_by,
    measured_face,
    measurement,
    pictures,
    report_of,
    settle,
    shown_at,
    span,
    with_verdict,
)

if TYPE_CHECKING:
    from lipwright.metrics.assess import FaceAssessment, LostFace
    from lipwright.metrics.watch import Origin
    from lipwright.pipeline import SyncResult
    from lipwright.service.speech import Said

Progress = Callable[[int, int], None]

EVALUATE_S: Final = 120.0
"""Of a longer video so much is looked at, unless more is asked for."""
_BLOCK_S: Final = 0.4
"""Speech cut into blocks of this length and said backwards, block by block, is another speech."""
_CLOSE_S: Final = 1e-4
"""Times that differ by less are one."""


def measure(
    result: SyncResult | Said, *, budget_s: float = MEASURE_S, progress: Progress | None = None
) -> dict[str, Any]:
    """The report of a result that was just made, looked at again beside its footage (docs/how-to/report.md).

    Of a longer one `budget_s` seconds, spread over it. Raises what `progress` raises (`Cancelled`, say), and nothing
    else: a measurement that fails is told in the report.
    """
    from lipwright.service import speech

    measuring = Measuring(budget_s, progress)
    if isinstance(result, speech.Said):
        return speech.report_of(result, measuring=measuring)
    return report_of(result, measuring=measuring)


def evaluate(
    video: Path | str,
    *,
    reference: Path | str | None = None,
    speech: Path | str | None = None,
    face: str = "auto",
    budget_s: float = EVALUATE_S,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score any video, with controls: the same report as of a result of ours.

    `reference` is the footage that it was made of, on the same time line; `speech` what it shall say, if that is not
    its own sound. Of a longer video `budget_s` seconds are looked at, spread over it; 0: all of it. Raises
    MediaNotFound, UnreadableMedia, NoVideo, NoAudio, InvalidOption, NoFaceFound, FaceNotFound.
    """
    from lipwright.metrics import assess as measuring
    from lipwright.pipeline import check_inputs, parse_face
    from lipwright.vision.track import MeshTracker

    choice = parse_face(text_or_id("face", face))
    within("budget_s", budget_s, 0, float("inf"))
    video = Path(video)
    reference, speech = (None if path is None else Path(path) for path in (reference, speech))
    check_inputs(*(path for path in (video, reference, speech) if path is not None))
    start_s, start_cpu_s = perf_counter(), process_time()
    footage = media.open_footage(video)
    info = pictures(footage.info)
    said = media.read_speech(video if speech is None else speech)
    heard, lasts_s = listened(said), float(said.duration_s)
    tracker = MeshTracker()
    notes: list[str] = list(footage.notes)
    origin = None if reference is None else _reference(reference, info, tracker, notes)
    found = measuring.assess(
        footage,
        tracker,
        [measuring.Claim(heard, face=choice)],
        origin=origin,
        budget_s=budget_s if budget_s > 0 else float("inf"),
        progress=progress,
    )
    duration_s = float(info.start_s + info.duration_s)  # on the time line of its sound
    report: dict[str, Any] = {
        "report": VERSION,
        "kind": "evaluate",
        "made_by": made_by(),
        "output": str(video),
        "inputs": {"video": _named(reference), "audio": _named(speech)},
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": str(info.fps),
        "n_frames": info.n_frames,
        "duration_s": duration_s,
        "speech_s": lasts_s,
        "codec": info.codec,
        "length": None,
        "measurement": measurement(found, duration_s, start_s, start_cpu_s),
        "figures": file_figures(video),
        "speakers": [],
        "controls": [],
        "words": {},
        "notes": notes,
    }
    one = found.faces[0]
    told: dict[str, Any] = {
        "face_id": None if one is None else one.face_id,
        "why": None if one is None else one.why,
        "audio": str(video if speech is None else speech),
        "speech_s": lasts_s,
        "strip": _seen_strip(_seen_at_s(one), duration_s, info),
    }
    told.update(measured_face(one, None, duration_s, told))
    report["speakers"] = [told]
    if isinstance(one, measuring.FaceAssessment):
        report["controls"] = measuring.controls(one, _other_speech(said, one))
    return with_verdict(report, found)


def _named(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _reference(path: Path, made: VideoInfo, tracker: Any, notes: list[str]) -> Origin | None:
    from lipwright.metrics.watch import Origin
    from lipwright.portrait import open_source

    # how a picture was brought to life elsewhere is not known: it stands still
    source, its_tracker = open_source(path, tracker, is_still=True, duration_s=made.duration_s)
    settle(source)
    its = pictures(source.info)
    if (its.width_px, its.height_px) != (made.width_px, made.height_px):
        notes.append(
            f"The reference has {its.width_px}x{its.height_px} pixels and the video {made.width_px}x{made.height_px}: "
            "they are not compared."
        )
        return None
    order = behind(made, source)
    if len(order) < made.n_frames:
        lasts_s = float(shown_at(made, len(order) - 1)) if order else 0.0
        notes.append(f"The reference is shorter: the video is compared with it up to {lasts_s:.1f} s only.")
    return Origin(source, its_tracker, order)


def _other_speech(said: AudioClip, face: FaceAssessment) -> tuple[Any, Any]:
    """The same voice saying something else: blocks of the speech in the reverse order."""
    from lipwright.articulation import plan, population_style

    n = max(1, round(_BLOCK_S * said.rate_hz))
    blocks = [said.samples[k : k + n] for k in range(0, len(said.samples), n)]
    heard = listened(AudioClip(np.concatenate(blocks[::-1]), said.rate_hz))
    style = population_style(np.zeros(face.track.mouth.coefficients.shape[1]))
    return heard, plan(heard, style)


def _seen_at_s(face: FaceAssessment | LostFace | None) -> list[float]:
    from lipwright.metrics.assess import FaceAssessment

    if face is None:
        return []
    return (face.track.times_s if isinstance(face, FaceAssessment) else face.times_s).tolist()


def _seen_strip(times_s: Sequence[float], duration_s: float, video: VideoInfo) -> list[dict[str, Any]]:
    """Of a video that somebody else made it is known only when, `times_s`, its face was seen."""
    # each frame for as long as it is shown: where the rate varies, one can be held for seconds
    starts_s = [0.0, *(float(shown_at(video, k)) for k in range(1, video.n_frames))]
    ends_s = [*starts_s[1:], max(duration_s, starts_s[-1])]
    is_seen = np.zeros(video.n_frames, np.bool_)
    is_seen[[max(0, bisect_right(starts_s, time_s + _CLOSE_S) - 1) for time_s in times_s]] = True
    spans: list[dict[str, Any]] = []
    k = 0
    for seen, frames in groupby(is_seen.tolist()):
        n = len(list(frames))
        spans.append(span(starts_s[k], ends_s[k + n - 1], "seen" if seen else "not_seen", n))
        k += n
    return spans
