"""The contract of an engine: study footage once (slow, may be kept), then speak with its people (streaming)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import Footage, VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack, SpeakingStyle

Progress: TypeAlias = Callable[[int, int], None]
"""`progress(done, total)`, called often; it stops the work by raising `Cancelled`."""


EDITED: Final = "edited"
"""What a `RenderReport.strip` calls frames that were rewritten."""


class Tracker(Protocol):
    """Finds the faces of a video, frame by frame.

    Optional: `notes`, a list of sentences on the frames that it was given last, for the person who looks at the result.
    """

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
    strip: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """The frames in order, as runs of (EDITED or the reason, how many); empty where the engine does not tell."""

    def edit(self) -> None:
        """The next frame was rewritten."""
        self.n_edited += 1
        self._next(EDITED)

    def leave(self, why: str) -> None:
        """The next frame was passed through as it was."""
        self.untouched[why] = self.untouched.get(why, 0) + 1
        self._next(why)

    def _next(self, what: str) -> None:
        n = self.strip.pop()[1] if self.strip and self.strip[-1][0] == what else 0
        self.strip.append((what, n + 1))


class Avatar(Protocol):
    """One person of the footage, ready to speak."""

    @property
    def style(self) -> SpeakingStyle:
        """How this person speaks; articulation scales its plan to it."""
        ...

    @property
    def report(self) -> RenderReport: ...

    def speak(
        self,
        mouth: MouthTrack,
        plan: FramePlan,
        progress: Progress | None = None,
        *,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield one frame for each entry of `plan`, in order, this person saying `mouth`.

        Streams: never holds a whole video. A yielded frame's `time_s` is that of the plan. `onto` are the plan's
        frames as another person's avatar leaves them; without it they are the footage's own.
        """
        ...


class Studied(Protocol):
    """Footage that an engine has looked at: everyone in it."""

    def avatar(self, face_id: int) -> Avatar:
        """The person whom the tracker called `face_id`; it must have seen them."""
        ...


class Engine(Protocol):
    """A way of moving lips."""

    name: str

    def study(
        self,
        source: Footage,
        *,
        tracker: Tracker,
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Studied:
        """Look at the footage: one pass over its frames; who shall speak is chosen later. Raises UnreadableMedia."""
        ...


Memory: TypeAlias = Iterable[tuple[str, NDArray[Any]]]
"""Arrays by name, given one after the other; none of them of objects."""


class Memorable(Studied, Protocol):
    """What was studied, and can be kept."""

    def memory(self) -> Memory:
        """All that `recall` needs beside the footage itself."""
        ...


@runtime_checkable
class RecallingEngine(Protocol):
    """An engine whose study of some footage can be kept, so that the next speech need not look at it again.

    Optional: an Engine that has this as well, and whose `study` gives a Memorable. What is kept is used as long as
    neither the engine's package nor the tracker's has changed.
    """

    def recall(self, source: Footage, memory: Mapping[str, NDArray[Any]], options: Mapping[str, str]) -> Memorable:
        """What `study` gave, from its memory. Raises ValueError where that cannot be."""
        ...


class PartAvatar(Protocol):
    """One person of the footage, as far as a part of one speech needs them."""

    @property
    def report(self) -> RenderReport:
        """Of the part; what was chosen for the whole is told as it is of the whole."""
        ...

    def speak_part(
        self,
        plan: FramePlan,
        part: range,
        progress: Progress | None = None,
        *,
        onto: Iterator[VideoFrame] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield the frames of these entries of the plan, the same that `speak` has there; `onto` are those alone."""
        ...


class SharingAvatar(Avatar, Protocol):
    """An avatar that can tell others how it would speak.

    Optional: `is_turning`, whether another way is up on some of the footage's frames than on others, `is_veiled`,
    whether a bar lies before the face that is taken off and laid on again, and `is_in_mid_word`, whether a picture's
    open mouth is shut where nothing is said; programs that do not know of them are then not given a part.
    """

    def share(self, mouth: MouthTrack, plan: FramePlan) -> Memory:
        """All that `PartingEngine.part` needs beside the footage: what is chosen for the whole is chosen now."""
        ...


@runtime_checkable
class PartingEngine(Protocol):
    """An engine whose speech may be rendered in parts, each of them elsewhere.

    Optional: an Engine that has this as well, and whose avatars are SharingAvatars. Without it a speech is rendered by
    one process from its beginning to its end.
    """

    def part(self, source: Footage, shared: Mapping[str, NDArray[Any]], options: Mapping[str, str]) -> PartAvatar:
        """The avatar that told `shared`. Raises ValueError where that cannot be."""
        ...


def joined(reports: Sequence[RenderReport]) -> RenderReport:
    """The report of the whole, from those of its parts in their order."""
    first = reports[0]
    whole = RenderReport(first.engine, first.mode, first.face_id, n_donor_changes=first.n_donor_changes)
    whole.figures = dict(first.figures)
    whole.notes = list(dict.fromkeys(note for report in reports for note in report.notes))
    for report in reports:
        whole.n_frames += report.n_frames
        whole.n_edited += report.n_edited
        for why, n in report.untouched.items():
            whole.untouched[why] = whole.untouched.get(why, 0) + n
        for what, n in report.strip:
            before = whole.strip.pop()[1] if whole.strip and whole.strip[-1][0] == what else 0
            whole.strip.append((what, before + n))
    return whole
