"""The machine's time."""

from datetime import UTC, datetime, timedelta

from service.adapters.clock import SystemClock
from service.kernel.ports import Clock


def test_the_time_is_now_in_utc() -> None:
    before, now, after = datetime.now(UTC), SystemClock().now(), datetime.now(UTC)
    assert before <= now <= after
    assert now.utcoffset() == timedelta(0)


def test_the_clock_fills_its_port() -> None:
    assert isinstance(SystemClock(), Clock)
