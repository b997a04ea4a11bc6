"""The models that can be submitted to on the WaveSpeed face, each with its own names for the same things."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lipwright.core.options import Codec, Look, Preset, SyncOptions, WhenLong, WhenShort
from lipwright.plugins import engine_names

OWN: Final = "lipwright/"
FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
"""A request body that is read as it arrives, and therefore described by hand."""
_DEFAULT = SyncOptions()
_Name = Annotated[str, Field(max_length=100)]
_Value = Annotated[str, Field(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Wish:
    """What every model comes down to."""

    video: str
    audio: str | None = None
    text: str | None = None
    voice: str | None = None
    language: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Lenient(BaseModel):
    """What clients send without meaning it is passed over: unknown fields, and those left empty or null."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_not_given(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        fields = cls.model_fields
        return {
            name: value
            for name, value in cast("dict[str, Any]", given).items()
            if not (value in (None, "") and name in fields and not fields[name].is_required())
        }


class Inputs(Lenient):
    """What every model takes."""

    enable_sync_mode: bool = Field(default=False, description="Answer when the task is done.")
    enable_base64_output: bool = Field(default=False, description="Outputs as base64 instead of links.")
    webhook_url: str | None = Field(default=None, description="The same as `?webhook=`.")

    @abstractmethod
    def wish(self) -> Wish:
        """The same in our words."""

    @classmethod
    def keeps(cls, given: Mapping[str, Any]) -> bool:
        """Whether footage longer than its speech is shown to its end; `given` need not be whole, nor right."""
        return False


class VideoAndAudio(Inputs):
    video: str = Field(min_length=1, description="The clip: a link, a data URI or base64.")
    audio: str | None = Field(
        default=None, min_length=1, description="The speech, in the same forms. Required, unless there is `text`."
    )
    text: str | None = Field(default=None, min_length=1, description="To be spoken, instead of `audio`.")
    voice: str | None = Field(default=None, max_length=200, description="Who speaks the text: a speaker or a voice.")

    def wish(self) -> Wish:
        return Wish(self.video, self.audio, self.text, self.voice)


class SyncInputs(VideoAndAudio):
    sync_mode: Literal["bounce", "loop", "cut_off", "silence", "remap"] = Field(
        default="cut_off", description="What to do when clip and speech differ in length."
    )

    def wish(self) -> Wish:
        when_short, when_long = LENGTHS[self.sync_mode]
        options = {"when_short": when_short, "when_long": when_long}
        return Wish(self.video, self.audio, self.text, self.voice, options=options)

    @classmethod
    def keeps(cls, given: Mapping[str, Any]) -> bool:
        return any(given.get("sync_mode") == name and when_long == "keep" for name, (_, when_long) in LENGTHS.items())


LENGTHS: Final[dict[str, tuple[WhenShort, WhenLong]]] = {
    "bounce": ("bounce", "cut"),
    "loop": ("loop", "cut"),
    "cut_off": ("cut", "cut"),
    "silence": ("freeze", "keep"),  # nothing is cut: the shorter one is made longer
    "remap": ("remap", "cut"),
}


class ImageAndAudio(Inputs):
    image: str = Field(min_length=1, description="The picture: a link, a data URI or base64.")
    audio: str = Field(min_length=1, description="The speech, in the same forms.")

    def wish(self) -> Wish:
        return Wish(self.image, self.audio)


class OwnInputs(VideoAndAudio):
    """Everything that `lipwright sync` can be told."""

    language: str | None = Field(
        default=None, max_length=100, description="Of the text, such as `de`; found out by default."
    )
    face: str = Field(
        default=_DEFAULT.face,
        max_length=200,
        description="`auto`, `largest`, an id as `lipwright faces` shows it, or a point `x,y` or `x,y@seconds`.",
    )
    when_short: WhenShort = Field(default=_DEFAULT.when_short, description="Footage shorter than the speech.")
    when_long: WhenLong = Field(default=_DEFAULT.when_long, description="Footage longer than the speech.")
    look: Look = Field(default=_DEFAULT.look, description="Of footage longer than the speech, so much is studied.")
    keep_original_db: float | None = Field(
        default=None, ge=-96, le=24, description="Gain of the footage's own sound under the speech."
    )
    crf: float = Field(default=_DEFAULT.crf, ge=0, le=51, description="Smaller is better and larger.")
    preset: Preset = Field(default=_DEFAULT.preset, description="Effort of the encoder.")
    codec: Codec = Field(default=_DEFAULT.codec, description="Of the picture.")
    intensity: float = Field(default=_DEFAULT.intensity, ge=0.5, le=1.5, description="How far the mouth moves.")
    seed: int = Field(default=_DEFAULT.seed, ge=0, le=2**53 - 1, description="For engines that draw at random.")
    engine_options: dict[_Name, _Value] = Field(
        default_factory=dict[str, str], max_length=100, description="Passed on to the engine."
    )

    def wish(self) -> Wish:
        names = {*type(self).model_fields} - {*VideoAndAudio.model_fields, "language"}
        options = self.model_dump(include=names & self.model_fields_set)
        return Wish(self.video, self.audio, self.text, self.voice, self.language, options)

    @classmethod
    def keeps(cls, given: Mapping[str, Any]) -> bool:
        return given.get("when_long") == "keep"


@dataclass(frozen=True, slots=True)
class Model:
    """One name to submit to."""

    id: str
    name: str
    description: str
    inputs: type[Inputs]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of SyncOptions that the name stands for."""

    def examples(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        first = "image" if "image" in self.inputs.model_fields else "video"
        links = {first: f"https://media.example/clip.{'jpg' if first == 'image' else 'mp4'}"}
        return {"links": {"value": {**links, "audio": "https://media.example/speech.wav"}}}


def catalogue() -> dict[str, Model]:
    """Every model by its id: the vendor's, those beside it, and one for each engine that is installed."""
    found = [
        Model("pixverse/lipsync", "PixVerse Lipsync", "A clip whose lips say the audio.", VideoAndAudio),
        Model("sync/lipsync-1.9.0-beta", "Sync Lipsync 1.9.0", "The same, with a choice of lengths.", SyncInputs),
        Model("sync/lipsync-3", "Sync Lipsync 3", "The same, with a choice of lengths.", SyncInputs),
        Model("bytedance/lipsync/audio-to-video", "ByteDance Lipsync", "The same.", VideoAndAudio),
        Model("wavespeed-ai/infinitetalk", "InfiniteTalk", "A picture that says the audio.", ImageAndAudio),
    ]
    found += [
        Model(f"{OWN}{name}", f"Lipwright {name}", "Our engine, with all it can be told.", OwnInputs, {"engine": name})
        for name in engine_names()
    ]
    return {model.id: model for model in found}


def entry(model: Model, base_price: float) -> dict[str, Any]:
    """A model as the list shows it, with the schema of its inputs."""
    schema = model.inputs.model_json_schema()
    # media first, then what the model is told, then what all models are told
    order = ("image", "video", "audio")
    names = sorted(
        schema["properties"], key=lambda name: (name in Inputs.model_fields, order.index(name) if name in order else 9)
    )
    properties = {name: _one_type(schema["properties"][name]) for name in names}
    for name, accepts in (("video", "video/*"), ("audio", "audio/*"), ("image", "image/*")):
        if name in properties:
            properties[name] |= {"type": "string", "x-ui-component": "uploader", "x-accept": accepts}
    required = [name for name in order if name in properties]
    return {
        "model_id": model.id,
        "name": model.name,
        "description": model.description,
        "type": "image-to-video" if "image" in properties else "video-to-video",
        "base_price": base_price,
        "formula": "",
        "api_schema": {
            "api_schemas": [
                {
                    "type": "model_run",
                    "api_path": f"/api/v3/{model.id}",
                    "request_schema": {
                        "type": "object",
                        "required": required,
                        "x-order-properties": list(properties),
                        "properties": properties,
                    },
                }
            ]
        },
    }


def _one_type(told: dict[str, Any]) -> dict[str, Any]:
    """What may be null is shown as what it is otherwise: clients make a form of it, and read `type`."""
    kinds = [one for one in told.get("anyOf", []) if one.get("type") != "null"]
    if len(kinds) != 1:
        return told
    return {**{name: value for name, value in told.items() if name not in {"anyOf", "default"}}, **kinds[0]}
