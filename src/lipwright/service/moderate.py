"""Pictures of what comes in and goes out, shown to the moderator that the operator chose."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

from lipwright import plugins, sandbox
from lipwright.config import ServiceSettings
from lipwright.core.errors import InvalidOption, LimitReached, ModerationFailed, WorkerCrashed
from lipwright.fetch.sniff import HEAD_BYTES, sniff
from lipwright.moderation import ModeratorOptions

if TYPE_CHECKING:
    from lipwright.moderation import Moderator

N_PICTURES: Final = 12
SIDE_PX: Final = 640


def moderator_options(settings: ServiceSettings) -> ModeratorOptions:
    """What the operator's settings say to a moderator."""
    return ModeratorOptions(
        url=settings.moderation_url, token=settings.moderation_token, threshold=settings.moderation_threshold
    )


def load_moderator(name: str, options: ModeratorOptions) -> Moderator:
    """The moderator of this name. Raises InvalidOption: it is not installed, not whole, or lacks a setting."""
    kind = plugins.load_moderator(name)
    if not callable(getattr(kind, "look", None)) or not callable(getattr(kind, "missing", None)):
        raise InvalidOption("moderator", name, f"{kind.__qualname__} has no methods `look` and `missing`")
    return cast("Moderator", cast("Any", kind)(options))


class Moderation:
    """Called with a file: whether the moderator refuses what it shows.

    Its pictures may take `limit_s`, as long as the job itself: some footage must be decoded from end to end.
    """

    def __init__(self, name: str, moderator: Moderator, limit_s: float = 120.0) -> None:
        self._name, self._moderator = name, moderator
        self._limits = sandbox.Limits(cpu_s=2 * limit_s, wall_s=limit_s, memory_bytes=6 << 30, file_bytes=64 << 20)

    def __call__(self, path: Path, should_stop: Callable[[], bool] | None = None) -> bool:
        """Raises ModerationFailed where there is no answer: then nothing is shown, and nothing is called clean.

        And Cancelled, where `should_stop` says so while pictures are taken.
        """
        with TemporaryDirectory() as folder:
            try:
                said = sandbox.call(
                    "lipwright.service.moderate:sample",
                    {"path": str(path), "folder": folder},
                    limits=self._limits,
                    should_stop=should_stop,
                )
            except (LimitReached, WorkerCrashed) as exc:
                failed = ModerationFailed(self._name, "no pictures could be taken of the file")
                raise sandbox.with_last_words(failed, exc) from exc
            # a child names no files: it says how many there are
            pictures = [
                (Path(folder) / f"{number}.jpg").read_bytes() for number in range(min(int(said["n"]), N_PICTURES))
            ]
        if not pictures:
            raise ModerationFailed(self._name, "the file shows no picture")
        return any(self._moderator.look(pictures))


def sample(arguments: dict[str, Any], _tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run in a child: N_PICTURES of a video, evenly from its first to its last frame, as JPEGs in `folder`."""
    import cv2

    from lipwright import media
    from lipwright.core.face import Box
    from lipwright.core.media import VideoFrame
    from lipwright.vision.colour import roi_rgb

    path, folder = Path(arguments["path"]), Path(arguments["folder"])

    def keep(number: int, frame: VideoFrame) -> None:
        rgb = roi_rgb(frame, Box(0, 0, frame.width_px, frame.height_px), SIDE_PX)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))

    if _may_be_picture(path):
        from lipwright.portrait.picture import BT709, is_picture, read_still

        if is_picture(path):  # as it will be seen: upright, and white where it is transparent
            keep(0, VideoFrame(read_still(path).planes, 0, Fraction(0), 8, BT709))
            return {"n": 1}
    footage = media.open_footage(path, threads=1)
    footage.settle()  # what was cut out of a recording holds fewer frames than its packets promise
    assert footage.info.video is not None  # open_footage raises NoVideo
    n_frames = footage.info.video.n_frames
    wanted = sorted({round(i * (n_frames - 1) / (N_PICTURES - 1)) for i in range(N_PICTURES)})
    n = 0
    for n, frame in enumerate(footage.play(wanted), start=1):
        keep(n - 1, frame)
    return {"n": n}


def _may_be_picture(path: Path) -> bool:
    # a look at the first bytes is cheap; the room that reads pictures loads what finds faces
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    return found is not None and "image" in found.kinds
