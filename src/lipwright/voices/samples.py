"""A sentence to try a voice with, in languages that many speak."""

from __future__ import annotations

from typing import Final

from lipwright.core.errors import UnknownVoice
from lipwright.core.options import VoiceOptions
from lipwright.voices.speak import voices
from lipwright.voices.speakers import read_speakers

SAMPLES: Final = {
    "en": "Please bring me a map of the big park before Monday.",
    "zh": "你好,我们今天去公园玩,好吗?",
    "cmn": "你好,我们今天去公园玩,好吗?",
    "es": "Por favor, tráeme un mapa del parque antes del lunes.",
    "hi": "कृपया मुझे बड़े पार्क का नक्शा दीजिए।",
    "ar": "من فضلك أعطني خريطة الحديقة الكبيرة.",
    "pt": "Por favor, traga-me um mapa do parque amanhã.",
    "ru": "Пожалуйста, принеси мне большую карту парка.",
    "ja": "こうえんのちずをもってきてください。",
    "de": "Bitte bring mir vor Montag einen Plan vom großen Park.",
    "fr": "Apporte-moi une carte du grand parc, s'il te plaît.",
    "it": "Portami per favore una mappa del grande parco.",
    "ko": "큰 공원의 지도를 가져다 주세요.",
    "tr": "Lütfen bana büyük parkın haritasını getir.",
    "vi": "Làm ơn mang cho tôi bản đồ công viên.",
    "pl": "Proszę, przynieś mi mapę dużego parku.",
    "nl": "Breng me alsjeblieft een kaart van het grote park.",
    "id": "Tolong bawakan saya peta taman besar itu.",
    "uk": "Будь ласка, принеси мені карту великого парку.",
    "cs": "Prosím, přines mi mapu velkého parku.",
    "th": "กรุณานำแผนที่สวนสาธารณะมาให้ฉัน",
}
"""Language -> a sentence full of p, b and m; other languages count to ten."""
_COUNT: Final = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
_WITHOUT_NUMBERS: Final = {"chr": "Mama, papa.", "cv": "Мама, папа.", "kl": "Mama, papa.", "sjn": "Mama, papa."}
"""eSpeak NG has no numbers in these, or breaks down at one."""


def sample_text(voice: str, language: str | None, options: VoiceOptions | None) -> str:
    """What a voice says to be tried: in `language`, else in its own, else in English. Raises UnknownVoice."""
    options = VoiceOptions() if options is None else options
    if language is None and read_speakers(options.speakers).find(voice) is None:
        name = voice.partition("+")[0]
        found = [one.language for one in voices(options=options) if one.name == name]
        if not found and name.rstrip(":") != "espeak":
            raise UnknownVoice(voice)
        language = found[0] if found else None
    if language is None:
        return SAMPLES["en"]
    code = language.lower().replace("_", "-").split("-")[0]
    return SAMPLES.get(code) or _WITHOUT_NUMBERS.get(code, _COUNT)
