"""Words instead of a recording: footage that says a text, voices, mouth cues."""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from lipwright import media
from lipwright.cache import Cache
from lipwright.core.errors import InvalidOption, MediaNotFound, NoAudio, UnreadableMedia, UnsupportedOutput
from lipwright.core.media import AudioClip
from lipwright.core.options import SyncOptions, VoiceOptions, of_kind, one_of, text_or_id, whole_within
from lipwright.core.speech import Phone, Utterance
from lipwright.core.timeline import Timeline
from lipwright.media.native import one_thread_each

if TYPE_CHECKING:
    from lipwright.pipeline import Ready, SyncResult, Watch
    from lipwright.service.reports import Measuring
    from lipwright.vision.track import MeshTracker
    from lipwright.voices import Speaker, VoiceInfo
    from lipwright.voices.visemes import Format

_SOUND_ENDINGS: Final = frozenset(
    {
        ".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".mka", ".wma",
        ".amr", ".caf", ".ac3", ".mp2", ".m4b", ".aifc", ".wv", ".w64",
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".3gp", ".3g2", ".mpg", ".mpeg", ".mts", ".m2ts",
        ".flv", ".wmv", ".ogv",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a text."""

    result: SyncResult
    utterance: Utterance
    subtitles: tuple[Path, ...]
    """Files of the sentences' times, SubRip and WebVTT; empty unless asked for."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: those of the result, and of the speech."""
        return {**self.result.as_dict(), **self.of_speech()}

    def of_speech(self) -> dict[str, Any]:
        """What is told beyond the result's own; its notes are among the notes here."""
        return {
            "voice": self.utterance.voice,
            "language": self.utterance.language,
            "notes": [*self.result.notes, *self.utterance.notes],
            "sentences": [
                {"start_s": float(one.span.start_s), "stop_s": float(one.span.stop_s), "text": one.value}
                for one in self.utterance.sentences
            ],
            "subtitles": [str(path) for path in self.subtitles],
        }


def say(
    video: Path | str,
    text: str,
    output: Path | str,
    *,
    voice: str = "auto",
    language: str | None = None,
    speed: float = 1.0,
    pitch: float = 0.0,
    is_ssml: bool = False,
    subtitles: bool = False,
    options: SyncOptions | None = None,
    voice_options: VoiceOptions | None = None,
    cache: Path | str | None = None,
    progress: Watch | None = None,
    overwrite: bool = True,
) -> Said:
    """Write `output`: the footage `video`, in which a face says `text`.

    `voice`, `language`, `speed`, `pitch` and `is_ssml` are those of `lipwright.voices.speak`; `auto` goes by the voice
    of the footage. `subtitles` also writes `output` with the endings .srt and .vtt. `options` and `cache` are those of
    `lipwright.sync`. Raises what both raise.
    """
    from lipwright.service import tracker_for

    options = SyncOptions() if options is None else options
    of_kind("options", options, SyncOptions, "give lipwright.SyncOptions")
    voice = text_or_id("voice", voice)
    kept = None if cache is None else Cache(Path(cache))
    with one_thread_each(), tracker_for(options, kept) as tracker:
        return say_with(
            options,
            Path(video),
            text,
            Path(output),
            voice=voice,
            language=language,
            speed=speed,
            pitch=pitch,
            is_ssml=is_ssml,
            subtitles=subtitles,
            voice_options=voice_options,
            cache=kept,
            watch=progress,
            may_replace=overwrite,
            tracker=tracker,
        )


def say_with(
    options: SyncOptions,
    video: Path,
    text: str,
    output: Path,
    *,
    voice: str,
    language: str | None,
    speed: float,
    pitch: float,
    is_ssml: bool,
    subtitles: bool,
    voice_options: VoiceOptions | None,
    cache: Cache | None,
    watch: Watch | None,
    may_replace: bool,
    said: Utterance | None = None,
    on_ready: Callable[[Ready, Utterance], None] | None = None,
    tracker: MeshTracker | None = None,
) -> Said:
    """`say` with its choices in values. `said` is the text, where it was spoken before."""
    from lipwright import pipeline, service, voices

    pipeline.check_inputs(video)
    pipeline.check_output(output, (video,), may_replace=may_replace)
    captions = captions_of(output) if subtitles else []
    for path in captions:
        pipeline.check_place(path, (video,), may_replace=may_replace)
    utterance = said
    with tempfile.TemporaryDirectory(prefix="lipwright-") as folder:
        speech = Path(folder) / "speech.wav"

        def make() -> Timeline[Phone] | None:
            nonlocal utterance
            if utterance is None:
                like = own_voice(video) if voice.strip().lower() == "auto" else None
                utterance = voices.speak(
                    text, voice, language, speed=speed, pitch=pitch, is_ssml=is_ssml, like=like, options=voice_options
                )
            write_wav(speech, utterance.clip)
            return utterance.phones

        def is_ready(ready: Ready) -> None:
            assert utterance is not None  # it was said
            if on_ready is not None:
                on_ready(ready, utterance)

        result = service.sync_with(
            options,
            video,
            speech,
            output,
            make=make,
            cache=cache,
            watch=watch,
            may_replace=may_replace,
            on_ready=is_ready,
            tracker=tracker,
        )
    assert utterance is not None  # it was said
    if captions:
        from lipwright.media.write import whole_or_not
        from lipwright.voices.subtitles import srt, webvtt

        for path, content in zip(captions, (srt(utterance), webvtt(utterance)), strict=True):
            with whole_or_not(path) as part:
                part.write_text(content, encoding="utf-8")
    return Said(result, utterance, tuple(captions))


def captions_of(output: Path) -> list[Path]:
    """Where the sentences' times go, SubRip and WebVTT."""
    return [output.with_suffix(ending) for ending in (".srt", ".vtt")]


def report_of(said: Said, *, measuring: Measuring | None = None) -> dict[str, Any]:
    """The report of footage that says a text, as `reports.report_of`."""
    from lipwright.service import reports

    heard = None if measuring is None else _for_listening(said.utterance.clip)
    return reports.report_of(said.result, kind="say", speech=heard, measuring=measuring, more=said.of_speech())


def own_voice(video: Path) -> AudioClip | None:
    """As much of the sound of the footage as tells how high its voice is; None where it has none.

    Raises UnreadableMedia.
    """
    from lipwright.voices.pitch import LOOKED_AT_S, is_clear

    clip: AudioClip | None = None
    try:
        for first_s in LOOKED_AT_S:
            clip = media.read_speech(video, first_s=first_s)
            if clip.duration_s < first_s or is_clear(clip):
                break
    except NoAudio:
        return None
    return clip


def list_voices(
    language: str | None = None, *, voice_options: VoiceOptions | None = None, notes: list[str] | None = None
) -> list[VoiceInfo]:
    """Every voice, or those that speak a language; `notes` tell of those that do not work. Raises UnknownLanguage."""
    from lipwright import voices

    return voices.voices(language, options=voice_options, notes=notes)


def list_speakers(*, voice_options: VoiceOptions | None = None) -> list[Speaker]:
    """The speakers that can be asked for by id or name. Raises InvalidOption."""
    from lipwright import voices

    return voices.speakers(options=voice_options)


def pull(
    name: str,
    hashes: Mapping[str, str] | None = None,
    *,
    voice_options: VoiceOptions | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Path]:
    """Fetch the files of a voice. `hashes` are those that nobody recorded: {file: sha256}. Raises UnknownVoice,
    WeightsRefused, InvalidOption where there is no folder for them.
    """
    from lipwright import weights
    from lipwright.voices.files import NOWHERE, files_of, folder_of

    folder = folder_of(VoiceOptions() if voice_options is None else voice_options)
    if folder == NOWHERE:
        raise InvalidOption("LIPWRIGHT_VOICES_FOLDER", None, "nobody knows where the home folder is; name one")
    return [weights.fetch(file, folder, hashes=hashes, tell=tell) for file in files_of(name)]


def sample(voice: str, output: Path, language: str | None, *, voice_options: VoiceOptions | None = None) -> Utterance:
    """Write a WAV file in which a voice says one sentence of its language. Raises what `voices.speak` raises."""
    from lipwright import voices
    from lipwright.voices.samples import sample_text

    utterance = voices.speak(sample_text(voice, language, voice_options), voice, language, options=voice_options)
    write_wav(output, utterance.clip)
    return utterance


def visemes(
    audio_or_text: Path | str,
    file_format: Format,
    *,
    voice: str = "auto",
    language: str | None = None,
    fps: int = 60,
    speech: Path | str | None = None,
    voice_options: VoiceOptions | None = None,
) -> str:
    """Mouth cues of a recording, of a text file (.txt), or of a text that is spoken for the purpose.

    `fps` is for arkit-csv and oculus15-json, 1 to 240. `speech` is where the sound of a spoken text goes. Raises
    MediaNotFound for what looks like a recording's name and is none, and for a folder; InvalidOption, also for a text
    file that is not in UTF-8 and for `speech` of a recording; what `voices.speak` raises; UnreadableMedia, NoAudio.
    """
    from lipwright import articulation, voices
    from lipwright.voices import visemes as cues

    one_of("file_format", file_format, get_args(cues.Format))
    fps = whole_within("fps", fps, 1, 240)
    speech = None if speech is None else Path(speech)
    path = path_of(audio_or_text)
    if path is not None and path.suffix.lower() != ".txt":
        if speech is not None:
            raise InvalidOption("speech", str(speech), f"only a text is spoken, and {path} is a recording")
        clip, sound_file = media.read_speech(path), path
        heard = articulation.listen(clip)
        phones, is_exact, duration_s = cues.heard_phones(heard, clip.duration_s), False, clip.duration_s
    else:
        text = str(audio_or_text) if path is None else read_text(path, "text")
        utterance = voices.speak(text, voice, language, options=voice_options)
        if speech is not None:
            write_wav(speech, utterance.clip)
        sound_file, duration_s = speech, utterance.clip.duration_s
        heard = articulation.listen(_for_listening(utterance.clip))
        is_exact = utterance.phones is not None
        phones = utterance.phones if utterance.phones is not None else cues.heard_phones(heard, duration_s)
    match file_format:
        case "rhubarb-json":
            return cues.rhubarb_json(cues.rhubarb_cues(phones, duration_s), duration_s, sound_file)
        case "rhubarb-tsv":
            return cues.rhubarb_tsv(cues.rhubarb_cues(phones, duration_s), duration_s)
        case "srt":
            return cues.cues_srt(cues.rhubarb_cues(phones, duration_s))
        case "oculus15-json":
            return cues.oculus_json(phones, duration_s, fps)
        case "arkit-csv":
            return cues.arkit_csv(heard, phones, duration_s, fps, is_exact=is_exact)


def read_text(path: Path, option: str) -> str:
    """A script, with or without a byte order mark. Raises InvalidOption where it is not in UTF-8, UnreadableMedia."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidOption(option, str(path), "it is not text in UTF-8") from exc
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, exc: OSError) -> UnreadableMedia:
    return UnreadableMedia(path, (exc.strerror or str(exc)).lower(), advice="Check that you may read it.")


def path_of(audio_or_text: Path | str) -> Path | None:
    """The file that is meant; None for a text.

    Whatever is there is meant, and never spoken. Raises MediaNotFound, for a folder too; UnreadableMedia for a pipe
    or a device, which can be read only once, and for what may not be looked at; InvalidOption.
    """
    if isinstance(audio_or_text, Path):
        from lipwright.pipeline import check_inputs

        check_inputs(audio_or_text)
        return audio_or_text
    of_kind("audio_or_text", audio_or_text, str, "give a text, or the path of a file")
    if not audio_or_text or "\n" in audio_or_text or len(audio_or_text) > 1000:
        return None
    path = Path(audio_or_text)
    try:
        if path.is_file():
            return path
        is_there = path.exists()
    except PermissionError as exc:
        raise _unreadable(path, exc) from exc
    except (OSError, ValueError):  # no file can have this name: it is too long, or has a NUL
        return None
    if is_there and not path.is_dir():
        raise UnreadableMedia(path, "it is not a file", advice="Write it into one first.")
    if is_there or path.suffix.lower() in _SOUND_ENDINGS | {".txt"}:  # no sentence ends so
        raise MediaNotFound(path)
    return None


def _for_listening(clip: AudioClip) -> AudioClip:
    with tempfile.TemporaryDirectory(prefix="lipwright-") as folder:
        path = Path(folder) / "speech.wav"
        write_wav(path, clip)
        return media.read_speech(path)


def write_wav(path: Path, clip: AudioClip) -> None:
    """16-bit mono. Raises UnsupportedOutput, OutputNotWritable, DiskFull; then what was there before is there still."""
    import numpy as np

    from lipwright.media.write import whole_or_not

    if path.suffix.lower() != ".wav":
        raise UnsupportedOutput(path, "the sound is WAV; end its name with .wav")
    samples = np.clip(np.round(clip.samples * 32767), -32768, 32767).astype("<i2")
    with whole_or_not(path) as part, part.open("wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(clip.rate_hz)
        out.writeframes(samples.tobytes())
