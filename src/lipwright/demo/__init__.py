"""The bundled sample: a public-domain portrait, still and as a clip, and a synthesised sentence (README.md here)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SPEECH_TEXT: Final = (
    "This is a test of Lipwright. Give it a video and a recording, "
    "and before people believe it, the mouth moves with every word."
)


def video_path() -> Path:
    """480x480, 25 frames/s, 6 s, without sound."""
    return Path(__file__).parent / "portrait.mp4"


def picture_path() -> Path:
    """512x512, the whole portrait, as a still picture."""
    return Path(__file__).parent / "portrait.jpg"


def speech_path() -> Path:
    """`SPEECH_TEXT`, 16 kHz mono."""
    return Path(__file__).parent / "speech.flac"
