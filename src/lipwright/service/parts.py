"""A long video in parts: found out once and told to all, rendered part by part anywhere, and put together.

    share   study, listen, plan, choose donors ──> plan.npz                         once
    render  plan.npz + footage ──> the frames of one part, encoded, without sound   any worker, any number of times
    join    plan.npz + parts ──> the video, not encoded again, and its result       once

What a part looks like depends on `plan.npz` and the footage alone, so that a part that was lost is made again, and
the frames are those of a video that is rendered at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright import media, pipeline
from lipwright.articulation import Agreement
from lipwright.cache import DAMAGE, Arrays, read_arrays, write_arrays
from lipwright.core.errors import BrokenEngine, UnreadableMedia
from lipwright.core.face import SeenFace
from lipwright.core.media import VideoFrame
from lipwright.core.options import SyncOptions
from lipwright.core.parts import cut_into_parts, ease_of
from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.base import Engine, PartingEngine, RenderReport, SharingAvatar, joined
from lipwright.engines.people import memory_of, people_from
from lipwright.pipeline import PartDone, Ready, Speaker, SyncResult, Watch
from lipwright.portrait import open_source
from lipwright.service import load_engine
from lipwright.service.spoken import phones_as_json, phones_from

if TYPE_CHECKING:
    from lipwright.core.media import Footage

_VERSION: Final = 4
"""Raise it when a part, or the join, needs what programs of before do not read: they leave such a plan to newer ones.

What is only told, or was only asked while the plan was made, needs no other version: unknown fields are passed over.
4, of several speakers who do not all have their own lips back at one moment; 3, of footage whose own lips go on after
the speech, and of somebody who is seen through a bar; 2, of somebody who lies on some frames and is upright on others;
all else is 1 still, for programs before 2026-11-23.
"""
_ENCODED_AGAIN: Final = (
    "The parts of the picture came from encoders that differ: the whole was encoded once more, which costs a little "
    "sharpness. Workers of one version, with the same encoder, avoid it."
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """When a video is cut, and into how much."""

    over_s: float
    """Shorter results are rendered at once."""
    part_s: float
    """Parts are that long or longer, evenly; their borders move by a sixth to where nobody sees them."""


def parts_of(ready: Ready, sizes: Sizes) -> list[range]:
    """The parts of a result, as entries of its plan; one where it is short, or cannot be cut.

    It cannot where the engine knows no parts, and where footage can only be decoded from its beginning on: each part
    would decode all that comes before.
    """
    is_long = float(ready.plan.duration_s) >= sizes.over_s
    footage = ready.footage
    can_jump = footage.can_jump if isinstance(footage, media.MediaFootage) else True
    if not (is_long and can_jump and isinstance(ready.engine, PartingEngine)):
        return [range(len(ready.plan))]
    rest = np.min([mouth.at(ready.plan.times_s).rest for mouth in ready.mouths], axis=0)
    return cut_into_parts(ready.plan, ease_of(ready.plan, ready.cuts.tolist(), rest), sizes.part_s)


def share(ready: Ready, parts: Sequence[range], path: Path, *, more: Arrays = ()) -> None:
    """Write what every part needs, and the join; `more` are arrays for whoever asks for them. Raises OSError."""
    with ready.clock.stage("choose"), path.open("wb") as file:
        write_arrays(file, _told(ready, parts, more))


def _told(ready: Ready, parts: Sequence[range], more: Arrays) -> Arrays:
    for number, (avatar, mouth, plan) in enumerate(zip(ready.avatars, ready.mouths, ready.plans, strict=True)):
        # a PartingEngine's are
        for name, values in cast("SharingAvatar", avatar).share(mouth, plan):
            yield f"line/{number}/{name}", values
        yield f"mouth/{number}/coefficients", mouth.coefficients
        yield f"mouth/{number}/closure", mouth.closure
        yield f"mouth/{number}/rest", mouth.rest
    yield from memory_of(ready.people[role.face.face_id] for role in ready.roles)
    for name, values in more:
        yield f"more/{name}", values
    yield "plan/order", np.array(ready.plan.order, np.int64)
    yield "plan/times_s", _text([str(time_s) for time_s in ready.plan.times_s])
    clock = ready.clock
    about = {
        "version": _version_of(ready),
        "options": asdict(ready.options) | {"engine_options": dict(ready.options.engine_options)},
        "parts": [[part.start, part.stop] for part in parts],
        "duration_s": str(ready.plan.duration_s),
        "own_from_s": _moment(ready.plan.own_from_s),
        "lines": [
            {
                "face_id": role.face.face_id,
                "why": role.face.why,
                "own_sync": None if role.own_sync is None else asdict(role.own_sync),
                "learned_s": learned_s,
                "speech_s": str(speech_s),
                "rate_hz": str(mouth.rate_hz),
                "phones": phones_as_json(line.phones),
                "own_from_s": _moment(own_from_s),
            }
            for line, role, learned_s, speech_s, mouth, own_from_s in zip(
                ready.lines,
                ready.roles,
                ready.learned_s,
                ready.speeches_s,
                ready.mouths,
                ready.own_from_s,
                strict=True,
            )
        ],
        "notes": [*pipeline.notes_of(ready.footage), *ready.notes],
        "is_recalled": ready.is_recalled,
        "is_confirmed": isinstance(ready.footage, media.MediaFootage) and ready.footage.is_confirmed,
        "looked_s": None if ready.looked_s is None else str(ready.looked_s),
        "stages_s": clock.stages_s,
        "memory_mb": clock.memory_mb,
        "took_s": clock.took_s,
        "cpu_s": clock.cpu_s,
    }
    yield "about", _text(about)


def _version_of(ready: Ready) -> int:
    """By what engines tell of it, too: who is seen through a bar or was taken in mid-word, and who turns."""

    def any_is(what: str) -> bool:
        return any(getattr(avatar, what, False) for avatar in ready.avatars)

    if any(one != ready.plan.own_from_s for one in ready.own_from_s):
        return 4
    if ready.plan.own_from_s is not None or any_is("is_veiled") or any_is("is_in_mid_word"):
        return 3
    return 2 if any_is("is_turning") else 1


class NewerPlan(Exception):
    """A program newer than this one wrote the plan, and it takes one like that to follow it."""

    def __init__(self, version: int) -> None:
        super().__init__(f"a plan of version {version}, where {_VERSION} is known")
        self.version = version


class Shared:
    """What `share` wrote, read as it is wanted. Raises UnreadableMedia where it is damaged, NewerPlan."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.about: Final[dict[str, Any]] = _untext(self._read(lambda name: name == "about")["about"])
        if self.about["version"] > _VERSION:
            raise NewerPlan(self.about["version"])
        if self.about["version"] < 1:
            raise UnreadableMedia(path, "it was written by another version")

    def arrays(self, folder: str) -> dict[str, NDArray[Any]]:
        """Those below a name, by the rest of theirs."""
        prefix = f"{folder}/"
        found = self._read(lambda name: name.startswith(prefix))
        return {name.removeprefix(prefix): values for name, values in found.items()}

    def _read(self, is_wanted: Callable[[str], bool]) -> dict[str, NDArray[Any]]:
        try:
            with self._path.open("rb") as file:
                return read_arrays(file, is_wanted)
        except DAMAGE as exc:
            raise UnreadableMedia(self._path, "it is no plan of a video in parts") from exc

    @cached_property
    def options(self) -> SyncOptions:
        return SyncOptions(**_known(SyncOptions, self.about["options"]))

    @cached_property
    def plan(self) -> FramePlan:
        arrays = self.arrays("plan")
        times_s = tuple(Fraction(text) for text in _untext(arrays["times_s"]))
        return FramePlan(
            tuple(arrays["order"].tolist()),
            times_s,
            Fraction(self.about["duration_s"]),
            own_from_s=_moment_from(self.about.get("own_from_s")),
        )

    @cached_property
    def plans(self) -> list[FramePlan]:
        """The plan as each speaker is told it; plans of older workers have one moment for all."""
        for_all = self.about.get("own_from_s")
        moments = [line.get("own_from_s", for_all) for line in self.about["lines"]]
        return [replace(self.plan, own_from_s=_moment_from(one)) for one in moments]

    @cached_property
    def parts(self) -> list[range]:
        return [range(start, stop) for start, stop in self.about["parts"]]

    def span_s(self, part: range) -> tuple[Fraction, Fraction]:
        """When a part begins and when it ends."""
        plan = self.plan
        return plan.times_s[part.start], plan.times_s[part.stop] if part.stop < len(plan) else plan.duration_s

    @property
    def longest_s(self) -> Fraction:
        """The longest speech."""
        return max(Fraction(line["speech_s"]) for line in self.about["lines"])


def render_part(
    plan: Path, number: int, video: Path, output: Path, *, watch: Watch | None = None, engine: Engine | None = None
) -> dict[str, Any]:
    """Write part `number` (from 0) to `output`, a picture without sound; what is told of it, for `join`.

    Raises what `pipeline.sync` raises while it renders, BrokenEngine where the engine is another one, NewerPlan.
    """
    shared = Shared(plan)
    options, part = shared.options, shared.parts[number]
    clock = pipeline.Clock(watch)
    chosen = load_engine(options.engine) if engine is None else engine
    if not isinstance(chosen, PartingEngine):
        raise BrokenEngine(options.engine, "it knows nothing of parts")
    start_s, stop_s = shared.span_s(part)
    with clock.stage("open"):
        footage = _footage(shared, video, scratch=output.parent)
        settings = pipeline.engine_settings(options)
        n_lines = len(shared.about["lines"])
        avatars = [chosen.part(footage, shared.arrays(f"line/{line}"), settings) for line in range(n_lines)]
    with clock.stage("write"):
        spoken: Iterator[VideoFrame] | None = None
        for avatar, frames in zip(avatars, shared.plans, strict=True):
            progress = clock.progress("render") if avatar is avatars[-1] else None
            spoken = avatar.speak_part(frames, part, progress, onto=spoken)
        assert spoken is not None  # somebody speaks
        written = media.write_video(
            output,
            clock.timed("render", _from_zero(pipeline.as_planned(spoken, len(part), options.engine), start_s)),
            footage.info,
            duration_s=stop_s - start_s,
            audio=None,
            crf=options.crf,
            preset=options.preset,
            codec=options.codec,
            encoder=options.encoder,
            threads=options.threads,
        )
    return {
        "start_s": float(start_s),
        "stop_s": float(stop_s),
        "n_frames": written.n_frames,
        "took_s": clock.took_s,
        "cpu_s": clock.cpu_s,
        "memory_mb": pipeline.peak_mb(),
        "stages_s": clock.written_stages_s(),
        "codec": written.codec,
        "encoder": written.encoder,
        "pixel_format": written.pixel_format,
        "notes": [*pipeline.notes_of(footage), *written.notes],
        "renders": [asdict(avatar.report) for avatar in avatars],
    }


def _from_zero(frames: Iterator[VideoFrame], start_s: Fraction) -> Iterator[VideoFrame]:
    with media.kept_open(frames):
        for frame in frames:
            frame.time_s -= start_s
            yield frame


def _footage(shared: Shared, video: Path, *, scratch: Path | None = None) -> Footage:
    from lipwright.vision.track import MeshTracker

    options = shared.options
    # only portraits ask the tracker anything
    footage, _ = open_source(
        video,
        MeshTracker(),
        is_still=options.still,
        seed=options.seed,
        duration_s=shared.longest_s,
        threads=options.threads,
        scratch=scratch,
    )
    if shared.about.get("is_confirmed") and isinstance(footage, media.MediaFootage):
        footage.confirm()
    return footage


def join(
    plan: Path,
    video: Path,
    sounds: Sequence[Path],
    parts: Sequence[Path],
    told: Sequence[Mapping[str, Any]],
    output: Path,
    *,
    watch: Watch | None = None,
) -> SyncResult:
    """Write `output`, the parts one after the other under the sound of `sounds`; the result of the whole.

    `told` is what `render_part` told of each. Parts whose encoders differ are encoded once more, and a note says so.
    Raises UnreadableMedia where a part is damaged, OutputErrors, NewerPlan.
    """
    shared = Shared(plan)
    about, options, frames = shared.about, shared.options, shared.plan
    clock = pipeline.Clock(watch)
    source = _footage(shared, video).info
    pictures = source.video
    assert pictures is not None
    notes = [*about["notes"], *(note for part in told for note in part["notes"])]
    audio = pipeline.audio_plan(sounds, options)
    with clock.stage("join"):
        clock.tell("render", 0, len(parts))
        if media.fit_together(parts):
            first = told[0]
            written = media.join(
                output,
                parts,
                source,
                media.Written(
                    parts[0], len(frames), frames.duration_s, first["codec"], first["encoder"], first["pixel_format"],
                    "none", (),
                ),
                times_s=frames.times_s,
                duration_s=frames.duration_s,
                audio=audio,
                progress=clock.progress("render"),
            )  # fmt: skip
        else:
            notes.append(_ENCODED_AGAIN)
            written = media.write_video(
                output,
                _counted(media.played(parts, frames.times_s, threads=options.threads), len(frames), clock),
                source,
                duration_s=frames.duration_s,
                audio=audio,
                crf=options.crf,
                preset=options.preset,
                codec=options.codec,
                encoder=options.encoder,
                threads=options.threads,
            )
    speakers = _speakers(shared, sounds, told)
    notes = [*notes, *written.notes, *(note for speaker in speakers for note in speaker.notes)]
    stages = dict(about["stages_s"])
    for one in (*(part["stages_s"] for part in told), clock.stages_s):
        for stage, seconds in one.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    memory = dict(about["memory_mb"])
    memory["render"] = memory["encode"] = max(part["memory_mb"] for part in told)
    return SyncResult(
        output=written.path,
        video=video,
        width_px=pictures.width_px,
        height_px=pictures.height_px,
        fps=pictures.fps,
        n_frames=written.n_frames,
        source_s=pictures.duration_s,
        source_start_s=pictures.start_s,
        n_source_frames=pictures.n_frames,
        duration_s=frames.duration_s,
        speakers=speakers,
        codec=written.codec,
        encoder=written.encoder,
        audio=written.audio,
        is_recalled=about["is_recalled"],
        looked_s=pictures.duration_s if about.get("looked_s") is None else Fraction(about["looked_s"]),
        took_s=about["took_s"] + sum(part["took_s"] for part in told) + clock.took_s,
        cpu_s=about["cpu_s"] + sum(part["cpu_s"] for part in told) + clock.cpu_s,
        stages_s=stages,
        memory_mb={**memory, **clock.memory_mb},
        notes=tuple(dict.fromkeys(notes)),
        options=options,
        plan=frames,
        parts=tuple(
            PartDone(
                part["start_s"], part["stop_s"], part["n_frames"], part["took_s"], part["cpu_s"], part["memory_mb"]
            )
            for part in told
        ),
    )


def _counted(frames: Iterator[VideoFrame], total: int, clock: pipeline.Clock) -> Iterator[VideoFrame]:
    with media.kept_open(frames):
        for done, frame in enumerate(frames, start=1):
            yield frame
            clock.tell("render", done, total)


def _speakers(shared: Shared, sounds: Sequence[Path], told: Sequence[Mapping[str, Any]]) -> tuple[Speaker, ...]:
    people = {person.face_id: person for person in _people(shared)}
    speakers: list[Speaker] = []
    for number, (line, sound) in enumerate(zip(shared.about["lines"], sounds, strict=True)):
        renders = [RenderReport(**_known(RenderReport, part["renders"][number])) for part in told]
        # JSON knows no tuples
        renders = [replace(one, strip=[(what, n) for what, n in one.strip]) for one in renders]
        mouth = shared.arrays(f"mouth/{number}")
        own_sync = line["own_sync"]
        speakers.append(
            Speaker(
                face_id=line["face_id"],
                why=line["why"],
                audio=sound,
                speech_s=Fraction(line["speech_s"]),
                own_sync=None if own_sync is None else Agreement(**_known(Agreement, own_sync)),
                learned_s=line.get("learned_s", 0.0),  # plans of older workers do not tell
                render=joined(renders),
                seen=people[line["face_id"]],
                mouth=MouthTrack(mouth["coefficients"], mouth["closure"], mouth["rest"], Fraction(line["rate_hz"])),
                phones=phones_from(line["phones"]),
                own_from_s=shared.plans[number].own_from_s,
            )
        )
    return tuple(speakers)


def _people(shared: Shared) -> list[SeenFace]:
    return people_from({f"person/{name}": values for name, values in shared.arrays("person").items()})


def _known(kind: type[Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this program knows: workers of other releases have a hand in the same video."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in told.items() if name in names}


def _moment(time_s: Fraction | None) -> str | None:
    return None if time_s is None else str(time_s)


def _moment_from(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _text(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _untext(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())
