"""The journey of one request: footage and speech in, the footage saying it out.

video ──> open ──> engine.prepare ──> avatar ──┬─ style ─> plan ──> mouth ─┐
audio ──> read_speech ──> listen ──────────────┼────────────┘              ├─> avatar.speak ──> write
          length ──> plan_frames ──────────────┴──> frames ────────────────┘
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, TypeAlias

from lipwright import articulation, media
from lipwright.core.errors import InvalidOption, MediaNotFound, OutputExists, OutputNotWritable, UnsupportedOutput
from lipwright.core.face import FaceChoice
from lipwright.core.media import SourceInfo, VideoFrame
from lipwright.core.options import SyncOptions
from lipwright.core.plan import plan_frames
from lipwright.core.timeline import FramePlan
from lipwright.engines.base import Engine, Progress, RenderReport, Tracker
from lipwright.media.write import CONTAINERS

Phase = Literal["study", "listen", "render"]
"""`study` looks at every frame of the footage; `listen` hears the speech; `render` makes and writes the frames."""
Watch: TypeAlias = Callable[[Phase, int, int], None]
"""`watch(phase, done, total)`, called often; it stops the work by raising Cancelled."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What came out, and what was done to it."""

    output: Path
    width_px: int
    height_px: int
    fps: Fraction
    n_frames: int
    n_source_frames: int
    duration_s: Fraction
    speech_s: Fraction
    codec: str
    audio: str
    """"copied": the speech's own packets, bit by bit; "encoded": in another codec, which the container takes."""
    render: RenderReport
    took_s: float
    cpu_s: float
    stages_s: dict[str, float]
    """Seconds of wall clock in each stage; `study` includes decoding and tracking."""
    notes: tuple[str, ...]
    options: SyncOptions
    plan: FramePlan
    """Which source frame is behind each output frame."""

    @property
    def realtime_factor(self) -> float:
        """Seconds of work for each second of video: below 1 is faster than it plays."""
        return self.took_s / float(self.duration_s)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; exact rates as "30000/1001", seconds as numbers."""
        return {
            **{name: getattr(self, name) for name in ("width_px", "height_px", "n_frames", "n_source_frames")},
            "output": str(self.output),
            "fps": str(self.fps),
            "duration_s": float(self.duration_s),
            "speech_s": float(self.speech_s),
            "codec": self.codec,
            "audio": self.audio,
            "render": asdict(self.render),
            "took_s": round(self.took_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "realtime_factor": round(self.realtime_factor, 3),
            "stages_s": {stage: round(seconds, 3) for stage, seconds in self.stages_s.items()},
            "notes": list(self.notes),
            "options": {**asdict(self.options), "engine_options": dict(self.options.engine_options)},
        }


def sync(
    engine: Engine,
    tracker: Tracker,
    video: Path,
    audio: Path,
    output: Path,
    options: SyncOptions,
    *,
    watch: Watch | None = None,
    may_replace: bool = True,
) -> SyncResult:
    """Write `output`: the footage `video`, in which the chosen face says `audio`.

    Raises the InputErrors and OutputErrors of core/errors.py; whatever is raised, no output is left behind,
    and one that was there before is still there.
    """
    clock = _Clock(watch)
    with clock.stage("open"):
        face = parse_face(options.face)
        check_inputs(video, audio)
        check_output(output, (video, audio), may_replace=may_replace)
        footage = media.open_footage(video, threads=options.threads)
        speech = media.read_speech(audio)
    with clock.stage("study"):
        settings = {"seed": str(options.seed), **options.engine_options}
        avatar = engine.prepare(footage, tracker=tracker, face=face, options=settings, progress=clock.progress("study"))
    with clock.stage("listen"):
        clock.tell("listen", 0, 1)
        heard = articulation.listen(speech)
        mouth = articulation.plan(heard, avatar.style, intensity=options.intensity)
        clock.tell("listen", 1, 1)
    source = footage.info
    assert source.video is not None  # open_footage raises NoVideo
    frames = plan_frames(source.video, speech.duration_s, when_short=options.when_short, when_long=options.when_long)
    with clock.stage("write"):
        spoken = avatar.speak(mouth, frames, clock.progress("render"))
        written = media.write_video(
            output,
            clock.timed("render", spoken),
            source,
            duration_s=frames.duration_s,
            audio=media.AudioPlan(audio, keep_original_db=options.keep_original_db),
            crf=options.crf,
            preset=options.preset,
            threads=options.threads,
        )
    return _result(clock, source, frames, speech.duration_s, written, avatar.report, footage.notes, options)


def parse_face(text: str) -> FaceChoice:
    """Raises InvalidOption where `text` is no choice of a face."""
    try:
        return FaceChoice.parse(text)
    except ValueError as exc:
        raise InvalidOption("face", text, "give `largest`, an id such as `2`, or a point such as `640,360`") from exc


def check_inputs(*paths: Path) -> None:
    """Raises MediaNotFound."""
    for path in paths:
        if not path.is_file():
            raise MediaNotFound(path)


def check_output(output: Path, inputs: tuple[Path, ...], *, may_replace: bool) -> None:
    """Find out before minutes of work that the output cannot be written.

    Raises UnsupportedOutput, OutputExists, OutputNotWritable.
    """
    if output.suffix.lower() not in CONTAINERS:
        raise UnsupportedOutput(
            output, f"the ending {output.suffix!r} names no container; known are {', '.join(sorted(CONTAINERS))}"
        )
    if output.is_dir():
        raise OutputNotWritable(output, "it is a folder")
    if output.exists():
        if any(path.exists() and output.samefile(path) for path in inputs):
            raise UnsupportedOutput(output, "it is also an input; the footage and the speech are never replaced")
        if not may_replace:
            raise OutputExists(output)
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as exc:
        raise OutputNotWritable(output, (exc.strerror or "it cannot be opened").lower()) from exc


class _Clock:
    """Measures the stages and passes progress on."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._start_s = perf_counter()
        self._start_cpu_s = process_time()
        self.stages_s: dict[str, float] = {}

    @property
    def took_s(self) -> float:
        return perf_counter() - self._start_s

    @property
    def cpu_s(self) -> float:
        return process_time() - self._start_cpu_s

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        start_s = perf_counter()
        yield
        self.stages_s[name] = self.stages_s.get(name, 0.0) + perf_counter() - start_s

    def timed(self, name: str, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """The same frames; the time that making them takes counts as stage `name`."""
        while True:
            start_s = perf_counter()
            frame = next(frames, None)
            self.stages_s[name] = self.stages_s.get(name, 0.0) + perf_counter() - start_s
            if frame is None:
                return
            yield frame

    def tell(self, phase: Phase, done: int, total: int) -> None:
        if self._watch is not None:
            self._watch(phase, done, total)

    def progress(self, phase: Phase) -> Progress:
        def progress(done: int, total: int) -> None:
            self.tell(phase, done, total)

        return progress


def _result(
    clock: _Clock,
    source: SourceInfo,
    frames: FramePlan,
    speech_s: Fraction,
    written: media.Written,
    report: RenderReport,
    source_notes: list[str],
    options: SyncOptions,
) -> SyncResult:
    video = source.video
    assert video is not None
    stages = dict(clock.stages_s)
    stages["encode"] = stages.pop("write") - stages.get("render", 0.0)
    return SyncResult(
        output=written.path,
        width_px=video.width_px,
        height_px=video.height_px,
        fps=video.fps,
        n_frames=written.n_frames,
        n_source_frames=video.n_frames,
        duration_s=frames.duration_s,
        speech_s=speech_s,
        codec=written.codec,
        audio=written.audio,
        render=report,
        took_s=clock.took_s,
        cpu_s=clock.cpu_s,
        stages_s=stages,
        notes=tuple(dict.fromkeys([*source_notes, *written.notes, *report.notes])),
        options=options,
        plan=frames,
    )
