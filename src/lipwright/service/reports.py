"""The report of a result: what was done, and how good it is as measured on the finished file.

told       what the renderer knows: frames, reasons, length, time and memory                     free
measured   the file is looked at again, beside its footage: offset, closures, sharpness, ...     0.5 to 1.5 s a second

A measurement that fails is noted in the report; the video is as good as it is.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import metadata
from itertools import pairwise
from math import inf
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lipwright import media
from lipwright.core.errors import Cancelled, InvalidOption, LipwrightError, NoVideo
from lipwright.core.media import AudioClip, Footage, SourceInfo, VideoInfo
from lipwright.report.words import MODES, STATES, WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lipwright.core.timeline import FramePlan
    from lipwright.engines.base import RenderReport
    from lipwright.metrics.assess import Assessment, FaceAssessment, LostFace
    from lipwright.metrics.flags import Flag
    from lipwright.pipeline import Speaker, SyncResult

Progress = Callable[[int, int], None]

# Rooms that load networks or OpenCV are imported by the functions that use them.

VERSION: Final = 1
"""Of the report's shape (docs/how-to/report.md)."""
MEASURE_S: Final = 20.0
"""Of a longer result so much is looked at, in stretches spread over it."""
_PATIENCE_S: Final = 30.0
_PATIENCE: Final = 6.0
"""A measurement may take so long, and so many times the seconds that it looks at; what is not done then is left out."""
_EVEN_S: Final = Fraction(1, 1000)
"""Frames that are shown so near to their places on an even grid are told by the rate alone."""

_DID: Final = {
    "cut": "cut",
    "keep": "kept",
    "loop": "looped",
    "bounce": "bounced",
    "freeze": "frozen",
    "remap": "slowed",
}
_BOTH: Final = "The footage lasts {source:.1f} s and the speech {speech:.1f} s: "
_LENGTHS: Final = {
    "drawn": "A picture lasts as long as the speech: {speech:.1f} s.",
    "as_is": "Footage and speech both last {speech:.1f} s.",
    "ended_early": _BOTH + "the result ends with the footage, before the speech does.",
    "looped": _BOTH + "it starts again when it ends.",
    "bounced": _BOTH + "it turns round when it ends, and is shown backwards.",
    "frozen": _BOTH + "its last frame is held.",
    "slowed": _BOTH + "it is slowed down to fit.",
    "cut": _BOTH + "the result ends with the speech.",
    "kept": _BOTH + "the rest of the footage is kept, in silence.",
    "kept_own": _BOTH + "the rest of the footage is kept, with its own sound and lips.",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measuring:
    """Whether and how long a result is looked at again."""

    budget_s: float = MEASURE_S
    """Seconds of the result, spread over it; 0: it is not looked at."""
    progress: Progress | None = None


def report_of(
    result: SyncResult,
    *,
    kind: str = "sync",
    speech: AudioClip | None = None,
    measuring: Measuring | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report of a result, plain values for JSON.

    `speech` is what was said, where its file is gone. Without `measuring` only what is known is told. `more` are
    further fields. Raises what `measuring.progress` raises, and nothing else: where the measurement fails, the report
    says so.
    """
    report = {**_told(result, kind), **(more or {})}
    if measuring is None or measuring.budget_s <= 0:
        return report
    start_s, start_cpu_s = perf_counter(), process_time()
    theirs: list[Exception] = []
    try:
        found = _measure(result, speech, replace(measuring, progress=_noting(measuring.progress, theirs)))
    except Cancelled:
        raise
    except Exception as exc:
        if any(exc is one for one in theirs):
            raise
        if isinstance(exc, LipwrightError):
            return _failed(report, str(exc))
        log.exception("the measurement of a result broke")
        return _failed(report, f"It broke ({type(exc).__name__}).")
    report["measurement"] = measurement(found, float(result.duration_s), start_s, start_cpu_s)
    for told, speaker, face in zip(report["speakers"], result.speakers, found.faces, strict=True):
        told.update(measured_face(face, speaker, float(result.duration_s), told))
    return with_verdict(report, found)


def _noting(progress: Progress | None, raised: list[Exception]) -> Progress | None:
    """The same; what it raises is the caller's own, and is put down as such."""
    if progress is None:
        return None

    def noting(done: int, total: int) -> None:
        try:
            progress(done, total)
        except Exception as exc:
            raised.append(exc)
            raise

    return noting


def failed(report: dict[str, Any], reason: str) -> dict[str, Any]:
    """A report that was only told, because its measurement came to nothing."""
    return _failed(dict(report), reason)


def without_paths(report: dict[str, Any]) -> dict[str, Any]:
    """The same for those who may see the result and not what it was made of: names of inputs are links to them."""
    return {
        **report,
        "output": Path(report["output"]).name,
        "inputs": {"video": None, "audio": None},
        "speakers": [{**told, "audio": None} for told in report["speakers"]],
    }


def sheet_of(report: Mapping[str, Any]) -> bytes | None:
    """A JPEG of mouths before and after, where the result and its footage are still where the report says; else None.

    Raises UnreadableMedia where what is there now is none of them, InvalidOption as `page_of`.
    """
    from lipwright.core.plan import plan_frames
    from lipwright.metrics.sheet import contact_sheet, jpeg
    from lipwright.portrait import open_source
    from lipwright.vision.track import MeshTracker

    with _whole(report):
        output, video = Path(str(report["output"])), report["inputs"]["video"]
        options: Mapping[str, Any] = report.get("options", {})
        speech_s = Fraction(report["speech_s"]).limit_denominator(192_000)
        is_ours = report["kind"] != "evaluate"
        is_still, seed = bool(options.get("still", not is_ours)), int(options.get("seed", 0))
        when_short, when_long = options.get("when_short", "bounce"), options.get("when_long", "cut")
    if video is None or not output.is_file() or not Path(video).is_file():
        return None
    result = media.open_footage(output)
    source, tracker = open_source(Path(video), MeshTracker(), is_still=is_still, seed=seed, duration_s=speech_s)
    settle(source, report["n_source_frames"] if is_ours else None)
    made, its = pictures(result.info), pictures(source.info)
    if is_ours:
        order = plan_frames(its, speech_s, when_short=when_short, when_long=when_long).order[: made.n_frames]
    else:
        order = behind(made, source)
    if not order:
        return None
    return jpeg(contact_sheet(source, result, order, tracker, n_moments=16, n_columns=8, cell_px=144))


def files_of(report: Mapping[str, Any]) -> list[Path]:
    """The media that a report tells of: the result, the footage, the speech. Raises InvalidOption as `page_of`."""
    with _whole(report):
        named = [report["output"], *report["inputs"].values(), *(told["audio"] for told in report["speakers"])]
        return [Path(name) for name in named if name is not None]


def page_of(report: Mapping[str, Any], *, sheet: bytes | None = None) -> str:
    """The report as one HTML file that loads nothing. Raises InvalidOption where it is none, or not whole."""
    from lipwright.report.page import page

    with _whole(report):
        return page(report, sheet=sheet)


@contextmanager
def _whole(report: Mapping[str, Any]) -> Generator[None]:
    """What is missing from a report, or is of another kind than it should be, is told as InvalidOption."""
    if "report" not in report:
        raise InvalidOption("report", None, "what was given is not one")
    if report["report"] != VERSION:
        raise InvalidOption("report", str(report["report"]), f"a report of version {VERSION} is read")
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as exc:
        raise InvalidOption("report", str(exc), "it is not a whole report") from exc


# --- what is known ----------------------------------------------------------------------------------------


def _told(result: SyncResult, kind: str) -> dict[str, Any]:
    known = result.as_dict()
    varying = _frame_ms(result.plan, result.fps)
    speakers = [
        {
            **told,
            "box_px": [round(float(side), 1) for side in np.median(speaker.seen.box_px, axis=0)],
            "mode": {
                "name": speaker.render.mode,
                "says": MODES.get(speaker.render.mode, "In the engine's own words."),
            },
            "strip": _strip(speaker, result.plan),
        }
        for told, speaker in zip(known["speakers"], result.speakers, strict=True)
    ]
    for told, speaker in zip(speakers, result.speakers, strict=True):
        told.update(measured_face(None, speaker, float(result.duration_s), told))
        if kind != "sync":  # the recording of a text is gone by now
            told["audio"] = None
    report = {
        "report": VERSION,
        "kind": kind,
        "made_by": made_by(),
        **known,
        **({} if varying is None else {"frame_ms": varying}),
        "inputs": {"video": str(result.video), "audio": str(result.speakers[0].audio) if kind == "sync" else None},
        "length": _length(result),
        "measurement": _skipped(float(result.duration_s)),
        "figures": _figures_of(result.output),
        "speakers": speakers,
        "controls": [],
        "words": {},
    }
    return with_verdict(report, None)


def made_by() -> str:
    return f"lipwright {metadata.version('lipwright')}"


def _frame_ms(plan: FramePlan, fps: Fraction) -> list[int] | None:
    """How long each frame is shown; None where that is the same for all."""
    times_s = [*plan.times_s, plan.duration_s]
    if all(abs(time_s - k / fps) < _EVEN_S for k, time_s in enumerate(times_s)):
        return None
    # differences of what is rounded, so that they add up
    return [after - before for before, after in pairwise([round(1000 * time_s) for time_s in times_s])]


def _strip(speaker: Speaker, plan: FramePlan) -> list[dict[str, Any]]:
    """What was done to which stretch of the result."""
    spans: list[dict[str, Any]] = []
    k = 0
    for what, n in speaker.render.strip:
        stop = k + n
        stop_s = plan.times_s[stop] if stop < len(plan) else plan.duration_s
        spans.append(span(float(plan.times_s[k]), float(stop_s), what, n))
        k = stop
    return spans


def span(start_s: float, stop_s: float, what: str, n_frames: int) -> dict[str, Any]:
    return {"start_s": round(start_s, 4), "stop_s": round(stop_s, 4), "what": what, "n_frames": n_frames}


def _length(result: SyncResult) -> dict[str, Any]:
    """How the footage was brought to the length of the speech."""
    # as the plan counts: a picture that starts after its sound is held from the start
    source_s, speech_s = float(result.source_start_s + result.source_s), float(result.speech_s)
    options, frame_s = result.options, float(1 / result.fps)
    is_short = source_s < speech_s - frame_s
    policy = options.when_short if is_short else options.when_long
    did = _DID[policy]
    if _is_picture(result.video):
        policy, did = "none", "drawn"
    elif abs(source_s - speech_s) <= frame_s:
        did = "as_is"
    elif is_short and policy == "cut":
        did = "ended_early"
    elif did in ("bounced", "looped") and not any(after < before for before, after in pairwise(result.plan.order)):
        # a last frame that lasts longer than others do bridges what is missing; so do frames that times are rounded to
        did = "frozen" if speech_s - source_s > 2 * frame_s else "as_is"
    own = "kept_own" if did == "kept" and result.plan.own_from_s is not None else did
    return {
        "policy": policy,
        "did": did,
        "source_s": round(source_s, 3),
        "speech_s": round(speech_s, 3),
        "output_s": round(float(result.duration_s), 3),
        "says": _LENGTHS[own].format(source=source_s, speech=speech_s),
    }


def _is_picture(path: Path) -> bool:
    from lipwright.portrait.picture import is_picture

    return is_picture(path)


def _figures_of(output: Path) -> list[dict[str, Any]]:
    """Those of the file; unknown ones where it is gone or damaged by now, which the measurement tells."""
    from lipwright.metrics.assess import unknown_file_figures

    try:
        return file_figures(output)
    except LipwrightError:
        return [one.as_dict() for one in unknown_file_figures()]


def file_figures(path: Path) -> list[dict[str, Any]]:
    from lipwright.metrics.assess import file_figures

    info = media.probe(path)
    shown = pictures(info)
    ends = [one.start_s + one.duration_s for one in info.audio]
    return [one.as_dict() for one in file_figures(shown.start_s + shown.duration_s, max(ends, default=None))]


# --- what is measured -------------------------------------------------------------------------------------


def _measure(result: SyncResult, speech: AudioClip | None, measuring: Measuring) -> Assessment:
    from lipwright.metrics.assess import Claim, assess
    from lipwright.metrics.watch import Origin
    from lipwright.portrait import open_source
    from lipwright.vision.track import MeshTracker

    options, tracker = result.options, MeshTracker()
    source, its_tracker = open_source(
        result.video, tracker, is_still=options.still, seed=options.seed, duration_s=result.speech_s,
        threads=options.threads,
    )  # fmt: skip
    settle(source, result.n_source_frames)
    shown = pictures(source.info)
    is_alone = len(media.distinct([speaker.audio for speaker in result.speakers])) == 1
    claims = [
        Claim(
            heard=listened(media.read_speech(speaker.audio) if speech is None else speech, is_alone=is_alone),
            mouth=speaker.mouth,
            where=speaker.seen,
            is_edited=_edited(speaker.render),
            until_s=inf if speaker.own_from_s is None else float(speaker.own_from_s),
        )
        for speaker in result.speakers
    ]
    until_s = monotonic() + _PATIENCE_S + _PATIENCE * measuring.budget_s
    return assess(
        media.open_footage(result.output, threads=options.threads),
        tracker,
        claims,
        origin=Origin(source, its_tracker, result.plan.order),
        source_times_s=[float(shown_at(shown, k)) for k in result.plan.order],
        budget_s=measuring.budget_s,
        progress=measuring.progress,
        is_time_up=lambda: monotonic() > until_s,
    )


def _edited(render: RenderReport) -> NDArray[np.bool_] | None:
    """(n_frames,) which frames have new lips; None where the engine does not tell."""
    from lipwright.engines.base import EDITED

    if not render.strip:
        return None
    return np.repeat([what == EDITED for what, _ in render.strip], [n for _, n in render.strip])


def settle(source: Footage, n_frames: int | None = None) -> None:
    """Number the frames of footage that is opened anew as who read it all did, who found `n_frames` of them."""
    if isinstance(source, media.MediaFootage):  # a portrait has the frames that it says
        source.settle(n_frames)


def behind(made: VideoInfo, source: Footage) -> Sequence[int]:
    """The frame of the footage behind each frame made elsewhere: a picture for all of it, else as `by_time`."""
    its = pictures(source.info)
    return by_time(made, its) if isinstance(source, media.MediaFootage) else [0] * made.n_frames


def by_time(made: VideoInfo, its: VideoInfo) -> list[int]:
    """The frame of the footage that is shown at the time of each frame made, as far as the footage goes."""
    times_s = [shown_at(its, k) for k in range(its.n_frames)]
    half = 1 / (2 * made.fps)
    order: list[int] = []
    for k in range(made.n_frames):
        at_s = shown_at(made, k) + half
        if at_s > times_s[-1] + 1 / its.fps:
            break
        order.append(max(0, bisect_right(times_s, at_s) - 1))
    return order


def listened(clip: AudioClip, *, is_alone: bool = True) -> Any:
    from lipwright.articulation import listen

    return listen(clip, raises_quiet=is_alone)


def pictures(info: SourceInfo) -> VideoInfo:
    if info.video is None:
        raise NoVideo(info.path)
    return info.video


def shown_at(video: VideoInfo, index: int) -> Fraction:
    """When a frame of footage is shown."""
    return video.times_s[index] if video.times_s else video.start_s + index / video.fps


def measurement(found: Assessment, of_s: float, start_s: float, start_cpu_s: float) -> dict[str, Any]:
    state, says = "done", "Every frame was looked at."
    if not found.is_whole:
        state = "partial"
        why = "the time was up" if found.is_cut_short else "the video is long"
        where = f", in {len(found.spans_s)} stretches" if len(found.spans_s) > 1 else ""
        says = f"{found.covered_s:.1f} of {of_s:.1f} s were looked at{where}: {why}."
    return {
        "state": state,
        "says": says,
        "spans": [[round(a, 3), round(b, 3)] for a, b in found.spans_s],
        "covered_s": round(found.covered_s, 3),
        "of_s": round(of_s, 3),
        "took_s": round(perf_counter() - start_s, 3),
        "cpu_s": round(process_time() - start_cpu_s, 3),
    }


def _skipped(of_s: float) -> dict[str, Any]:
    return {
        "state": "skipped",
        "says": "The result was not looked at again.",
        "spans": [],
        "covered_s": 0.0,
        "of_s": round(of_s, 3),
        "took_s": 0.0,
        "cpu_s": 0.0,
    }


def _failed(report: dict[str, Any], reason: str) -> dict[str, Any]:
    says = f"The measurement came to nothing; the video itself is not affected. {reason}"
    report["measurement"] = {**report["measurement"], "state": "failed", "says": says}
    return report


def measured_face(
    face: FaceAssessment | LostFace | None, speaker: Speaker | None, duration_s: float, told: dict[str, Any]
) -> dict[str, Any]:
    """What is measured of one face, and what is flagged without looking."""
    from lipwright.metrics.assess import FaceAssessment, curves
    from lipwright.metrics.flags import passed_while_speaking, worst

    flags: list[Flag] = [] if face is None else list(face.flags)
    mouth = speaker.mouth if speaker is not None else None
    if mouth is not None:
        strip = [(one["start_s"], one["stop_s"], one["what"]) for one in told["strip"]]
        flags += passed_while_speaking(strip, mouth.rest < 0.5, float(mouth.rate_hz), STATES)
    lips = face if isinstance(face, FaceAssessment) else None
    out: dict[str, Any] = {
        "sync": None if lips is None else lips.sync.as_dict(),
        "figures": [] if face is None else [one.as_dict() for one in face.figures],
        "flags": [flag.as_dict() for flag in worst(flags)],
        "curves": curves(duration_s, mouth, lips),
    }
    if speaker is None:
        out |= {"mode": {"name": "unknown", "says": MODES["unknown"]}, "render": None, "av_offset_s": None}
        out |= {"av_offset_confidence": 0.0, "learned_s": 0.0, "own_from_s": None}
    return out


def with_verdict(report: dict[str, Any], found: Assessment | None) -> dict[str, Any]:
    from lipwright.metrics.assess import overall

    speakers: Sequence[Mapping[str, Any]] = report["speakers"]
    figures = [one for told in speakers for one in told["figures"]]
    flags = [one for told in speakers for one in told["flags"]]
    missed = [told["face_id"] for told in speakers if told["sync"] is None]
    report["verdict"] = overall([], flags) if found is None else overall([*report["figures"], *figures], flags, missed)
    codes = {report["verdict"]["word"]} | {one["verdict"] for one in [*report["figures"], *figures]}
    codes |= {span["what"] for told in speakers for span in told["strip"]} | {flag["kind"] for flag in flags}
    if report["length"] is not None:
        codes.add(report["length"]["did"])
    report["words"] = {code: WORDS[code] for code in sorted(codes) if code in WORDS}
    return report
