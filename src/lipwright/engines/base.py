"""The contract of an engine: prepare footage once (slow, cacheable), then speak with it (streaming)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from lipwright.core.face import FaceChoice, TrackedFace
from lipwright.core.media import Footage, VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack, SpeakingStyle

Progress: TypeAlias = Callable[[int, int], None]
"""`progress(done, total)`, called often; it stops the work by raising `Cancelled`."""


class Tracker(Protocol):
    """Finds the faces of a video, frame by frame."""

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        """Each frame with its faces, in order; "no face here" is an empty list on that frame."""
        ...


@dataclass(slots=True)
class RenderReport:
    """What an engine did with the footage; complete once the last frame has been yielded."""

    engine: str
    mode: str
    """Where the mouth's texture came from, such as "retrieved" or "own-lips"."""
    face_id: int
    n_frames: int = 0
    n_edited: int = 0
    untouched: dict[str, int] = field(default_factory=dict[str, int])
    """Frames passed through as they were, counted by reason: "no_face", "occluded", "profile", ..."""
    n_donor_changes: int = 0
    notes: list[str] = field(default_factory=list[str])
    """Fallbacks and warnings, worded for the person who looks at the result."""
    figures: dict[str, float] = field(default_factory=dict[str, float])


class Avatar(Protocol):
    """A source that an engine has prepared."""

    @property
    def style(self) -> SpeakingStyle:
        """How the chosen person speaks; articulation scales its plan to it."""
        ...

    @property
    def report(self) -> RenderReport: ...

    def speak(self, mouth: MouthTrack, plan: FramePlan, progress: Progress | None = None) -> Iterator[VideoFrame]:
        """Yield one frame for each entry of `plan`, in order, the chosen face saying `mouth`.

        Streams: never holds a whole video. A yielded frame's `time_s` is that of the plan.
        """
        ...


class Engine(Protocol):
    """A way of moving lips."""

    name: str

    def prepare(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        face: FaceChoice,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Avatar:
        """Study the footage: one pass over its frames. Raises NoFaceFound, FaceNotFound, UnreadableMedia."""
        ...
