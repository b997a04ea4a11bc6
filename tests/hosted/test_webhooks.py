"""Webhooks of many accounts go out side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from lipwright.core.errors import DatabaseAway
from lipwright.core.jobs import Account, JobRequest
from lipwright.service.hosted import Hosted


def test_an_account_whose_receiver_is_slow_does_not_keep_the_others_waiting(
    service: Hosted,
    account: Account,
    request_of: Callable[..., JobRequest],
    receiver: Any,
    work_here: Callable[..., Hosted],
    until: Callable[..., float],
) -> None:
    modest, _ = service.create_key("bob", has_credit_limit=False)
    hook = f"http://{receiver.host}/hook"
    slow: list[str] = []
    for _ in range(9):
        slow.append(service.submit(account, request_of(webhook_url=hook)).id)
        service.cancel(account, slow[-1])
    quick = service.submit(modest, request_of(webhook_url=hook)).id
    service.cancel(modest, quick)
    receiver.on_webhook = lambda body: time.sleep(0.6) if body["id"] in slow else None
    work_here()

    until(lambda: len(receiver.came) == 10)

    order = [body["id"] for _, body in receiver.came]
    assert order.index(quick) < 3
    assert sorted(order) == sorted([*slow, quick])
    assert {one.state for one in service.deliveries()} <= {"delivered", "waiting"}


def test_a_database_that_is_away_is_told_once_until_it_is_back(
    work_here: Callable[..., Hosted], until: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_there, n_looks = [False, False, True, False, False, True], [0]

    def look(*_: Any) -> bool:
        n_looks[0] += 1
        if not is_there[min(n_looks[0], len(is_there)) - 1]:
            raise DatabaseAway("gone")
        return False

    monkeypatch.setattr("lipwright.service.deliveries.outbox.is_any_due", look)
    with capture_logs() as told:
        work_here()
        until(lambda: n_looks[0] >= len(is_there))

    told_of = [(one["log_level"], one["event"]) for one in told if one.get("what") == "webhooks" or "exc_info" in one]
    assert told_of == [("warning", "the database is away")] * 2
