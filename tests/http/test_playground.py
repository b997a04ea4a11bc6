"""What the page is told, without a browser."""

from __future__ import annotations

from typing import Any

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


def test_wrong_keys_are_counted_by_the_address_that_a_proxy_tells(here: Any) -> None:
    def sign_in(key: str, address: str) -> int:
        headers = {**here.own, "X-Forwarded-For": address}
        status = here.client.post("/playground/session", json={"key": key}, headers=headers).status_code
        here.client.cookies.clear()
        return status

    right = [sign_in(here.alice_key, "203.0.113.7") for _ in range(12)]
    wrong = [sign_in(f"lw_{k}", "203.0.113.7") for k in range(12)]

    assert set(right) == {200}
    assert (wrong[0], wrong[-1]) == (401, 429)
    assert sign_in(here.alice_key, "203.0.113.7") == 429
    assert sign_in(here.alice_key, "203.0.113.8") == 200
