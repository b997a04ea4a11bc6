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
RATE_HZ = 16_000


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


Spans = list[tuple[float, float]]


def hear(decoder: Any, samples: np.ndarray) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def align(decoder: Any, samples: np.ndarray, sentence: str) -> Spans:
    """Start and stop, seconds, of each bilabial of a known sentence. Raises RuntimeError where it does not fit."""
    decoder.set_align_text(sentence)
    hear(decoder, samples)
    decoder.set_alignment()
    hear(decoder, samples)
    return [
        (phone.start * FRAME_S, (phone.start + phone.duration) * FRAME_S)
        for word in decoder.get_alignment()
        for phone in word
        if phone.name in BILABIALS
    ]


def phrases(decoder: Any, samples: np.ndarray, n_words: int = 6) -> list[tuple[int, int, str]]:
    """What the language model hears, a few words at a time: first sample, last sample, words.

    Short phrases, because the aligner gives up on a long one when a single word of it is wrong.
    """
    hear(decoder, samples)
    if decoder.hyp() is None:
        return []
    words = [
        (segment.start_frame, segment.end_frame + 1, segment.word.split("(")[0])
        for segment in decoder.seg()
        if not segment.word.startswith(("<", "["))
    ]
    step = round(FRAME_S * RATE_HZ)
    groups = [words[k : k + n_words] for k in range(0, len(words), n_words)]
    return [(g[0][0] * step, g[-1][1] * step, " ".join(word for _, _, word in g)) for g in groups]


def pieces(samples: np.ndarray, longest_s: float = 12.0) -> list[tuple[int, int]]:
    """Cut long speech at its quietest places, so that one slip of the aligner does not spoil a whole clip."""
    cuts = [0]
    while len(samples) - cuts[-1] > longest_s * RATE_HZ:
        low, high = cuts[-1] + int(0.6 * longest_s * RATE_HZ), cuts[-1] + int(longest_s * RATE_HZ)
        loudness = np.convolve(samples[low:high].astype(np.float64) ** 2, np.ones(1600), "same")
        cuts.append(low + int(loudness.argmin()))
    return list(zip(cuts, [*cuts[1:], len(samples)], strict=True))


def find_bilabials(name: str, samples: np.ndarray) -> tuple[Spans, int, int]:
    """(spans, phrases aligned, phrases that did not fit) of one English recording (n,) int16 at 16 kHz."""
    from pocketsphinx import Decoder  # type: ignore[import-untyped]

    writer: Any = Decoder(samprate=RATE_HZ, loglevel="FATAL", maxhmmpf=3000, maxwpf=10)  # five times as fast
    sentence = grid_sentence(name)
    if sentence is None:
        said = [
            (begin + start, begin + stop, words)
            for begin, end in pieces(samples)
            for start, stop, words in phrases(writer, samples[begin:end])
        ]
    else:
        said = [(0, len(samples), sentence)]
    found: Spans = []
    n_lost = 0
    for start, stop, words in said:
        aligner: Any = Decoder(samprate=RATE_HZ, loglevel="FATAL", lm=None)
        try:
            spans = align(aligner, samples[start:stop], words)
        except RuntimeError:  # PocketSphinx's own word for "no alignment"
            n_lost += 1
            continue
        found += [(begin + start / RATE_HZ, end + start / RATE_HZ) for begin, end in spans]
    return found, len(said) - n_lost, n_lost


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the bilabials of the English recordings.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    table: dict[str, Spans] = {}
    for row in json.loads((arguments.data / "manifest.json").read_text()):
        if row["language"] == "en":
            speech, _ = soundfile.read(arguments.data / f"{row['name']}.flac", dtype="int16")
            table[row["name"]], n_fit, n_lost = find_bilabials(row["name"], speech)
            print(f"{row['name']}: {len(table[row['name']])} in {n_fit} phrases, {n_lost} phrases lost", flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(table, indent=1))
