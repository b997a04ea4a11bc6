"""A still picture that lives: footage made of one portrait, with subtle motion and exact landmarks.

open_source(path, tracker) -> (Footage, FaceTracker)      videos as they are, pictures as portraits
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lipwright.core.media import Footage
from lipwright.media import MediaFootage, open_footage
from lipwright.portrait.picture import is_picture, read_still
from lipwright.vision.survey import FaceTracker

if TYPE_CHECKING:
    from lipwright.portrait.footage import Portrait

__all__ = ["Footage", "is_picture", "open_source"]


def open_source(
    path: Path,
    tracker: FaceTracker,
    *,
    is_still: bool = False,
    seed: int = 0,
    duration_s: Fraction | None = None,
    threads: int = 0,
    scratch: Path | None = None,
) -> tuple[MediaFootage | Portrait, FaceTracker]:
    """Footage of a file, and what finds the faces in it: a still PNG, JPEG, WebP, BMP or TIFF comes to life, a
    video is itself.

    A picture is searched for faces with `tracker` once; after that their places are known. `is_still` lets nothing
    move but what an engine moves; `seed` chooses the motion; `duration_s` is for how long footage is wanted (None: a
    whole loop of 24 s). `threads` and `scratch` are as `media.open_footage` has them.
    Raises MediaNotFound, UnreadableMedia, NoVideo, PictureTooLarge.
    """
    if not is_picture(path):
        return open_footage(path, threads=threads, scratch=scratch), tracker
    # what draws portraits brings SciPy's interpolation along: a second of CPU time that videos do without
    from lipwright.portrait.footage import PortraitTracker, make_portrait

    portrait = make_portrait(read_still(path), tracker, seed=seed, is_still=is_still, duration_s=duration_s)
    return portrait, PortraitTracker(portrait)
