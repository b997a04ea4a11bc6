"""Subtitles tell what is said when."""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from itertools import pairwise

from lipwright.core.time import Span
from lipwright.core.timeline import Timed
from lipwright.voices import speak
from lipwright.voices.subtitles import captions, srt, webvtt


def test_srt_and_webvtt_have_the_times_of_the_sentences() -> None:
    said = speak("One & two. Three?", "espeak:", "en")
    first, second = (item.span for item in said.sentences)

    text, page = srt(said), webvtt(said)

    assert text.startswith("1\n00:00:00,000 --> 00:00:0")
    assert "\n\n2\n" in text
    assert f"{float(second.start_s):06.3f}".replace(".", ",") in text
    assert page.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
    assert "One &amp; two." in page
    assert "One & two." in text
    assert float(first.stop_s) < float(second.start_s)


def test_a_long_sentence_is_shown_in_parts_of_two_lines() -> None:
    sentence = Timed(Span(Fraction(2), Fraction(12)), "word " * 40)

    shown = list(captions([sentence]))

    assert len(shown) > 1
    assert shown[0].span.start_s == 2
    assert shown[-1].span.stop_s == 12
    assert all(a.span.stop_s == b.span.start_s for a, b in pairwise(shown))
    assert all(len(line) <= 42 for one in shown for line in one.value.split("\n"))
    assert all(one.value.count("\n") <= 1 for one in shown)


def test_wide_letters_take_two_places() -> None:
    sentence = Timed(Span(Fraction(0), Fraction(9)), "今天天气很好我们去公园玩" * 4)

    assert all(len(line) <= 21 for one in captions([sentence]) for line in one.value.split("\n"))


def test_a_line_never_ends_within_a_letter_of_thai_nor_begins_with_the_end_of_a_sentence() -> None:
    thai = "กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุดของประเทศไทยเป็นศูนย์กลางการปกครองเศรษฐกิจการศึกษา"
    for length in range(43, len(thai)):
        lines = shown_lines(thai[length - 43 :])
        assert "".join(lines) == thai[length - 43 :]
        assert all(unicodedata.category(line[0])[0] != "M" for line in lines[1:])
        assert all(line[-1] not in "เแโใไ" for line in lines[:-1])

    assert shown_lines("あ" * 21 + "。") == ["あ" * 20, "あ。"]
    assert shown_lines("word " * 8 + "voilà !")[-1] == "voilà !"


def shown_lines(text: str) -> list[str]:
    return [line for one in captions([Timed(Span(Fraction(0), Fraction(9)), text)]) for line in one.value.split("\n")]


def test_hours_are_counted() -> None:
    from lipwright.voices.subtitles import _clock

    assert _clock(Fraction(3_725_678, 1000), ",") == "01:02:05,678"
