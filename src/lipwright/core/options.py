"""What a person can choose about a run. Standard library only: the command line reads its defaults here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Final, Literal, cast, get_args

from lipwright.core.errors import InvalidOption

WhenShort = Literal["cut", "loop", "bounce", "freeze", "remap"]
"""Footage shorter than the speech: end with it, start it again, turn round, hold its last frame, slow it down."""
Look = Literal["enough", "all"]
"""How much of footage that is longer than the speech is looked at: as much as the speech needs, or all of it."""
WhenLong = Literal["cut", "keep"]
"""Footage longer than the speech: end with the speech, or keep the rest with a mouth at rest."""
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]
"""x264's: slower ones make smaller files of the same quality."""
Codec = Literal["auto", "h264", "h265", "av1", "vp9", "prores"]
"""Of the picture; `auto` is what most players of the container show, with nothing of the picture lost."""
EncoderChoice = Literal["auto", "software", "nvenc", "videotoolbox"]
"""Who encodes: a program, the machine's hardware, or hardware if it is there and loses nothing (`auto`)."""

DEFAULT_ENGINE: Final = "rewrite"
OWN_OF_ENGINES: Final = ("seed", "threads")
"""What every engine is told of the options themselves, beside its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """The choices of one `sync`. Refuses what cannot be meant, of a wrong type too: raises InvalidOption."""

    face: str = "auto"
    """`auto` (who moves the lips with the footage's own sound, else the largest), `largest`, an id as
    `lipwright faces` shows it, or a point `x,y` on the face; `x,y@seconds` is who is there at that time."""
    when_short: WhenShort = "bounce"
    when_long: WhenLong = "cut"
    look: Look = "enough"
    """Of footage longer than the speech, look at its beginning alone (what is shown, and at least 20 s for a recording,
    4 s for a text), or at `all` of it, for more mouths to choose from. What was kept of all of it is used anyway."""
    keep_original_db: float | None = None
    """Gain of the footage's own sound under the speech, such as -12; None leaves it out."""
    crf: float = 18
    """x264's constant rate factor, 0 (lossless) to 51; smaller is better and larger."""
    preset: Preset = "veryfast"
    codec: Codec = "auto"
    encoder: EncoderChoice = "software"
    engine: str = DEFAULT_ENGINE
    engine_options: Mapping[str, str] = field(default_factory=dict[str, str])
    """Passed on to the engine, which documents them; `rewrite` has none."""
    intensity: float = 1.0
    """How far the mouth moves, 0.5 to 1.5; 1 is the person's own way."""
    seed: int = 0
    """For engines that draw at random, and how a still portrait moves; the same seed gives the same frames."""
    still: bool = False
    """A still picture stays still but for what is spoken: no blinks, no breath, no motion of the head."""
    threads: int = 0
    """For decoding and encoding; 0 takes every core that the process may use."""

    def __post_init__(self) -> None:
        plain: dict[str, object] = {
            "face": text_or_id("face", self.face),
            "crf": within("crf", self.crf, 0, 51),
            "intensity": within("intensity", self.intensity, 0.5, 1.5),
            "threads": whole_within("threads", self.threads, 0, 1024),
            "seed": whole_within("seed", self.seed, 0, 2**63 - 1),
        }
        if self.keep_original_db is not None:
            plain["keep_original_db"] = within("keep_original_db", self.keep_original_db, -96, 24)
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        of_kind("engine", self.engine, str, "give text")
        of_kind("still", self.still, bool, "give true or false")
        of_kind("engine_options", self.engine_options, Mapping, "give names with their values")
        for name, value in self.engine_options.items():
            of_kind(f"engine_options: {name}", value, str, "give text")
            if name in OWN_OF_ENGINES:  # it would take the place of the choice of this name, unseen
                raise InvalidOption(f"engine_options: {name}", value, f"`{name}` is an option of its own")
        one_of("when_short", self.when_short, get_args(WhenShort))
        one_of("when_long", self.when_long, get_args(WhenLong))
        one_of("look", self.look, get_args(Look))
        one_of("preset", self.preset, get_args(Preset))
        one_of("codec", self.codec, get_args(Codec))
        one_of("encoder", self.encoder, get_args(EncoderChoice))


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceOptions:
    """What an operator decides about voices."""

    speakers: Path | None = None
    """A table of speakers instead of `voices/speakers.toml`."""
    folder: Path | None = None
    """Where fetched voices are kept; None: `~/.cache/lipwright/voices`."""
    max_chars: int = 20_000
    """The longest text that is spoken."""
    sentence_limit_s: float = 20.0
    """Wall clock that one sentence may take; the sentence that takes longer is left out."""

    def __post_init__(self) -> None:
        within("max_chars", self.max_chars, 1, 10_000_000)
        within("sentence_limit_s", self.sentence_limit_s, 0.1, 3600)


# The types that are declared are those of well-typed callers: values come from JSON and from programs, too.


def one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raises InvalidOption where it is none of them."""
    if value not in choices:
        raise InvalidOption(name, value, f"choose one of {', '.join(choices)}")


def of_kind(name: str, value: object, kind: type, what: str) -> None:
    """Raises InvalidOption where it is of another type."""
    if not isinstance(value, kind):
        raise InvalidOption(name, value, what)


def text_or_id(name: str, value: object) -> str:
    """The text; an id may be given as a number. Raises InvalidOption."""
    if _is_whole(value):
        return str(value)
    of_kind(name, value, str, "give text")
    return cast("str", value)


def whole_within(name: str, value: object, low: int, high: int) -> int:
    """The number as Python's own; numpy's are taken, too. Raises InvalidOption."""
    if not (_is_whole(value) and low <= cast("int", value) <= high):
        raise InvalidOption(name, value, f"give a whole number from {low} to {high}")
    return int(cast("int", value))


def within(name: str, value: object, low: float, high: float) -> float:
    """The number as Python's own; numpy's are taken, too. Raises InvalidOption."""
    is_number = isinstance(value, Real) and value is not True and value is not False
    if not (is_number and low <= cast("float", value) <= high):  # what is no number lies between no two
        raise InvalidOption(name, value, f"give a number from {low:g} to {high:g}")
    return int(cast("int", value)) if _is_whole(value) else float(cast("float", value))


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and value is not True and value is not False
