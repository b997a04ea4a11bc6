"""A worker removes only what its own database has forgotten: to another one all blobs of a store are unknown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lipwright.blobs import FolderBlobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import DatabaseAway, OutputNotWritable, StoreAway, StoreMismatch
from lipwright.core.jobs import Account, Media
from lipwright.demo import video_path
from lipwright.service import orphans
from lipwright.service.hosted import Hosted
from lipwright.store import accounts, meta
from lipwright.store.database import now
from lipwright.store.tables import media as media_table
from lipwright.store.tables import meta as meta_table

DATABASES = ["sqlite", "postgresql"]
ORPHAN = "f" * 32


@pytest.fixture(autouse=True)
def nothing_is_young(monkeypatch: pytest.MonkeyPatch) -> None:
    from lipwright.service import hosted

    monkeypatch.setattr(hosted, "_YOUNG", timedelta(0))


@pytest.fixture
def other(new_settings: Callable[[], ServiceSettings], settings: ServiceSettings) -> Iterator[Hosted]:
    """Another database, whose operator wrote down the store of `service`."""
    store_url = f"file://{settings.folder / 'blobs'}"
    hosted = Hosted.open(new_settings().model_copy(update={"store_url": store_url}))
    yield hosted
    hosted.close()


@pytest.fixture
def store(settings: ServiceSettings) -> FolderBlobs:
    return FolderBlobs(settings.folder / "blobs")


def forget_mark(service: Hosted, store: FolderBlobs) -> None:
    """As a release left them that knew no marks."""
    shutil.rmtree(Path(store.name) / "database")
    with service._database.writing() as connection:
        connection.execute(sa.delete(meta_table))


@pytest.mark.parametrize("is_older", [False, True])
def test_a_worker_on_another_database_removes_nothing_and_the_right_one_goes_on(
    service: Hosted, other: Hosted, footage: Media, speech_media: Media, store: FolderBlobs, is_older: bool
) -> None:
    service.sweep()
    if is_older:
        forget_mark(service, store)
    store.put(ORPHAN, video_path())
    account, _ = other.create_key("bob")

    assert [other.sweep()["orphans"] for _ in range(2)] == [0, 0]
    # nor after it has brought something of its own
    mine = other.upload_file(account, video_path(), "mine.mp4")
    assert other.sweep()["orphans"] == 0
    assert store.n_bytes(footage.id) == footage.n_bytes

    # whose store it is knows nothing of the other's: that is why the other does not start
    assert service.sweep()["orphans"] == 2
    kept = [store.n_bytes(key) for key in (ORPHAN, mine.id, footage.id, speech_media.id)]
    assert kept == [None, None, footage.n_bytes, speech_media.n_bytes]


@pytest.mark.parametrize("had_its_own", [False, True])
def test_a_service_does_not_start_on_the_store_of_another_database(
    service: Hosted, other: Hosted, footage: Media, had_its_own: bool
) -> None:
    if had_its_own:
        with other._database.writing() as connection:
            meta.keep_store_id(connection, accounts.new_id())
    service.check_store()
    other.check_store()  # nobody's
    service.sweep()

    service.check_store()
    with pytest.raises(StoreMismatch, match="belongs to another database"):
        other.check_store()


def test_a_database_from_an_older_release_starts_on_its_store_and_a_new_one_in_an_old_data_folder(
    service: Hosted, settings: ServiceSettings, footage: Media, tmp_path: Path, new_database: Path
) -> None:
    service.sweep()
    named = service.settings.model_copy(update={"store_url": f"file://{settings.folder / 'blobs'}"})
    with service._database.writing() as connection:
        connection.execute(sa.delete(meta_table))
    again = Hosted.open(named)
    again.check_store()
    again.close()

    shutil.copytree(settings.folder / "blobs", tmp_path / "old" / "blobs")
    shutil.copyfile(new_database, tmp_path / "old" / "lipwright.db")
    anew = Hosted.open(ServiceSettings(data=str(tmp_path / "old")))
    anew.check_store()
    anew.close()


@pytest.mark.parametrize("why", [StoreAway("503"), DatabaseAway("locked"), OSError("permission denied"), None])
def test_a_store_that_does_not_tell_whose_it_is_stops_no_start(
    service: Hosted, monkeypatch: pytest.MonkeyPatch, why: Exception | None
) -> None:
    from lipwright.service import hosted

    monkeypatch.setattr(hosted, "_CHECK_WITHIN_S", 0.1)
    is_over = threading.Event()

    def mark(_blobs: FolderBlobs) -> str:
        if why is not None:
            raise why
        is_over.wait(10)
        return "b" * 32

    monkeypatch.setattr(FolderBlobs, "mark", mark)
    service.check_store()
    is_over.set()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_commands_refuse_the_store_of_another_database(
    service: Hosted, other: Hosted, footage: Media, command: str
) -> None:
    if not service._database.is_sqlite:
        pytest.skip("it is the same program, and takes seconds")
    service.sweep()
    told = {
        "LIPWRIGHT_DATA": other.settings.data,
        "LIPWRIGHT_DATABASE_URL": other.settings.database_url,
        "LIPWRIGHT_STORE_URL": other.settings.store_url,
        "LIPWRIGHT_PUBLIC_URL": "http://127.0.0.1:1",
        "LIPWRIGHT_PORT": "0",
    }
    program = [sys.executable, "-c", "from lipwright.cli.main import main; main()", command]
    ended = subprocess.run(program, env=os.environ | told, capture_output=True, text=True, timeout=60)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "belongs to another database" in " ".join(ended.stderr.split())


def test_a_store_that_was_emptied_stays_whose_it_was(service: Hosted, other: Hosted, store: FolderBlobs) -> None:
    service.sweep()
    other.sweep()
    store.put(ORPHAN, video_path())

    assert (other.sweep()["orphans"], service.sweep()["orphans"]) == (0, 1)


def test_a_database_that_was_put_back_from_an_older_release_finds_its_store_again(
    service: Hosted, footage: Media, store: FolderBlobs
) -> None:
    service.sweep()
    with service._database.writing() as connection:
        connection.execute(sa.delete(meta_table))
    store.put(ORPHAN, video_path())

    assert service.sweep()["orphans"] == 1
    with service._database.reading() as connection:
        assert meta.store_id(connection) == store.mark()


def test_a_disk_that_has_no_room_for_the_mark_is_swept_of_what_has_expired(
    service: Hosted, footage: Media, store: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(ORPHAN, video_path())
    with service._database.writing() as connection:
        connection.execute(sa.update(media_table).values(expires_at=now()))

    def refuse(_blobs: FolderBlobs, _mark: str) -> None:
        raise OutputNotWritable(Path(store.name), "it is full")

    with monkeypatch.context() as patch:
        patch.setattr(FolderBlobs, "set_mark", refuse)
        swept = service.sweep()

    assert (swept["expired_media"], swept["orphans"]) == (1, 0)
    assert store.n_bytes(footage.id) is None


def test_of_two_databases_that_find_an_empty_store_at_once_one_has_it(
    service: Hosted, other: Hosted, store: FolderBlobs
) -> None:
    both = threading.Barrier(2)

    def look(hosted: Hosted) -> None:
        both.wait()
        orphans.is_ours(hosted._database, hosted._blobs)

    threads = [threading.Thread(target=look, args=(one,)) for one in (service, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [orphans.is_ours(one._database, one._blobs) for one in (service, other)].count(True) == 1


def test_processes_of_one_database_agree_on_its_mark(service: Hosted, account: Account, footage: Media) -> None:
    kept: set[str] = set()

    def say() -> None:
        with service._database.writing() as connection:
            kept.add(meta.keep_store_id(connection, accounts.new_id()))

    threads = [threading.Thread(target=say) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kept) == 1
    assert orphans.is_ours(service._database, service._blobs)
    assert {service._blobs.mark()} == kept
