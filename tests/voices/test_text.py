"""Text is cleaned, and cut where a reader would breathe."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.core.errors import NothingToSay
from lipwright.voices import text as ours
from lipwright.voices.text import LONGEST_SENTENCE, aloud, can_be_said, has_words, last_sign, readable, sentences


def cut(text: str) -> list[str]:
    return [one.text for one in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "Dr. Smith lives at 5 St. James St. in the U.S. now.",
            ["Dr. Smith lives at 5 St. James St. in the U.S. now."],
        ),
        ("It costs 3.50, i.e. little. Buy it.", ["It costs 3.50, i.e. little.", "Buy it."]),
        ("Wir treffen uns am 5. Mai um 12.30 Uhr. Gut?", ["Wir treffen uns am 5. Mai um 12.30 Uhr.", "Gut?"]),
        ('"Was?" fragte er. "Nichts."', ['"Was?" fragte er.', '"Nichts."']),
        ("hey! how are you? fine", ["hey!", "how are you?", "fine"]),
        ("今天天气很好。我们去公园。", ["今天天气很好。", "我们去公园。"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("كيف حالك؟ بخير.", ["كيف حالك؟", "بخير."]),
        ("နေကောင်းလား။ ကောင်းပါတယ်။", ["နေကောင်းလား။", "ကောင်းပါတယ်။"]),
        ("A title\nA line\n\nA paragraph", ["A title", "A line", "A paragraph"]),
        ("... And then?! Yes...", ["And then?!", "Yes..."]),
    ],
)
def test_text_is_cut_at_its_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_a_sentence_without_end_is_cut_at_commas_or_spaces() -> None:
    by_commas = cut("one two three four five six, " * 40)
    by_spaces = cut("word " * 200)
    by_force = cut("ab" * 600)

    for pieces in (by_commas, by_spaces, by_force):
        assert len(pieces) > 1
        assert all(len(piece) <= LONGEST_SENTENCE for piece in pieces)
    assert all(piece.endswith(",") for piece in by_commas)
    assert "".join(by_spaces).replace(" ", "") == "word" * 200


@pytest.mark.parametrize("number", ["1,500,250", "1 500 250", "1\u00a0500\u00a0250", "10:30", "3.1415926535"])
@pytest.mark.parametrize("words", ["and so on ", "a, ", "一二三"])
def test_a_long_sentence_is_not_cut_within_a_number(number: str, words: str) -> None:
    for n_before in range(LONGEST_SENTENCE - len(words) - 12, LONGEST_SENTENCE + 1):
        before = (words * LONGEST_SENTENCE)[:n_before].rstrip(", ")
        pieces = cut(
            f"{before}，{number}，三二一三二一三二一三二一三二一"
            if words == "一二三"
            else f"{before} {number} dollars and more of it"
        )

        assert len(pieces) > 1
        assert any(number in piece for piece in pieces)


def test_what_is_counted_without_end_is_cut_all_the_same() -> None:
    for counted in (" ".join(map(str, range(300))), ",".join(map(str, range(300))), "7" * 1000):
        assert all(len(piece) <= LONGEST_SENTENCE for piece in cut(counted))
        assert re.sub(r"\W", "", "".join(cut(counted))) == re.sub(r"\W", "", counted)


def test_pauses_are_longer_between_paragraphs_than_between_sentences_and_within() -> None:
    said = sentences("One. Two.\n\nThree " + "and more " * 60)

    assert said[0].pause_s < said[1].pause_s
    assert said[2].pause_s < said[0].pause_s


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi 😀 there 🇩🇪!", "Hi there!"),
        ("The end 😀. Bonjour !", "The end. Bonjour !"),
        ("See https://www.example.com/a?b=c.", "See example.com."),
        ("a < b > c & <b>d</b>", "a < b > c & d"),
        ("50 % of €5 = x\x07\ufeff", "50 % of €5 = x"),
        ("Nooooooooooooooooo", "Nooo"),
        ("We raised 10000000000 dollars.", "We raised 10000000000 dollars."),
        ("It fell to −12.5 °C, 5−3=2.", "It fell to −12.5 °C, 5−3=2."),
        ("x ≤ 5, y ≥ 6 and y ≠ 3 ≈ z, № 5", "x ≤ 5, y ≥ 6 and y ≠ 3 ≈ z, № 5"),
        ("\ud800x", "x"),
    ],
)
def test_what_cannot_be_said_is_left_out(text: str, expected: str) -> None:
    assert readable(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ｒｏｏｍ １２３", "Room 123"),
        ("𝓗𝓮𝓵𝓵𝓸 𝟏𝟐", "Hello 12"),
        ("①First②Second Ⓐ", "1 First 2 Second A"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("￥５０は１０％", "¥50は10%"),
        ("你好！今天，好。", "你好！今天，好。"),
        ("x² ½ Ⅷ ㊗", "x² ½ Ⅷ"),
        ("25℃ and 5㎏", "25°C and 5kg"),
    ],
)
def test_letters_and_digits_in_another_shape_are_what_they_stand_for(text: str, expected: str) -> None:
    assert readable(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("网址是 https://example.com/a，谢谢大家。请准时到达。", ["网址是 example.com，谢谢大家。", "请准时到达。"]),
        ("详情请见https://example.com/a，谢谢", ["详情请见 example.com，谢谢"]),
        ("访问www.example.com/help了解更多，再见。", ["访问 example.com 了解更多，再见。"]),
        ("请看https://example.com。谢谢。", ["请看 example.com。", "谢谢。"]),
        ("请看https://example.com谢谢。", ["请看 example.com 谢谢。"]),
        ("アドレスは「https://example.jp/info」です。", ["アドレスは「example.jp」です。"]),
        ("ดูที่https://a.co/xขอบคุณ", ["ดูที่ a.co ขอบคุณ"]),
        ("Visit https://a.co/x—thanks, all of you. Bye.", ["Visit a.co—thanks, all of you.", "Bye."]),
        ("See https://en.wikipedia.org/wiki/Lip_(disambiguation). Then go.", ["See en.wikipedia.org.", "Then go."]),
        ("(siehe https://a.de/b); danke", ["(siehe a.de); danke"]),
        ("Is it www.a.co/b? Yes.", ["Is it a.co?", "Yes."]),
        ("На https://ru.wikipedia.org/wiki/Губы, там.", ["На ru.wikipedia.org, там."]),
        ("Auf https://münchen.de und https://例え.jp/あ", ["Auf münchen.de und 例え.jp あ"]),
        ("Open http://me:secret@localhost:8080/a now", ["Open localhost:8080 now"]),
    ],
)
def test_of_an_address_its_host_is_said_and_nothing_of_the_sentence_is_lost(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("若a<b且b>c，那么", "若a<b且b>c，那么"),
        ("Если a<b и b>c", "Если a<b и b>c"),
        ("if a<b and c=5 and d>e", "if a<b and c=5 and d>e"),
        ("if 0 <x and x>5", "if 0 <x and x>5"),
        ("<v Roger Bingham>Hello <c.loud>all</c><br/>of <first name> now", "Hello all of now"),
        ('a<img src="x.png" alt="of b">c<font color=red>d</font>e', "a c d e"),
    ],
)
def test_a_tag_is_told_from_a_sum(text: str, expected: str) -> None:
    assert readable(text) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("eﬃcient oﬃce, ﬁnd", "en", "efficient office, find"),
        ("ﺍﻟﺴﻼﻡ ﻋﻠﻴﻜﻢ", "ar", "السلام عليكم"),
        ("Chapter Ⅷ, Louis ⅩⅣ", "en-us", "Chapter VIII, Louis XIV"),
        ("第Ⅲ章", "zh", "第3章"),
        ("น้ำ ㄱ և", "th", "น้ำ ㄱ և"),
        ("1⁄2 or x⁄y", "en", "1/2 or x/y"),
        ("5\u00a0000 человек, 1\u202f500\u2009250,5", "ru", "5000 человек, 1500250,5"),
        ("10\u00a0000 people in 2026\u00a0and 12\u00a0more", "en", "10000 people in 2026 and 12 more"),
        ("5 000 человек, 12 345 678", "ru", "5000 человек, 12345678"),
        ("8 800 555 35 35, +7 800 555, 0,001 234, 2020 500", "ru", "8 800 555 35 35, +7 800 555, 0,001 234, 2020 500"),
        ("Volejte 777 123 456", "cs", "Volejte 777 123 456"),
        ("10 000 people", "en", "10 000 people"),
        ("I don´t know, it`s, weʼre, you＇re", "en", "I don't know, it's, we're, you're"),
        ("пʼять", "uk", "пʼять"),
        ("пʼю", "be", "п'ю"),
    ],
)
def test_a_voice_is_given_what_it_can_read(text: str, language: str, expected: str) -> None:
    assert aloud(readable(text), language) == expected


@pytest.mark.parametrize("text", ["eﬃcient", "weʼre", "Ⅷ", "5\u00a0000", "5 000"])
def test_what_is_shown_is_what_was_typed(text: str) -> None:
    assert cut(text) == [text]


@pytest.mark.parametrize("sign", ["\u00ad", "\u2060", "\ufeff", "\u200f"])
def test_signs_that_nobody_sees_part_no_word(sign: str) -> None:
    assert readable(f"Donau{sign}dampf{sign}.") == "Donaudampf."


@given(st.text(alphabet="a \u2003\0.,!"))
def test_what_is_left_out_before_a_stop_takes_its_spaces_with_it(text: str) -> None:
    plainly = re.compile(r"[^\S\n]*\0[\0 ]*(?=[.,!?;:…])")

    assert readable(text) == re.sub(r"[^\S\n]+", " ", plainly.sub("", text).replace("\0", " ")).strip()


@given(st.text(alphabet="a!?.।。！”) \n"))
def test_the_ends_of_sentences_are_those_of_the_plain_pattern(text: str) -> None:
    closing = re.escape("\"'”’»)]}」』）】")
    plainly = re.compile(rf"(?:[.!?…؟۔।॥։።]+[{closing}]*(?=\s|$))|(?:[。！？｡]+[{closing}]*)|\n")

    found = ours._END.finditer(text)  # pyright: ignore[reportPrivateUsage]
    assert [one.span() for one in found] == [one.span() for one in plainly.finditer(text)]


@pytest.mark.parametrize("many", ["😀", " 😀", "!?", ".)", "a. ", "a。", "😀 \t"])
def test_far_more_than_is_accepted_is_still_cut(many: str) -> None:
    """It takes a moment; with patterns that are tried from each character it took many minutes."""
    assert sentences("Go" + many * 200_000 + "on")


@pytest.mark.parametrize(
    ("sentence", "sign"), [("Who?", "?"), ("“Stop!” ", "!"), ("はい？", "?"), ("Well…", "…"), ("So.", "."), ("So", ".")]
)
def test_how_a_sentence_ends(sentence: str, sign: str) -> None:
    assert last_sign(sentence) == sign


def test_what_has_no_spaces_is_not_cut_between_a_letter_and_its_mark() -> None:
    thai = "เศรษฐกิจ" * 80
    pieces = [one.text for one in sentences(thai)]

    assert "".join(pieces) == thai
    assert len(pieces) > 1
    assert all(unicodedata.category(piece[0])[0] != "M" and piece[-1] != "เ" for piece in pieces)


@pytest.mark.parametrize("text", ["?!", "😀", "—", "<b></b>"])
def test_text_without_a_word_is_told_of(text: str) -> None:
    with pytest.raises(NothingToSay):
        sentences(text)
    assert not can_be_said(text)


@given(st.text(alphabet="😀!<b>/ ①Ⓐ²５\u0301\u00ad:w.x"))
def test_nothing_that_has_words_is_said_to_have_none(text: str) -> None:
    assert can_be_said(text) == has_words(readable(text))


def test_no_word_is_made_of_signs_that_are_none() -> None:
    for whole in map(chr, range(sys.maxunicode + 1)):
        made_of = unicodedata.normalize("NFD", whole) if unicodedata.decomposition(whole) else whole
        if len(made_of) > 1 and whole.isalnum():
            assert any(map(can_be_said, made_of)), whole
