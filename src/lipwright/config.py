"""Settings: what the environment says, read at the door (`cli`) and handed down as values.

Each field is an environment variable with the prefix `LIPWRIGHT_`, such as `LIPWRIGHT_CRF=20`. An option on the
command line wins over it. The Python functions do not read the environment.
"""

from __future__ import annotations

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lipwright.core.errors import InvalidOption
from lipwright.core.options import Preset, SyncOptions, WhenLong, WhenShort

PREFIX = "LIPWRIGHT_"
_DEFAULT = SyncOptions()


class Settings(BaseSettings):
    """Defaults for the options of `lipwright sync`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    engine: str = Field(default=_DEFAULT.engine, description="The way of moving lips.")
    when_short: WhenShort = Field(
        default=_DEFAULT.when_short, description="What to do with footage shorter than the speech."
    )
    when_long: WhenLong = Field(
        default=_DEFAULT.when_long, description="What to do with footage longer than the speech."
    )
    crf: float = Field(
        default=_DEFAULT.crf, ge=0, le=51, description="Quality of the H.264 picture: smaller is better."
    )
    preset: Preset = Field(default=_DEFAULT.preset, description="Effort of the H.264 encoder.")
    intensity: float = Field(default=_DEFAULT.intensity, ge=0.5, le=1.5, description="How far the mouth moves.")
    seed: int = Field(default=_DEFAULT.seed, ge=0, description="For engines that draw at random.")
    threads: int = Field(
        default=_DEFAULT.threads, ge=0, le=1024, description="For decoding and encoding; 0 means every core."
    )


def read_settings() -> Settings:
    """The settings of this process's environment. Raises InvalidOption, naming the variable."""
    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidOption(name, first["input"], first["msg"][:1].lower() + first["msg"][1:]) from exc
