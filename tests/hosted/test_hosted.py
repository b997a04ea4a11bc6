"""The service without a worker: what is taken in, what is refused, and what it costs."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.blobs import FolderBlobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import (
    DatabaseAway,
    DiskFull,
    IdempotencyMismatch,
    InsufficientCredits,
    InvalidOption,
    JobNotFound,
    MediaNotKnown,
    MediaTooLarge,
    NothingToSay,
    OutputNotWritable,
    StoreAway,
    SubmitInFlight,
    TicketExpired,
    UnknownEngine,
    UnknownLanguage,
    UnknownVoice,
    UnreadableMedia,
    UploadIncomplete,
    UrlRefused,
    WrongContent,
    WrongMediaKind,
)
from lipwright.core.jobs import Account, Job, JobRequest, JobState, Media, UploadTicket
from lipwright.core.options import VoiceOptions
from lipwright.demo import speech_path, video_path
from lipwright.jobs import life
from lipwright.service.hosted import Claimed, Hosted
from lipwright.service.intake import Workshop
from lipwright.service.prices import Prices
from lipwright.service.work import JobWork
from lipwright.store import jobs as store_jobs
from lipwright.store import media
from lipwright.store.database import now

DATABASES = ["sqlite", "postgresql"]
RequestOf = Callable[..., JobRequest]
PRICE = 150_000
"""Of 1.2 s of speech, by WaveSpeed's list."""


def test_the_first_start_makes_one_key_without_credit_limit_and_shows_it_once(service: Hosted) -> None:
    secret = service.ensure_first_key()

    assert secret is not None
    assert not service.authenticate(secret).has_credit_limit
    assert service.ensure_first_key() is None


def test_a_key_keeps_its_limits_and_new_ones_hold_at_once(service: Hosted) -> None:
    made, secret = service.create_key("bob", max_running=5, priority=1)
    service.limit_key(made.id, max_requests_per_min=7, has_credit_limit=False)

    assert service.authenticate(secret) == replace(made, max_requests_per_min=7, has_credit_limit=False)
    with pytest.raises(InvalidOption):
        service.limit_key(made.id, max_running=0)


@pytest.mark.parametrize(
    ("face", "speech_s", "text", "microusd"),
    [
        ("wavespeed", 0.1, None, 150_000),
        ("wavespeed", 5.0, None, 150_000),
        ("wavespeed", 5.01, None, 300_000),
        ("native", 12.0, None, 450_000),
        ("wavespeed", None, "The harbour was quiet, and the boats lay still upon the water. " * 6, 5 * 150_000),
        ("wavespeed", 3.0, "The harbour was quiet, and the boats lay still upon the water. " * 6, 150_000),
        ("wavespeed", None, "Hello.", 150_000),
        ("wavespeed", None, "😀", 150_000),
        ("pixverse", 4.2, None, 5 * 4 * 10_000),
        ("pixverse", None, "fifteen letters", 4 * 10_000),
        ("pixverse", None, "sixteen letters!", 8 * 10_000),
        ("pixverse", None, "ééééééé", 4 * 10_000),
        ("pixverse", None, "éééééééé", 8 * 10_000),
        ("pixverse", None, None, 4 * 10_000),
    ],
)
def test_prices_are_those_of_the_vendors(
    service: Hosted, face: Any, speech_s: float | None, text: str | None, microusd: int
) -> None:
    assert service.price_of(face, speech_s=speech_s, text=text) == microusd


def test_a_submit_holds_its_price_and_a_cancel_gives_it_back(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    job = service.submit(account, request_of())
    assert service.balance_microusd(account) == 10_000_000 - PRICE

    ended = service.cancel(account, job.id)

    assert (ended.state, ended.error_code, ended.price_microusd) == (JobState.CANCELLED, "cancelled", 0)
    assert service.balance_microusd(account) == 10_000_000
    assert service.cancel(account, job.number) == ended
    assert [row.kind for row in service.ledger(account)] == ["release", "hold", "grant"]


def test_what_is_cancelled_or_deleted_while_it_waits_stands_in_the_queue_no_more(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    cancelled, deleted, left = (service.submit(account, request_of()).id for _ in range(3))

    service.cancel(account, cancelled)
    service.delete(account, deleted)

    fates = service._open_queue().fates([cancelled, deleted, left])
    assert fates == {cancelled: "ended", deleted: "ended", left: "open"}


def test_footage_that_is_shown_to_its_end_is_paid_for_and_a_price_once_told_stays(
    service: Hosted, account: Account, request_of: RequestOf, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Footage of 6 s, speech of 1.2 s."""
    work = JobWork(
        service.settings,
        service._database,
        service._blobs,
        service._intake,
        service._workshop,
        service._prices,
        lambda path, stop: None,
        lambda: False,
        service.telemetry,
    )

    def prices(**changes: Any) -> tuple[int, int]:
        """When it is taken in, and when all that it needs is here."""
        told = service.submit(account, request_of(options={"when_long": "keep"}, **changes))
        work.prepare(told.id)
        return told.price_microusd, service.job(account, told.id).price_microusd

    assert prices() == (2 * PRICE, 2 * PRICE)
    assert prices(video=f"http://{receiver.host}/clip") == (PRICE, 2 * PRICE)
    assert service.balance_microusd(account) == 10_000_000 - 4 * PRICE
    with monkeypatch.context() as older:
        older.setattr(Prices, "of_job", lambda *given, **named: PRICE)
        told = service.submit(account, request_of(options={"when_long": "keep"}))
    work.prepare(told.id)
    assert service.job(account, told.id).price_microusd == PRICE


def test_speech_in_a_video_is_held_at_the_least_price_until_it_is_heard(
    service: Hosted, account: Account, request_of: RequestOf, footage: Media
) -> None:
    """A picture of 6 s tells nothing of the sound beside it."""
    assert service.submit(account, request_of(audio=f"media:{footage.id}")).price_microusd == PRICE


def test_speech_in_a_video_may_be_no_longer_than_other_speech(
    service: Hosted, account: Account, request_of: RequestOf, footage: Media, work_here: Callable[..., Hosted]
) -> None:
    """The picture lasts 6 s, its sound 8."""
    held = service.balance_microusd(account)
    work_here(max_audio_s=7)
    job = service.wait(account, service.submit(account, request_of(audio=f"media:{footage.id}")).id, 60)

    assert (job.state, job.error_code) == (JobState.FAILED, "media_too_large")
    assert "seconds 8, and at most 7" in (job.error_message or "")
    assert service.balance_microusd(account) == held


def test_without_credit_nothing_is_taken_in(service: Hosted, account: Account, request_of: RequestOf) -> None:
    service.grant(account, PRICE - 1 - 10_000_000)

    with pytest.raises(InsufficientCredits):
        service.submit(account, request_of(), idempotency_key="k")

    assert service.jobs(account).n_total == 0
    service.grant(account, 1)
    assert service.submit(account, request_of(), idempotency_key="k").price_microusd == PRICE


def test_one_idempotency_key_makes_one_job_and_only_of_one_request(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    other, _ = service.create_key("other", has_credit_limit=False)
    first = service.submit(account, request_of(), idempotency_key="k")

    assert service.submit(account, request_of(), idempotency_key="k").id == first.id
    assert service.submit(other, request_of(), idempotency_key="k").id != first.id
    with pytest.raises(IdempotencyMismatch):
        service.submit(account, request_of(options={"crf": 20}), idempotency_key="k")
    assert service.jobs(account).n_total == 1
    assert service.balance_microusd(account) == 10_000_000 - PRICE


def test_a_deleted_job_frees_its_key_and_no_other(service: Hosted, account: Account, request_of: RequestOf) -> None:
    first = service.submit(account, request_of(), idempotency_key="k")
    other = service.submit(account, request_of(), idempotency_key="other")
    service.cancel(account, first.id)
    assert service.submit(account, request_of(), idempotency_key="k").id == first.id, "it is there, as it ended"
    service.delete(account, first.id)

    again = service.submit(account, request_of(), idempotency_key="k")

    assert again.id != first.id
    assert service.job(account, again.id).state is JobState.QUEUED
    assert service.submit(account, request_of(), idempotency_key="k").id == again.id
    assert service.submit(account, request_of(), idempotency_key="other").id == other.id
    assert service.balance_microusd(account) == 10_000_000 - 2 * PRICE


def test_of_many_with_one_key_at_once_one_makes_the_job(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    ids: list[str] = []
    ready = threading.Barrier(6)

    def submit() -> None:
        ready.wait()
        ids.append(service.submit(account, request_of(), idempotency_key="k").id)

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert service.balance_microusd(account) == 10_000_000 - PRICE


def test_a_submit_at_once_is_a_submit_and_its_key_is_the_same_key(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    if not service.reads_at_once:
        pytest.skip("on PostgreSQL every submit is a thread's")
    assert not service.submits_at_once(account, request_of()), "its queue is still to be made"
    first = service.submit(account, request_of(), idempotency_key="k", fingerprint="f")

    assert service.submits_at_once(account, request_of())
    assert not service.submits_at_once(account, request_of(audio=None, text="Hello.")), "voices may have to be read"
    again = service.submit_at_once(account, request_of(), idempotency_key="k", fingerprint="f")
    other = service.submit_at_once(account, request_of(), idempotency_key="other", fingerprint="f")

    assert again == first
    assert other is not None
    assert service.submit(account, request_of(), idempotency_key="other", fingerprint="f") == other
    assert service.balance_microusd(account) == 10_000_000 - 2 * PRICE
    with pytest.raises(IdempotencyMismatch):
        service.submit_at_once(account, request_of(), idempotency_key="k", fingerprint="another")


def test_a_submit_that_would_wait_for_another_writer_has_not_begun(
    service: Hosted, settings: ServiceSettings, account: Account, request_of: RequestOf
) -> None:
    if not service.reads_at_once:
        pytest.skip("on PostgreSQL every submit is a thread's")
    service.submit(account, request_of())
    other = sqlite3.connect(settings.folder / "lipwright.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert service.submit_at_once(account, request_of(), idempotency_key="k", fingerprint="f") is None
    assert service.submit_at_once(account, request_of(video="https://example.org/clip.mp4")) is None
    other.execute("ROLLBACK")

    assert service.jobs(account).n_total == 1
    assert service.balance_microusd(account) == 10_000_000 - PRICE
    assert service.submit(account, request_of(), idempotency_key="k", fingerprint="f").price_microusd == PRICE


def test_a_claimed_key_is_in_flight_until_its_job_is_there_or_it_is_given_back(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    first = service.claim(account, "k", "body")
    assert isinstance(first, Claimed)
    with pytest.raises(SubmitInFlight):
        service.claim(account, "k", "body")
    service.unclaim(account, first)
    second = service.claim(account, "k", "body")
    assert isinstance(second, Claimed)

    job = service.submit(account, request_of(), claimed=second)

    again = service.claim(account, "k", "body")
    assert isinstance(again, Job)
    assert again.id == job.id
    with pytest.raises(IdempotencyMismatch):
        service.claim(account, "k", "another body")


def test_a_claimed_key_lets_no_other_request_in_and_nobody_gets_the_job_of_another(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    claimed = service.claim(account, "k", "body")
    assert isinstance(claimed, Claimed)

    with pytest.raises(IdempotencyMismatch):
        service.submit(account, request_of(), idempotency_key="k", fingerprint="another body")
    with pytest.raises(SubmitInFlight):
        service.submit(account, request_of(), idempotency_key="k", fingerprint="body")

    service.submit(account, request_of(), claimed=claimed)
    assert service.jobs(account).n_total == 1


def test_who_was_thought_dead_while_their_files_were_looked_at_makes_no_second_job(
    service: Hosted, settings: ServiceSettings, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines: the first takes a claim's whole time for the files in the request, and the client comes again."""
    another = Hosted.open(settings)
    slow = service.claim(account, "k", "body")
    assert isinstance(slow, Claimed)
    monkeypatch.setattr(store_jobs, "CLAIM_HOLDS", timedelta(0))
    quick = another.claim(account, "k", "body")
    assert isinstance(quick, Claimed)
    monkeypatch.undo()

    with pytest.raises(SubmitInFlight):
        service.submit(account, request_of(), claimed=slow)
    service.unclaim(account, slow)  # which is no longer its own
    made = another.submit(account, request_of(), claimed=quick)

    assert service.submit(account, request_of(), claimed=slow).id == made.id
    assert service.jobs(account).n_total == 1
    assert service.balance_microusd(account) == 10_000_000 - PRICE
    another.close()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"text": "and words"}, InvalidOption),
        ({"audio": None}, InvalidOption),
        ({"audio": None, "text": "  "}, InvalidOption),
        ({"audio": None, "text": "x" * 5001}, MediaTooLarge),
        ({"audio": None, "text": "😀 !"}, NothingToSay),
        ({"audio": None, "text": "សួស្តី"}, UnknownLanguage),
        ({"options": {"engine": "nobody"}}, UnknownEngine),
        ({"options": {"crf": 90}}, InvalidOption),
        ({"options": {"crf": "fine"}}, InvalidOption),
        ({"options": {"colour": "red"}}, InvalidOption),
        ({"video": "media:" + "0" * 32}, MediaNotKnown),
        ({"video": "file:///etc/passwd"}, UrlRefused),
        ({"audio": "http://127.0.0.1/a.wav"}, UrlRefused),
        ({"webhook_url": "http://169.254.169.254/"}, UrlRefused),
    ],
)
def test_what_cannot_be_meant_is_refused_and_costs_nothing(
    service: Hosted, account: Account, request_of: RequestOf, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        service.submit(account, request_of(**changes))

    assert service.balance_microusd(account) == 10_000_000


def test_a_recording_is_no_footage(
    service: Hosted, account: Account, request_of: RequestOf, speech_media: Media
) -> None:
    with pytest.raises(WrongMediaKind):
        service.submit(account, request_of(video=f"media:{speech_media.id}"))


def test_jobs_of_others_are_not_found_but_for_the_operator(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    stranger, _ = service.create_key("stranger")
    operator, _ = service.create_key("operator", is_admin=True)
    job = service.submit(account, request_of())

    assert service.job(operator, job.number).id == job.id
    for act in (service.job, service.cancel, service.delete):
        with pytest.raises(JobNotFound):
            act(stranger, job.id)
    assert not service.job(account, job.id).state.is_final


def test_jobs_are_listed_newest_first_in_pages_and_a_deleted_one_no_more(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    ids = [service.submit(account, request_of(model=f"m{n % 2}")).id for n in range(5)]
    service.delete(account, ids[0])

    assert [job.id for job in service.jobs(account, page_size=3).jobs] == ids[:1:-1]
    second = service.jobs(account, page=2, page_size=3)
    assert ([job.id for job in second.jobs], second.n_total) == ([ids[1]], 4)
    assert [job.id for job in service.jobs(account, model="m1").jobs] == [ids[3], ids[1]]
    assert service.jobs(account, states=[JobState.CANCELLED]).n_total == 0
    assert service.jobs(account, since=now() + timedelta(hours=1)).n_total == 0
    with pytest.raises(JobNotFound):
        service.job(account, ids[0])


# --- media ------------------------------------------------------------------------------------------------


def test_an_upload_is_looked_at_by_the_real_child_and_kept_whole(service: Hosted, account: Account) -> None:
    data = video_path().read_bytes()
    ticket = service.begin_upload(account, "../../a<b>.mp4", "text/html", len(data))

    made = service.write_upload(ticket.id, [data[:1000], data[1000:]])

    assert (made.id, made.number) == (ticket.media_id, ticket.media_number)
    assert (made.kind, made.content_type, made.filename) == ("video", "video/mp4", "ab.mp4")
    assert (made.width_px, made.height_px, made.duration_s) == (480, 480, 6.0)
    opened = service.open_media(made.id, -100)
    assert b"".join(opened.chunks) == data[-100:]
    assert (opened.start, opened.stop) == (len(data) - 100, len(data))
    assert service.media_by_number(account, made.number) == made
    with pytest.raises(TicketExpired):
        service.write_upload(ticket.id, [data])


def test_of_two_processes_that_take_an_upload_the_first_keeps_its_bytes_and_the_other_changes_nothing(
    service: Hosted, account: Account, settings: ServiceSettings
) -> None:
    first, second = video_path().read_bytes(), speech_path().read_bytes()
    ticket = service.begin_upload(account, "a.mp4")
    other = Hosted.open(settings)

    def slowly() -> Iterator[bytes]:
        yield second[:1000]
        service.write_upload(ticket.id, [first])
        yield second[1000:]

    with pytest.raises(TicketExpired):
        other.write_upload(ticket.id, slowly())
    other.close()

    made = service.media(ticket.media_id)
    kept = b"".join(service.open_media(ticket.media_id).chunks)
    assert (made.kind, len(kept), hashlib.sha256(kept).hexdigest()) == ("video", len(first), made.sha256)


def test_an_upload_that_the_store_refuses_may_come_again(
    service: Hosted, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = service.begin_upload(account, "a.mp4")
    taken: list[tuple[UploadTicket | None, bool]] = []

    def refuse(*_: Any, **__: Any) -> None:
        with service._database.reading() as connection:
            taken.append(media.ticket_of(connection, ticket.media_id))
        raise OutputNotWritable(Path("blobs"), "it is away")

    with monkeypatch.context() as patch:
        patch.setattr(service._blobs, "put", refuse)
        with pytest.raises(OutputNotWritable):
            service.write_upload(ticket.id, [video_path().read_bytes()])

    assert taken == [(None, True)]
    assert service.ticket(ticket.id) == ticket
    assert service.write_upload(ticket.id, [video_path().read_bytes()]).id == ticket.media_id


def test_half_an_upload_never_becomes_a_media(service: Hosted, account: Account, settings: ServiceSettings) -> None:
    data = video_path().read_bytes()
    ticket = service.begin_upload(account, "a.mp4", "video/mp4", len(data))

    def breaks_off() -> Iterator[bytes]:
        yield data[:5000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        service.write_upload(ticket.id, breaks_off())
    with pytest.raises(UploadIncomplete):
        service.write_upload(ticket.id, [data[:-1]])

    with pytest.raises(MediaNotKnown):
        service.media(ticket.media_id)
    assert list((settings.folder / "work").iterdir()) == []
    assert [path for path in (settings.folder / "blobs").rglob("*") if path.is_file()] == []


def test_a_recording_is_as_long_as_it_sounds_whatever_its_header_says(service: Hosted, account: Account) -> None:
    content = bytearray(speech_path().read_bytes())
    assert content[:4] == b"fLaC"
    # STREAMINFO: 20 bits of rate, 8 of channels and depth, 36 of the number of samples
    content[21] &= 0xF0
    content[22:26] = (16_000).to_bytes(4, "big")

    kept = service.upload_file(account, [bytes(content)], "cheap.flac")

    assert kept.duration_s == pytest.approx(6.9, abs=0.1)


def test_what_is_no_media_is_refused_without_a_word_about_our_folders(
    service: Hosted, account: Account, settings: ServiceSettings
) -> None:
    with pytest.raises(WrongContent) as page:
        service.upload_file(account, [b"<html>hello</html>"], "a.mp4")
    with pytest.raises(UnreadableMedia) as half:
        service.upload_file(account, [video_path().read_bytes()[:3000]], "half.mp4")

    assert "half.mp4" in str(half.value)
    for error in (page.value, half.value):
        assert str(settings.folder) not in f"{error} {vars(error)}"


def test_more_bytes_than_are_taken_are_refused_early(tmp_path: Path, stand_ins: None) -> None:
    service = Hosted.open(ServiceSettings(data=str(tmp_path / "small"), max_upload_bytes=1000))
    account, _ = service.create_key("a")
    came = 0

    def endless() -> Iterator[bytes]:
        nonlocal came
        while True:
            came += 100
            yield bytes(100)

    with pytest.raises(MediaTooLarge):
        service.begin_upload(account, "a.mp4", n_bytes=1001)
    with pytest.raises(MediaTooLarge):
        service.upload_file(account, endless(), "a.mp4")
    service.close()

    assert came == 1100


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"voice": "nobody"}, UnknownVoice),
        ({"voice": "espeak:xx-nowhere"}, UnknownVoice),
        ({"voice": "Harper", "language": "klingon"}, UnknownLanguage),
        ({"language": "klingon"}, UnknownLanguage),
        ({"voice": "espeak:de", "language": "fr"}, UnknownLanguage),
    ],
)
def test_a_text_that_nobody_can_say_is_refused_when_it_is_asked_for(
    service: Hosted, account: Account, request_of: RequestOf, said: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        service.submit(account, request_of(audio=None, text="Hello.", **said))

    for known in ({}, {"voice": "AUTO", "language": "auto"}, {"voice": "7"}, {"voice": "espeak:de", "language": "de"}):
        service.submit(account, request_of(audio=None, text="Hello.", **known))


def test_speakers_are_those_of_the_operators_own_table(tmp_path: Path, settings: ServiceSettings) -> None:
    table = tmp_path / "mine.toml"
    table.write_text(
        '[auto]\nfemale = "a"\nmale = "a"\notherwise = "a"\n'
        '[[speaker]]\nid = "a"\nname = "Ada"\ngender = "female"\nvoice = "espeak:+f2"\n'
    )
    hosted = Hosted.open(settings, VoiceOptions(speakers=table))

    assert [one.name for one in hosted.speakers()] == ["Ada", "Auto"]
    hosted.close()


def test_a_setting_that_cannot_work_is_told_before_anyone_is_let_in(settings: ServiceSettings) -> None:
    hosted = Hosted.open(settings.model_copy(update={"moderator": "nobody"}))

    with pytest.raises(InvalidOption):
        hosted.warm_up()
    hosted.close()


def test_a_range_is_clipped_to_what_is_there(service: Hosted, footage: Media) -> None:
    n = footage.n_bytes

    assert [(part.start, part.stop) for part in (
        service.open_media(footage.id),
        service.open_media(footage.id, 10, 20),
        service.open_media(footage.id, n - 5, n + 100),
    )] == [(0, n), (10, 20), (n - 5, n)]  # fmt: skip
    with pytest.raises(InvalidOption):
        service.open_media(footage.id, n, n + 1)


def test_the_sweep_removes_what_expired_and_what_nothing_refers_to_and_nothing_else(
    tmp_path: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipwright.service import hosted

    service = Hosted.open(ServiceSettings(data=str(tmp_path / "data"), keep_uploads_h=0.3 / 3600))
    account, _ = service.create_key("a")
    gone = service.upload_file(account, video_path(), "gone.mp4")
    monkeypatch.setattr(hosted, "_YOUNG", timedelta(0))
    orphan = "f" * 32
    service._blobs.put(orphan, video_path())
    ticket = service.begin_upload(account, "open.mp4")
    service._blobs.put(ticket.media_id, video_path())
    import time

    time.sleep(0.4)
    done = service.sweep()

    assert (done["expired_media"], done["orphans"]) == (1, 1)
    with pytest.raises(MediaNotKnown):
        service.media(gone.id)
    assert service._blobs.n_bytes(gone.id) is None
    assert service._blobs.n_bytes(ticket.media_id) is not None
    service.close()


def test_a_room_is_swept_once_its_owner_in_another_container_has_let_go_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workshop(tmp_path)
    monkeypatch.setattr(life, "_here", lambda: ("another", "container"))
    mine = Workshop(tmp_path)
    with other.room() as room:
        (room / "media").write_bytes(bytes(9))

        assert (mine.sweep(), other.sweep()) == (0, 0)
        assert (room / "media").exists()
        # as `kill -9` leaves it
        left = shutil.copytree(room, tmp_path / "left")
        assert mine.sweep() == 1
        assert not left.exists()
        # an older release locks nothing
        (left := shutil.copytree(room, tmp_path / "older")).joinpath("owner").write_text("h/boot/1/1/word")
        assert mine.sweep() == 0
    assert left.exists()
    assert not room.exists()


def test_a_room_that_is_held_is_never_too_old(tmp_path: Path) -> None:
    mine, other = Workshop(tmp_path), Workshop(tmp_path)
    with mine.room() as room:
        left = shutil.copytree(room, tmp_path / "left")
        (left / "owner").write_text("another/machine/1/1/word\n")
        for one in (room, left):
            os.utime(one, (0, 0))  # work that went on while the machine slept

        assert [other.sweep(), mine.sweep()] == [1, 0]
        assert room.exists()
        assert not left.exists()


def test_one_sweep_forgets_all_of_the_old_history_and_nothing_of_the_new(service: Hosted) -> None:
    service._open_queue()
    old, new = (int((now() - timedelta(days=days)).timestamp() * 1000) for days in (9, 1))
    rows = [{"id": f"w{n}", "at": old if n < 2100 else new} for n in range(2103)]
    with service._database.writing() as connection:
        names = ("workflow_uuid", "status", "name", "priority", "created_at", "updated_at", "completed_at")
        schema = None if service._database.is_sqlite else "dbos"
        table = sa.table("workflow_status", *map(sa.column, names), schema=schema)
        at = dict.fromkeys(names[4:], sa.bindparam("at"))
        values = {"workflow_uuid": sa.bindparam("id"), "status": "SUCCESS", "name": "job", "priority": 0, **at}
        connection.execute(table.insert().values(values), rows)

    assert service.sweep()["history"] == 2100
    with service._database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 3


class WithLinks(FolderBlobs):
    """A folder to which clients could PUT, as they can to a bucket: what came is given here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.came: dict[str, bytes] = {}

    def upload_link(self, key: str) -> str | None:
        return f"https://bucket.test/{key}"

    def n_bytes_came(self, key: str) -> int | None:
        return len(self.came[key]) if key in self.came else None

    def read_what_came(self, key: str) -> Generator[bytes]:
        yield self.came[key]

    def drop_what_came(self, key: str) -> bool:
        return self.came.pop(key, None) is not None


@pytest.mark.parametrize(
    "fault",
    [
        DatabaseAway("it restarts"),
        DiskFull(Path("work")),
        OutputNotWritable(Path("blobs"), "it is away"),
        StoreAway("it restarts"),
    ],
)
def test_what_came_by_a_link_outlives_a_fault_that_passes(
    tmp_path: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    from lipwright.service import hosted

    blobs = WithLinks(tmp_path / "blobs")
    monkeypatch.setattr(hosted, "_open_blobs", lambda *_: blobs)
    service = Hosted.open(ServiceSettings(data=str(tmp_path / "data")))
    account, _ = service.create_key("a")
    good, bad = (service.begin_upload(account, f"{name}.mp4") for name in ("good", "bad"))
    blobs.came = {good.media_id: video_path().read_bytes(), bad.media_id: b"no media"}

    def put(*_: Any, **__: Any) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "put", put)
        with pytest.raises(type(fault)):
            service.media(good.media_id)
    with pytest.raises(WrongContent):
        service.media(bad.media_id)

    assert service.media(good.media_id).kind == "video"
    assert blobs.came == {}
    service.close()


def test_who_brings_bytes_by_a_link_is_known_until_they_are_taken_in(
    tmp_path: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipwright.service import hosted

    blobs = WithLinks(tmp_path / "blobs")
    monkeypatch.setattr(hosted, "_open_blobs", lambda *_: blobs)
    service = Hosted.open(ServiceSettings(data=str(tmp_path / "data")))
    account, _ = service.create_key("a")
    ticket = service.begin_upload(account, "a.mp4")
    wanted = ("https://a.example/a.mp4", None, f"media:{ticket.media_id}")

    before = service.who_brings(*wanted), service.knows(ticket.media_id)
    blobs.came[ticket.media_id] = video_path().read_bytes()
    service.media(ticket.media_id)

    assert before == (account.id, True)
    assert (service.who_brings(*wanted), service.knows(ticket.media_id)) == (None, True)
    assert not service.knows("0" * 32)
    service.close()


def test_what_came_by_a_link_is_found_while_another_process_still_keeps_it(
    tmp_path: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipwright.service import hosted

    blobs = WithLinks(tmp_path / "blobs")
    monkeypatch.setattr(hosted, "_open_blobs", lambda *_: blobs)
    settings = ServiceSettings(data=str(tmp_path / "data"))
    service, other = Hosted.open(settings), Hosted.open(settings)
    account, _ = service.create_key("a")
    ticket = service.begin_upload(account, "a.mp4")
    blobs.came[ticket.media_id] = video_path().read_bytes()
    put, found = blobs.put, list[Media]()
    asking = threading.Thread(target=lambda: found.append(other.media(ticket.media_id)))

    def slowly(*given: Any, **named: Any) -> None:
        # the same address is written to again, by who holds the link
        blobs.came[ticket.media_id] = speech_path().read_bytes()
        asking.start()
        sleep(0.5)
        put(*given, **named)

    monkeypatch.setattr(blobs, "put", slowly)
    made = service.media(ticket.media_id)
    asking.join(timeout=20)

    assert found == [made]
    assert made.n_bytes == video_path().stat().st_size
    assert blobs.came == {}
    service.close()
    other.close()


def test_numbers_are_exact_in_javascript_and_do_not_count(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    numbers = [service.submit(account, request_of()).number for _ in range(4)]

    assert all(10**9 <= number < 2**53 for number in numbers)
    assert all(abs(a - b) > 1 for a, b in pairwise(numbers))
