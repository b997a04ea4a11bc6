"""What runs in child processes that can be killed: each takes plain values and tells plain values (`sandbox`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from lipwright.core.errors import UnreadableMedia

if TYPE_CHECKING:
    from lipwright.core.media import MediaLimits
    from lipwright.core.options import VoiceOptions
    from lipwright.core.speech import Utterance
    from lipwright.pipeline import Ready, Watch
    from lipwright.service.reports import Measuring

Tell = Callable[[dict[str, Any]], None]

_TELL_EVERY_S: Final = 0.25
_TRUSTED_FROM_S: Final = 600.0
"""A header that lies upwards costs only its author."""


def look(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """What a media file is: `{"kind", "duration_s", "width_px", "height_px", "has_sound"}`.

    `limits` are the fields of core.media.MediaLimits. Raises UnreadableMedia, MediaTooLarge.
    """
    from lipwright.core.media import MediaLimits

    path, limits = Path(arguments["path"]), MediaLimits(**arguments["limits"])
    if arguments["is_image"]:
        # only now: it loads what finds faces
        from lipwright.portrait.picture import is_picture

        if is_picture(path):
            return _look_at_picture(path, limits)
    from lipwright import media

    info = media.probe(path, limits)
    if info.video is not None:
        seen = info.video
        if arguments["is_image"] and seen.n_frames < 2:
            raise UnreadableMedia(path, "a picture is taken as PNG, JPEG, WebP, BMP or TIFF only")
        return {
            "kind": "video",
            "duration_s": float(seen.duration_s),
            "width_px": seen.width_px,
            "height_px": seen.height_px,
            "has_sound": bool(info.audio),
        }
    if not info.audio:
        raise UnreadableMedia(path, "it holds neither pictures nor sound")
    # prices go by the length, and headers may tell any, or none: what seems short is heard to its end
    told_s = max(one.duration_s for one in info.audio)
    length_s = told_s if told_s > _TRUSTED_FROM_S else media.speech_duration(path)
    limits.check_number(path.name, "seconds", float(length_s))
    return {"kind": "audio", "duration_s": float(length_s), "width_px": None, "height_px": None, "has_sound": True}


def _look_at_picture(path: Path, limits: MediaLimits) -> dict[str, Any]:
    from lipwright.portrait.picture import read_header, read_still

    header = read_header(path, path.read_bytes())
    limits.check_size(path.name, header.width_px, header.height_px)
    still = read_still(path)
    height, width = still.luma.shape
    return {"kind": "image", "duration_s": None, "width_px": int(width), "height_px": int(height), "has_sound": False}


def heard_s(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """How long a recording is, and how long a text takes when it is spoken: `{"duration_s"}`."""
    if arguments["text"] is None:
        from lipwright import media

        return {"duration_s": float(media.speech_duration(Path(arguments["audio"])))}
    from lipwright.cache import Cache
    from lipwright.service import spoken

    said = speak_text(arguments)
    if arguments["cache"] is not None:
        # the render says the same
        spoken.keep(Cache(Path(arguments["cache"])), spoken.key_of(arguments), said)
    return {"duration_s": float(said.clip.duration_s)}


_FOR_RENDERS: Final = (
    "lipwright.pipeline", "lipwright.report", "lipwright.metrics.assess", "lipwright.service.parts",
    "lipwright.service.reports", "lipwright.service.speech", "lipwright.service.spoken",
)  # fmt: skip


def get_ready() -> None:
    """Load what a render by the default engine needs: 0.8 s of CPU time, which its first frame would wait for."""
    from lipwright import service
    from lipwright.articulation import network
    from lipwright.core.options import SyncOptions
    from lipwright.vision.track import MeshTracker

    for name in _FOR_RENDERS:
        import_module(name)
    service.load_engine(SyncOptions().engine)
    network.load()
    MeshTracker().load()  # they wait for the one that looks at footage first, in 19 MB


def render(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Make the result at `output`; its report. Tells `{"phase", "done", "total"}` while it works.

    With `measure_s` the result is looked at again, and before that `{"report"}` is told: from then on the file is
    whole, whatever becomes of the measurement.

    With `parts` (`{"over_s", "part_s", "plan"}`) a long result is not made: what its parts need is written to `plan`,
    and `{"parts", "stages_s"}` is returned, how many frames each of them has.
    """
    from lipwright import service
    from lipwright.cache import DEFAULT_BYTES, Cache
    from lipwright.core.options import SyncOptions
    from lipwright.service import reports, speech, spoken

    options = SyncOptions(**arguments["options"])
    kept_bytes = arguments.get("cache_bytes", DEFAULT_BYTES)
    cache = None if arguments["cache"] is None else Cache(Path(arguments["cache"]), max_bytes=kept_bytes)
    video, output = Path(arguments["video"]), Path(arguments["output"])
    watch = _watch(tell)

    def cut(ready: Ready, said: Utterance | None = None) -> None:
        _cut_if_long(arguments.get("parts"), ready, said)

    if arguments["text"] is None:
        try:
            result = service.sync_with(
                options, video, Path(arguments["audio"]), output, cache=cache, watch=watch, on_ready=cut
            )
        except _InParts as exc:
            return exc.told
        return _measured(arguments, tell, lambda measuring: reports.report_of(result, measuring=measuring))
    try:
        said = speech.say_with(
            options,
            video,
            arguments["text"],
            output,
            **_voice(arguments),
            subtitles=False,
            voice_options=voice_options(arguments),
            cache=cache,
            watch=watch,
            may_replace=True,
            said=None if cache is None else spoken.recall(cache, spoken.key_of(arguments)),
            on_ready=cut,
        )
    except _InParts as exc:
        return exc.told
    return _measured(arguments, tell, lambda measuring: speech.report_of(said, measuring=measuring))


class _InParts(Exception):
    """The result shall be made in parts: what is told of them."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told


def _cut_if_long(wanted: dict[str, Any] | None, ready: Ready, said: Utterance | None) -> None:
    """Raises _InParts."""
    if wanted is None:
        return
    from lipwright.service import parts, spoken

    spans = parts.parts_of(ready, parts.Sizes(float(wanted["over_s"]), float(wanted["part_s"])))
    if len(spans) > 1:
        parts.share(ready, spans, Path(wanted["plan"]), more=() if said is None else spoken.arrays_of(said))
        raise _InParts({"parts": [len(span) for span in spans], "stages_s": dict(ready.clock.stages_s)})


def part(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Make part `number` of `plan` at `output`, a picture without sound; what `join` wants to know of it.

    `{"newer_plan": version}` where it takes a newer program to follow the plan; so does `join`.
    """
    from lipwright.service import parts

    plan, video, output = (Path(arguments[name]) for name in ("plan", "video", "output"))
    try:
        return parts.render_part(plan, int(arguments["number"]), video, output, watch=_watch(tell))
    except parts.NewerPlan as exc:
        return {"newer_plan": exc.version}


def join(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Put the files of `parts` together at `output`, `told` of each what `part` returned; else as `render`."""
    from lipwright.service import parts

    try:
        return _joined(arguments, tell)
    except parts.NewerPlan as exc:
        return {"newer_plan": exc.version}


def _joined(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    from lipwright.service import parts, reports, speech, spoken

    plan, video, output = (Path(arguments[name]) for name in ("plan", "video", "output"))
    made = [Path(path) for path in arguments["parts"]]

    def watch(phase: str, done: int, total: int) -> None:
        tell({"phase": phase, "done": 1, "total": 1})  # all frames are there

    if arguments["audio"] is not None:
        result = parts.join(plan, video, [Path(arguments["audio"])], made, arguments["told"], output, watch=watch)
        return _measured(arguments, tell, lambda measuring: reports.report_of(result, measuring=measuring))
    utterance = spoken.said_by(parts.Shared(plan).arrays("more"))
    sound = output.with_suffix(".wav")
    speech.write_wav(sound, utterance.clip)
    result = parts.join(plan, video, [sound], made, arguments["told"], output, watch=watch)
    said = speech.Said(result, utterance, ())
    return _measured(arguments, tell, lambda measuring: speech.report_of(said, measuring=measuring))


def _watch(tell: Tell) -> Watch:
    """Tells progress, and not too often."""
    last_s = 0.0
    last_phase = ""

    def watch(phase: str, done: int, total: int) -> None:
        nonlocal last_s, last_phase
        if phase != last_phase or done >= total or monotonic() - last_s >= _TELL_EVERY_S:
            last_phase, last_s = phase, monotonic()
            tell({"phase": phase, "done": done, "total": total})

    return watch


def _measured(
    arguments: dict[str, Any], tell: Tell, report_of: Callable[[Measuring | None], dict[str, Any]]
) -> dict[str, Any]:
    """The report of a result that is whole, looked at for as long as is wanted."""
    from lipwright.service import reports

    budget_s = float(arguments.get("measure_s", 0))
    draft = reports.without_paths(report_of(None))
    if budget_s <= 0:
        return draft
    tell({"report": draft})
    watch = _watch(tell)
    measuring = reports.Measuring(budget_s, lambda done, total: watch("measure", done, total))
    return reports.without_paths(report_of(measuring))


def speak_text(arguments: dict[str, Any]) -> Utterance:
    """The text, said as a job says it; `video` may be None. Raises what `voices.speak` raises."""
    from lipwright.voices import speak

    video = arguments["video"]
    return speak(
        arguments["text"],
        **_voice(arguments),
        like=None if video is None else _own_voice(Path(video), arguments),
        options=voice_options(arguments),
    )


def split_options(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of SyncOptions, and those of speaking: speed, pitch, is_ssml."""
    from lipwright.core.options import SyncOptions

    known = {one.name for one in fields(SyncOptions)}
    return (
        {name: value for name, value in given.items() if name in known},
        {name: value for name, value in given.items() if name not in known},
    )


def _voice(arguments: dict[str, Any]) -> dict[str, Any]:
    chosen = {"voice": arguments["voice"] or "auto", "language": arguments["language"]}
    return {**chosen, "speed": 1.0, "pitch": 0.0, "is_ssml": False, **arguments["speaking"]}


def voice_options(arguments: dict[str, Any]) -> VoiceOptions | None:
    """What the operator decided, as it came to the child."""
    from lipwright.core.options import VoiceOptions

    given: dict[str, Any] | None = arguments["voice_options"]
    if given is None:
        return None
    paths: dict[str, Any] = {
        name: None if given[name] is None else Path(given[name]) for name in ("speakers", "folder")
    }
    return VoiceOptions(**{**given, **paths})


def _own_voice(video: Path, arguments: dict[str, Any]) -> Any:
    from lipwright.service import speech

    return speech.own_voice(video) if (arguments["voice"] or "auto").lower() == "auto" else None
