"""Every error of ours in each face's wire form: the only place that knows HTTP statuses and vendors' numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from lipwright.core import errors
from lipwright.core.errors import LipwrightError

WireFace = Literal["wavespeed", "pixverse"]


@dataclass(frozen=True, slots=True)
class Wire:
    """How one kind of error is told."""

    status: int
    """HTTP, on the WaveSpeed face and for files."""
    task_code: int
    """WaveSpeed's business code of a prediction that failed."""
    err_code: int
    """PixVerse's ErrCode."""
    err_status: int = 200
    """HTTP, on the PixVerse face: its business errors come with 200."""


_INVALID = Wire(400, 1401, 400017)
_UNFETCHED = Wire(400, 1402, 400017)
_OURS = Wire(500, 5000, 99999, 500)

TABLE: Final[Mapping[type[LipwrightError], Wire]] = {
    LipwrightError: _OURS,
    errors.InputError: _INVALID,
    errors.MediaNotFound: _INVALID,
    errors.UnreadableMedia: _INVALID,
    errors.PictureTooLarge: _INVALID,
    errors.NoVideo: _INVALID,
    errors.NoAudio: _INVALID,
    errors.NoFaceFound: _INVALID,
    errors.FaceNotFound: _INVALID,
    errors.UnknownEngine: _INVALID,
    errors.InvalidOption: _INVALID,
    errors.UrlRefused: _UNFETCHED,
    errors.FetchFailed: _UNFETCHED,
    errors.WrongContent: _INVALID,
    errors.MediaTooLarge: Wire(413, 1401, 400017),
    errors.ContentRefused: Wire(400, 1200, 500063),
    errors.EmptyText: _INVALID,
    errors.NothingToSay: _INVALID,
    errors.TextTooLong: _INVALID,
    errors.UnknownVoice: _INVALID,
    errors.UnknownLanguage: _INVALID,
    errors.BrokenSsml: _INVALID,
    errors.WeightsMissing: Wire(400, 1403, 400017),
    errors.InvalidKey: Wire(401, 1401, 400012, 401),
    errors.KeyRevoked: Wire(403, 1401, 400012, 403),
    # the vendor's own number for it is 400; HTTP 200 with another code would crash its Python client
    errors.InsufficientCredits: Wire(400, 1401, 500090),
    errors.JobNotFound: Wire(404, 1401, 500008),
    errors.MediaNotKnown: Wire(404, 1402, 400017),
    errors.WrongMediaKind: _INVALID,
    errors.TicketExpired: Wire(403, 1401, 400017),
    errors.UploadIncomplete: _INVALID,
    errors.IdempotencyMismatch: Wire(422, 1401, 400017),
    errors.SubmitInFlight: Wire(409, 1401, 500069, 409),
    errors.OutputExists: _OURS,
    errors.UnsupportedOutput: Wire(400, 1403, 400017),
    errors.EncoderUnavailable: Wire(400, 1403, 400017),
    errors.OutputError: _OURS,
    errors.OutputNotWritable: _OURS,
    errors.DiskFull: Wire(507, 5003, 500069, 507),
    errors.BrokenEngine: _OURS,
    errors.WorkerCrashed: _OURS,
    errors.LimitReached: Wire(400, 1403, 400017),
    errors.ModerationFailed: Wire(503, 5003, 500052),
    errors.BrokenVoice: _OURS,
    errors.WeightsRefused: _OURS,
    errors.DeadlineExceeded: Wire(504, 5004, 500069),
    errors.Stalled: Wire(504, 5004, 500069),
    errors.GaveUp: _OURS,
    errors.StoreMismatch: _OURS,
    errors.DatabaseAway: Wire(503, 5003, 99999, 503),
    errors.DatabaseFull: Wire(507, 5003, 500069, 507),
    errors.StoreAway: Wire(503, 5003, 99999, 503),
    errors.InternalError: _OURS,
    errors.Cancelled: Wire(409, 1405, 500064),
}


def wire_of(error: LipwrightError) -> Wire:
    """The row of the error's class, or of the nearest class above it: errors of plug-ins are derived from ours."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


def task_code(error_code: str | None) -> int:
    """WaveSpeed's business code of a failed job, from the code of `core.errors` that it ended with."""
    return _TASK_CODES.get(error_code or "", 1403)


_TASK_CODES: Final[Mapping[str, int]] = {cls.code: wire.task_code for cls, wire in TABLE.items()}


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is refused for a reason that only HTTP has."""

    status: int
    message: str
    err_code: int = 400013
    err_status: int | None = None
    """None: 200, as PixVerse tells business errors."""
    code: str = "bad_request"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further fields of the body, on the WaveSpeed face."""


def face_of(path: str) -> WireFace:
    """Whose wire form an answer at this path has."""
    return "pixverse" if path.startswith(("/openapi/", "/video/")) else "wavespeed"


def refusal_of(error: LipwrightError) -> Refusal:
    """The same, in HTTP's terms. The message is the error's: it is written for the person who asked."""
    wire = wire_of(error)
    headers = {"Retry-After": "1"} if isinstance(error, errors.SubmitInFlight) else {}
    return Refusal(wire.status, str(error), wire.err_code, wire.err_status, error.code, headers)


def body_of(face: WireFace, refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the JSON of an error."""
    if face == "pixverse":
        status = 200 if refusal.err_status is None else refusal.err_status
        return status, {"ErrCode": refusal.err_code, "ErrMsg": refusal.message, "Resp": None}
    # some clients read `message`, others `error`; never on HTTP 200, where a top-level `error` breaks one of them
    return refusal.status, {
        "code": refusal.status,
        "message": refusal.message,
        "error": refusal.message,
        "error_code": refusal.code,
        **refusal.about,
    }
