"""Which source frame is shown when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import get_args

import pytest

from lipwright.core.media import Colour, VideoInfo
from lipwright.core.plan import FILL, WhenLong, WhenShort, bounce, cut, freeze, is_in_own_time, loop, plan_frames, remap
from lipwright.core.timeline import FramePlan

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12)]


def footage(
    n: int, fps: Fraction = Fraction(25), *, times: tuple[Fraction, ...] = (), last: Fraction = Fraction(1, 25)
) -> VideoInfo:
    duration = times[-1] - times[0] + last if times else n / fps
    start = times[0] if times else Fraction(0)
    return VideoInfo(
        640, 360, fps, bool(times), n, duration, 0, "yuv420p", 8, Colour(), "h264", start_s=start, times_s=times
    )


def order(policy: WhenShort, n: int, total: int) -> list[int]:
    video = footage(n)
    return list(plan_frames(video, Fraction(total, 25), when_short=policy).order)


def test_worked_examples_of_footage_shorter_than_the_speech():
    assert order("cut", 4, 10) == [0, 1, 2, 3]
    assert order("loop", 4, 10) == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert order("bounce", 4, 10) == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert order("freeze", 4, 10) == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3]
    assert order("remap", 4, 10) == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]


def test_the_examples_in_the_docstrings_hold():
    assert cut(4, 4, 10) is None
    assert loop(5, 4, 10) == 1
    assert (bounce(4, 4, 10), bounce(6, 4, 10)) == (2, 0)
    assert freeze(7, 4, 10) == 3
    assert (remap(9, 4, 10), remap(5, 4, 10)) == (3, 2)


def test_every_policy_has_its_function():
    assert set(FILL) == set(get_args(WhenShort))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("policy", get_args(WhenShort))
@pytest.mark.parametrize("n", [1, 2, 3, 7, 50])
def test_constant_rate_stays_on_its_exact_grid_and_within_a_frame_of_the_speech(
    fps: Fraction, policy: WhenShort, n: int
):
    video = footage(n, fps)
    for speech_s in [Fraction(1, 100), Fraction(3, 7), n / fps, n / fps + Fraction(1, 1000), Fraction(137, 13)]:
        plan = plan_frames(video, speech_s, when_short=policy)

        assert plan.times_s == tuple(k / fps for k in range(len(plan)))
        assert plan.duration_s == len(plan) / fps
        assert all(0 <= index < n for index in plan.order)
        is_cut_short = policy == "cut" and n / fps < speech_s
        assert abs(plan.duration_s - speech_s) < 1 / fps or is_cut_short


@pytest.mark.parametrize("policy", ["loop", "bounce", "freeze", "remap", "cut"])
def test_footage_a_fraction_of_a_frame_short_does_not_start_again(policy: WhenShort):
    plan = plan_frames(footage(250), Fraction(1001, 100), when_short=policy)

    assert plan.order == tuple(range(250))


def test_a_bounce_never_jumps_and_never_shows_an_end_twice():
    picks = order("bounce", 5, 200)

    assert all(abs(a - b) == 1 for a, b in pairwise(picks))


def test_remap_shows_every_frame_in_order_and_as_evenly_as_can_be():
    picks = order("remap", 10, 33)

    assert sorted(set(picks)) == list(range(10))
    assert all(0 <= b - a <= 1 for a, b in pairwise(picks))
    shown = [picks.count(index) for index in range(10)]
    assert max(shown) - min(shown) <= 1


@pytest.mark.parametrize(("policy", "n_frames"), [("cut", 50), ("keep", 100)])
def test_longer_footage_is_cut_with_the_speech_or_plays_to_its_end(policy: WhenLong, n_frames: int):
    plan = plan_frames(footage(100), Fraction(2), when_long=policy)

    assert plan.order == tuple(range(n_frames))
    assert plan.duration_s == Fraction(n_frames, 25)


UNEVEN = tuple(Fraction(t, 1000) for t in (0, 33, 100, 140, 200, 233))
USUAL = Fraction(40, 1000)


def vfr() -> VideoInfo:
    return footage(6, Fraction(6, 1) / Fraction(273, 1000), times=UNEVEN)


def lasts(plan: FramePlan) -> list[Fraction]:
    return [b - a for a, b in pairwise([*plan.times_s, plan.duration_s])]


def pictures(plan: FramePlan) -> list[tuple[int, Fraction]]:
    """Which picture is seen from when on, however many entries it is."""
    seen = zip([None, *plan.order], plan.order, plan.times_s, strict=False)
    return [(index, time_s) for before, index, time_s in seen if index != before]


def test_varying_rate_keeps_each_frames_own_time():
    plan = plan_frames(vfr(), Fraction(273, 1000))

    assert plan.times_s == UNEVEN
    assert plan.duration_s == Fraction(273, 1000)


@pytest.mark.parametrize("policy", ["loop", "bounce"])
def test_varying_rate_keeps_each_frames_own_duration_when_played_again(policy: WhenShort):
    speech_s = Fraction(2)
    plan = plan_frames(vfr(), speech_s, when_short=policy)
    own = [b - a for a, b in pairwise([*UNEVEN, Fraction(273, 1000)])]

    assert plan.duration_s == speech_s
    assert plan.order == tuple(FILL[policy](k, 6, 6) for k in range(len(plan)))
    assert lasts(plan)[:-1] == [own[index] for index in plan.order[:-1]]


@pytest.mark.parametrize("policy", ["loop", "bounce"])
def test_a_picture_that_stands_at_the_end_does_not_stand_in_for_what_is_missing(policy: WhenShort):
    """A recording of a screen: 2.4 s of movement, and a last frame that lasts for 4 s; 10 s are said."""
    times = tuple(Fraction(k, 25) for k in range(61))

    plan = plan_frames(footage(61, times=times, last=Fraction(4)), Fraction(10), when_short=policy)

    moving = [index for index, time_s in zip(plan.order, plan.times_s, strict=True) if time_s > Fraction(13, 2)]
    assert len(set(moving)) > 50


def test_varying_rate_slows_down_evenly():
    plan = plan_frames(vfr(), Fraction(546, 1000), when_short="remap")

    assert pictures(plan) == [(index, 2 * time) for index, time in enumerate(UNEVEN)]
    assert plan.duration_s == Fraction(546, 1000)


def test_where_rates_vary_lips_move_on_while_a_picture_stands():
    holds = (*UNEVEN, *(Fraction(6, 5) + time for time in UNEVEN))
    late = tuple(time + Fraction(1, 2) for time in UNEVEN)
    plans = {
        "held for long": (holds, plan_frames(footage(12, times=holds), Fraction(1473, 1000))),
        "held at the end": (UNEVEN, plan_frames(vfr(), Fraction(5), when_short="freeze")),
        "held at the start": (late, plan_frames(footage(6, times=late), Fraction(773, 1000))),
        "slowed down": (UNEVEN, plan_frames(vfr(), Fraction(5), when_short="remap")),
    }

    for what, (times, plan) in plans.items():
        slower = plan.duration_s / Fraction(273, 1000) if what == "slowed down" else 1
        assert pictures(plan) == [(k, slower * (time if k else 0)) for k, time in enumerate(times)], what
        assert max(lasts(plan)) < 2 * USUAL, what
        assert min(lasts(plan)) >= USUAL / 2, what


def test_a_clock_that_jitters_makes_no_thousand_frames_a_second():
    jitter = tuple(Fraction(t, 1000) for t in (0, 1, 40, 41, 80, 81, 120, 121))
    plan = plan_frames(footage(8, times=jitter), Fraction(5), when_short="freeze")

    assert len(plan) < 5 * 61


def test_varying_rate_freezes_cuts_and_keeps():
    video = vfr()

    assert plan_frames(video, Fraction(5), when_short="freeze").duration_s == 5
    assert plan_frames(video, Fraction(5), when_short="cut").duration_s == Fraction(273, 1000)
    assert plan_frames(video, Fraction(140, 1000)).order == (0, 1, 2)
    assert plan_frames(video, Fraction(141, 1000)).order == (0, 1, 2, 3)
    kept = plan_frames(video, Fraction(141, 1000), when_long="keep")
    assert (kept.times_s, kept.duration_s) == (UNEVEN, Fraction(273, 1000))


def test_a_picture_that_starts_late_is_shown_from_the_start():
    times = tuple(time + Fraction(1, 2) for time in UNEVEN)
    plan = plan_frames(footage(6, times=times), Fraction(773, 1000))

    assert pictures(plan) == list(enumerate((Fraction(0), *times[1:])))

    late = VideoInfo(
        640, 360, Fraction(25), False, 50, Fraction(2), 0, "yuv420p", 8, Colour(), "h264", start_s=Fraction(2, 25)
    )
    assert plan_frames(late, Fraction(1)).order[:5] == (0, 0, 0, 1, 2)


@pytest.mark.parametrize("policy", ["loop", "bounce"])
def test_the_hold_before_a_picture_that_starts_late_is_not_played_again(policy: WhenShort):
    late = replace(footage(4), start_s=Fraction(3, 25))
    plan = plan_frames(late, Fraction(20, 25), when_short=policy)

    assert plan.order == (0, 0, 0, *order(policy, 4, 17))

    late_s = Fraction(1, 2)
    again = plan_frames(vfr(), Fraction(2), when_short=policy)
    held = plan_frames(
        footage(6, times=tuple(time + late_s for time in UNEVEN)), Fraction(2) + late_s, when_short=policy
    )

    assert pictures(held) == [(index, time_s and time_s + late_s) for index, time_s in pictures(again)]


def test_footage_is_in_its_own_time_where_it_is_played_as_it_was_taken():
    for video in (footage(50), footage(25, times=tuple(Fraction(k, 12) for k in range(25)))):
        for policy in get_args(WhenLong):
            assert is_in_own_time(plan_frames(video, Fraction(1), when_long=policy), video)
        plans = {policy: plan_frames(video, Fraction(4), when_short=policy) for policy in get_args(WhenShort)}
        assert [policy for policy, plan in plans.items() if is_in_own_time(plan, video)] == ["cut"]

    late = replace(footage(50), start_s=Fraction(1, 2))
    assert is_in_own_time(plan_frames(late, Fraction(1), when_long="keep"), late)


def test_times_always_increase_from_zero():
    for policy in get_args(WhenShort):
        for speech_ms in range(1, 2500, 77):
            plan = plan_frames(vfr(), Fraction(speech_ms, 1000), when_short=policy)

            assert plan.times_s[0] == 0
            assert all(last > 0 for last in lasts(plan))


def test_nothing_to_say_and_nothing_to_show_are_refused():
    with pytest.raises(ValueError, match="longer than 0"):
        plan_frames(footage(10), Fraction(0))
    with pytest.raises(ValueError, match="no frames"):
        plan_frames(footage(0), Fraction(1))
