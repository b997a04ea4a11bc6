"""`lipwright probe`: what a media file holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.screen import as_json, clock_time, rate_text, speaks_errors

if TYPE_CHECKING:
    from lipwright.core.media import AudioInfo, SourceInfo, VideoInfo


@speaks_errors
def probe(
    file: Annotated[Path, typer.Argument(help="Any media file.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what FILE holds."""
    from lipwright import service

    info = service.probe(file)
    typer.echo(as_json(asdict(info)) if json else text(info))


def text(info: SourceInfo) -> str:
    """A few lines for people."""
    lines = [f"{info.path}: {info.container}"]
    lines += [f"  video    {_video(info.video)}" if info.video else "  video    none"]
    lines += [f"  audio    {_audio(audio)}" for audio in info.audio] or ["  audio    none"]
    return "\n".join([*lines, *(f"  note     {note}" for note in info.notes)])


def _video(video: VideoInfo) -> str:
    turned = f", turned by {video.rotation_deg}°" if video.rotation_deg else ""
    if video.n_frames == 1:
        return f"{video.codec}, {video.width_px}x{video.height_px}, one picture, {video.pixel_format}{turned}"
    rate = f"{rate_text(video.fps)} frames/s{' on average (varies)' if video.is_vfr else ''}"
    extras = f"{', interlaced' if video.is_interlaced else ''}{', mirrored' if video.is_mirrored else ''}"
    return (
        f"{video.codec}, {video.width_px}x{video.height_px}, {rate}, {clock_time(float(video.duration_s))} "
        f"({video.n_frames} frames), {video.pixel_format}{turned}{extras}"
    )


def _audio(audio: AudioInfo) -> str:
    channels = {1: "mono", 2: "stereo"}.get(audio.channels, f"{audio.channels} channels")
    return f"{audio.codec}, {audio.rate_hz} Hz, {channels}, {clock_time(float(audio.duration_s))}"
