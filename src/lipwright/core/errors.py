"""Everything that Lipwright raises on purpose.

LipwrightError
├── InputError                    the caller can mend it
│   ├── MediaNotFound             media_not_found
│   ├── UnreadableMedia           unreadable_media
│   ├── NoVideo                   no_video
│   ├── NoAudio                   no_audio
│   ├── NoFaceFound               no_face
│   ├── FaceNotFound              face_not_found
│   ├── UnknownEngine             unknown_engine
│   ├── InvalidOption             invalid_option
│   ├── OutputExists              output_exists
│   └── UnsupportedOutput         unsupported_output
├── OutputError                   the machine's owner can mend it
│   ├── OutputNotWritable         output_not_writable
│   └── DiskFull                  disk_full
├── BrokenEngine                  broken_engine     its maker can mend it
└── Cancelled                     cancelled
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class LipwrightError(Exception):
    """The root: `code` is stable and part of every interface; the message tells what to do next."""

    code: ClassVar[str] = "error"


class InputError(LipwrightError):
    """What was given cannot be used."""

    code = "input_error"


class MediaNotFound(InputError):
    """There is no file at this path."""

    code = "media_not_found"

    def __init__(self, path: Path) -> None:
        super().__init__(f"There is no file at {path}. Check the path.")
        self.path = path


class UnreadableMedia(InputError):
    """The file is not media, or it is damaged."""

    code = "unreadable_media"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read as media: {reason}. Check that it plays, or convert it to MP4 or WAV first."
        )
        self.path = path
        self.reason = reason


class NoVideo(InputError):
    """The file has no video stream."""

    code = "no_video"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no video stream. Give footage that shows a face.")
        self.path = path


class NoAudio(InputError):
    """The file has no audio stream, or not one sample of sound."""

    code = "no_audio"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no sound. Give a recording of speech.")
        self.path = path


class NoFaceFound(InputError):
    """No face was seen in any frame of the source."""

    code = "no_face"

    def __init__(self, *, frames_searched: int) -> None:
        super().__init__(
            f"No face was found in {frames_searched} frames. Use footage in which a face is seen from the front "
            "and its mouth is not hidden."
        )
        self.frames_searched = frames_searched


class FaceNotFound(InputError):
    """There are faces, but not the one that was asked for."""

    code = "face_not_found"

    def __init__(self, *, choice: str, face_ids: tuple[int, ...]) -> None:
        known = ", ".join(str(face_id) for face_id in face_ids)
        super().__init__(
            f"No face matches {choice!r}; the faces in this footage are: {known}. See them with `lipwright faces`."
        )
        self.choice = choice
        self.face_ids = face_ids


class UnknownEngine(InputError):
    """No engine of this name is installed."""

    code = "unknown_engine"

    def __init__(self, name: str, *, known: tuple[str, ...]) -> None:
        super().__init__(f"There is no engine {name!r}. Installed: {', '.join(known)}.")
        self.name = name
        self.known = known


class InvalidOption(InputError):
    """A choice has a value that it cannot have."""

    code = "invalid_option"

    def __init__(self, name: str, value: object, reason: str) -> None:
        super().__init__(f"{name} cannot be {value!r}: {reason}.")
        self.name = name
        self.value = value
        self.reason = reason


class OutputExists(InputError):
    """There is a file already where the output should go, and it shall not be replaced."""

    code = "output_exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already. Choose another name, or allow it to be replaced.")
        self.path = path


class UnsupportedOutput(InputError):
    """The output cannot be written in the way that was asked for."""

    code = "unsupported_output"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be written: {reason}.")
        self.path = path
        self.reason = reason


class OutputError(LipwrightError):
    """The result could not be stored."""

    code = "output_error"


class OutputNotWritable(OutputError):
    """The folder of the output is missing or closed to us."""

    code = "output_not_writable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be written: {reason}. Choose a folder that exists and that you may write to.")
        self.path = path
        self.reason = reason


class DiskFull(OutputError):
    """The disk ran full while the result was written."""

    code = "disk_full"

    def __init__(self, path: Path) -> None:
        super().__init__(f"The disk is full: {path} could not be written whole, and was removed. Free some space.")
        self.path = path


class BrokenEngine(LipwrightError):
    """An engine is installed under this name, but it cannot be loaded."""

    code = "broken_engine"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The engine {name!r} cannot be loaded: {reason}. Mend or remove the package that brings it.")
        self.name = name
        self.reason = reason


class Cancelled(LipwrightError):
    """The caller asked to stop."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("Stopped on request; nothing was written.")
