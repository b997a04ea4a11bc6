"""What native code says is held back, whoever else holds it back at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import numpy as np
import pytest

from lipwright.core.errors import InvalidOption
from lipwright.vision import graphs
from lipwright.vision.facemesh import WINDOW_PX, FaceMesh
from lipwright.vision.graphs import quiet_stderr
from lipwright.vision.person import PersonFinder


def test_what_is_said_in_a_block_that_ends_well_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"INFO: created a delegate\n")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "after\n"


def test_what_is_said_in_a_block_that_fails_is_shown_after_all(capfd: pytest.CaptureFixture[str]) -> None:
    def load() -> None:
        with quiet_stderr():
            os.write(2, b"ERROR: no such model\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        load()

    assert capfd.readouterr().err == "ERROR: no such model\n"


def test_blocks_of_two_threads_that_overlap_give_stderr_back(capfd: pytest.CaptureFixture[str]) -> None:
    both_in, one_out = Barrier(2), Barrier(2)

    def first() -> None:
        with quiet_stderr():
            both_in.wait(10)
        one_out.wait(10)

    def second() -> None:
        with quiet_stderr():
            both_in.wait(10)
            one_out.wait(10)
            os.write(2, b"INFO: created a late delegate\n")

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    print("heard", file=sys.stderr, flush=True)

    assert capfd.readouterr().err == "heard\n"


def test_what_others_write_while_native_code_is_held_back_is_shown_at_the_end(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet_stderr():
        os.write(2, b"W0000 00:00:1795411880.073229     994 inference_feedback_manager.cc:114] Feedback manager\n")
        print("INFO: 12 requests", file=sys.stderr, flush=True)
        os.write(2, b"[ERROR:0@0.070] global loadsave.cpp:1085 imdecode_ can't read data\n\n")
        os.write(2, b"Corrupt JPEG data: 159 extraneous bytes before marker 0xd9\nno end of line")

    assert capfd.readouterr().err == "INFO: 12 requests\nno end of line"


def test_it_is_held_back_where_no_temporary_file_can_be_made(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with quiet_stderr():
        os.write(2, b"INFO: created a delegate\n")
    assert capfd.readouterr().err == ""

    monkeypatch.delattr("os.memfd_create")
    with quiet_stderr():  # and where none can be had in memory either, it is shown
        os.write(2, b"INFO: created a delegate\n")
    assert capfd.readouterr().err == "INFO: created a delegate\n"


def test_a_file_that_came_to_be_where_stderr_was_closed_is_left_alone(tmp_path: Path) -> None:
    code = """
import os, sys
from lipwright.vision.graphs import quiet_stderr
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
assert (file, sys.stderr) == (2, None)
with quiet_stderr():
    os.write(file, b"INFO: created a delegate\\n")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "own.txt")]
    subprocess.run(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command], check=True)

    assert (tmp_path / "own.txt").read_text() == "INFO: created a delegate\n"


@pytest.mark.parametrize("put", [None, object()])
def test_who_has_put_nothing_or_something_else_in_place_of_stderr_is_served(
    put: object, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", put)
    with quiet_stderr():
        os.write(2, b"INFO: created a delegate\n")
    monkeypatch.undo()

    assert capfd.readouterr().err == ""


def test_a_fork_of_who_has_looked_at_faces_is_told_to_be_spawned(monkeypatch: pytest.MonkeyPatch) -> None:
    PersonFinder()
    parent = os.getpid()
    monkeypatch.setattr(graphs.os, "getpid", lambda: parent + 1)  # as a fork would have it, which breaks if it goes on

    with pytest.raises(InvalidOption, match="`spawn`"):
        PersonFinder()
    FaceMesh()  # this network does not mind


def test_who_is_interrupted_while_a_picture_is_taken_in_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, blank = FaceMesh(), np.zeros((WINDOW_PX, WINDOW_PX, 3), np.uint8)
    points, _ = mesh.look(blank)
    native = mesh._graph._graph

    class Interrupted:
        def add_packet_to_input_stream(self, *packet: object) -> None:
            native.add_packet_to_input_stream(*packet)
            native.wait_until_idle()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mesh._graph, "_graph", Interrupted())
        with pytest.raises(KeyboardInterrupt):
            mesh.look(blank)

    assert np.array_equal(mesh.look(blank)[0], points)
