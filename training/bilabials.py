"""Where p, b and m are said in the English recordings, by PocketSphinx: an ear that shares nothing with our network.

python -m training.bilabials --data ../shared/data/av --out build/train/bilabials.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

BILABIALS = ("P", "B", "M")
FRAME_S = 0.01


GRID_WORDS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(
        zip("z123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
"""The grammar of the GRID corpus: a clip's name spells its sentence."""


def grid_sentence(name: str) -> str | None:
    """What is said in a GRID clip, from its name; None for other clips."""
    if not name.startswith("grid_"):
        return None
    return " ".join(words[letter] for words, letter in zip(GRID_WORDS, name[-6:], strict=True))


def find_bilabials(samples: np.ndarray, sentence: str | None = None) -> list[tuple[float, float]]:
    """Start and stop, seconds, of each bilabial in English speech (n,) int16 at 16 kHz.

    Words by the language model where no `sentence` is given, then their phones by alignment. Empty
    where no words are found.
    """
    from pocketsphinx import Decoder  # type: ignore[import-untyped]

    decoder: Any = Decoder(samprate=16_000, loglevel="FATAL")
    raw = samples.tobytes()
    if sentence is None:
        decoder.start_utt()
        decoder.process_raw(raw, full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        sentence = str(decoder.hyp().hypstr)
    decoder.set_align_text(sentence)
    decoder.start_utt()
    decoder.process_raw(raw, full_utt=True)
    decoder.end_utt()
    decoder.set_alignment()
    decoder.start_utt()
    decoder.process_raw(raw, full_utt=True)
    decoder.end_utt()
    return [
        (phone.start * FRAME_S, (phone.start + phone.duration) * FRAME_S)
        for word in decoder.get_alignment()
        for phone in word
        if phone.name in BILABIALS
    ]


def pieces(samples: np.ndarray, longest_s: float = 12.0) -> list[tuple[int, int]]:
    """Cut long speech at its quietest places, so that one slip of the aligner does not spoil a whole clip."""
    cuts = [0]
    while len(samples) - cuts[-1] > longest_s * 16_000:
        low, high = cuts[-1] + int(0.6 * longest_s * 16_000), cuts[-1] + int(longest_s * 16_000)
        loudness = np.convolve(samples[low:high].astype(np.float64) ** 2, np.ones(1600), "same")
        cuts.append(low + int(loudness.argmin()))
    return list(zip(cuts, [*cuts[1:], len(samples)], strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the bilabials of the English recordings.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    for row in json.loads((arguments.data / "manifest.json").read_text()):
        if row["language"] != "en":
            continue
        speech, _ = soundfile.read(arguments.data / f"{row['name']}.flac", dtype="int16")
        found[row["name"]] = []
        for begin, end in pieces(speech):
            try:
                spans = find_bilabials(speech[begin:end], grid_sentence(row["name"]))
            except RuntimeError as exc:  # PocketSphinx's own word for "no alignment"
                print(f"{row['name']} {begin / 16000:.1f} s: {exc}")
                continue
            found[row["name"]] += [(start + begin / 16_000, stop + begin / 16_000) for start, stop in spans]
        print(row["name"], len(found[row["name"]]), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1))
