"""The files of the voices that are fetched: what each is made of, under which licence, and where they are kept.

Hashes and sizes are those that several public projects pin for the same files, as of November 2026; those of Joe were
also computed from the files. Licences are those of the recordings that a voice was made from, as its card or the
project that it comes from names them; most voices of Piper were begun from Lessac's network, whose recordings are for
research, and what follows from that nobody has settled. Piper's repository is named at one revision, so that the
addresses stay what they are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lipwright import weights
from lipwright.core.errors import UnknownVoice, WeightsMissing
from lipwright.core.options import VoiceOptions
from lipwright.voices.base import Gender
from lipwright.weights import WeightFile

_PIPER: Final = "https://huggingface.co/rhasspy/piper-voices/resolve/1162a9173d0ce503555aed757976b7a9912eae4c"
_KOKORO: Final = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
_PIPER_BYTES: Final = 63_201_294
"""Of every voice of medium quality."""


@dataclass(frozen=True, slots=True)
class PiperVoice:
    """One voice of Piper: a network, and its table of sounds."""

    name: str
    language: str
    title: str
    gender: Gender
    licence: str
    files: tuple[WeightFile, WeightFile]


def _piper(
    name: str, title: str, gender: Gender, licence: str, model_sha256: str, table_sha256: str, table_bytes: int
) -> PiperVoice:
    code, voice, quality = name.split("-")
    address = f"{_PIPER}/{code.split('_')[0]}/{code}/{voice}/{quality}/{name}.onnx"
    model = WeightFile(f"{name}.onnx", address, _PIPER_BYTES, model_sha256, licence)
    table = WeightFile(f"{name}.onnx.json", f"{address}.json", table_bytes, table_sha256, licence)
    return PiperVoice(name, code.replace("_", "-").lower(), title, gender, licence, (model, table))


PIPER: Final = {
    voice.name: voice
    for voice in (
        _piper(
            "en_US-lessac-medium", "Lessac, American", "female", "Blizzard 2013: research and non-commercial use",
            "5efe09e69902187827af646e1a6e9d269dee769f9877d17b16b1b46eeaaf019f",
            "efe19c417bed055f2d69908248c6ba650fa135bc868b0e6abb3da181dab690a0", 4885,
        ),
        _piper(
            "en_US-amy-medium", "Amy, American", "female", "CC BY-SA 4.0 (Mycroft mimic3-voices)",
            "b3a6e47b57b8c7fbe6a0ce2518161a50f59a9cdd8a50835c02cb02bdd6206c18",
            "95a23eb4d42909d38df73bb9ac7f45f597dbfcde2d1bf9526fdeaf5466977d77", 4882,
        ),
        _piper(
            "en_US-ryan-medium", "Ryan, American", "male", "CC BY-NC-SA 4.0 (RyanSpeech): not for commercial use",
            "abf4c274862564ed647ba0d2c47f8ee7c9b717d27bdad9219100eb310db4047a",
            "44034c056cb15681b2ad494307c7f3f2e4499d1253c700c711fa0a4607ffe78d", 4883,
        ),
        _piper(
            "en_US-joe-medium", "Joe, American", "male", "CC0 (Nabu Casa)",
            "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33", 4794,
        ),
        _piper(
            "en_GB-alba-medium", "Alba, Scottish", "female", "CC BY 4.0 (University of Edinburgh)",
            "401369c4a81d09fdd86c32c5c864440811dbdcc66466cde2d64f7133a66ad03b",
            "aa965a2f02ecced632c2694e1fc72bbff6d65f265fab567ca945918c73dd89f4", 4888,
        ),
        _piper(
            "en_GB-northern_english_male-medium", "Northern English", "male", "CC BY-SA 4.0 (OpenSLR 83)",
            "57a219ae8e638873db7d18893304be5069c42868f392bb95c3ff17f0690d0689",
            "69557ed3d974463453e9b0c09dd99a7ed0e52b8b87b64b357dbeeb2540a97d47", 4847,
        ),
    )
}  # fmt: skip

KOKORO_MODEL: Final = WeightFile(
    "kokoro-v1.0.onnx", f"{_KOKORO}/kokoro-v1.0.onnx", 325_532_387,
    "7d5df8ecf7d4b1878015a32686053fd0eebe2bc377234608764cc0ef3636a6c5", "Apache-2.0",
)  # fmt: skip
KOKORO_STYLES: Final = WeightFile(
    "kokoro-voices-v1.0.bin", f"{_KOKORO}/voices-v1.0.bin", 28_214_398,
    "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d", "Apache-2.0",
)  # fmt: skip


NOWHERE: Final = Path(os.devnull, "voices")
"""No file can be in it."""


def folder_of(options: VoiceOptions) -> Path:
    """Where fetched voices are kept; without a home, where nothing can be: no voice was fetched."""
    if options.folder is not None:
        return options.folder
    try:
        return Path("~/.cache/lipwright/voices").expanduser()
    except RuntimeError:
        return NOWHERE


def files_of(name: str) -> tuple[WeightFile, ...]:
    """The files of a voice, named in full, such as "piper:en_US-amy-medium"; Kokoro's voices share theirs.

    Raises UnknownVoice.
    """
    provider, _, own = name.partition(":")
    if provider == "kokoro":
        return KOKORO_MODEL, KOKORO_STYLES
    found = PIPER.get(own if provider == "piper" else name)
    if found is None:
        raise UnknownVoice(name)
    return found.files


def require(files: tuple[WeightFile, ...], folder: Path, voice: str) -> tuple[Path, ...]:
    """Where the files are. Raises WeightsMissing, which says what to run."""
    if not all(weights.is_here(file, folder) for file in files):
        raise WeightsMissing(voice, command=f"lipwright voices pull {voice}")
    return tuple(folder / file.name for file in files)
