"""What is known of speech made from text reaches the lips."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lipwright.articulation import Heard, listen, plan
from lipwright.articulation.known_phones import Known, corrected, heard_as_said, known, shapes_of
from lipwright.articulation.network import N_HIDDEN, population
from lipwright.articulation.opening import opening_direction
from lipwright.articulation.phones import PHONES
from lipwright.core.media import AudioClip
from lipwright.core.speech import SILENCE, Phone, Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import N_SHAPE, MouthTrack, SpeakingStyle, Timed, Timeline
from lipwright.vision import shape
from lipwright.voices import speak

OPENING = opening_direction(shape.shape_basis())
SENTENCES = (
    ("en", "Bob bought a big blue boat, and Mum made me a map."),
    ("en", "My baby brother hopes to become a plumber in September."),
    ("en", "Stop! Police! Pick up the phone, Bob!"),
    ("de", "Bitte bring mir morgen früh fünf Äpfel mit."),
    ("fr", "Mon père habite près d'un petit village au bord de la mer."),
    ("es", "Mi abuela vive en un pueblo muy pequeño cerca del mar."),
    ("ru", "Пожалуйста, принеси мне большую карту парка."),
    ("zh", "妈妈明天早上去买苹果。"),
)


def style(*, is_talking: bool) -> SpeakingStyle:
    people = population()
    rest = np.zeros(N_SHAPE, np.float32)
    rest[0] = 0.3  # parted lips: a pause does not close them by chance
    return SpeakingStyle(people.mean, people.spread, rest, is_talking=is_talking, talking_s=20.0)


def heard_of(utterance: Utterance) -> Heard:
    assert utterance.clip.rate_hz == 22_050
    return listen(AudioClip(resample_poly(utterance.clip.samples, 320, 441).astype(np.float32), 16_000))


def gaps(track: MouthTrack, fps: int, n: int) -> NDArray[np.float64]:
    """(n,) opening at each frame of video, IO."""
    return track.at([Fraction(k, fps) for k in range(n)]).coefficients @ OPENING


def timed(*rows: tuple[str, float]) -> Timeline[Phone]:
    """Classes and how long they last, end to end."""
    items: list[Timed[Phone]] = []
    at = Fraction(0)
    for name, seconds in rows:
        end = at + Fraction(seconds).limit_denominator(1000)
        items.append(Timed(Span(at, end), SILENCE if name == "sil" else Phone(name, (name,))))
        at = end
    return Timeline(tuple(items))


def nothing_heard(n: int, z: float = 0.0) -> Heard:
    """The network hears an A all the time and would leave the mouth open."""
    phones = np.zeros((n, len(PHONES)), np.float32)
    phones[:, PHONES.index("A")] = 1
    flat = np.full(n, z, np.float32)
    still = np.zeros(n, np.float32)
    hidden = np.zeros((n, N_HIDDEN), np.float16)
    return Heard(np.full((n, N_SHAPE), z, np.float32), flat, flat, flat, still, still, phones, still, hidden)


@pytest.mark.parametrize("is_talking", [True, False])
def test_every_p_b_and_m_is_shut_in_at_least_one_frame_at_25_fps(is_talking: bool) -> None:
    found: list[bool] = []
    for number, (language, text) in enumerate(SENTENCES):
        utterance = speak(text, ("Harper", "James", "espeak:")[number % 3], language)
        assert utterance.phones is not None
        track = plan(heard_of(utterance), style(is_talking=is_talking), phones=utterance.phones)
        opening = gaps(track, 25, int(25 * utterance.clip.duration_s))
        at_s = np.arange(len(opening)) / 25
        for item in utterance.phones:
            if item.value.looks[0] == "PBM":
                near = (at_s >= float(item.span.start_s) - 0.04) & (at_s <= float(item.span.stop_s) + 0.02)
                found.append(bool((opening[near] < 0.01).any()))

    assert len(found) > 40
    assert np.mean(found) >= 0.97


@pytest.mark.parametrize("fps", [24, 25, 30, 50])
@pytest.mark.parametrize("offset_s", [0.0, 0.013, 0.027])
def test_a_closure_as_short_as_a_tick_is_seen_by_any_frame_rate(fps: int, offset_s: float) -> None:
    phones = timed(("A", 0.4 + offset_s), ("PBM", 0.02), ("A", 0.4))

    track = plan(nothing_heard(45, z=1.0), style(is_talking=True), phones=phones)

    assert gaps(track, fps, int(0.8 * fps)).min() < 0.01
    assert gaps(track, fps, int(0.3 * fps)).min() > 0.03


def test_the_lip_is_at_the_teeth_for_f_and_v_and_the_mouth_not_shut() -> None:
    track = plan(nothing_heard(50, z=1.0), style(is_talking=True), phones=timed(("A", 0.4), ("FV", 0.12), ("A", 0.48)))

    opening = track.coefficients @ OPENING
    assert opening[23] == pytest.approx(0.015, abs=0.004)
    assert opening[10] > 0.04
    assert track.closure[23] == 0


def test_a_long_pause_stands_still_whatever_is_heard() -> None:
    phones = timed(("A", 0.5), ("sil", 0.8), ("A", 0.5), ("sil", 0.2))
    rng = np.random.default_rng(0)
    restless = replace(nothing_heard(100), shape=rng.standard_normal((100, N_SHAPE)).astype(np.float32))

    track = plan(restless, style(is_talking=True), phones=phones)

    held = (track.coefficients @ OPENING)[41:52]
    assert (track.rest[41:52] > 0.99).all()
    assert held.std() < 0.001


def test_closures_beside_a_pause_are_shut_too() -> None:
    phones = timed(("sil", 0.6), ("PBM", 0.08), ("A", 0.4), ("PBM", 0.08), ("sil", 0.8))

    track = plan(nothing_heard(98), style(is_talking=False), phones=phones)

    opening = track.coefficients @ OPENING
    assert opening[32] < 0.01
    assert opening[56] < 0.01
    assert opening[15] == pytest.approx(float(style(is_talking=False).rest @ OPENING), abs=1e-6)


def test_the_network_is_followed_where_it_hears_what_is_said() -> None:
    utterance = speak("Please bring me a big map of the park.", "espeak:", "en")
    assert utterance.phones is not None
    heard = heard_of(utterance)
    facts = known(utterance.phones, len(heard))

    assert heard_as_said(heard, facts) > 0.6
    np.testing.assert_array_equal(corrected(heard, facts).shape, heard.shape)


def test_the_sounds_drive_where_the_network_hears_others() -> None:
    utterance = speak("Please bring me a big map of the park.", "espeak:", "en")
    assert utterance.phones is not None
    heard = heard_of(utterance)
    facts = known(utterance.phones, len(heard))
    strange = replace(heard, phones=np.roll(heard.phones, 5, axis=1), shape=np.zeros_like(heard.shape))

    drawn = corrected(strange, facts)

    assert heard_as_said(strange, facts) < 0.5
    assert np.corrcoef(drawn.shape[:, 0], heard.shape[:, 0])[0, 1] > 0.6
    assert np.corrcoef(drawn.opening, heard.opening)[0, 1] > 0.6


def test_the_map_opens_for_a_and_closes_for_m_and_rounds_for_u() -> None:
    def drawn(look: str) -> NDArray[np.float32]:
        ticks = np.full(60, PHONES.index("TDN"), np.intp)
        ticks[26:34] = PHONES.index(look)
        return shapes_of(Known(ticks, np.zeros(60), np.zeros(60)))[30]

    opening, width = N_SHAPE, N_SHAPE + 1
    assert drawn("A")[opening] > drawn("I")[opening] > drawn("PBM")[opening]
    assert drawn("U")[width] < drawn("I")[width]


def test_phones_shorter_than_the_recording_leave_silence_behind_them() -> None:
    facts = known(timed(("A", 0.2)), 30)

    assert (facts.looks[10:] == PHONES.index("sil")).all()
    assert (facts.looks[:10] == PHONES.index("A")).all()


@pytest.mark.parametrize("length_s", [0.36, 0.45, 0.8, 1.4])
def test_half_of_a_known_pause_stands_still(length_s: float) -> None:
    phones = timed(("A", 0.6), ("sil", length_s), ("A", 0.6))
    rng = np.random.default_rng(1)
    n = round((1.2 + length_s) * 50)
    restless = replace(nothing_heard(n), shape=rng.standard_normal((n, N_SHAPE)).astype(np.float32))

    track = plan(restless, style(is_talking=True), phones=phones)

    middle, quarter = 30 + length_s * 25, length_s * 12.5
    held = (track.coefficients @ OPENING)[int(middle - quarter + 2) : int(middle + quarter - 1)]
    assert held.std() < 0.002
