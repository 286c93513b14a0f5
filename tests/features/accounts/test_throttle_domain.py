"""Counting failures, and how long a lock lasts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.features.accounts.throttle_domain import Throttle
from tests.support.factories import SOME_DAY

MINUTE = timedelta(minutes=1)


def after_failures(throttle: Throttle, count: int, at: timedelta) -> tuple[Throttle, bool]:
    locks = False
    for _ in range(count):
        throttle, locks = throttle.failed(SOME_DAY, SOME_DAY + at)
    return throttle, locks


def test_the_fifth_failure_locks_for_fifteen_minutes() -> None:
    four, locks = after_failures(Throttle(), 4, 0 * MINUTE)
    assert not locks
    assert not four.is_locked(SOME_DAY)
    five, locks = after_failures(four, 1, 14 * MINUTE)
    assert locks
    assert five.is_locked(SOME_DAY + 28 * MINUTE)
    assert not five.is_locked(SOME_DAY + 29 * MINUTE)


def test_failures_of_fifteen_minutes_ago_count_no_more() -> None:
    four, _ = after_failures(Throttle(), 4, 0 * MINUTE)
    _, locks = after_failures(four, 4, 15 * MINUTE)
    assert not locks
    _, locks = after_failures(four, 5, 15 * MINUTE)
    assert locks


def test_locks_in_a_row_last_longer_up_to_an_hour() -> None:
    throttle, start, lasted = Throttle(), 0 * MINUTE, []
    for _ in range(5):
        throttle, locks = after_failures(throttle, 5, start)
        assert locks
        assert throttle.locked_until is not None
        lasted.append(throttle.locked_until - SOME_DAY - start)
        start = throttle.locked_until - SOME_DAY
    assert lasted == [15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 60 * MINUTE, 60 * MINUTE]


def test_a_failure_while_locked_neither_counts_nor_prolongs_it() -> None:
    locked, _ = after_failures(Throttle(), 5, 0 * MINUTE)
    assert after_failures(locked, 9, 14 * MINUTE) == (locked, False)


@pytest.mark.parametrize(("pause", "minutes"), [(timedelta(hours=23), 30), (timedelta(days=1), 15)])
def test_a_day_without_failures_makes_the_next_lock_a_first_one(pause: timedelta, minutes: int) -> None:
    locked, _ = after_failures(Throttle(), 5, 0 * MINUTE)
    again, locks = after_failures(locked, 5, pause)
    assert locks
    assert again.locked_until == SOME_DAY + pause + minutes * MINUTE


def test_a_success_forgets_all_but_what_is_being_checked() -> None:
    other = SOME_DAY + MINUTE
    locked, _ = after_failures(Throttle(pending=(other,)), 5, 0 * MINUTE)
    assert locked.cleared(SOME_DAY) == Throttle(pending=(other,))


def test_of_two_tries_of_the_same_instant_one_is_settled_at_a_time() -> None:
    two = Throttle(pending=(SOME_DAY, SOME_DAY))
    assert two.settled(SOME_DAY) == Throttle(pending=(SOME_DAY,))
    assert two.settled(SOME_DAY).settled(SOME_DAY) == Throttle()
    assert Throttle().settled(SOME_DAY) == Throttle()
