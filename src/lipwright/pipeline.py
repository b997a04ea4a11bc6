"""The journey of one request: footage and speech in, the footage saying it out.

video ──> open ──> study or recall ──> who speaks ──> avatar ──┬─ style ─> plan ──> mouth ─┐
                      its own sound ──────┴──> adapt ──────────┼─────────────┤             │
audio ──> read_speech ──> listen ──────────────────────────────┼─────────────┘             ├─> avatar.speak ──> write
          longest length ──> plan_frames ──────────────────────┴──> frames ────────────────┘
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from lipwright import articulation, media
from lipwright.articulation.network import TICK_RATE_HZ
from lipwright.cache import Cache
from lipwright.core.errors import (
    BrokenEngine,
    InvalidOption,
    MediaNotFound,
    NoAudio,
    OutputExists,
    OutputNotWritable,
    UnreadableMedia,
    UnsupportedOutput,
)
from lipwright.core.face import FaceChoice, SeenFace, Why
from lipwright.core.media import Footage, SourceInfo, VideoFrame, VideoInfo
from lipwright.core.options import SyncOptions
from lipwright.core.plan import is_in_own_time, plan_frames
from lipwright.core.speech import Phone
from lipwright.core.timeline import FramePlan, MouthTrack, Timeline
from lipwright.engines.base import Avatar, Engine, Progress, RecallingEngine, RenderReport, Tracker
from lipwright.engines.enough import RECORDING_S, TEXT_S, Enough
from lipwright.engines.people import Role, give_roles, unheeded_s
from lipwright.engines.recall import Study, study
from lipwright.media.encoders import ALSO_INPUT, CONTAINERS, unknown_ending
from lipwright.media.footage import n_cores
from lipwright.media.native import give_back_memory
from lipwright.media.overlap import batch_of, in_batches
from lipwright.portrait import is_picture, open_source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Phase = Literal["study", "listen", "render", "measure"]
"""`study` looks at every frame of the footage; `listen` hears the speech; `render` makes and writes the frames;
`measure`, where it is asked for, looks at the result again."""
Watch: TypeAlias = Callable[[Phase, int, int], None]
"""`watch(phase, done, total)`, called often; it stops the work by raising Cancelled."""


APART_S = 0.06
"""Sound and lips of the footage that are farther apart than this are told of."""
APART_FIT = 0.6
"""Only where they go together as one's own do: correlations of 0.82 and more on five people, 4 s at a time. Of 24
stretches that looked sure beside the speech of another, 23 had 0.56 or less."""

UNHEEDED_S = 1.0
"""Who talks for so long with their own lips, in nobody's company, is told of."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one face says."""

    face: str
    """As `SyncOptions.face`."""
    audio: Path
    phones: Timeline[Phone] | None = None
    """When which sound is said, where the audio was made from text."""
    make: Callable[[], Timeline[Phone] | None] | None = None
    """Where the audio is not there yet: what makes it, and tells `phones`."""

    def made(self) -> Line:
        """The line, its audio there. Raises what making it raises."""
        return self if self.make is None else Line(self.face, self.audio, self.make())


_COVERED: Final = (
    "Something hides the mouth of face {face_id} wherever it shall speak, such as a mask or a scarf, or it is too dark "
    "to be seen: the picture was left as it was. Give footage that shows the mouth, or choose another face."
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """One face that spoke."""

    face_id: int
    why: Why
    """Why it was this face."""
    audio: Path
    speech_s: Fraction
    own_sync: articulation.Agreement | None
    """How the lips go with the footage's own sound, before anything was changed; None where it has no sound."""
    learned_s: float
    """Seconds of own speech from which their way of saying sounds was learned; 0 where there was too little."""
    render: RenderReport
    seen: SeenFace
    """Where this face is in the footage."""
    mouth: MouthTrack
    """What its mouth was planned to do."""
    phones: Timeline[Phone] | None
    own_from_s: Fraction | None = None
    """From when on this face has its own lips back, since its own voice is what is heard of it; None: never."""

    @property
    def notes(self) -> list[str]:
        """On the frames of this face, for the person who looks at the result."""
        render = self.render
        if not render.n_edited and 2 * render.untouched.get("occluded", 0) > render.n_frames:
            return [*render.notes, _COVERED.format(face_id=render.face_id)]
        return list(render.notes)

    @property
    def av_offset_s(self) -> float | None:
        """How much later than its sound the footage shows these lips; None where nothing sure can be told."""
        sync = self.own_sync
        return sync.offset_s if sync is not None and sync.confidence > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "face_id": self.face_id,
            "why": self.why,
            "audio": str(self.audio),
            "speech_s": float(self.speech_s),
            "own_from_s": None if self.own_from_s is None else float(self.own_from_s),
            "av_offset_s": None if self.av_offset_s is None else round(self.av_offset_s, 3),
            "av_offset_confidence": 0.0 if self.own_sync is None else round(self.own_sync.confidence, 2),
            "learned_s": round(self.learned_s, 2),
            "render": _plain(self.render),
        }


def _plain(render: RenderReport) -> dict[str, Any]:
    """Without its strip, which is told in seconds."""
    return {name: value for name, value in asdict(render).items() if name != "strip"}


@dataclass(frozen=True, slots=True)
class PartDone:
    """A part of a long video, and what rendering it took."""

    start_s: float
    stop_s: float
    n_frames: int
    took_s: float
    cpu_s: float
    memory_mb: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What came out, and what was done to it."""

    output: Path
    video: Path
    """The footage, or the portrait."""
    width_px: int
    height_px: int
    fps: Fraction
    n_frames: int
    source_s: Fraction
    """How long the footage is; a portrait is as long as it is needed."""
    n_source_frames: int
    duration_s: Fraction
    speakers: tuple[Speaker, ...]
    codec: str
    encoder: str
    """FFmpeg's name of what encoded the picture, such as "libx264"."""
    audio: str
    """"copied": the speech's own packets, bit by bit; "encoded": in another codec, which the container takes."""
    is_recalled: bool
    """The footage was not looked at again: what an earlier run found out about it was kept."""
    looked_s: Fraction
    """So much of the footage was looked at: all of it, or what was enough for this speech (`SyncOptions.look`)."""
    took_s: float
    cpu_s: float
    stages_s: dict[str, float]
    """Seconds of wall clock in each stage; `study` includes decoding and tracking. Where stages overlap, `render` is
    what making the frames took, and `encode` what had to be waited for beyond that."""
    memory_mb: dict[str, int]
    """The most memory that the process had used by the end of each stage, MiB."""
    notes: tuple[str, ...]
    options: SyncOptions
    plan: FramePlan
    """Which source frame is behind each output frame."""
    parts: tuple[PartDone, ...] = ()
    """Of a long video that was rendered in parts; the seconds of work above are those of all together."""
    source_start_s: Fraction = Fraction(0)
    """When the picture of the footage starts, where that is after its sound: so long its first frame is held."""

    @property
    def render(self) -> RenderReport:
        """What was done to the first speaker; where there are several, see `speakers`."""
        return self.speakers[0].render

    @property
    def speech_s(self) -> Fraction:
        """The longest speech."""
        return max(speaker.speech_s for speaker in self.speakers)

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
            "encoder": self.encoder,
            "audio": self.audio,
            "render": _plain(self.render),
            "speakers": [speaker.as_dict() for speaker in self.speakers],
            "is_recalled": self.is_recalled,
            "looked_s": round(float(self.looked_s), 3),
            "took_s": round(self.took_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "realtime_factor": round(self.realtime_factor, 3),
            "stages_s": {stage: round(seconds, 3) for stage, seconds in self.stages_s.items()},
            "memory_mb": dict(self.memory_mb),
            "notes": list(self.notes),
            "options": {**asdict(self.options), "engine_options": dict(self.options.engine_options)},
            **({"parts": [part.as_dict() for part in self.parts]} if self.parts else {}),
        }


def sync(
    engine: Engine,
    tracker: Tracker,
    video: Path,
    lines: Sequence[Line],
    output: Path,
    options: SyncOptions,
    *,
    cache: Cache | None = None,
    watch: Watch | None = None,
    may_replace: bool = True,
    on_ready: Callable[[Ready], None] | None = None,
) -> SyncResult:
    """Write `output`: the footage `video`, in which each line's face says its audio, and all others are untouched.

    The output lasts as long as the longest speech; who has finished rests. `cache` keeps what is found out about
    the footage. `on_ready` sees what is known before the first frame is made, and may end the work by raising.
    Raises the InputErrors and OutputErrors of core/errors.py; whatever is raised, no output is left behind, and one
    that was there before is still there.
    """
    ready = prepare(engine, tracker, video, lines, output, options, cache=cache, watch=watch, may_replace=may_replace)
    if on_ready is not None:
        on_ready(ready)
    return write(ready)


@dataclass(frozen=True, slots=True)
class Known:
    """Footage of which the next speech begins at once."""

    video: Path
    n_frames: int
    n_faces: int
    has_sound: bool
    """Its own sound was heard, from which a way of speaking may be learned."""
    is_recalled: bool
    """It was known before, and was not looked at again."""
    is_kept: bool
    """False where the next speech will look at it again; `notes` tell why."""
    took_s: float
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "video": str(self.video), "took_s": round(self.took_s, 3)}


def study_ahead(
    engine: Engine, tracker: Tracker, video: Path, options: SyncOptions, cache: Cache, *, watch: Watch | None = None
) -> Known:
    """Look at footage, hear its sound, and keep what is found out, before anybody speaks.

    Raises MediaNotFound, UnreadableMedia, NoVideo; InvalidOption where nothing would be kept.
    """
    check_inputs(video)
    if is_picture(video):
        raise InvalidOption("video", str(video), "a still picture has nothing to keep: give it to `say` or `sync`")
    if not isinstance(engine, RecallingEngine):
        raise InvalidOption("engine", options.engine, "this engine looks at footage anew for each speech")
    clock = Clock(watch)
    footage, tracker = open_source(video, tracker, threads=options.threads)
    settings = {**engine_settings(options), "threads": str(options.threads or n_cores())}
    with ThreadPoolExecutor(1, thread_name_prefix="listen") as thread:
        own_sound = thread.submit(_own_sound, video, cache)
        seen = study(engine, tracker, footage, settings, cache=cache, progress=clock.progress("study"))
        has_sound = own_sound.result() is not None
    notes = dict.fromkeys([*footage.notes, *seen.notes, *cache.take_notes()])
    return Known(
        video=video,
        n_frames=seen.n_frames,
        n_faces=len(seen.people),
        has_sound=has_sound,
        is_recalled=seen.is_recalled,
        is_kept=seen.is_kept,
        took_s=clock.took_s,
        notes=tuple(notes),
    )


@dataclass(slots=True, eq=False)
class Ready:
    """A request of which all is known but its pixels."""

    engine: Engine
    video: Path
    lines: Sequence[Line]
    output: Path
    options: SyncOptions
    footage: Footage
    cuts: NDArray[np.intp]
    """The frames of the footage with which a shot begins."""
    plan: FramePlan
    """For all; `plans` has what each speaker is told."""
    own_from_s: list[Fraction | None]
    """From when on each speaker has their own lips back; None: never."""
    roles: list[Role]
    people: dict[int, SeenFace]
    avatars: list[Avatar]
    mouths: list[MouthTrack]
    learned_s: list[float]
    speeches_s: list[Fraction]
    notes: list[str]
    """All but those of the footage."""
    is_recalled: bool
    looked_s: Fraction | None
    """So much of the footage was looked at, which was enough; None: all of it."""
    clock: Clock

    @property
    def info(self) -> SourceInfo:
        """The footage, as what was decoded so far tells."""
        return self.footage.info

    @property
    def plans(self) -> list[FramePlan]:
        """The plan as each speaker is told it."""
        return [replace(self.plan, own_from_s=own_from_s) for own_from_s in self.own_from_s]

    def speakers(self, renders: Sequence[RenderReport]) -> tuple[Speaker, ...]:
        """Who spoke, with what was done to each."""
        return tuple(
            Speaker(
                face_id=role.face.face_id,
                why=role.face.why,
                audio=line.audio,
                speech_s=speech_s,
                own_sync=role.own_sync,
                learned_s=learned_s,
                render=render,
                seen=self.people[role.face.face_id],
                mouth=mouth,
                phones=line.phones,
                own_from_s=own_from_s,
            )
            for role, line, speech_s, learned_s, render, mouth, own_from_s in zip(
                self.roles,
                self.lines,
                self.speeches_s,
                self.learned_s,
                renders,
                self.mouths,
                self.own_from_s,
                strict=True,
            )
        )


def engine_settings(options: SyncOptions) -> dict[str, str]:
    """What an engine is told of the options."""
    return {"seed": str(options.seed), **options.engine_options}


def audio_plan(sounds: Sequence[Path], options: SyncOptions) -> media.AudioPlan:
    """What is heard in the result."""
    return media.AudioPlan(sounds[0], keep_original_db=options.keep_original_db, others=tuple(sounds[1:]))


def prepare(
    engine: Engine,
    tracker: Tracker,
    video: Path,
    lines: Sequence[Line],
    output: Path,
    options: SyncOptions,
    *,
    cache: Cache | None = None,
    watch: Watch | None = None,
    may_replace: bool = True,
) -> Ready:
    """All that comes before the first frame of `output`. Raises what `sync` raises."""
    clock = Clock(watch)
    threads = options.threads or n_cores()
    with ExitStack() as stack:
        with clock.stage("open"):
            choices = [parse_face(line.face) for line in lines]
            sounds = [line.audio for line in lines if line.make is None]
            check_inputs(video, *sounds)
            check_output(output, (video, *sounds), may_replace=may_replace)
            media.check_encoding(output, options.codec, options.encoder)
            seems_picture = is_picture(video)
            if seems_picture:  # a face stays where it is: the moment says nothing, and may lie behind the speech's end
                choices = [replace(choice, at_s=None) for choice in choices]
            ears = stack.enter_context(_listening(lines))
            footage, tracker = open_source(
                video,
                tracker,
                is_still=options.still,
                seed=options.seed,
                duration_s=max(speech.lasts_s for speech in ears.speeches.result()) if seems_picture else None,
                threads=options.threads,
                scratch=output.parent,
            )
            enough = _enough(footage, lines, choices, ears, options)
            if isinstance(footage, media.MediaFootage) and options.when_long != "keep":
                footage.shelve_until(ears.longest_s)
            if seems_picture:
                cache = None  # its frames are made, and another time they are others
            else:
                ears.hear(video, cache, enough)
            if threads == 1:
                ears.finish()
        with clock.stage("study"):
            settings = {**engine_settings(options), "threads": str(threads)}
            told = ears.heeding(clock.progress("study"))
            seen = study(engine, tracker, footage, settings, cache=cache, enough=enough, progress=told)
            speeches, own_sound = ears.speeches.result(), ears.own_sound(video, cache, seen)
    lines, lasts_s = [speech.line for speech in speeches], [speech.lasts_s for speech in speeches]
    with clock.stage("study"):
        roles = give_roles(choices, seen.people, own_sound, n_frames=seen.n_frames, shown_s=float(max(lasts_s)))
        avatars = [seen.studied.avatar(role.face.face_id) for role in roles]
        people = {person.face_id: person for person in seen.people}
        of_sound = [] if cache is None else cache.take_notes()
        is_recalled, cuts, notes = seen.is_recalled, seen.cuts, [*seen.notes, *of_sound, *_apart(roles)]
        looked_s = None if seen.is_whole else seen.seen_s
        del seen  # and with it the pictures of everyone else
    source = footage.info
    assert source.video is not None  # open_footage raises NoVideo
    frames = plan_frames(source.video, max(lasts_s), when_short=options.when_short, when_long=options.when_long)
    own_from_s = _own_from(frames, source, lasts_s, options)
    frames = replace(frames, own_from_s=_last_of(own_from_s))
    with clock.stage("listen"):
        clock.tell("listen", 0, 1)
        heard = [speech.heard.followed_by_silence(frames.duration_s) for speech in speeches]
        learned = [
            None if own_sound is None else articulation.adapt(own_sound, avatar.style, role.own_sync)
            for avatar, role in zip(avatars, roles, strict=True)
        ]
        mouths = [
            articulation.plan(said, avatar.style, intensity=options.intensity, phones=line.phones, adaptation=own)
            for said, avatar, line, own in zip(heard, avatars, lines, learned, strict=True)
        ]
        notes += [*_unheeded(roles, people, frames, source.video, max(lasts_s)), *_damaged(speeches)]
        notes += _silent(lines, heard)
        del speeches, heard, own_sound
        clock.tell("listen", 1, 1)
    return Ready(
        engine=engine,
        video=video,
        lines=lines,
        output=output,
        options=options,
        footage=footage,
        cuts=cuts,
        plan=frames,
        own_from_s=own_from_s,
        roles=roles,
        people=people,
        avatars=avatars,
        mouths=mouths,
        learned_s=[0.0 if own is None else own.learned_s for own in learned],
        speeches_s=lasts_s,
        notes=notes,
        is_recalled=is_recalled,
        looked_s=looked_s,
        clock=clock,
    )


def _own_from(
    frames: FramePlan, source: SourceInfo, lasts_s: Sequence[Fraction], options: SyncOptions
) -> list[Fraction | None]:
    """From when on each speaker, whose speech lasts `lasts_s`, has their own lips back; None: never.

    The footage's own sound is heard throughout, at one gain: under somebody's new words, and once these are over as
    their own voice, whoever else still speaks. Lips at rest would be seen beside it.
    """
    assert source.video is not None  # who speaks was seen
    is_heard = options.keep_original_db is not None and bool(source.audio)
    if not (is_heard and is_in_own_time(frames, source.video)):
        return [None] * len(lasts_s)
    return [over_s if frames.times_s[-1] > over_s else None for over_s in lasts_s]


def _last_of(own_from_s: Sequence[Fraction | None]) -> Fraction | None:
    """From when on all have their own lips back; None: never."""
    moments_s = [one for one in own_from_s if one is not None]
    return max(moments_s) if len(moments_s) == len(own_from_s) else None


def write(ready: Ready) -> SyncResult:
    """Make and write every frame. Raises what `sync` raises."""
    clock, options, frames = ready.clock, ready.options, ready.plan
    give_back_memory()
    with clock.stage("write"):
        spoken: Iterator[VideoFrame] | None = None
        for avatar, mouth, plan in zip(ready.avatars, ready.mouths, ready.plans, strict=True):
            is_last = avatar is ready.avatars[-1]
            spoken = avatar.speak(mouth, plan, clock.progress("render") if is_last else None, onto=spoken)
        assert spoken is not None  # somebody speaks
        assert ready.info.video is not None
        made = as_planned(spoken, len(frames), options.engine)
        if (options.threads or n_cores()) == 1:  # else they are encoded in another thread
            made = in_batches(made, batch_of(ready.info.video))
        written = media.write_video(
            ready.output,
            clock.timed("render", made),
            ready.info,
            duration_s=frames.duration_s,
            audio=audio_plan([line.audio for line in ready.lines], options),
            crf=options.crf,
            preset=options.preset,
            codec=options.codec,
            encoder=options.encoder,
            threads=options.threads,
        )
    speakers = ready.speakers([avatar.report for avatar in ready.avatars])
    notes = [*notes_of(ready.footage), *ready.notes]
    return _result(ready, speakers, written, notes)


def as_planned(frames: Iterator[VideoFrame], n: int, engine: str) -> Iterator[VideoFrame]:
    """The same frames. Raises BrokenEngine where they are not `n`: the picture would end before its sound, or after."""
    n_made = 0
    with media.kept_open(frames):
        for frame in frames:
            n_made += 1
            if n_made > n:
                raise BrokenEngine(engine, f"it makes more frames than the {n} that were planned")
            yield frame
    if n_made < n:
        raise BrokenEngine(engine, f"it made {n_made} of the {n} frames that were planned")


def notes_of(footage: Footage) -> list[str]:
    """What was odd or damaged in it so far."""
    notes: list[str] = getattr(footage, "notes", [])
    return notes


@dataclass(frozen=True, slots=True)
class _Speech:
    """A recording that was listened to; its samples are not kept."""

    line: Line
    heard: articulation.Heard
    lasts_s: Fraction
    notes: list[str]
    """What was odd about it, in words that follow its name."""

    @classmethod
    def of_all(cls, lines: Sequence[Line]) -> list[_Speech]:
        """In order, as `of` each of them."""
        is_alone = len(media.distinct([line.audio for line in lines])) == 1
        return [cls.of(line, is_alone=is_alone) for line in lines]

    @classmethod
    def of(cls, line: Line, *, is_alone: bool) -> _Speech:
        """Hear all of it; what others say, quietly, is not meant where it is not alone.

        Raises MediaNotFound, UnreadableMedia, NoAudio.
        """
        notes: list[str] = []
        heard, lasts_s = _heard(line.audio, notes=notes, raises_quiet=is_alone)
        return cls(line, heard, lasts_s, notes)


class _Ears:
    """Make and hear the speeches, then the footage's own sound, in a thread."""

    def __init__(self, thread: Executor, lines: Sequence[Line]) -> None:
        self._thread = thread
        made = thread.submit(lambda: [line.made() for line in lines])
        self.longest_s = thread.submit(lambda: max(media.speech_duration(line.audio) for line in made.result()))
        """To within a sample, before any of it is heard."""
        self.speeches = thread.submit(lambda: _Speech.of_all(made.result()))
        self._own: Future[tuple[articulation.Heard | None, Fraction | None]] | None = None

    def hear(self, video: Path, cache: Cache | None, enough: Enough | None) -> None:
        """Hear the sound of `video` too, as far as its picture is looked at."""

        def hear() -> tuple[articulation.Heard | None, Fraction | None]:
            first_s = None if enough is None else enough.far_s()
            return _own_sound(video, cache, first_s), first_s

        self._own = self._thread.submit(hear)

    def finish(self) -> None:
        """Until everything was heard. Raises what making and hearing the speeches raises."""
        self.speeches.result()
        if self._own is not None:
            wait([self._own])

    def own_sound(self, video: Path, cache: Cache | None, seen: Study) -> articulation.Heard | None:
        """Of what was looked at."""
        if self._own is None:
            return None
        heard, first_s = self._own.result()
        if heard is None or first_s is None:
            return heard
        is_all_known = len(heard) > (first_s + 1) * TICK_RATE_HZ
        if is_all_known or seen.seen_s < first_s + 1:
            return heard
        # it was looked at for longer
        return _own_sound(video, cache, None if seen.is_whole else seen.seen_s)

    def heeding(self, progress: Progress) -> Progress:
        """`progress`, which ends the work at once where a speech cannot be heard."""

        def heed(done: int, total: int) -> None:
            if self.speeches.done():
                self.speeches.result()
            progress(done, total)

        return heed


@contextmanager
def _listening(lines: Sequence[Line]) -> Generator[_Ears]:
    """What is not wanted any more at the end of the block is not begun."""
    with ThreadPoolExecutor(1, thread_name_prefix="listen") as thread:
        try:
            yield _Ears(thread, lines)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)


def _enough(
    footage: Footage, lines: Sequence[Line], choices: Sequence[FaceChoice], ears: _Ears, options: SyncOptions
) -> Enough | None:
    """When the study of this footage may end early; None: never."""
    video = footage.info.video
    if options.look == "all" or options.when_long == "keep":
        return None
    if video is None or not isinstance(footage, media.MediaFootage):  # how a picture moves is known
        return None
    footage_s = video.start_s + video.duration_s
    is_text = all(line.make is not None or line.phones is not None for line in lines)
    least_s = TEXT_S if is_text else RECORDING_S
    has_sound = bool(footage.info.audio)
    return Enough(ears.longest_s, footage_s, least_s, choices, has_sound, is_sound=footage.is_as_promised)


def _heard(
    audio: Path, first_s: Fraction | None = None, *, notes: list[str] | None = None, raises_quiet: bool = True
) -> tuple[articulation.Heard, Fraction]:
    with media.kept_open(media.speech_pieces(audio, first_s=first_s, notes=notes)) as pieces:
        return articulation.listen_to(pieces, raises_quiet=raises_quiet)


def _own_sound(video: Path, cache: Cache | None, first_s: Fraction | None = None) -> articulation.Heard | None:
    """What is heard in the footage itself, or its beginning; None where it is without sound."""
    try:
        return articulation.heard_once(video, lambda: _heard(video, first_s)[0], cache, first_s=first_s)
    except NoAudio:
        return None


def _apart(roles: list[Role]) -> list[str]:
    """Notes on footage whose own sound and lips do not go together."""
    notes: list[str] = []
    for role in roles:
        sync = role.own_sync
        if sync is None or sync.confidence < articulation.SURE or sync.fit < APART_FIT:
            continue
        if abs(sync.offset_s) > APART_S:
            which = "behind" if sync.offset_s > 0 else "ahead of"
            notes.append(
                f"In the footage itself the lips of face {role.face.face_id} are {1000 * abs(sync.offset_s):.0f} ms "
                f"{which} its sound; the result does not inherit that."
            )
    return notes


def _unheeded(
    roles: Sequence[Role], people: dict[int, SeenFace], plan: FramePlan, video: VideoInfo, speech_s: Fraction
) -> list[str]:
    """Notes on who talks on under a speech that was not asked to be another's."""
    if all(role.face.why == "asked for" for role in roles):
        return []
    chosen = " and ".join(str(face_id) for face_id in sorted(role.face.face_id for role in roles))
    return [
        f"Face {face_id} talks on {talks_s:.1f} s of this video without face {chosen} beside it, and keeps its own "
        f"lips there: choose face {face_id}, or assign the recording to each of them."
        for face_id, talks_s in unheeded_s(roles, people, plan, video, speech_s).items()
        if talks_s >= UNHEEDED_S
    ]


def _damaged(speeches: Sequence[_Speech]) -> list[str]:
    """Notes on recordings of which something is missing."""
    is_one = len(speeches) == 1
    return [
        f"The speech {'' if is_one else speech.line.audio.name + ' '}{note}."
        for speech in speeches
        for note in speech.notes
    ]


def _silent(lines: Sequence[Line], heard: Sequence[articulation.Heard]) -> list[str]:
    """Notes on recordings in which nobody speaks: most often another track was meant."""
    is_one = len(lines) == 1  # then its name, which may be that of a copy, says nothing more
    return [
        f"No speech is heard in {'the recording' if is_one else line.audio.name}: the mouth rests all the time."
        for line, said in zip(lines, heard, strict=True)
        if line.phones is None and articulation.says_nothing(said)
    ]


def parse_face(text: str) -> FaceChoice:
    """Raises InvalidOption where `text` is no choice of a face."""
    try:
        return FaceChoice.parse(text)
    except ValueError as exc:
        raise InvalidOption(
            "face", text, "give `auto`, `largest`, an id such as `2`, or a point such as `640,360` or `640,360@2.5`"
        ) from exc


def check_inputs(*paths: Path) -> None:
    """Raises MediaNotFound, UnreadableMedia where the folder may not be entered."""
    for path in paths:
        try:
            is_there = path.is_file()
        except OSError as exc:
            raise UnreadableMedia(path, (exc.strerror or str(exc)).lower()) from exc
        if not is_there:
            raise MediaNotFound(path)


def check_output(output: Path, inputs: tuple[Path, ...], *, may_replace: bool) -> None:
    """Find out before minutes of work that the output cannot be written.

    Raises UnsupportedOutput, OutputExists, OutputNotWritable.
    """
    if output.suffix.lower() not in CONTAINERS:
        raise UnsupportedOutput(output, unknown_ending(output))
    check_place(output, inputs, may_replace=may_replace)
    media.check_is_no_pipe(output)


def check_place(path: Path, inputs: Sequence[Path] = (), *, may_replace: bool = True) -> None:
    """Find out before minutes of work that a file of any kind cannot be written under this name.

    Raises UnsupportedOutput where it is also an input, by a link too; OutputExists, OutputNotWritable.
    """
    if "\0" in str(path):
        raise OutputNotWritable(path, "no file can have this name")
    try:
        if path.is_dir():
            raise OutputNotWritable(path, "it is a folder")
        if any(_is_same_file(path, given) for given in inputs):
            raise UnsupportedOutput(path, ALSO_INPUT)
        if path.exists() and not may_replace:
            raise OutputExists(path)
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):  # where a link leads
            pass
    except OSError as exc:  # also where the name is too long, or the folder may not be entered
        raise OutputNotWritable(path, (exc.strerror or "it cannot be opened").lower()) from exc


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one is not there, or cannot be looked at: that is told where it is opened
        return False


class Clock:
    """Measures the stages and passes progress on."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._start_s = perf_counter()
        self._start_cpu_s = process_time()
        self.stages_s: dict[str, float] = {}
        self.memory_mb: dict[str, int] = {}

    @property
    def took_s(self) -> float:
        return perf_counter() - self._start_s

    @property
    def cpu_s(self) -> float:
        return process_time() - self._start_cpu_s

    def written_stages_s(self) -> dict[str, float]:
        """The stages, once frames were written: what making them took apart from what waiting for their encoder did."""
        stages = dict(self.stages_s)
        stages["encode"] = stages.pop("write") - stages.get("render", 0.0)
        return stages

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        start_s = perf_counter()
        yield
        self.stages_s[name] = self.stages_s.get(name, 0.0) + perf_counter() - start_s
        self.memory_mb[name] = peak_mb()

    def timed(self, name: str, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """The same frames; the time that making them takes counts as stage `name`."""
        with media.kept_open(frames):
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


def peak_mb() -> int:
    """The most memory that this process has used so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)  # macOS counts bytes, Linux KiB


def _result(ready: Ready, speakers: tuple[Speaker, ...], written: media.Written, notes: list[str]) -> SyncResult:
    clock, video = ready.clock, ready.info.video
    assert video is not None
    memory_mb = dict(clock.memory_mb)
    memory_mb["render"] = memory_mb["encode"] = memory_mb.pop("write")
    told = [note for speaker in speakers for note in speaker.notes]
    return SyncResult(
        output=written.path,
        video=ready.video,
        width_px=video.width_px,
        height_px=video.height_px,
        fps=video.fps,
        n_frames=written.n_frames,
        source_s=video.duration_s,
        source_start_s=video.start_s,
        n_source_frames=video.n_frames,
        duration_s=ready.plan.duration_s,
        speakers=speakers,
        codec=written.codec,
        encoder=written.encoder,
        audio=written.audio,
        is_recalled=ready.is_recalled,
        looked_s=video.duration_s if ready.looked_s is None else ready.looked_s,
        took_s=clock.took_s,
        cpu_s=clock.cpu_s,
        stages_s=clock.written_stages_s(),
        memory_mb=memory_mb,
        notes=tuple(dict.fromkeys([*notes, *written.notes, *told])),
        options=ready.options,
        plan=ready.plan,
    )
