"""Bytes are there whole, or not at all."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from lipwright.blobs import FolderBlobs
from lipwright.store.database import now

KEY = "0123456789abcdef" * 2


def test_what_was_put_is_read_back_whole_and_in_ranges(tmp_path: Path) -> None:
    source = tmp_path / "source"
    data = bytes(range(256)) * 12_000
    source.write_bytes(data)
    blobs = FolderBlobs(tmp_path / "blobs")

    blobs.put(KEY, source)

    assert blobs.n_bytes(KEY) == len(data)
    assert b"".join(blobs.read(KEY, 0, len(data))) == data
    assert b"".join(blobs.read(KEY, 1_048_570, 2_100_000)) == data[1_048_570:2_100_000]
    with blobs.as_file(KEY) as path:
        assert path.read_bytes() == data
    assert [blob.key for page in blobs.pages() for blob in page] == [KEY]


def test_what_was_deleted_is_gone_and_deleting_again_does_no_harm(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    blobs = FolderBlobs(tmp_path / "blobs")
    blobs.put(KEY, source)

    blobs.delete([KEY])
    blobs.delete([KEY])

    assert blobs.n_bytes(KEY) is None
    with pytest.raises(FileNotFoundError), blobs.as_file(KEY):
        pass


def test_a_key_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")

    for key in ("../../etc/passwd", "a" * 31, "A" * 32, ""):
        with pytest.raises(ValueError, match="not a key"):
            blobs.n_bytes(key)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(5_000_000))
    code = f"""
import resource, signal
from pathlib import Path
from lipwright.blobs import FolderBlobs
from lipwright.core.errors import DiskFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
blobs = FolderBlobs(Path({str(tmp_path / "blobs")!r}))
try:
    blobs.put({KEY!r}, Path({str(tmp_path / "source")!r}))
except DiskFull:
    print("full", blobs.n_bytes({KEY!r}))
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "full None"


def test_halves_that_a_dead_writer_left_are_no_blobs_and_are_removed(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    half = tmp_path / "blobs" / KEY[:2] / f"{KEY}#1"
    half.parent.mkdir()
    half.write_bytes(b"half")

    assert blobs.n_bytes(KEY) is None
    assert [blob for page in blobs.pages() for blob in page] == []
    assert blobs.drop_halves(now() - timedelta(hours=1)) == 0
    assert blobs.drop_halves(now() + timedelta(seconds=1)) == 1
    assert not half.exists()


def test_a_folder_that_holds_no_blobs_is_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    blobs = FolderBlobs(tmp_path / "blobs")
    blobs.put(KEY, tmp_path / "source")
    # nobody can walk through it, as through `lost+found` at the root of a disk
    (tmp_path / "blobs" / "lost+found").mkdir()
    (tmp_path / "blobs" / "lost+found" / "loop").symlink_to("..")

    assert [blob.key for page in blobs.pages() for blob in page] == [KEY]
    assert blobs.drop_halves(now() + timedelta(seconds=1)) == 0


def test_a_store_keeps_the_mark_of_its_database_which_is_no_blob(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    assert blobs.mark() is None

    for mark in ("a" * 32, "b" * 32):
        blobs.set_mark(mark)

    assert FolderBlobs(tmp_path / "blobs").mark() == "b" * 32
    assert [blob for page in blobs.pages() for blob in page] == []


@pytest.mark.parametrize("left", [b"", b"\0" * 33, b"ab12"])
def test_what_a_power_cut_left_of_a_mark_is_none(tmp_path: Path, left: bytes) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    blobs.set_mark("a" * 32)
    (tmp_path / "blobs" / "database" / ("0" * 32)).write_bytes(left)

    assert blobs.mark() is None
