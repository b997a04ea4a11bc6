"""NudeNet, where it is installed. It is under the AGPL: it runs in a process of its own, and speaks over a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final

from lipwright import sandbox
from lipwright.core.errors import InvalidOption, LimitReached, ModerationFailed, WorkerCrashed
from lipwright.moderation.base import ModeratorOptions

REFUSED: Final = (
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "BUTTOCKS_EXPOSED",
    "ANUS_EXPOSED",
)
"""Of NudeNet's 18 classes those that count; faces, feet, bellies, and what is covered do not."""
MEMORY_BYTES: Final = 4 << 30


class NudeNetModerator:
    """Looks for nudity with the model in NudeNet's wheel (YOLOv8n, 12 MB), about 0.1 s a picture."""

    licence: ClassVar[str] = "AGPL-3.0: who offers it over a network must offer its source"

    def __init__(self, options: ModeratorOptions) -> None:
        self._options = options
        lack = self.missing()
        if lack is not None:
            raise InvalidOption("moderator", "nudenet", lack)

    def look(self, pictures: Sequence[bytes]) -> list[bool]:
        """See Moderator. Raises ModerationFailed."""
        if not pictures:
            return []
        with TemporaryDirectory() as folder:
            paths: list[str] = []
            for number, picture in enumerate(pictures):
                path = Path(folder) / f"{number}.jpg"
                path.write_bytes(picture)
                paths.append(str(path))
            wall_s = self._options.timeout_s
            limits = sandbox.Limits(cpu_s=4 * wall_s, wall_s=wall_s, memory_bytes=MEMORY_BYTES, file_bytes=1 << 20)
            try:
                said = sandbox.call(
                    "lipwright.moderation.nudenet:detect",
                    {"paths": paths, "threshold": self._options.threshold},
                    limits=limits,
                )
            except (LimitReached, WorkerCrashed) as exc:
                failed = ModerationFailed("nudenet", str(exc).rstrip("."))
                raise sandbox.with_last_words(failed, exc) from exc
        return [bool(one) for one in said["refused"]]

    @staticmethod
    def missing() -> str | None:
        if find_spec("nudenet") is None:
            return "it is not installed: `pip install --no-deps nudenet` brings it (licence: AGPL-3.0)"
        return None


def detect(arguments: Mapping[str, Any], _tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run in a child: `{"refused": [bool, ...]}` for the pictures at `paths`."""
    from importlib import import_module

    detector: Any = import_module("nudenet").NudeDetector()
    return {"refused": [is_refused(detector.detect(path), arguments["threshold"]) for path in arguments["paths"]]}


def is_refused(found: Sequence[Mapping[str, Any]], threshold: float) -> bool:
    """Whether one of NudeNet's findings, `{"class", "score", "box"}`, counts."""
    return any(one["class"] in REFUSED and float(one["score"]) >= threshold for one in found)
