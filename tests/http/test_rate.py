"""How often an account may ask."""

from __future__ import annotations

import random
from itertools import pairwise

from lipwright.http import rate
from lipwright.http.rate import Rates


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def test_so_many_a_minute_and_then_no_more_until_it_says() -> None:
    clock = Clock()
    rates = Rates(clock)

    assert [rates.ask("a", 3) for _ in range(3)] == [None] * 3
    wait_s = rates.ask("a", 3)

    assert wait_s is not None
    assert rates.ask("b", 3) is None
    clock.now_s += wait_s - 0.01
    assert rates.ask("a", 3) is not None
    clock.now_s += 0.02
    assert rates.ask("a", 3) is None


def test_whenever_it_is_asked_no_minute_holds_twice_its_limit_and_waiting_as_told_helps() -> None:
    dice, clock = random.Random(3), Clock()
    rates, let_in = Rates(clock), list[float]()
    for _ in range(800):
        clock.now_s += dice.expovariate(1.0)
        wait_s = rates.ask("a", 20)
        if wait_s is None:
            let_in.append(clock.now_s)
        else:
            assert 0 < wait_s <= 120
            clock.now_s += wait_s + 1e-6
            assert rates.ask("a", 20) is None
            let_in.append(clock.now_s)

    most = max(sum(at <= other < at + 60 for other in let_in) for at in let_in)
    # what came in the minute before counts as if it had come evenly
    assert 20 <= most < 40
    assert all(a < b for a, b in pairwise(let_in))
    assert len(let_in) / (clock.now_s - 1_000_000) * 60 > 15


def test_accounts_that_are_silent_are_forgotten() -> None:
    clock = Clock()
    rates = Rates(clock)
    for number in range(2 * rate._FORGET_AT):
        clock.now_s += 0.1
        rates.ask(str(number), 5)

    assert len(rates._counts) <= rate._FORGET_AT
