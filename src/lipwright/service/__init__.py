"""Where the rooms are put together: what the command line and Python callers ask for."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lipwright import media, plugins
from lipwright.cache import Cache
from lipwright.core.errors import BrokenEngine, InvalidOption, LipwrightError
from lipwright.core.media import SourceInfo
from lipwright.core.options import Codec, EncoderChoice, Look, Preset, SyncOptions, WhenLong, WhenShort, of_kind
from lipwright.engines.base import Engine, Progress
from lipwright.media.native import n_cores, one_thread_each

if TYPE_CHECKING:
    from lipwright.config import ServiceSettings
    from lipwright.core.speech import Phone
    from lipwright.core.timeline import Timeline
    from lipwright.pipeline import Known, Ready, SyncResult, Watch
    from lipwright.vision.survey import FaceSummary
    from lipwright.vision.track import MeshTracker

# Rooms that load networks or OpenCV are imported by the functions that use them: `probe` needs neither.


def sync(
    video: Path | str,
    audio: Path | str | None,
    output: Path | str,
    *,
    face: str = "auto",
    assign: Mapping[int | str, Path | str] | None = None,
    cache: Path | str | None = None,
    when_short: WhenShort = "bounce",
    when_long: WhenLong = "cut",
    look: Look = "enough",
    keep_original_db: float | None = None,
    crf: float = 18,
    preset: Preset = "veryfast",
    codec: Codec = "auto",
    encoder: EncoderChoice = "software",
    engine: str = "rewrite",
    engine_options: dict[str, str] | None = None,
    intensity: float = 1.0,
    seed: int = 0,
    still: bool = False,
    threads: int = 0,
    overwrite: bool = True,
    progress: Watch | None = None,
) -> SyncResult:
    """Write `output`: the footage `video`, in which a face says `audio`.

    `assign` gives other faces speeches of their own, {face: audio}; with it, `audio` may be None. Everyone else is
    untouched; the output lasts as long as the longest speech, and its sound is all of them together. `cache` is a
    folder that keeps what is found out about the footage, for the next speech; without it nothing is kept.
    The other options are those of `core.options.SyncOptions`. `progress(phase, done, total)` is called often and stops
    the work by raising `Cancelled`. Raises the InputErrors and OutputErrors of `core.errors`.
    """
    options = SyncOptions(
        face=face,
        when_short=when_short,
        when_long=when_long,
        look=look,
        keep_original_db=keep_original_db,
        crf=crf,
        preset=preset,
        codec=codec,
        encoder=encoder,
        engine=engine,
        engine_options=engine_options or {},
        intensity=intensity,
        seed=seed,
        still=still,
        threads=threads,
    )
    if assign is not None:
        of_kind("assign", assign, Mapping, "give faces with their recordings")
    kept = None if cache is None else Cache(Path(cache))
    with one_thread_each(), tracker_for(options, kept) as tracker:
        return sync_with(
            options,
            Path(video),
            None if audio is None else Path(audio),
            Path(output),
            assign={str(who): Path(speech) for who, speech in (assign or {}).items()},
            cache=kept,
            watch=progress,
            may_replace=overwrite,
            tracker=tracker,
        )


@contextmanager
def tracker_for(options: SyncOptions, cache: Cache | None) -> Generator[MeshTracker]:
    """A tracker. Where footage is looked at in any case, its networks are loaded while all else is imported."""
    from lipwright.vision.track import MeshTracker

    tracker = MeshTracker()
    if cache is not None or (options.threads or n_cores()) == 1:
        yield tracker
        return
    with ThreadPoolExecutor(1, thread_name_prefix="load") as thread:
        thread.submit(tracker.load)  # what goes wrong goes wrong again when the tracker is used
        yield tracker


def sync_with(
    options: SyncOptions,
    video: Path,
    audio: Path | None,
    output: Path,
    *,
    assign: Mapping[str, Path] | None = None,
    phones: Timeline[Phone] | None = None,
    make: Callable[[], Timeline[Phone] | None] | None = None,
    cache: Cache | None = None,
    watch: Watch | None = None,
    may_replace: bool = True,
    on_ready: Callable[[Ready], None] | None = None,
    tracker: MeshTracker | None = None,
) -> SyncResult:
    """`sync` with its choices in one value; `phones` are those of an `audio` that was made from text.

    `make` makes the audio, and tells its phones, while the footage is looked at.
    """
    from lipwright import pipeline

    lines = [] if audio is None else [pipeline.Line(options.face, audio, phones, make)]
    lines += [pipeline.Line(face, speech) for face, speech in (assign or {}).items()]
    if not lines:
        raise InvalidOption("audio", None, "give a recording after the footage, or recordings by --assign FACE=AUDIO")
    # mistakes are told before a second goes into loading the networks
    for line in lines:
        pipeline.parse_face(line.face)
    sounds = tuple(line.audio for line in lines if line.make is None)
    pipeline.check_inputs(video, *sounds)
    pipeline.check_output(output, (video, *sounds), may_replace=may_replace)
    chosen = load_engine(options.engine)
    from lipwright.vision.track import MeshTracker

    return pipeline.sync(
        chosen,
        MeshTracker() if tracker is None else tracker,
        video,
        lines,
        output,
        options,
        cache=cache,
        watch=watch,
        may_replace=may_replace,
        on_ready=on_ready,
    )


def study(
    video: Path | str,
    *,
    cache: Path | str,
    engine: str = "rewrite",
    engine_options: dict[str, str] | None = None,
    threads: int = 0,
    progress: Watch | None = None,
) -> Known:
    """Look at footage now and keep in `cache` what is found out: its next speech begins at once.

    `sync` and `say` with the same `cache` and engine profit. Raises MediaNotFound, UnreadableMedia, NoVideo,
    InvalidOption, UnknownEngine.
    """
    options = SyncOptions(engine=engine, engine_options=engine_options or {}, threads=threads)
    return study_with(options, Path(video), Cache(Path(cache)), watch=progress)


def study_with(options: SyncOptions, video: Path, cache: Cache, *, watch: Watch | None = None) -> Known:
    """`study` with its choices in values."""
    from lipwright import pipeline

    pipeline.check_inputs(video)
    with one_thread_each(), tracker_for(options, cache) as tracker:
        return pipeline.study_ahead(load_engine(options.engine), tracker, video, options, cache, watch=watch)


def load_engine(name: str) -> Engine:
    """A new engine of this name. Raises UnknownEngine, BrokenEngine."""
    engine = plugins.load_engine(name)
    if not callable(getattr(engine, "study", None)):
        raise BrokenEngine(name, f"{type(engine).__qualname__} has no method `study`")
    return cast("Engine", engine)


def probe(path: Path | str) -> SourceInfo:
    """What a media file holds. Raises MediaNotFound, UnreadableMedia."""
    return media.probe(Path(path))


def faces(video: Path | str, *, progress: Progress | None = None) -> list[FaceSummary]:
    """The people in a video, with the ids that `face=` takes. Raises NoVideo, UnreadableMedia; [] if there are none.

    Of a picture they are where they are when it speaks: it is turned upright, and a very large one is made smaller.
    """
    from lipwright.portrait import open_source
    from lipwright.vision.survey import survey
    from lipwright.vision.track import MeshTracker

    with one_thread_each():
        source, tracker = open_source(Path(video), MeshTracker(), is_still=True, duration_s=Fraction(1, 25))
        return survey(source, tracker, progress)


def mouths_sheet(result: SyncResult, video: Path | str) -> bytes:
    """A PNG of the mouths of a result, the source's row over the output's."""
    from lipwright.metrics.sheet import contact_sheet, png
    from lipwright.portrait import open_source
    from lipwright.service.reports import settle
    from lipwright.vision.track import MeshTracker

    options, output = result.options, media.open_footage(result.output)
    source, tracker = open_source(Path(video), MeshTracker(), is_still=options.still, seed=options.seed)
    settle(source, result.n_source_frames)
    order = result.plan.order[: result.n_frames]
    return png(contact_sheet(source, output, order, tracker))


def faces_sheet(found: list[FaceSummary]) -> bytes:
    """A PNG of everyone in a video, numbered."""
    from lipwright.metrics.people import people_sheet
    from lipwright.metrics.sheet import png

    return png(people_sheet(found))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looked at."""

    group: str
    name: str
    value: str
    is_well: bool = True


def doctor(settings: ServiceSettings | None = None) -> list[Check]:
    """What is installed, and whether it is whole. Raises nothing: what is missing is a Check that is not well.

    With the settings of a service also what that needs: moderation, a folder, child processes.
    """
    from lipwright.media import abilities

    checks = [
        Check("system", "platform", f"{platform.system()} {platform.machine()}"),
        Check("system", "Python", platform.python_version(), (3, 11) <= sys.version_info[:2] < (3, 13)),
        Check("system", "cores", str(n_cores())),
        Check("packages", "lipwright", metadata.version("lipwright")),
    ]
    checks += [_package(name) for name in _PACKAGES]
    checks += [Check("media", name, version) for name, version in abilities.versions().items()]
    checks += [
        Check("encoders", name, "there" if is_there else "missing", is_there)
        for name, is_there in abilities.encoders().items()
    ]
    checks += [
        Check("hardware", name, "works" if it_works else "not here")
        for name, it_works in abilities.hardware_encoders().items()
    ]
    checks += [_engine(name) for name in plugins.engine_names()]
    checks += [_model(package, name) for package, name in _MODELS]
    if settings is not None:
        from lipwright.service.hosted_checks import hosted_checks

        checks += hosted_checks(settings)
    return checks


_PACKAGES = (
    "mediapipe",
    "onnxruntime",
    "opencv-contrib-python-headless",
    "numpy",
    "scipy",
    "espeakng-loader",
    "py3langid",
)
_MODELS = (
    ("lipwright.articulation", "articulator.onnx"),
    ("lipwright.articulation", "lips.onnx"),
    ("lipwright.articulation", "moonshine_tiny_encoder.onnx"),
    ("lipwright.articulation", "phone_shapes.npz"),
    ("lipwright.vision", "shape_basis.npz"),
    ("mediapipe", "modules/face_landmark/face_landmark_with_attention.tflite"),
    ("mediapipe", "modules/face_detection/face_detection_short_range.tflite"),
)


def _package(name: str) -> Check:
    try:
        return Check("packages", name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check("packages", name, "missing", is_well=False)


def _engine(name: str) -> Check:
    try:
        engine = load_engine(name)
    except LipwrightError as exc:
        return Check("engines", name, str(exc), is_well=False)
    return Check("engines", name, f"{type(engine).__module__}.{type(engine).__qualname__}")


def _model(package: str, name: str) -> Check:
    # asking for the spec does not run the package
    spec = find_spec(package)
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    path = folder / name if folder else None
    if path is None or not path.is_file():
        return Check("models", f"{package}/{name}", "missing", is_well=False)
    return Check("models", f"{package}/{name}", f"{path.stat().st_size / 1e6:.2f} MB")
