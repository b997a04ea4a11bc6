"""`lipwright`: the program."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from lipwright.cli.batch import batch
from lipwright.cli.bench import bench
from lipwright.cli.credits import credits_
from lipwright.cli.demo import demo
from lipwright.cli.doctor import doctor
from lipwright.cli.evaluate import evaluate
from lipwright.cli.faces import faces
from lipwright.cli.jobs import jobs
from lipwright.cli.keys import keys
from lipwright.cli.probe import probe
from lipwright.cli.report import report
from lipwright.cli.say import say
from lipwright.cli.serve import serve
from lipwright.cli.study import study
from lipwright.cli.sync import sync
from lipwright.cli.visemes import visemes
from lipwright.cli.voices import voices
from lipwright.cli.webhooks import webhooks
from lipwright.cli.worker import worker
from lipwright.cli.workers import workers
from lipwright.networks import SILENCE

# Native libraries read these when they load, here and in child processes; who wants others sets them.
_FOR_LIBRARIES: Final = {
    # quiet
    "GLOG_minloglevel": "2",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GRPC_VERBOSITY": "ERROR",
    **SILENCE,
    # our matrices are small: a second thread of BLAS waits for work by spinning, which cost a quarter of all CPU time
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}

app = typer.Typer(
    help="The same footage, its lips saying what you give it.",
    epilog="Settings come from the environment too: LIPWRIGHT_CRF=20 and so on; see docs/how-to/settings.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback is for the person who reports a bug: whole, and plain
    rich_markup_mode=None,  # drawing help with rich takes longer than everything else here together
)
app.command(epilog="Such as: lipwright sync footage.mp4 speech.wav -o out.mp4")(sync)
app.command(epilog='Such as: lipwright say footage.mp4 "Good morning." -o out.mp4')(say)
for command in (batch, study, report, evaluate, visemes, faces, probe, doctor, demo, bench, serve, worker, workers):
    app.command()(command)
app.add_typer(voices, name="voices")
app.add_typer(keys, name="keys")
app.add_typer(credits_, name="credits")
app.add_typer(webhooks, name="webhooks")
app.add_typer(jobs, name="jobs")


def show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"lipwright {version('lipwright')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


def end_like_ctrl_c(signum: int, _frame: FrameType | None) -> None:
    """A polite request to end cleans up as Ctrl-C does, instead of leaving half a file."""
    raise SystemExit(128 + signum)


def listen_for_the_end() -> None:
    """To whoever ends this process, and to a terminal that is closed; under nohup that one stays ignored."""
    signal.signal(signal.SIGTERM, end_like_ctrl_c)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, end_like_ctrl_c)


def open_closed_streams() -> None:
    """What is said to a stream that was closed (`2>&-`) goes nowhere.

    Python has None in its place, and the next file that is opened, a video even, its number: what native libraries say
    would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            nowhere = Path(os.devnull).open(mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            os.set_inheritable(nowhere.fileno(), True)
            setattr(sys, name, nowhere)


def main() -> None:
    """The entry point."""
    open_closed_streams()
    for name, value in _FOR_LIBRARIES.items():
        os.environ.setdefault(name, value)
    listen_for_the_end()
    # a file's name may have bytes that are no letters: standard error writes \udce9, standard output refused them
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    app(prog_name="lipwright")
