"""Make the bundled sample: a short clip from a public-domain portrait, the portrait itself, and a synthesised sentence.

    python scripts/make_sample.py --portrait astronaut.png

The portrait is `skimage/data/astronaut.png` of any release of scikit-image; the sentence needs the program `flite`.
The results are committed (src/lipwright/demo), so this runs only when the sample shall change.
"""

# pyright: reportUnknownMemberType=false
# PyAV leaves the keyword arguments of its streams untyped.

from __future__ import annotations

import argparse
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.demo import SPEECH_TEXT, picture_path, speech_path, video_path

SIDE_PX = 480
FPS = Fraction(25)
N_FRAMES = 150
CENTRE_PX = (222.0, 150.0)
"""Of the crop, in the portrait: between the chin and the eyes."""
CROP_PX = 300.0


def picture(portrait: NDArray[Any], time_s: float) -> NDArray[Any]:
    """(SIDE_PX, SIDE_PX, 3): the portrait as a hand-held camera sees a person who breathes; all moves are sub-pixel."""
    zoom = SIDE_PX / CROP_PX * (1 + 0.012 * np.sin(2 * np.pi * time_s / 6.0))
    roll_rad = np.radians(0.7) * np.sin(2 * np.pi * time_s / 4.3 + 0.6)
    x = CENTRE_PX[0] + 1.6 * np.sin(2 * np.pi * time_s / 5.1) + 0.5 * np.sin(2 * np.pi * time_s / 1.7)
    y = CENTRE_PX[1] + 1.1 * np.sin(2 * np.pi * time_s / 3.4 + 1.0)
    cos, sin = zoom * np.cos(roll_rad), zoom * np.sin(roll_rad)
    half = (SIDE_PX - 1) / 2
    matrix = np.array([[cos, -sin, half - cos * x + sin * y], [sin, cos, half - sin * x - cos * y]])
    return cv2.warpAffine(portrait, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def write_clip(portrait_path: Path, path: Path) -> None:
    portrait = cv2.cvtColor(cv2.imread(str(portrait_path)), cv2.COLOR_BGR2RGB)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "19", "preset": "veryslow", "tune": "film"})
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = 1, 1, 1, 1
        for k in range(N_FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(portrait, float(k / FPS)), "rgb24")
            out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")))
        out.mux(stream.encode(None))


def write_picture(portrait_path: Path, path: Path) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    cv2.imwrite(str(path), cv2.imread(str(portrait_path)), [*options, cv2.IMWRITE_JPEG_OPTIMIZE, 1])


def write_speech(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", SPEECH_TEXT, "-o", str(wav)], check=True)
        with av.open(str(wav)) as source, av.open(str(path), "w") as out:
            voice = source.streams.audio[0]
            stream: Any = out.add_stream("flac", rate=voice.rate, options={"compression_level": "12"})
            stream.layout = "mono"
            for frame in source.decode(voice):
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portrait", type=Path, required=True)
    arguments = parser.parse_args()
    write_clip(arguments.portrait, video_path())
    write_picture(arguments.portrait, picture_path())
    write_speech(speech_path())
    for path in (video_path(), picture_path(), speech_path()):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
