"""Everything that Lipwright raises on purpose.

LipwrightError
├── InputError                    the caller can mend it
│   ├── MediaNotFound             media_not_found
│   ├── UnreadableMedia           unreadable_media
│   ├── PictureTooLarge           picture_too_large
│   ├── NoVideo                   no_video
│   ├── NoAudio                   no_audio
│   ├── NoFaceFound               no_face
│   ├── FaceNotFound              face_not_found
│   ├── UnknownEngine             unknown_engine
│   ├── InvalidOption             invalid_option
│   ├── UrlRefused                url_refused
│   ├── FetchFailed               fetch_failed
│   ├── WrongContent              wrong_content
│   ├── MediaTooLarge             media_too_large
│   ├── ContentRefused            content_refused
│   ├── EmptyText                 empty_text
│   ├── NothingToSay              nothing_to_say
│   ├── TextTooLong               text_too_long
│   ├── UnknownVoice              unknown_voice
│   ├── UnknownLanguage           unknown_language
│   ├── BrokenSsml                broken_ssml
│   ├── WeightsMissing            weights_missing
│   ├── InvalidKey                invalid_key
│   ├── KeyRevoked                key_revoked
│   ├── InsufficientCredits       insufficient_credits
│   ├── JobNotFound               job_not_found
│   ├── MediaNotKnown             media_not_known
│   ├── WrongMediaKind            wrong_media_kind
│   ├── TicketExpired             ticket_expired
│   ├── UploadIncomplete          upload_incomplete
│   ├── IdempotencyMismatch       idempotency_mismatch
│   ├── SubmitInFlight            submit_in_flight
│   ├── OutputExists              output_exists
│   ├── EncoderUnavailable        encoder_unavailable
│   └── UnsupportedOutput         unsupported_output
├── OutputError                   the machine's owner can mend it
│   ├── OutputNotWritable         output_not_writable
│   └── DiskFull                  disk_full
├── BrokenEngine                  broken_engine     its maker can mend it
├── WorkerCrashed                 worker_crashed    a process of ours broke
├── LimitReached                  limit_reached     the work took more than it may
├── ModerationFailed              moderation_failed nobody can say whether a picture may be shown
├── BrokenVoice                   broken_voice      a voice is installed and does not speak
├── WeightsRefused                weights_refused   a model file is not what it should be
├── DeadlineExceeded              deadline_exceeded a job took longer than the operator allows
├── Stalled                       stalled           a job made no progress for longer than the operator allows
├── GaveUp                        gave_up           a job was begun too often without coming to an end
├── StoreMismatch                 store_mismatch    the database is not one that this version can use, or the store's
├── DatabaseAway                  database_away     the database does not answer; what it took in is kept
│   └── DatabaseFull              database_full     its disk has no room
├── StoreAway                     store_away        the bucket of files does not answer
├── InternalError                 internal_error    ours to mend
└── Cancelled                     cancelled
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, ClassVar


class LipwrightError(Exception):
    """The root: `code` is stable and part of every interface; the message tells what to do next."""

    code: ClassVar[str] = "error"

    def __reduce__(self) -> tuple[Any, ...]:
        # an exception is copied by calling its class with `args`; here they are the message, which no class takes
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[LipwrightError], args: tuple[Any, ...]) -> LipwrightError:
    """An error of another process, as it was."""
    return kind.__new__(kind, *args)


class InputError(LipwrightError):
    """What was given cannot be used."""

    code = "input_error"


class MediaNotFound(InputError):
    """There is no file at this path."""

    code = "media_not_found"

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            message = f"{path} is a folder. Give one file."
        elif path.exists() and not path.is_file():
            message = (
                f"{path} is a pipe or a device, which cannot be read twice. Save what comes from it to a file first."
            )
        elif str(path).startswith(("http:/", "https:/")):
            message = f"{str(path).replace(':/', '://', 1)} is an address; only files are opened. Download it first."
        else:
            message = f"There is no file at {path}. Check the path."
        super().__init__(message)
        self.path = path


class UnreadableMedia(InputError):
    """The file is not media, or it is damaged."""

    code = "unreadable_media"

    def __init__(
        self, path: Path, reason: str, *, advice: str = "Check that it plays, or convert it to MP4 or WAV first."
    ) -> None:
        super().__init__(f"{path} cannot be read as media: {reason}. {advice}")
        self.path = path
        self.reason = reason


class PictureTooLarge(InputError):
    """The still picture has more pixels than are taken."""

    code = "picture_too_large"

    def __init__(self, path: Path, *, width_px: int, height_px: int, max_pixels: int) -> None:
        super().__init__(
            f"{path} is {width_px}x{height_px} pixels; a picture may have {max_pixels / 1e6:g} million. "
            "Make it smaller first."
        )
        self.path = path
        self.width_px = width_px
        self.height_px = height_px
        self.max_pixels = max_pixels


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
    """No face was seen in any frame of the source, or in too few to measure it."""

    code = "no_face"

    def __init__(self, *, frames_searched: int, frames_seen: int = 0, frames_needed: int = 1) -> None:
        where = "the one frame that there is" if frames_searched == 1 else f"{frames_searched} frames"
        message = (
            f"No face was found in {where}. Use footage in which a face is seen from the front "
            "and its mouth is not hidden."
        )
        if frames_seen:
            found = where if frames_seen == frames_searched else f"{frames_seen} of {where}"
            message = (
                f"The face is seen in too few frames to be measured: in {found}, and {frames_needed} are needed. "
                "Use a longer video, in which the face is seen from the front."
            )
        super().__init__(message)
        self.frames_searched = frames_searched
        self.frames_seen = frames_seen
        self.frames_needed = frames_needed


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
        super().__init__(f"{name} is missing: {reason}." if value is None else f"{name} cannot be {value!r}: {reason}.")
        self.name = name
        self.value = value
        self.reason = reason


class UrlRefused(InputError):
    """The address is not one that this service goes to."""

    code = "url_refused"

    def __init__(
        self, url: str, reason: str, *, advice: str = "Give a public http or https address, or upload the file."
    ) -> None:
        super().__init__(f"{url} is refused: {reason}. {advice}")
        self.url = url
        self.reason = reason


class FetchFailed(InputError):
    """The address did not give the file."""

    code = "fetch_failed"

    def __init__(self, url: str, reason: str, *, advice: str = "Check that it opens without signing in.") -> None:
        super().__init__(f"{url} could not be fetched: {reason}. {advice}")
        self.url = url
        self.reason = reason


class WrongContent(InputError):
    """What came is another kind of file than the one that was asked for, judged by its bytes."""

    code = "wrong_content"

    def __init__(self, name: str, *, found: str, expected: tuple[str, ...]) -> None:
        named = {"video": "a video", "audio": "a recording", "image": "a picture"}
        *others, last = [named.get(kind, kind) for kind in expected]
        super().__init__(f"{name} is {found}. Give {', '.join(others)}{' or ' if others else ''}{last}.")
        self.name = name
        self.found = found
        self.expected = expected


class MediaTooLarge(InputError):
    """The media are beyond what is accepted."""

    code = "media_too_large"

    def __init__(self, name: str, *, what: str, found: float, limit: float) -> None:
        super().__init__(f"{name} is too large: {what} {found:g}, and at most {limit:g} is accepted.")
        self.name = name
        self.what = what
        """"bytes", "seconds", "pixels", "side_px", "streams" or "fps"."""
        self.found = found
        self.limit = limit


class ContentRefused(InputError):
    """A moderator saw what this service does not show."""

    code = "content_refused"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was refused by moderation.")
        self.what = what


class EmptyText(InputError):
    """There is no text."""

    code = "empty_text"

    def __init__(self) -> None:
        super().__init__("The text is empty. Give at least one word.")


class NothingToSay(InputError):
    """The text has no word in it: only emoji, addresses or punctuation."""

    code = "nothing_to_say"

    def __init__(self, *, unheard_in: str | None = None) -> None:
        message = "There is no word to say in the text, only signs or emoji. Give at least one word."
        if unheard_in is not None:
            message = (
                f"Nothing is heard of the text when it is said in the language {unheard_in!r}. Write it in letters and "
                "digits of that language, or give another language."
            )
        super().__init__(message)


class TextTooLong(InputError):
    """The text is longer than what is accepted."""

    code = "text_too_long"

    def __init__(self, *, n_chars: int, limit: int) -> None:
        super().__init__(f"The text has {n_chars} characters, and at most {limit} are accepted. Split it.")
        self.n_chars = n_chars
        self.limit = limit


class UnknownVoice(InputError):
    """There is no voice of this name."""

    code = "unknown_voice"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no voice {name!r}. See `lipwright voices list`, or leave the choice to `auto`.")
        self.name = name


class UnknownLanguage(InputError):
    """The voice does not speak this language, or no voice does."""

    code = "unknown_language"

    def __init__(self, language: str, *, voice: str | None = None, is_script: bool = False) -> None:
        who = "No voice speaks" if voice is None else f"The voice {voice} does not speak"
        message = f"{who} the language {language!r}. Give a code such as `en` or `pt-BR`."
        if is_script:
            message = (
                f"The text is in {language} letters, and no voice is known to read them. If one does, choose "
                "that voice and give the language; else write the text in other letters."
            )
        super().__init__(message)
        self.language = language
        self.voice = voice


class BrokenSsml(InputError):
    """The text was said to be SSML, and is not."""

    code = "broken_ssml"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The SSML cannot be read: {reason}. Mend it, or send plain text.")
        self.reason = reason


class WeightsMissing(InputError):
    """A voice needs files that are not here yet."""

    code = "weights_missing"

    def __init__(self, name: str, *, command: str) -> None:
        super().__init__(f"The files of {name} are not here yet. Fetch them with `{command}`.")
        self.name = name
        self.command = command


class InvalidKey(InputError):
    """The API key is missing or unknown."""

    code = "invalid_key"

    def __init__(self) -> None:
        super().__init__("The API key is missing or unknown. Make one with `lipwright keys create`.")


class KeyRevoked(InputError):
    """The API key was revoked by the operator."""

    code = "key_revoked"

    def __init__(self) -> None:
        super().__init__("This API key was revoked. Ask the operator for another one.")


class InsufficientCredits(InputError):
    """The account holds less than this job costs."""

    code = "insufficient_credits"

    def __init__(self, *, needed_microusd: int, balance_microusd: int) -> None:
        super().__init__(
            f"Insufficient credits: this costs {needed_microusd / 1e6:.2f} USD and the balance is "
            f"{balance_microusd / 1e6:.2f} USD."
        )
        self.needed_microusd = needed_microusd
        self.balance_microusd = balance_microusd


class JobNotFound(InputError):
    """This account has no job of this id."""

    code = "job_not_found"

    def __init__(self, job_id: str | int) -> None:
        super().__init__(f"There is no job {job_id}.")
        self.job_id = job_id


class MediaNotKnown(InputError):
    """Nothing is stored under this id, or no longer."""

    code = "media_not_known"

    def __init__(self, media_id: str | int, *, role: str = "media") -> None:
        super().__init__(f"There is no {role} {media_id} here, or it has expired. Upload it again.")
        self.media_id = media_id
        self.role = role
        """"video", "audio" or "media": where the id was used."""


class WrongMediaKind(InputError):
    """What was given is of another kind than is needed there."""

    code = "wrong_media_kind"

    def __init__(self, media_id: str | int, *, found: str, expected: str) -> None:
        super().__init__(f"{media_id} is {found}, and {expected} is needed here.")
        self.media_id = media_id
        self.found = found
        self.expected = expected


class TicketExpired(InputError):
    """An upload came to an address that is not open, or no longer."""

    code = "ticket_expired"

    def __init__(self) -> None:
        super().__init__("This upload address is unknown, used already, or expired. Ask for a new one.")


class UploadIncomplete(InputError):
    """Fewer or more bytes came than were announced."""

    code = "upload_incomplete"

    def __init__(self, *, n_expected: int, n_came: int) -> None:
        super().__init__(f"{n_expected} bytes were announced and {n_came} came. Upload the file again.")
        self.n_expected = n_expected
        self.n_came = n_came


class IdempotencyMismatch(InputError):
    """An idempotency key came again with another request."""

    code = "idempotency_mismatch"

    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key {key!r} was used for another request. Use a new key.")
        self.key = key


class SubmitInFlight(InputError):
    """The first request with this idempotency key is still being taken in."""

    code = "submit_in_flight"

    def __init__(self, key: str) -> None:
        super().__init__(f"A request with the idempotency key {key!r} is being taken in. Ask again in a moment.")
        self.key = key


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


class EncoderUnavailable(InputError):
    """The hardware encoder that was asked for is not here, or does not make this codec."""

    code = "encoder_unavailable"

    def __init__(self, encoder: str, codec: str, reason: str) -> None:
        made = "" if codec == "auto" else f" {codec}"
        super().__init__(
            f"The encoder {encoder} cannot make{made or ' video'} here: {reason}. Choose `software`, or `auto` to take "
            "hardware only where it works; `lipwright doctor` lists what works."
        )
        self.encoder = encoder
        self.codec = codec


class OutputError(LipwrightError):
    """The result could not be stored."""

    code = "output_error"


class OutputNotWritable(OutputError):
    """The folder of the output is missing or closed to us."""

    code = "output_not_writable"

    def __init__(self, path: Path, reason: str) -> None:
        is_name = reason == os.strerror(errno.ENAMETOOLONG).lower()
        advice = "Choose a shorter one" if is_name else "Choose a folder that exists and that you may write to"
        super().__init__(f"{path} cannot be written: {reason}. {advice}.")
        self.path = path
        self.reason = reason


class DiskFull(OutputError):
    """The disk ran full while the result was written."""

    code = "disk_full"

    def __init__(self, path: Path) -> None:
        super().__init__(f"The disk is full: {path} could not be written whole, and was removed. Free some space.")
        self.path = path


class BrokenEngine(LipwrightError):
    """An engine is installed under this name, but it cannot be loaded, or does not do what an engine has to."""

    code = "broken_engine"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The engine {name!r} cannot be used: {reason}. Mend or remove the package that brings it.")
        self.name = name
        self.reason = reason


class WorkerCrashed(LipwrightError):
    """A child process of ours broke; `how` names the signal or the exception."""

    code = "worker_crashed"

    def __init__(self, how: str) -> None:
        super().__init__(f"The process that did the work broke ({how}). If it happens again, report it.")
        self.how = how


class LimitReached(LipwrightError):
    """The work needed more time, memory or disk than it may take."""

    code = "limit_reached"

    def __init__(self, what: str, limit: str) -> None:
        super().__init__(f"The work was stopped: it needed more {what} than {limit}.")
        self.what = what
        """"time", "processor time", "memory", "disk", "messages" or "silence"."""
        self.limit = limit


class ModerationFailed(LipwrightError):
    """The moderator gave no answer, so nothing is shown."""

    code = "moderation_failed"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The moderator {name!r} gave no answer: {reason}.")
        self.name = name
        self.reason = reason


class BrokenVoice(LipwrightError):
    """A voice is installed, but it cannot be loaded or does not speak."""

    code = "broken_voice"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The voice {name!r} does not speak: {reason}.")
        self.name = name
        self.reason = reason


class WeightsRefused(LipwrightError):
    """A model file is not the one that is known, or nobody has said which one it should be."""

    code = "weights_refused"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} is refused: {reason}.")
        self.name = name
        self.reason = reason


class DeadlineExceeded(LipwrightError):
    """A job took longer than the operator allows."""

    code = "deadline_exceeded"

    def __init__(self, *, limit_s: float) -> None:
        super().__init__(f"The job was not done within {limit_s:g} s. Give less footage, or ask the operator.")
        self.limit_s = limit_s


class Stalled(LipwrightError):
    """A job made no progress for longer than the operator allows."""

    code = "stalled"

    def __init__(self, *, silent_s: float) -> None:
        super().__init__(f"The job was ended: it made no progress for {silent_s:g} s.")
        self.silent_s = silent_s


class GaveUp(LipwrightError):
    """A job was begun several times, and the process that worked on it died each time."""

    code = "gave_up"

    def __init__(self, *, attempts: int) -> None:
        super().__init__(f"Given up after {attempts} attempts that did not come to an end.")
        self.attempts = attempts


class StoreMismatch(LipwrightError):
    """The database is newer than this program, not one of ours, or not the one of the store."""

    code = "store_mismatch"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The database cannot be used: {reason}.")
        self.reason = reason


class DatabaseAway(LipwrightError):
    """The database does not answer for now: it restarts, or has no connection to spare."""

    code = "database_away"

    def __init__(self, reason: str) -> None:
        super().__init__("The database does not answer at the moment. What it took in is kept: try again in a while.")
        self.reason = reason
        """The driver's words, for the log: they may name hosts."""


class DatabaseFull(DatabaseAway):
    """The disk of the database is full: nothing can be written down until there is room."""

    code = "database_full"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.args = ("The disk of the server is full. What it took in is kept: try again when there is room.",)


class StoreAway(LipwrightError):
    """The bucket in which files are kept does not answer for now: it restarts, or is asked too much."""

    code = "store_away"

    def __init__(self, reason: str) -> None:
        super().__init__("The server's store of files does not answer at the moment. Try again in a while.")
        self.reason = reason
        """For the log."""


class InternalError(LipwrightError):
    """A mistake of ours; the log says which."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Try again; the operator's log says what it was.")


class Cancelled(LipwrightError):
    """The caller asked to stop."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("Stopped on request; nothing was written.")
