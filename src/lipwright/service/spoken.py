"""A text that was spoken once: kept until its job renders, so that it is not spoken again."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from lipwright.cache import Cache
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
    about = {
        "rate_hz": said.clip.rate_hz,
        "phones": None
        if said.phones is None
        else [[*_times(one), one.value.name, one.value.looks] for one in said.phones],
        "sentences": [[*_times(one), one.value] for one in said.sentences],
        "voice": said.voice,
        "language": said.language,
        "notes": said.notes,
    }
    cache.write(key, [("samples", said.clip.samples), ("about", np.frombuffer(json.dumps(about).encode(), np.uint8))])


def recall(cache: Cache, key: str) -> Utterance | None:
    """What was kept; None where nothing was."""
    found = cache.read(key)
    if found is None:
        return None
    about = json.loads(found["about"].tobytes())
    phones = about["phones"]
    return Utterance(
        AudioClip(found["samples"], about["rate_hz"]),
        None
        if phones is None
        else Timeline(tuple(Timed(_span(*one[:2]), Phone(one[2], tuple(one[3]))) for one in phones)),
        Timeline(tuple(Timed(_span(*one[:2]), str(one[2])) for one in about["sentences"])),
        about["voice"],
        about["language"],
        tuple(about["notes"]),
    )


def _times(one: Timed[Any]) -> tuple[str, str]:
    # exact, as fractions are written
    return str(one.span.start_s), str(one.span.stop_s)


def _span(start_s: str, stop_s: str) -> Span:
    return Span(Fraction(start_s), Fraction(stop_s))
