"""Settings: what the environment says, read at the door (`cli`) and handed down as values.

Each field is an environment variable with the prefix `LIPWRIGHT_`, such as `LIPWRIGHT_CRF=20`. An option on the
command line wins over it. The Python functions do not read the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lipwright.core.errors import InvalidOption
from lipwright.core.options import Codec, EncoderChoice, Look, Preset, SyncOptions, VoiceOptions, WhenLong, WhenShort

PREFIX = "LIPWRIGHT_"
_DEFAULT = SyncOptions()
_VOICES = VoiceOptions()
_CACHE_BYTES = 2 << 30
_MAX_S = 1e9
"""Thirty years: what is added to a time, or given to the kernel as a limit, has to have an end."""
_MAX_H = 10_000_000
_MAX_BYTES = 1 << 50

# an empty variable is one that is not set: so Compose and systemd pass on what nobody gave them
_FROM_ENVIRONMENT = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

S = TypeVar("S", bound=BaseSettings)


class Settings(BaseSettings):
    """Defaults for the options of `lipwright sync`."""

    model_config = _FROM_ENVIRONMENT

    engine: str = Field(default=_DEFAULT.engine, description="The way of moving lips.")
    when_short: WhenShort = Field(
        default=_DEFAULT.when_short, description="What to do with footage shorter than the speech."
    )
    when_long: WhenLong = Field(
        default=_DEFAULT.when_long, description="What to do with footage longer than the speech."
    )
    look: Look = Field(
        default=_DEFAULT.look, description="How much of footage that is longer than the speech is looked at."
    )
    crf: float = Field(default=_DEFAULT.crf, ge=0, le=51, description="Quality of the picture: smaller is better.")
    preset: Preset = Field(default=_DEFAULT.preset, description="Effort of the encoder.")
    codec: Codec = Field(default=_DEFAULT.codec, description="Codec of the picture.")
    encoder: EncoderChoice = Field(
        default=_DEFAULT.encoder, description="Who encodes: a program, or the machine's hardware."
    )
    intensity: float = Field(default=_DEFAULT.intensity, ge=0.5, le=1.5, description="How far the mouth moves.")
    seed: int = Field(default=_DEFAULT.seed, ge=0, description="For engines that draw at random.")
    threads: int = Field(
        default=_DEFAULT.threads, ge=0, le=1024, description="For decoding and encoding; 0 means every core."
    )


class CacheSettings(BaseSettings):
    """What is kept between runs of `lipwright sync`."""

    # an empty `cache` says something: nothing is kept
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    cache: str = Field(
        default="~/.cache/lipwright/analysis",
        description="Where what was found out about footage is kept for its next speech; empty: nowhere.",
    )
    cache_bytes: int = Field(
        default=_CACHE_BYTES, ge=0, description="The most bytes kept; the longest unused go first."
    )

    @field_validator("cache_bytes", mode="before")
    @classmethod
    def _is_given(cls, given: object) -> object:
        return _CACHE_BYTES if given == "" else given

    @property
    def folder(self) -> Path | None:
        """`cache`, with the home folder written out. Raises InvalidOption where nobody knows it."""
        return _written_out("cache", self.cache).absolute() if self.cache else None


class ServiceSettings(BaseSettings):
    """What the operator of a service decides: `lipwright serve`, `keys`, `credits`, `webhooks`."""

    model_config = _FROM_ENVIRONMENT

    data: str = Field(
        default="~/.local/share/lipwright", description="The folder of the database, the uploads and the results."
    )
    database_url: str = Field(
        default="", description="The database, as SQLAlchemy writes it; empty: SQLite in the data folder."
    )
    database_connections: int = Field(
        default=10,
        ge=4,
        le=1000,
        description="The most connections of a process to PostgreSQL; a worker has one more.",
    )
    store_url: str = Field(
        default="",
        description="Where uploads and results lie, such as `s3://bucket/prefix`; empty: the data folder.",
    )
    store_endpoint: str = Field(
        default="",
        description="The address of an S3-compatible store that is not Amazon's, such as `https://s3.example`.",
    )
    store_public_endpoint: str = Field(
        default="", description="The same as clients reach it, for signed links; empty: that address."
    )
    store_region: str = Field(default="us-east-1", description="The region of the bucket.")
    store_signed_links: bool = Field(
        default=True, description="Clients read from and write to S3 by signed links; off: all bytes pass the service."
    )
    store_link_s: float = Field(default=3600, ge=60, le=604_800, description="How long a signed link to S3 is good.")
    store_encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = Field(
        default="", description="How S3 encrypts what is stored; empty: as the bucket says."
    )
    store_kms_key: str = Field(default="", description="The key for that, where it is kept by KMS.")
    public_url: str = Field(
        default="", description="Where clients reach the service, such as `https://lips.example`; empty: as they say."
    )
    max_upload_bytes: int = Field(default=2_000_000_000, ge=1, le=_MAX_BYTES, description="The largest file taken in.")
    max_video_s: float = Field(default=600, gt=0, le=_MAX_S, description="The longest footage taken in.")
    max_audio_s: float = Field(default=600, gt=0, le=_MAX_S, description="The longest speech taken in.")
    max_side_px: int = Field(default=4096, ge=16, description="The longest side of footage taken in.")
    max_text_chars: int = Field(default=5000, ge=1, description="The longest text to be spoken.")
    concurrency: int = Field(default=1, ge=1, le=256, description="Renders at a time in one worker.")
    engine_queues: str = Field(
        default="",
        description="Queues of engines that not every machine renders: `musetalk=gpu`; others: `cpu`.",
    )
    queue_poll_s: float = Field(
        default=0.2, ge=0.05, le=60, description="How often each worker looks for jobs: with hundreds of them, seldom."
    )
    worker_silent_s: float = Field(
        default=30,
        ge=1,
        le=_MAX_S,
        description="A worker of another machine is dead after so long without a sign of life.",
    )
    max_running: int = Field(default=2, ge=1, le=10_000, description="Jobs at a time of a new key.")
    max_requests_per_min: int = Field(
        default=600,
        ge=1,
        le=10**9,
        description="Requests a minute of a new key; ten times as many that ask how a job stands.",
    )
    deadline_s: float = Field(
        default=3600, gt=0, le=_MAX_S, description="The longest that a job may take once it has begun."
    )
    stall_s: float = Field(
        default=600, gt=0, le=_MAX_S, description="A render that tells no progress for so many seconds is ended."
    )
    max_attempts: int = Field(default=3, ge=1, description="Times that a stage of a job is begun, if workers die.")
    render_memory_mb: int = Field(
        default=8192, ge=256, le=_MAX_BYTES >> 20, description="The most memory of one render."
    )
    render_niceness: int = Field(
        default=19, ge=0, le=19, description="How far renders step back behind the API, as `nice` counts."
    )
    warm_renders: bool = Field(
        default=True,
        description="Keep a process ready for each render at a time, which begins 1 s sooner; each takes 0.1 GB.",
    )
    parts_over_s: float = Field(
        default=180,
        ge=0,
        le=_MAX_S,
        description="Results of so many seconds and more are rendered in parts, by any workers; 0: none is.",
    )
    part_s: float = Field(
        default=45,
        ge=1,
        le=_MAX_S,
        description="How long parts are at least, but for a third by which borders move; from 30 on all have 20 s.",
    )
    measure_s: float = Field(
        default=20,
        ge=0,
        le=_MAX_S,
        description="Seconds of each result that are looked at again for its report; 0: none.",
    )
    upload_ticket_s: float = Field(default=3600, gt=0, le=_MAX_S, description="How long an upload address stays open.")
    keep_uploads_h: float = Field(default=168, gt=0, le=_MAX_H, description="Hours until an upload is deleted.")
    keep_results_h: float = Field(default=168, gt=0, le=_MAX_H, description="Hours until a result is deleted.")
    wavespeed_microusd_per_5s: int = Field(
        default=150_000, ge=0, description="Price of five seconds begun, in millionths of a US dollar."
    )
    pixverse_credits_per_s: int = Field(default=4, ge=0, description="Price of a second begun, in PixVerse credits.")
    pixverse_credits_per_15_bytes: int = Field(
        default=4, ge=0, description="Price of 15 UTF-8 bytes begun of text, in PixVerse credits."
    )
    credit_microusd: int = Field(default=10_000, ge=1, description="A PixVerse credit in millionths of a US dollar.")
    allow_hosts: str = Field(
        default="", description="Private hosts that may be fetched from and called, separated by commas."
    )
    tracing: bool = Field(
        default=False,
        description="Send a trace of each job by OpenTelemetry, to where `OTEL_EXPORTER_OTLP_ENDPOINT` says.",
    )
    moderator: str = Field(default="", description="Who looks for nudity: a moderator's name; empty: nobody.")
    moderation_blocks: bool = Field(default=True, description="End a job whose input or output a moderator refuses.")
    moderation_url: str = Field(default="", description="The endpoint that the moderator `http` asks.")
    moderation_token: str = Field(default="", repr=False, description="Sent to it as a bearer token.")
    moderation_threshold: float = Field(
        default=0.5, ge=0, le=1, description="How sure the moderator `nudenet` must be to refuse a picture."
    )

    @property
    def folder(self) -> Path:
        """`data`, with the home folder written out. Raises InvalidOption where nobody knows it, or it is empty."""
        if not self.data:  # a path would be the folder that we happen to be in
            raise InvalidOption(f"{PREFIX}DATA", "", "name a folder")
        return _written_out("data", self.data).absolute()


class HttpSettings(BaseSettings):
    """What the operator decides about the web server: `lipwright serve`."""

    model_config = _FROM_ENVIRONMENT

    host: str = Field(default="127.0.0.1", description="The address listened at; `0.0.0.0` for every one.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port listened at; 0: any that is free.")
    max_json_bytes: int = Field(
        default=64_000_000, ge=1000, description="The largest JSON body, which may hold media as base64."
    )
    sync_wait_s: float = Field(
        default=300,
        gt=0,
        le=_MAX_S,
        description="The longest that a submit with `enable_sync_mode` waits for its result.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Where `lipwright worker` serves `/metrics`, `/healthz` and `/readyz`."
    )
    metrics_port: int = Field(default=0, ge=0, le=65535, description="The port of that; 0: nowhere.")
    drain_s: float = Field(
        default=20,
        ge=0,
        le=_MAX_S,
        description="The longest that a server which is told to end waits for requests and jobs.",
    )


def read_cache_settings(**given: object) -> CacheSettings:
    """As `read_settings`, for what is kept; what is given (and is not None) wins. Raises InvalidOption."""
    return _read(CacheSettings, given)


class VoiceSettings(BaseSettings):
    """What the operator decides about voices: `lipwright say`, `voices`, `visemes`, and the service."""

    model_config = _FROM_ENVIRONMENT

    voices_speakers: str = Field(
        default="", description="A table of speakers (TOML) instead of the one that ships; empty: that one."
    )
    voices_folder: str = Field(
        default="", description="Where fetched voices are kept; empty: `~/.cache/lipwright/voices`."
    )
    voices_max_chars: int = Field(
        default=_VOICES.max_chars, ge=1, le=10_000_000, description="The longest text that `say` takes, in characters."
    )
    voices_sentence_limit_s: float = Field(
        default=_VOICES.sentence_limit_s, ge=0.1, le=3600, description="The longest that saying one sentence may take."
    )

    @property
    def options(self) -> VoiceOptions:
        """The same as a value for the rooms below. Raises InvalidOption."""
        speakers, folder = self.voices_speakers, self.voices_folder
        return VoiceOptions(
            speakers=_written_out("voices_speakers", speakers) if speakers else None,
            # written out here: children of the service are not told where home is
            folder=_written_out("voices_folder", folder) if folder else _voices_folder(),
            max_chars=self.voices_max_chars,
            sentence_limit_s=self.voices_sentence_limit_s,
        )


def _voices_folder() -> Path | None:
    """The usual one, written out; None where there is no home that it could be in."""
    try:
        return _written_out("voices_folder", "~/.cache/lipwright/voices")
    except InvalidOption:
        return None


def read_voice_settings() -> VoiceSettings:
    """As `read_settings`, for voices. Raises InvalidOption."""
    return _read(VoiceSettings, {})


def read_service_settings(**given: object) -> ServiceSettings:
    """As `read_settings`, for a service; what is given (and is not None) wins. Raises InvalidOption."""
    return _read(ServiceSettings, given)


def read_http_settings(**given: object) -> HttpSettings:
    """As `read_settings`, for the web server; what is given (and is not None) wins. Raises InvalidOption."""
    return _read(HttpSettings, given)


def read_settings() -> Settings:
    """The settings of this process's environment. Raises InvalidOption, naming the variable."""
    return _read(Settings, {})


def _written_out(name: str, folder: str) -> Path:
    """With the home folder in place of `~`, which a user without an entry and without HOME does not have."""
    try:
        return Path(folder).expanduser()
    except RuntimeError as exc:
        reason = "nobody knows where that home folder is; name another folder, or set HOME"
        raise InvalidOption(f"{PREFIX}{name.upper()}", folder, reason) from exc


def _read(kind: type[S], given: Mapping[str, Any]) -> S:
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as exc:
        first = exc.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidOption(name, first["input"], first["msg"][:1].lower() + first["msg"][1:]) from exc
