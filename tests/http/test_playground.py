"""What the page is told, without a browser."""

from __future__ import annotations

from lipwright.service.page import languages_of
from lipwright.voices import VoiceInfo, voices


def test_each_language_is_listed_once_and_by_its_own_name() -> None:
    before = languages_of([one for one in voices() if one.name.startswith("espeak:")])
    # also those whose files are not here: as if all were pulled
    pulled = languages_of(voices())

    assert pulled == before
    assert (pulled["es"], pulled["fr-fr"]) == ("Spanish (Spain)", "French (France)")
    assert not {"fr", "cmn", "zh-cn"} & pulled.keys()
    # the word for it that every provider takes
    assert "Chinese" in pulled["zh"]


def test_a_language_that_only_one_voice_speaks_is_not_named_after_the_voice() -> None:
    own = VoiceInfo("piper:tlh_QO-mara-low", "tlh-qo", "Mara")

    assert languages_of([own]) == {"tlh-qo": "tlh-qo"}
    assert languages_of([VoiceInfo("espeak:de", "de", "German"), own]) == {"de": "German", "tlh-qo": "tlh-qo"}
