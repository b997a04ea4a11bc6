"""The map from known sounds to mouth shapes, for voices that the network does not understand.

    python -m training.phone_shapes --out src/lipwright/articulation/phone_shapes.npz

The teacher is the network that ships, listening to eSpeak NG, whose sounds and times are known: sentences below, in
22 languages, each in timbres it understands. Ridge regression over the classes of the sounds from 240 ms before to
240 ms after, on the network's z-scores; the result is brought back to the spread that the network itself has, because
the plan enlarges by the network's shrinkage. Needs neither torch nor the recordings. Writes nothing but the table.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lipwright.articulation import listen
from lipwright.articulation.known_phones import PhoneShapes, around, heard_as_said, known, shapes_of
from lipwright.articulation.phones import PHONES
from lipwright.core.media import AudioClip
from lipwright.core.timeline import N_SHAPE
from lipwright.voices import speak

SENTENCES = {
    "en": [
        "The quick brown fox jumps over the lazy dog, while five wizards box.",
        "Please bring me a big map of the park, and a cup of warm milk for my brother.",
        "She sells sea shells by the shore; the shells she sells are surely from the sea.",
        "We were away a year ago, and you know how few people have ever been there.",
        "Thirty-three thirsty thinkers thought about the weather on Thursday afternoon.",
        "A bowl of blueberries, a jar of jam, and a very good piece of fresh bread.",
    ],
    "de": [
        "Franz jagt im komplett verwahrlosten Taxi quer durch Bayern.",
        "Bitte bring mir morgen früh fünf Äpfel mit.",
    ],
    "fr": [
        "Portez ce vieux whisky au juge blond qui fume.",
        "Mon père habite près d'un petit village au bord de la mer.",
    ],
    "es": [
        "El veloz murciélago comía feliz cardillo y kiwi.",
        "Mi abuela vive en un pueblo muy pequeño cerca del mar.",
    ],
    "it": ["Quel vituperabile xenofobo zelante assaggia il whisky.", "Buongiorno, vorrei un bel bicchiere di vino."],
    "pt": ["Um pequeno jabuti xereta viu dez cegonhas felizes.", "Bom dia, por favor, quero um copo de água."],
    "ru": ["Съешь же ещё этих мягких французских булок.", "Пожалуйста, принеси мне большую карту парка."],
    "pl": ["Pchnąć w tę łódź jeża lub ośm skrzyń fig.", "Proszę, przynieś mi mapę dużego parku."],
    "cs": ["Příliš žluťoučký kůň úpěl ďábelské ódy.", "Prosím, přines mi mapu velkého parku."],
    "tr": ["Pijamalı hasta yağız şoföre çabucak güvendi.", "Lütfen bana büyük parkın haritasını getir."],
    "nl": ["Pa's wijze lynx bezag vroom het fikse aquaduct.", "Breng me alsjeblieft een kaart van het park."],
    "id": ["Tolong bawakan saya peta taman besar itu besok pagi.", "Saya suka membaca buku di bawah pohon."],
    "uk": ["Будь ласка, принеси мені карту великого парку.", "Моя бабуся живе в маленькому селі біля моря."],
    "hu": ["Árvíztűrő tükörfúrógép.", "Kérem, hozzon nekem egy nagy pohár vizet."],
    "fi": ["Törkylempijävongahdus.", "Ole hyvä ja tuo minulle suuren puiston kartta."],
    "ro": ["Muzicologă în bej vând whisky și tequila.", "Te rog, adu-mi o hartă a parcului mare."],
    "sv": ["Flygande bäckasiner söka hwila på mjuka tuvor.", "Var snäll och ge mig en karta över parken."],
    "hi": ["कृपया मुझे बड़े पार्क का नक्शा दीजिए।", "मेरी माँ कल सुबह बाज़ार जाएँगी।"],
    "ar": ["من فضلك أعطني خريطة الحديقة الكبيرة.", "صباح الخير، كيف حالك اليوم؟"],
    "zh": ["你好,我们今天去公园玩,好吗?", "妈妈明天早上去买苹果。"],
    "ko": ["큰 공원의 지도를 가져다 주세요.", "내일 아침에 어머니가 시장에 갑니다."],
    "vi": ["Làm ơn mang cho tôi bản đồ công viên.", "Mẹ tôi sáng mai đi chợ mua táo."],
}
TIMBRES = ("", "f2", "f3", "m1", "m3", "m7")
HELD_OUT = ("sv", "id", "ko")
"""Languages that only judge."""
RIDGE = 30.0
_SPEED = {"": 1.0, "f2": 0.9, "f3": 1.1, "m1": 1.0, "m3": 0.95, "m7": 1.15}


def listened() -> tuple[list[tuple[str, Any, NDArray[np.float64]]], list[float]]:
    """(language, known, z-scores (n, N_SHAPE + 3)) of each utterance, and how well the network understood it."""
    rows: list[tuple[str, Any, NDArray[np.float64]]] = []
    shares: list[float] = []
    for language, sentences in SENTENCES.items():
        for sentence in sentences:
            for timbre in TIMBRES:
                voice = f"espeak:+{timbre}" if timbre else "espeak:"
                utterance = speak(sentence, voice, language, speed=_SPEED[timbre])
                assert utterance.phones is not None
                samples = resample_poly(utterance.clip.samples, 320, 441).astype(np.float32)
                heard = listen(AudioClip(samples, 16_000))
                facts = known(utterance.phones, len(heard))
                scores = np.column_stack([heard.shape, heard.opening, heard.width, heard.jaw]).astype(np.float64)
                rows.append((language, facts, scores))
                shares.append(heard_as_said(heard, facts))
    return rows, shares


def one_hot(looks: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n,) -> (n, taps * 20 + 1)."""
    near = around(looks)
    spread = (near[:, :, None] == np.arange(len(PHONES))).reshape(len(near), -1)
    return np.column_stack([spread, np.ones(len(near))]).astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    rows, shares = listened()
    taught = [row for row in rows if row[0] not in HELD_OUT]
    x = np.concatenate([one_hot(facts.looks) for _, facts, _ in taught])
    y = np.concatenate([scores for *_, scores in taught])
    penalty = np.eye(x.shape[1]) * RIDGE
    penalty[-1, -1] = 0.0
    solved = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    drawn = x @ solved
    centre = y.mean(0)
    solved *= y.std(0) / drawn.std(0)
    solved[-1] += centre - (x @ solved).mean(0)
    taps = solved[:-1].reshape(-1, len(PHONES), N_SHAPE + 3)
    table = PhoneShapes(taps.astype(np.float32), solved[-1].astype(np.float32))
    np.savez_compressed(out, weights=taps.astype(np.float16), bias=solved[-1].astype(np.float32))
    names = [*(f"K{k}" for k in range(1, N_SHAPE + 1)), "opening", "width", "jaw"]
    print(
        f"{len(rows)} utterances, {len(y) / 50:.0f} s taught; the network agrees in {np.mean(shares):.2f} of the ticks"
    )
    for which, chosen in (("taught", taught), ("held out", [row for row in rows if row[0] in HELD_OUT])):
        told = np.concatenate([shapes_of(facts, table) for _, facts, _ in chosen])
        real = np.concatenate([scores for *_, scores in chosen])
        found = [np.corrcoef(told[:, k], real[:, k])[0, 1] for k in range(real.shape[1])]
        print(f"r, {which}: " + ", ".join(f"{name} {r:.2f}" for name, r in zip(names, found, strict=True)))


if __name__ == "__main__":
    main()
