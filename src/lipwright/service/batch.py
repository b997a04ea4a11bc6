"""Many renders on this machine, without a server: one JSON object a line in, files and a summary out.

    jobs.jsonl ──> read_items ──> by footage ──> a child for each item ──> FOLDER/work ──> FOLDER/output
                                     │                                                       │
                  state.jsonl ── what is done already is skipped <── appended, on disk ──────┘

Each item is rendered by a child process into a folder of its own, renamed to its place, and then written down; so that
whatever ends the batch, an item is whole and known, or it is done again. The first item on a piece of footage studies
it, the others recall that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal, Protocol, cast

from lipwright import sandbox
from lipwright.cache import Cache
from lipwright.core.errors import (
    Cancelled,
    InputError,
    InvalidOption,
    LipwrightError,
    MediaNotFound,
    OutputNotWritable,
    UnreadableMedia,
    UnsupportedOutput,
)
from lipwright.core.options import SyncOptions, VoiceOptions
from lipwright.media.encoders import ALSO_INPUT, CONTAINERS
from lipwright.media.footage import n_cores
from lipwright.media.write import explained, whole_or_not
from lipwright.service.children import split_options
from lipwright.service.intake import sha256_of

MAX_ITEMS: Final = 500
STATE: Final = "state.jsonl"
SUMMARY: Final = "summary.json"
REPORT: Final = ".report.json"
"""Behind an output's name."""
_WORK: Final = ".lipwright-work"
_MARK: Final = "made-by-lipwright-batch"
"""In that folder, so that no batch ever clears one that somebody else made."""
_FIELDS: Final = frozenset({"video", "audio", "text", "voice", "language", "output", "options"})
_NAMES: Final = frozenset({"video", "audio", "output"})
_MAX_NAME_BYTES: Final = 255
_SPEAKING: Final = {"speed": (0.5, 2.0), "pitch": (-12.0, 12.0)}
_TOLD: Final = (
    "duration_s", "n_frames", "cpu_s", "realtime_factor", "is_recalled", "stages_s", "notes", "voice",
)  # fmt: skip
# A person's own machine: nothing but the machine itself bounds a render.
_LIMITS: Final = sandbox.Limits(
    cpu_s=10**9, wall_s=10**9, memory_bytes=1 << 46, file_bytes=1 << 46, n_files=4096, niceness=0
)

Status = Literal["done", "skipped", "failed", "stopped"]
"""done: rendered now · skipped: rendered by an earlier run · failed · stopped: not come to, or broken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line."""

    line: int
    """From 1."""
    video: Path
    audio: Path | None = None
    text: str | None = None
    voice: str | None = None
    language: str | None = None
    output: str
    """Under the folder of the batch."""
    options: SyncOptions = field(default_factory=SyncOptions)
    speaking: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """speed, pitch, is_ssml."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item."""

    item: Item
    status: Status
    error: LipwrightError | None = None
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Some of `SyncResult.as_dict`, also where an earlier run did it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        notes = [] if self.error is None else getattr(self.error, "__notes__", [])
        return {
            "line": self.item.line,
            "output": self.item.output,
            "status": self.status,
            "error_code": None if self.error is None else self.error.code,
            "error_message": None if self.error is None else str(self.error),
            **({"detail": "\n".join(notes)[-2000:]} if notes else {}),
            **self.report,
        }


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of all of them, in the order of the lines."""

    outcomes: tuple[Outcome, ...]
    n_footage: int
    """Different pieces of footage."""
    took_s: float

    @property
    def counts(self) -> dict[Status, int]:
        """How many ended so; zeros included."""
        counts: dict[Status, int] = {"done": 0, "skipped": 0, "failed": 0, "stopped": 0}
        for one in self.outcomes:
            counts[one.status] += 1
        return counts

    @property
    def n_studied(self) -> int:
        """Items of this run whose footage had to be looked at."""
        return sum(one.status == "done" and not one.report.get("is_recalled") for one in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        made = [one.report for one in self.outcomes if one.status == "done"]
        return {
            "counts": self.counts,
            "n_items": len(self.outcomes),
            "n_footage": self.n_footage,
            "n_studied": self.n_studied,
            "took_s": round(self.took_s, 3),
            "cpu_s": round(sum(float(one.get("cpu_s", 0)) for one in made), 3),
            "video_s": round(sum(float(one.get("duration_s", 0)) for one in made), 3),
            "items": [one.as_dict() for one in self.outcomes],
        }


class BatchWatch(Protocol):
    """Is told what happens, from several threads if there are several workers."""

    def begins(self, item: Item) -> None: ...

    def advances(self, item: Item, phase: str, done: int, total: int) -> None: ...

    def ended(self, outcome: Outcome) -> None: ...


def read_items(path: Path, defaults: Mapping[str, Any]) -> list[Item]:
    """The lines of a file; empty ones are passed over. Paths in it are relative to the file's own folder.

    `defaults` are fields of SyncOptions for what a line does not say. Raises MediaNotFound (there is no such file),
    InvalidOption for the first line that cannot be meant, naming it.
    """
    if not path.is_file():
        raise MediaNotFound(path)
    items: list[Item] = []
    lines_of: dict[str, int] = {}
    try:
        # at line feeds alone: JSON may hold U+2028, U+2029 and U+0085 as they are, where `splitlines` would cut
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as exc:
        raise InvalidOption("jobs", str(path), "it is not text in UTF-8") from exc
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        item = _item(number, line, path.parent, defaults)
        before = lines_of.setdefault(item.output, number)
        if before != number:
            raise InvalidOption(f"line {number}", item.output, f"line {before} has the same output")
        items.append(item)
    for item in items:
        for above in Path(item.output).parents:
            if (other := lines_of.get(str(above))) is not None:
                raise InvalidOption(f"line {item.line}", item.output, f"{above} is the output of line {other}")
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InvalidOption("jobs", str(path), f"give 1 to {MAX_ITEMS} lines; there are {len(items)}")
    return items


def _item(number: int, line: str, folder: Path, defaults: Mapping[str, Any]) -> Item:
    where = f"line {number}"
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InvalidOption(where, line[:60], "it is not JSON") from exc
    if not isinstance(given, dict):
        raise InvalidOption(where, line[:60], "it is no JSON object")
    fields = cast("dict[str, Any]", given)
    for name, value in fields.items():
        if name not in _FIELDS:
            raise InvalidOption(where, name, f"there is no such field; known are {', '.join(sorted(_FIELDS))}")
        if name != "options" and value is not None and not (isinstance(value, str) and value):
            raise InvalidOption(where, name, "give a text")
        if name in _NAMES and "\0" in (value or ""):
            raise InvalidOption(where, name, "no file has a NUL in its name")
    if not fields.get("video"):
        raise InvalidOption(where, "video", "it is missing")
    if (fields.get("audio") is None) == (fields.get("text") is None):
        raise InvalidOption(where, "audio", "give a recording or a text, and not both")
    options, speaking = _options(where, {} if fields.get("options") is None else fields["options"], defaults)
    video = folder / fields["video"]
    audio = None if fields.get("audio") is None else folder / fields["audio"]
    if fields.get("text") is None and (speaking or fields.get("voice") or fields.get("language")):
        raise InvalidOption(where, "text", "voice, language, speed, pitch and is_ssml belong to a text")
    output = fields.get("output") or _own_name(number, video.stem, audio.stem if audio else "text")
    return Item(
        line=number,
        video=video,
        audio=audio,
        text=fields.get("text"),
        voice=fields.get("voice"),
        language=fields.get("language"),
        output=_place(where, output),
        options=options,
        speaking=speaking,
    )


def _own_name(number: int, video: str, audio: str) -> str:
    name = f"{number:03}-{video}-{audio}.mp4"
    if len(os.fsencode(name + REPORT)) > _MAX_NAME_BYTES:
        # file systems count bytes, of which a character can have four; the number tells it from all others
        video, audio = (os.fsencode(stem)[:100].decode(errors="ignore") for stem in (video, audio))
    return f"{number:03}-{video}-{audio}.mp4"


def _options(where: str, given: Any, defaults: Mapping[str, Any]) -> tuple[SyncOptions, dict[str, Any]]:
    if not isinstance(given, dict):
        raise InvalidOption(where, "options", 'give an object, such as {"crf": 20}')
    chosen, speaking = split_options(cast("dict[str, Any]", given))
    for name, value in speaking.items():
        if name == "is_ssml":
            is_well = isinstance(value, bool)
        else:
            low, high = _SPEAKING.get(name, (0.0, 0.0))
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            is_well = name in _SPEAKING and is_number and low <= value <= high
        if not is_well:
            raise InvalidOption(where, f"{name}={value}", "there is no such option, or not with this value")
    try:
        return SyncOptions(**{**defaults, **chosen}), speaking
    except InvalidOption as exc:
        raise InvalidOption(where, exc.value, f"{exc.name}: {exc.reason}") from exc
    except TypeError as exc:
        raise InvalidOption(where, json.dumps(chosen)[:60], "a value is of the wrong type") from exc


def _place(where: str, output: str) -> str:
    """The same place in its shortest spelling."""
    place = Path(os.path.normpath(output))
    if place.suffix.lower() not in CONTAINERS:
        raise UnsupportedOutput(place, f"{where}: known endings are {', '.join(sorted(CONTAINERS))}")
    if place.is_absolute() or place.parts[0] in {"..", _WORK, STATE, SUMMARY}:
        raise InvalidOption(where, output, "outputs are names under the folder of the batch")
    return str(place)


def run_batch(
    items: list[Item],
    folder: Path,
    *,
    cache: Cache | None = None,
    voices: VoiceOptions | None = None,
    n_workers: int = 1,
    redo: bool = False,
    reports_s: float | None = None,
    watch: BatchWatch | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> BatchResult:
    """Render what is not done yet, into `folder`; the others go on when one fails.

    Finished items are known by a hash of everything that they are made of (the bytes of their files included) and of
    what came out. `cache` keeps studies of footage for other runs; without it they are kept while the batch runs.
    `redo` renders also what is done. `reports_s` writes a report beside each output (`REPORT`), for which so many
    seconds of it are looked at again, with 0 none; an output without its report is not finished then. The summary is
    written to `folder/summary.json`, also where the batch is broken off: KeyboardInterrupt and SystemExit, and
    `should_stop`, end what runs within a second.
    Raises OutputNotWritable, DiskFull, InvalidOption (another batch works in the folder), UnsupportedOutput (a file of
    the batch's own would replace an input).
    """
    began_s = monotonic()
    inputs = _files_of(path for item in items for path in (item.video, item.audio) if path is not None)
    for own in (folder / STATE, folder / SUMMARY):
        if _files_of([own]) & inputs:
            raise UnsupportedOutput(own, ALSO_INPUT)
    with _held(folder) as state, _workshop(folder) as work:
        kept = cache or Cache(work / "analysis")
        runner = _Runner(folder, work, kept, voices, n_workers, watch, should_stop, reports_s)
        hashes = _Hashes()
        done = {} if redo else state.finished(folder)
        outcomes: dict[int, Outcome] = {}
        waiting: list[_Ready] = []
        for item in items:
            try:
                ready = _Ready(item, hashes.of(item.video), hashes.whole(item))
            except InputError as exc:
                outcomes[item.line] = Outcome(item, "failed", exc)
                continue
            written = [folder / item.output, *([] if reports_s is None else [folder / report_name(item)])]
            if ready.whole in done and written[-1].is_file():
                outcomes[item.line] = Outcome(item, "skipped", report=done[ready.whole])
            elif eaten := [path for path in written if _files_of([path]) & inputs]:
                outcomes[item.line] = Outcome(item, "failed", UnsupportedOutput(eaten[0], ALSO_INPUT))
            elif (error := _in_the_way(written)) is not None:
                outcomes[item.line] = Outcome(item, "failed", error)
            else:
                waiting.append(ready)
        try:
            for outcome in outcomes.values():
                if watch is not None:
                    watch.ended(outcome)
            with closing(runner.run(waiting)) as ended:
                for ready, outcome in ended:
                    if outcome.status == "done":
                        state.add(ready.whole, folder / outcome.item.output, outcome)
                    outcomes[outcome.item.line] = outcome
                    if watch is not None:
                        watch.ended(outcome)
        finally:
            every = tuple(outcomes.get(item.line, Outcome(item, "stopped")) for item in items)
            result = BatchResult(every, hashes.n_footage, monotonic() - began_s)
            _write(folder / SUMMARY, json.dumps(result.as_dict(), indent=2, ensure_ascii=False) + "\n")
    return result


@dataclass(frozen=True, slots=True)
class _Ready:
    """An item whose files are here."""

    item: Item
    footage: str
    """SHA-256 of the footage."""
    whole: str
    """SHA-256 of all that the output is made of."""

    def looked_at_whole(self) -> _Ready:
        """Of footage that others speak on too, so that it is looked at once."""
        return replace(self, item=replace(self.item, options=replace(self.item.options, look="all")))


class _Hashes:
    """Each file is read once."""

    def __init__(self) -> None:
        self._of: dict[Path, str] = {}
        self._footage: set[str] = set()

    @property
    def n_footage(self) -> int:
        return len(self._footage)

    def of(self, path: Path) -> str:
        """Raises MediaNotFound, UnreadableMedia."""
        if path not in self._of:
            if not path.is_file():
                raise MediaNotFound(path)
            try:
                self._of[path] = sha256_of(path)
            except OSError as exc:
                raise UnreadableMedia(path, (exc.strerror or "it does not open").lower()) from exc
        return self._of[path]

    def whole(self, item: Item) -> str:
        footage = self.of(item.video)
        made_of = {
            "video": footage,
            "audio": None if item.audio is None else self.of(item.audio),
            **{name: getattr(item, name) for name in ("text", "voice", "language", "output")},
            # with more threads the same is made sooner
            "options": asdict(replace(item.options, threads=0)),
            "speaking": dict(item.speaking),
        }
        self._footage.add(footage)
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


class _State:
    """What is done, one JSON object a line; a line that was cut off by a crash is no line."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def finished(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Reports by hash, of outputs that are still what was written."""
        self._file.seek(0)
        last: dict[str, dict[str, Any]] = {}
        for line in self._file.read().split(b"\n"):
            try:
                told = json.loads(line)
                last[told["hash"]] = told
            except (ValueError, KeyError, TypeError):
                continue
        return {one["hash"]: one["report"] for one in last.values() if _is_there(folder, one)}

    def add(self, whole: str, output: Path, outcome: Outcome) -> None:
        """On disk when this returns."""
        told = {
            "hash": whole,
            "output": outcome.item.output,
            "n_bytes": output.stat().st_size,
            "sha256": sha256_of(output),
            "report": dict(outcome.report),
        }
        self._file.seek(0, os.SEEK_END)
        # the line before may be half a one
        self._file.write(b"\n" + json.dumps(told).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _files_of(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """Device and number of those that are there: one file, whatever the link or spelling by which it is named."""
    files: set[tuple[int, int]] = set()
    for path in paths:
        with suppress(OSError):
            seen = path.stat()
            files.add((seen.st_dev, seen.st_ino))
    return files


def _is_there(folder: Path, told: Mapping[str, Any]) -> bool:
    output = folder / str(told.get("output"))
    return output.is_file() and output.stat().st_size == told.get("n_bytes") and sha256_of(output) == told["sha256"]


def _in_the_way(written: Iterable[Path]) -> LipwrightError | None:
    """What would keep files from being written here; found out before minutes of work. Their folders are made."""
    from lipwright.pipeline import check_place

    for path in written:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            check_place(path)
        except LipwrightError as exc:
            return exc
        except OSError as exc:
            return explained(path, exc)
    return None


@contextmanager
def _held(folder: Path) -> Generator[_State]:
    """The state of a folder, for this process alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / STATE).open("a+b")
    except OSError as exc:
        raise OutputNotWritable(folder, (exc.strerror or "it cannot be opened").lower()) from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise InvalidOption("output", str(folder), "another batch is at work there") from exc
        yield _State(file)


@contextmanager
def _workshop(folder: Path) -> Generator[Path]:
    """A folder for what is not whole yet, gone afterwards; what a batch that was killed left there is cleared first.

    Raises DiskFull; OutputNotWritable, also where somebody else has made a folder of this name.
    """
    work = folder / _WORK
    try:
        _clear(work)
        work.mkdir()
        (work / _MARK).touch()
    except OSError as exc:
        raise explained(work, exc) from exc
    try:
        yield work
    finally:
        with suppress(OSError):  # the next batch clears it
            _clear(work)


def _clear(work: Path) -> None:
    """Remove what a batch made. Raises OSError, and OutputNotWritable for what none did; then nothing is removed."""
    if not os.path.lexists(work):
        return
    is_ours = not work.is_symlink() and work.is_dir()
    inside = list(work.iterdir()) if is_ours else []
    if not is_ours or (inside and not (work / _MARK).is_file()):
        raise OutputNotWritable(work, "something is there that no batch has made; move it away")
    for one in inside:
        if one.name != _MARK:
            shutil.rmtree(one)
    # last, so that what is left when this is broken off is still known as ours
    (work / _MARK).unlink(missing_ok=True)
    work.rmdir()


class _Runner:
    """Items in children, some at a time."""

    def __init__(
        self,
        folder: Path,
        work: Path,
        cache: Cache,
        voices: VoiceOptions | None,
        n_workers: int,
        watch: BatchWatch | None,
        should_stop: Callable[[], bool] | None,
        reports_s: float | None,
    ) -> None:
        self._reports_s = reports_s
        self._folder = folder
        self._work = work
        self._cache = cache
        self._voices = voices
        self._n_workers = n_workers
        self._watch = watch
        self._should_stop = should_stop or (lambda: False)
        self._stopping = threading.Event()

    def run(self, waiting: list[_Ready]) -> Generator[tuple[_Ready, Outcome]]:
        """Each as it ends; those that are stopped too. Ends at once when it is closed or thrown into."""
        queue = list(_by_footage(waiting))
        running: dict[Future[Outcome], _Ready] = {}
        studied: set[str] = set()
        with ThreadPoolExecutor(self._n_workers, "batch") as pool:
            try:
                while queue or running:
                    while len(running) < self._n_workers and (ready := _next(queue, running.values(), studied)):
                        running[pool.submit(self._render, ready.item)] = ready
                    # short waits, for signals are heard between them
                    ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in ended:
                        ready, outcome = running.pop(future), future.result()
                        if outcome.status == "done":
                            studied.add(ready.footage)
                        yield ready, outcome
                    if self._should_stop():
                        self._stopping.set()
                        queue.clear()
            finally:
                self._stopping.set()

    def _render(self, item: Item) -> Outcome:
        """Never raises what is the item's own fault."""
        if self._watch is not None:
            self._watch.begins(item)
        began_s = monotonic()
        room = self._work / str(item.line)
        made = room / f"made{Path(item.output).suffix}"
        try:
            room.mkdir(parents=True, exist_ok=True)
            report = self._made(item, made)
            output = self._folder / item.output
            output.parent.mkdir(parents=True, exist_ok=True)
            made.replace(output)
            if self._reports_s is not None:
                self._tell(item, report)
        except Cancelled:
            return Outcome(item, "stopped")
        except LipwrightError as exc:
            return Outcome(item, "failed", exc)
        except OSError as exc:
            return Outcome(item, "failed", explained(self._folder / item.output, exc))
        finally:
            shutil.rmtree(room, ignore_errors=True)
        told = {name: report[name] for name in _TOLD if name in report}
        if self._reports_s is not None:
            told |= {"report": report_name(item), "verdict": report["verdict"]["word"]}
        # starting the child included
        return Outcome(item, "done", report={**told, "took_s": round(monotonic() - began_s, 3)})

    def _made(self, item: Item, made: Path) -> dict[str, Any]:
        """The report of the file that it made. A file that is whole stays, if looking at it again breaks the child."""
        draft: dict[str, Any] = {}
        tell = self._teller(item, draft)
        try:
            return sandbox.call(
                "lipwright.service.children:render",
                self._arguments(item, made),
                limits=_LIMITS,
                on_message=tell,
                should_stop=self._stopping.is_set,
            )
        except Cancelled:
            raise
        except LipwrightError as exc:
            if not draft:
                raise
            from lipwright.service import reports

            return reports.failed(draft, str(exc))

    def _tell(self, item: Item, report: Mapping[str, Any]) -> None:
        """Write the report: with paths, for it stays with whoever has the files."""
        audio = None if item.audio is None else str(item.audio)
        told = {
            **report,
            "output": str(self._folder / item.output),
            "inputs": {"video": str(item.video), "audio": audio},
            "speakers": [{**one, "audio": audio} for one in report["speakers"]],
        }
        _write(self._folder / report_name(item), json.dumps(told, indent=2, ensure_ascii=False) + "\n")

    def _teller(self, item: Item, draft: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
        def tell(message: dict[str, Any]) -> None:
            draft.update(message.get("report", {}))
            if self._watch is not None and "phase" in message:
                self._watch.advances(item, str(message["phase"]), int(message["done"]), int(message["total"]))

        return tell

    def _arguments(self, item: Item, made: Path) -> dict[str, Any]:
        options = item.options
        if not options.threads and self._n_workers > 1:
            options = replace(options, threads=max(1, n_cores() // self._n_workers))
        voices = None if self._voices is None else asdict(self._voices)
        if voices is not None:
            voices = {name: str(value) if isinstance(value, Path) else value for name, value in voices.items()}
        return {
            "video": str(item.video),
            "audio": None if item.audio is None else str(item.audio),
            "text": item.text,
            "voice": item.voice,
            "language": item.language,
            "speaking": dict(item.speaking),
            "voice_options": voices,
            "output": str(made),
            "cache": str(self._cache.folder),
            "cache_bytes": self._cache.max_bytes,
            "options": asdict(options),
            "measure_s": self._reports_s or 0,
        }


def report_name(item: Item) -> str:
    """Where the report of an item is written, under the folder of the batch."""
    return item.output + REPORT


def _by_footage(waiting: Iterable[_Ready]) -> Generator[_Ready]:
    """Items on the same footage together, footage in the order in which it is first asked for."""
    groups: dict[str, list[_Ready]] = {}
    for one in waiting:
        groups.setdefault(one.footage, []).append(one)
    for group in groups.values():
        yield from group if len(group) == 1 else (one.looked_at_whole() for one in group)


def _next(queue: list[_Ready], running: Iterable[_Ready], studied: set[str]) -> _Ready | None:
    """The first whose footage is known, or is not being studied at this moment; taken from the queue."""
    being_studied = {one.footage for one in running} - studied
    for at, ready in enumerate(queue):
        if ready.footage not in being_studied:
            return queue.pop(at)
    return None


def _write(path: Path, text: str) -> None:
    """Raises OutputNotWritable, DiskFull."""
    with whole_or_not(path) as part:
        # a byte of a file's name that is no UTF-8 is told as JSON has it: \udce9
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
