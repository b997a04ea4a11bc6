"""A text that was spoken once: kept until its job renders, so that it is not spoken again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.cache import Arrays, Cache
from lipwright.core.media import AudioClip
from lipwright.core.speech import Phone, Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline

_VERSION: Final = 1


def key_of(arguments: dict[str, Any]) -> str:
    """The name of what is said: the same text by the same voice, and for `auto` beside the same footage."""
    names = ("text", "voice", "language", "speaking", "voice_options")
    about = json.dumps([_VERSION, *(arguments[name] for name in names)], sort_keys=True)
    digest = hashlib.sha256(about.encode())
    video = arguments["video"]
    if video is not None and (arguments["voice"] or "auto").strip().lower() == "auto":
        with Path(video).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"spoken-{digest.hexdigest()}"


def keep(cache: Cache, key: str, said: Utterance) -> None:
    """For `recall`. What cannot be kept is spoken again."""
    cache.write(key, arrays_of(said))


def recall(cache: Cache, key: str) -> Utterance | None:
    """What was kept; None where nothing was."""
    found = cache.read(key)
    return None if found is None else said_by(found)


def arrays_of(said: Utterance) -> Arrays:
    """All of it, for `said_by`."""
    about = {
        "rate_hz": said.clip.rate_hz,
        "phones": phones_as_json(said.phones),
        "sentences": [[*_times(one), one.value] for one in said.sentences],
        "voice": said.voice,
        "language": said.language,
        "notes": said.notes,
    }
    return [("samples", said.clip.samples), ("about", np.frombuffer(json.dumps(about).encode(), np.uint8))]


def said_by(arrays: Mapping[str, NDArray[Any]]) -> Utterance:
    about = json.loads(arrays["about"].tobytes())
    return Utterance(
        AudioClip(arrays["samples"], about["rate_hz"]),
        phones_from(about["phones"]),
        Timeline(tuple(Timed(_span(*one[:2]), str(one[2])) for one in about["sentences"])),
        about["voice"],
        about["language"],
        tuple(about["notes"]),
    )


def phones_as_json(phones: Timeline[Phone] | None) -> list[Any] | None:
    return None if phones is None else [[*_times(one), one.value.name, one.value.looks] for one in phones]


def phones_from(given: list[Any] | None) -> Timeline[Phone] | None:
    """What `phones_as_json` gave."""
    if given is None:
        return None
    return Timeline(tuple(Timed(_span(*one[:2]), Phone(one[2], tuple(one[3]))) for one in given))


def _times(one: Timed[Any]) -> tuple[str, str]:
    # exact, as fractions are written
    return str(one.span.start_s), str(one.span.stop_s)


def _span(start_s: str, stop_s: str) -> Span:
    return Span(Fraction(start_s), Fraction(stop_s))
