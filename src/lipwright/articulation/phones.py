"""The sounds that look different on the lips: the classes of the network's phone head."""

from __future__ import annotations

from typing import Final

PHONES: Final = (
    "sil", "PBM", "FV", "TH", "TDN", "L", "KG", "SZ", "SH", "R",
    "W", "J", "H", "A", "E", "I", "O", "U", "schwa", "ER",
)  # fmt: skip
"""Silence, eleven kinds of consonant and glide, and seven of vowel; a diphthong is two of them in turn."""
