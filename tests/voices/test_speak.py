"""Text becomes speech, in many languages, with phones that tile it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lipwright.articulation.phones import PHONES
from lipwright.core.errors import (
    BrokenSsml,
    EmptyText,
    InputError,
    InvalidOption,
    NothingToSay,
    TextTooLong,
    UnknownLanguage,
    UnknownVoice,
    WeightsMissing,
)
from lipwright.core.media import AudioClip
from lipwright.core.speech import Utterance
from lipwright.service.speech import own_voice, write_wav
from lipwright.voices import VoiceOptions, check, speak, speakers, voices
from lipwright.voices.ipa import looks_of
from lipwright.voices.language import detect_language
from lipwright.voices.pace import expected_s
from lipwright.voices.pitch import median_pitch_hz
from lipwright.voices.samples import SAMPLES
from lipwright.voices.speakers import read_speakers
from lipwright.voices.ssml import spoken_text

LANGUAGES = {code: text for code, text in SAMPLES.items() if code != "cmn"}


def assert_tiles(utterance: Utterance) -> None:
    assert utterance.phones is not None
    items = utterance.phones.items
    assert items[0].span.start_s == 0
    assert abs(items[-1].span.stop_s - utterance.clip.duration_s) <= Fraction(20, 1000)
    assert all(abs(after.span.start_s - before.span.stop_s) <= Fraction(20, 1000) for before, after in pairwise(items))
    assert all(look in PHONES for item in items for look in item.value.looks)


def test_there_are_twenty_languages_in_the_table() -> None:
    wanted = "en zh es hi ar pt ru ja de fr it ko tr vi pl nl id uk cs th"

    assert set(LANGUAGES) == set(wanted.split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_in_each_language_is_spoken_with_phones_that_tile_it(language: str) -> None:
    utterance = speak(LANGUAGES[language], language=language)

    assert utterance.clip.rate_hz == 22_050
    assert 1.0 < utterance.clip.duration_s < 6.0
    assert np.sqrt((utterance.clip.samples**2).mean()) > 0.01
    assert_tiles(utterance)
    assert utterance.phones is not None
    assert sum(not item.value.is_silence for item in utterance.phones) > 10
    assert utterance.language == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_a_sentence_is_found_out(language: str) -> None:
    assert detect_language(LANGUAGES[language]) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [("OK", "en"), ("", "en"), ("12 + 3", "en"), ("Tokyo 東京", "zh"), ("東京へ", "ja"), ("你好", "zh"), ("да", "ru"),
     ("Київ і Львів", "uk"), ("سلام، چطوری؟", "fa"), ("ไป", "th"), ("Ευχαριστώ", "el"), ("שלום", "he")],
)  # fmt: skip
def test_short_texts_are_told_apart_by_their_letters(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello friend & ABC.", "en"), ("Pizza is ready", "en"), ("Meet our team", "en"), ("It’s on sale", "en"),
     ("Merci beaucoup", "fr"), ("Boa noite", "pt"), ("Bis morgen", "de"), ("Terima kasih", "id"), ("Do jutra", "pl"),
     ("A domani", "it"), ("Tot morgen", "nl"), ("Hasta luego", "es"), ("Dobrou noc", "cs"), ("İyi geceler", "tr")],
)  # fmt: skip
def test_short_texts_are_told_apart_by_their_common_words(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Спасибо! Это www.international-conference.org", "ru"),
        ("谢谢大家，请访问 https://www.international-conference.org/a", "zh"),
        ("请写信到customer.service@international-conference.org", "zh"),
        ("Ещё раз: international-conference.org", "ru"),
        ("Hallo, bitte schön: www.laboratoiredephysiquedesparticules.fr", "de"),
        ("www.meinegrossefirma.de", "de"),
    ],
)
def test_an_address_does_not_decide_the_language_of_the_words_around_it(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ଆପଣ କେମିତି ଅଛନ୍ତି", "or"),
        ("٣٤٥", "ar"),
        ("३४५", "hi"),
        ("ㄅㄆㄇ", "zh"),
        ("ㅋㅋㅋ", "ko"),
        ("ʜᴇʟʟᴏ", "en"),
        ("x² ⁵", "en"),
    ],
)
def test_every_script_that_a_voice_reads_is_known(text: str, language: str) -> None:
    assert detect_language(text) == language
    assert_tiles(speak(text))


@pytest.mark.parametrize(
    ("text", "script"),
    [("សួស្តី", "Khmer"), ("ສະບາຍດີ", "Lao"), ("བཀྲ་ཤིས་", "Tibetan"), ("ᠮᠣᠩᠭᠣᠯ", "Mongolian"), ("០១២", "Khmer")],
)
def test_letters_that_no_voice_reads_are_not_spelled_out_in_english(text: str, script: str) -> None:
    with pytest.raises(UnknownLanguage, match=rf"{script} letters.*give the language"):
        speak(text)
    assert detect_language(f"The word for hello is {text}.") == "en"


def test_a_text_of_which_nothing_is_heard_makes_no_empty_video() -> None:
    with pytest.raises(NothingToSay, match="'en'"):
        speak("٣٤٥", language="en")
    with pytest.raises(NothingToSay, match="'en'"):
        speak("٣٤٥. ٣٤٥.", language="en")


@pytest.mark.parametrize("text", ["សួស្តី", "😀😀", "!!!", "...", "—", "https://..."])
def test_what_nobody_can_say_is_known_before_it_is_spoken(text: str) -> None:
    for voice in ("auto", "7", "espeak:+f2"):
        with pytest.raises((NothingToSay, UnknownLanguage)) as checked:
            check(voice, text=text)
        with pytest.raises(checked.type):
            speak(text, voice)


@pytest.mark.parametrize(
    ("text", "voice", "language"),
    [("សួស្តី", "7", "en"), ("សួស្តី", "espeak:en", None), ("The word is សួស្តី.", "auto", None), ("5", "auto", "auto")],
)
def test_what_may_be_said_is_not_refused_before(text: str, voice: str, language: str | None) -> None:
    check(voice, language, text)

    assert speak(text, voice, language).clip.duration_s > 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_that_is_spoken_passes_its_check(language: str) -> None:
    check("auto", None, LANGUAGES[language])
    check("7", None, f'<speak version="1.1">{LANGUAGES[language]}</speak>', is_ssml=True)


def test_a_check_looks_into_ssml() -> None:
    check("auto", None, '<speak xml:lang="en">សួស្តី</speak>', is_ssml=True)
    with pytest.raises(BrokenSsml):
        check("auto", None, "<speak>Hello</wrong>", is_ssml=True)
    with pytest.raises(NothingToSay):
        check("auto", None, "<speak>!</speak>", is_ssml=True)
    check("auto", None, "<speak>Hello</wrong>")  # it is no SSML, and has a word


@pytest.mark.parametrize("language", ["en", "de", "ru", "ar", "zh", "ja", "th"])
def test_how_long_a_text_takes_is_known_about_before_it_is_spoken(language: str) -> None:
    text = " ".join([LANGUAGES[language]] * 3)

    assert expected_s(text) == pytest.approx(float(speak(text, language=language).clip.duration_s), rel=0.25)


def test_what_cannot_be_said_takes_no_time() -> None:
    assert expected_s("😀 !") == 0
    assert expected_s("Call 555 0123.") > expected_s("Call me later.")


def test_words_of_another_script_do_not_stop_a_sentence() -> None:
    for text in ("My name is 田中さん and Москва is big. مرحبا.", "これは Python です。", "Привет from Zürich, 你好!"):
        assert_tiles(speak(text))


def test_long_text_is_cut_at_its_sentences_and_they_are_timed() -> None:
    text = "Dr. Smith paid $3.50 for 2 maps. He left at 5 p.m. on Monday!\n\nWas it worth it?"

    utterance = speak(text, language="en")

    said = [one.value for one in utterance.sentences]
    assert said == ["Dr. Smith paid $3.50 for 2 maps.", "He left at 5 p.m. on Monday!", "Was it worth it?"]
    spans = [one.span for one in utterance.sentences]
    assert spans[1].start_s - spans[0].stop_s == pytest.approx(0.45, abs=0.01)
    assert spans[2].start_s - spans[1].stop_s == pytest.approx(0.80, abs=0.01)
    assert spans[-1].stop_s == utterance.clip.duration_s
    for span in spans:
        low, high = (round(at * 22_050) for at in (span.start_s, span.stop_s))
        assert np.abs(utterance.clip.samples[low:high]).max() > 0.05
    between = utterance.clip.samples[round(spans[0].stop_s * 22_050) : round(spans[1].start_s * 22_050)]
    assert not between.any()
    assert_tiles(utterance)


def test_thousands_are_said_as_one_number_and_shown_as_they_were_typed() -> None:
    typed, plain = speak("5 000 человек.", language="ru"), speak("5000 человек.", language="ru")

    assert typed.phones == plain.phones
    assert [item.value for item in typed.sentences] == ["5 000 человек."]


def test_emoji_tags_and_addresses_are_not_spelled_out() -> None:
    plain = speak("See example.com for more. Great!", "espeak:", "en")
    rich = speak("See <b>https://www.example.com/a/b?c=d&e=f#g</b> for more 😀🎉. Great! 👍🏽", "espeak:", "en")

    assert float(rich.clip.duration_s) == pytest.approx(float(plain.clip.duration_s), rel=0.15)


def test_faster_is_shorter_and_a_higher_voice_is_higher() -> None:
    text = "We are all away in the winter, and we are well."
    usual, fast = speak(text, "espeak:", "en"), speak(text, "espeak:", "en", speed=1.8)
    low, high = (speak(text, "espeak:", "en", pitch=semitones).clip for semitones in (-6, 6))

    assert fast.clip.duration_s < 0.7 * usual.clip.duration_s
    low_hz, high_hz = median_pitch_hz(low), median_pitch_hz(high)
    assert low_hz is not None
    assert high_hz is not None
    assert 12 * np.log2(high_hz / low_hz) > 6


@pytest.mark.parametrize(("pitch_hz", "expected"), [(90, 90), (120, 120), (210, 210), (320, 320)])
def test_pitch_is_measured(pitch_hz: float, expected: float) -> None:
    rate_hz = 16_000
    time = np.arange(2 * rate_hz) / rate_hz
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 12))
    noise = np.random.default_rng(0).standard_normal(len(time))

    found = median_pitch_hz(AudioClip((0.1 * wave + 0.003 * noise).astype(np.float32), rate_hz))

    assert found == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("sound", ["silence", "noise", "nothing"])
def test_what_is_not_voiced_has_no_pitch(sound: str) -> None:
    samples = {
        "silence": np.zeros(32_000),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(32_000),
        "nothing": np.zeros(10),
    }[sound]

    assert median_pitch_hz(AudioClip(samples.astype(np.float32), 16_000)) is None


def test_auto_speaks_as_high_as_the_voice_of_the_footage() -> None:
    table = read_speakers()
    text = "The weather is lovely, and we are all well today."
    genders = {one.id: one.gender for one in table.speakers}
    for speaker_id, gender in ((table.male, "male"), (table.female, "female")):
        own = speak(text, speaker_id, "en")
        chosen = speak(text, "auto", "en", like=own.clip)
        assert chosen.voice == own.voice
        assert genders[speaker_id] == gender
    assert speak(text, "auto", "en").voice == speak(text, table.otherwise, "en").voice


@pytest.mark.parametrize(("silent_s", "pitch_hz", "read_s"), [(0, 230, 8), (0, 110, 8), (0, 175, 45), (20, 230, 45)])
def test_no_more_of_the_footages_own_sound_is_read_than_tells_how_high_its_voice_is(
    tmp_path: Path, silent_s: int, pitch_hz: float, read_s: int
) -> None:
    rate_hz = 16_000
    time = np.arange((45 - silent_s) * rate_hz) / rate_hz
    voice = sum(0.1 * np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 12))
    write_wav(tmp_path / "own.wav", AudioClip(np.r_[np.zeros(silent_s * rate_hz), voice].astype(np.float32), rate_hz))

    own = own_voice(tmp_path / "own.wav")

    assert own is not None
    assert own.duration_s == read_s
    assert median_pitch_hz(own) == pytest.approx(pitch_hz, rel=0.03)


def test_the_fifteen_speakers_of_pixverse_are_there_in_their_order() -> None:
    assert [(one.id, one.name) for one in speakers()] == [
        ("7", "Harper"), ("8", "Ava"), ("3", "Isabella"), ("9", "Sophia"), ("1", "Emily"), ("5", "Chloe"),
        ("10", "Julia"), ("11", "Mason"), ("12", "Jack"), ("4", "Liam"), ("2", "James"), ("13", "Oliver"),
        ("6", "Adrian"), ("14", "Ethan"), ("Auto", "Auto"),
    ]  # fmt: skip


def test_every_speaker_speaks_and_none_like_another() -> None:
    spoken = [
        speak("We were all away for a year, and now we are home again, are we not?", one.id, "en")
        for one in speakers()
        if one.voice
    ]

    assert len({one.voice for one in spoken}) == 14
    for one, said in zip(speakers(), spoken, strict=False):
        pitch_hz = median_pitch_hz(said.clip)
        assert pitch_hz is not None
        assert (pitch_hz > 150) == (one.gender == "female"), (one.name, pitch_hz)


@pytest.mark.parametrize("name", ["auto", "AUTO", "harper", "HARPER", "7", " Harper ", "espeak:de+f2", "espeak:+m3"])
def test_a_voice_can_be_named_in_many_ways(name: str) -> None:
    assert speak("Guten Tag, wie geht es dir?", name).language == "de"


def test_an_operators_table_replaces_ours(tmp_path: Path) -> None:
    table = tmp_path / "speakers.toml"
    table.write_text(
        '[auto]\nfemale = "1"\nmale = "1"\notherwise = "1"\n'
        '[[speaker]]\nid = "1"\nname = "Solo"\nvoice = "espeak:+m3"\nspeed = 1.2\n'
    )
    options = VoiceOptions(speakers=table)

    assert [one.name for one in speakers(options=options)] == ["Solo", "Auto"]
    assert speak("Hello there.", "solo", "en", options=options).voice == "espeak:en-us+m3"
    with pytest.raises(UnknownVoice):
        speak("Hello there.", "Harper", "en", options=options)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("[[speaker]", "Expected"), ('[[speaker]]\nid = "1"\nname = "A"\nvoice = "espeak:"\n', "auto"),
     ('[auto]\nfemale="2"\nmale="1"\notherwise="1"\n[[speaker]]\nid="1"\nname="A"\nvoice="espeak:"\n', "'2'"),
     ('[auto]\n[[speaker]]\nid = "1"\nname = "1"\nvoice = "espeak:"\n', "twice")],
)  # fmt: skip
def test_a_table_that_is_wrong_says_why(content: str, reason: str, tmp_path: Path) -> None:
    table = tmp_path / "speakers.toml"
    table.write_text(content)

    with pytest.raises(InvalidOption, match=reason):
        speakers(options=VoiceOptions(speakers=table))


SPEAK = '<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis">{}</speak>'


def test_ssml_is_followed() -> None:
    plain = speak(SPEAK.format("Hello there."), "espeak:", "en", is_ssml=True)
    paused = speak(SPEAK.format('Hello <break time="1500ms"/> there.'), "espeak:", "en", is_ssml=True)

    assert 1.0 < paused.clip.duration_s - plain.clip.duration_s < 2.0
    assert [one.value for one in paused.sentences] == ["Hello there."]
    assert_tiles(paused)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<s>One.</s><s>Two.</s>", "One. Two."),
        ("<p>One</p><p>Two</p>three", "One Two three"),
        ("one<break/>two", "one two"),
        (
            '<voice name="a">One</voice><lang xml:lang="de">zwei</lang><prosody rate="slow">three</prosody>',
            "One zwei three",
        ),
        ("<w>cup</w><token>board</token>", "cup board"),
        ("<metadata>secret<desc>more</desc></metadata>Hello", "Hello"),
        ("un<emphasis>believ</emphasis>able <sub alias='b'>B</sub>.", "unbelievable B."),
        ("<voice name='a'>Hello</voice>, <s>you</s>!", "Hello, you!"),
    ],
)
def test_the_words_of_ssml_stand_apart_where_they_are_said_apart(inside: str, words: str) -> None:
    assert spoken_text(SPEAK.format(inside)) == words


def test_ssml_may_say_its_language() -> None:
    told = '<speak version="1.1" xml:lang="pt-BR">Hotel Central, 12.</speak>'

    assert speak(told, "espeak:", is_ssml=True).language == "pt-BR"
    assert speak(told, "espeak:", "de", is_ssml=True).language == "de"


@pytest.mark.parametrize(
    "broken",
    ["Hello", "<speak>Hello", "<speak><p>Hello</speak>", "<html>Hello</html>", "<speak>a & b</speak>",
     '<!DOCTYPE a [<!ENTITY b "c">]><speak>&b;</speak>', "<speak><audio src='/etc/passwd'/>Hello</speak>",
     "<speak>" + "<s>" * 100 + "a" + "</s>" * 100 + "</speak>", "<speak>\x00a</speak>", "<speak>\ud800</speak>"],
)  # fmt: skip
def test_ssml_that_is_broken_is_refused(broken: str) -> None:
    with pytest.raises(BrokenSsml) as caught:
        speak(broken, language="en", is_ssml=True)

    assert caught.value.code == "broken_ssml"


@pytest.mark.parametrize(
    ("text", "voice", "language", "error", "code"),
    [
        ("", "auto", "en", EmptyText, "empty_text"),
        (" \n\t", "auto", "en", EmptyText, "empty_text"),
        ("😀🎉👍🏽", "auto", "en", NothingToSay, "nothing_to_say"),
        ("... !!! —", "auto", "en", NothingToSay, "nothing_to_say"),
        ("a" * 10_000_000, "auto", "en", TextTooLong, "text_too_long"),
        ("Hello", "Nobody", "en", UnknownVoice, "unknown_voice"),
        ("Hello", "espeak:+nobody", "en", UnknownVoice, "unknown_voice"),
        ("Hello", "espeak:xx", None, UnknownVoice, "unknown_voice"),
        ("Hello", "piper:nobody", None, UnknownVoice, "unknown_voice"),
        ("Hello", "auto", "xx", UnknownLanguage, "unknown_language"),
        ("Hello", "espeak:de", "fr", UnknownLanguage, "unknown_language"),
        ("Hello", "kokoro:af_heart", "de", UnknownLanguage, "unknown_language"),
        ("Hello", "kokoro:af_heart", "en", WeightsMissing, "weights_missing"),
        ("Hello", "piper:en_US-amy-medium", "en", WeightsMissing, "weights_missing"),
    ],
)  # fmt: skip
def test_bad_input_has_a_code_of_its_own(
    text: str, voice: str, language: str | None, error: type[InputError], code: str, tmp_path: Path
) -> None:
    start_s = perf_counter()
    with pytest.raises(error) as caught:
        speak(text, voice, language, options=VoiceOptions(folder=tmp_path))

    assert caught.value.code == code
    assert perf_counter() - start_s < 5


def test_a_voice_whose_files_are_missing_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="lipwright voices pull kokoro:af_heart"):
        speak("Hello", "kokoro:af_heart", options=VoiceOptions(folder=tmp_path))


@pytest.mark.parametrize("wrong", [{"speed": 0.1}, {"speed": float("nan")}, {"pitch": 40.0}])
def test_a_manner_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        speak("Hello", **wrong)


def test_voices_are_listed_by_language() -> None:
    everyone = voices()

    assert len({one.name for one in everyone}) == len(everyone) > 150
    assert {one.name for one in voices("de")} == {"espeak:de"}
    assert {"espeak:cmn", "kokoro:zf_xiaobei"} <= {one.name for one in voices("zh")}
    assert "kokoro:bm_george" in {one.name for one in voices("en-GB")}
    with pytest.raises(UnknownLanguage):
        voices("xx")


def test_several_texts_are_spoken_at_once() -> None:
    texts = [f"Number {k} is a big number." for k in range(12)]

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: speak(text, "espeak:", "en"), texts))

    for text, said in zip(texts, together, strict=True):
        alone = speak(text, "espeak:", "en")
        np.testing.assert_array_equal(alone.clip.samples, said.clip.samples)
        assert alone.phones == said.phones


def test_sounds_look_as_they_should() -> None:
    assert looks_of("p") == looks_of("mː") == ("PBM",)
    assert looks_of("ˈaɪ") == ("A", "I")
    assert looks_of("tʃ") == looks_of("dʒ") == ("SH",)
    assert looks_of("f") == looks_of("v") == ("FV",)
    assert looks_of("ɑ̃") == ("A",)
    assert looks_of("ˈ") == looks_of("") == ()


N_RANDOM = int(os.environ.get("LIPWRIGHT_TEST_RANDOM_TEXTS", "60"))


@settings(max_examples=N_RANDOM, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(text=st.text(max_size=60), language=st.sampled_from([None, *LANGUAGES]), is_ssml=st.booleans())
def test_no_text_crashes_the_binding_or_hangs_it(text: str, language: str | None, is_ssml: bool) -> None:
    """200 and more with LIPWRIGHT_TEST_RANDOM_TEXTS=200."""
    start_s = perf_counter()
    untold = (UnknownLanguage,) if language is None else ()  # its letters may be of a script that no voice reads
    with suppress(EmptyText, NothingToSay, BrokenSsml, *untold):
        utterance = speak(text, "auto", language, is_ssml=is_ssml)
        assert_tiles(utterance)
        assert not utterance.notes or "kanji" in utterance.notes[0]
    assert perf_counter() - start_s < 10


def test_phones_are_named_in_ipa() -> None:
    utterance = speak("Mama.", "espeak:", "it")
    assert utterance.phones is not None
    said = [item.value.name for item in utterance.phones if not item.value.is_silence]

    assert said == ["m", "a", "m", "a"]
