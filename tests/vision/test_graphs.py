"""What native code says is held back, whoever else holds it back at the same time."""

from __future__ import annotations

import os
import sys
from threading import Barrier, Thread

import pytest

from lipwright.vision.graphs import quiet_stderr


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
            os.write(2, b"INFO: late\n")

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    print("heard", file=sys.stderr, flush=True)

    assert capfd.readouterr().err == "heard\n"
