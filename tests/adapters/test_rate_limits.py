"""Counting requests on a real PostgreSQL: exactly, in windows, whatever runs side by side."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.adapters.database import Database
from service.adapters.rate_limits import PostgresRateLimits
from service.kernel.rates import Count, Rate, Standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

RATE = Rate(per_caller=2, overall=5)


@pytest.fixture
def limits(database: Database, clock: FakeClock) -> PostgresRateLimits:
    return PostgresRateLimits(database, clock)


@pytest.fixture
async def elsewhere(settings: Settings, clock: FakeClock, database: Database) -> AsyncIterator[PostgresRateLimits]:
    """Another process, with connections of its own."""
    other = Database(settings.database)
    await other.open()
    try:
        yield PostgresRateLimits(other, clock)
    finally:
        await other.close()


async def test_a_window_begins_with_its_first_request_and_ends_a_minute_later(
    limits: PostgresRateLimits, clock: FakeClock
) -> None:
    assert await limits.take("login ann", "login", RATE) == Standing(Count(1, 60), Count(1, 60))
    clock.advance(timedelta(seconds=59.5))
    assert await limits.take("login ann", "login", RATE) == Standing(Count(2, 1), Count(2, 1))
    clock.advance(timedelta(seconds=0.5))
    assert await limits.take("login ann", "login", RATE) == Standing(Count(1, 60), Count(1, 60))


async def test_each_key_has_a_count_of_its_own(limits: PostgresRateLimits) -> None:
    await limits.take("login ann", "login", RATE)
    assert await limits.take("login bob", "login", RATE) == Standing(Count(1, 60), Count(2, 60))
    assert await limits.take("refresh ann", "refresh", RATE) == Standing(Count(1, 60), Count(1, 60))


async def test_who_is_over_the_own_limit_takes_nothing_from_everyone(limits: PostgresRateLimits) -> None:
    for _ in range(2):
        await limits.take("login ann", "login", RATE)
    for number in range(3, 20):
        assert await limits.take("login ann", "login", RATE) == Standing(Count(number, 60), None)
    assert await limits.take("login bob", "login", RATE) == Standing(Count(1, 60), Count(3, 60))


async def test_parallel_requests_of_two_processes_are_counted_one_by_one(
    limits: PostgresRateLimits, elsewhere: PostgresRateLimits
) -> None:
    rate = Rate(per_caller=10, overall=25)
    callers = [f"login {number % 4}" for number in range(80)]
    standings = await asyncio.gather(
        *((limits, elsewhere)[number % 2].take(caller, "login", rate) for number, caller in enumerate(callers))
    )
    taken = Counter((caller, standing.caller.taken) for caller, standing in zip(callers, standings, strict=True))
    assert taken == Counter((f"login {caller}", count) for caller in range(4) for count in range(1, 21))
    everyone = [standing.everyone.taken for standing in standings if standing.everyone is not None]
    assert sorted(everyone) == list(range(1, 41))


async def test_a_new_window_that_many_open_at_once_is_opened_once(limits: PostgresRateLimits, clock: FakeClock) -> None:
    for _ in range(3):
        standings = await asyncio.gather(*(limits.take("login ann", "login", Rate(100, 100)) for _ in range(20)))
        assert sorted(standing.caller.taken for standing in standings) == list(range(1, 21))
        clock.advance(timedelta(seconds=60))


async def test_a_clock_that_is_behind_opens_no_second_window(limits: PostgresRateLimits, clock: FakeClock) -> None:
    await limits.take("login ann", "login", RATE)
    clock.advance(timedelta(seconds=-10))
    assert await limits.take("login ann", "login", RATE) == Standing(Count(2, 70), Count(2, 70))


async def test_pruning_forgets_what_has_ended_and_nothing_else(
    limits: PostgresRateLimits, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    await limits.take("login ann", "login", RATE)
    clock.advance(timedelta(seconds=30))
    await limits.take("login bob", "login", RATE)
    clock.advance(timedelta(seconds=30))
    await limits.prune()
    rows = await connection.fetch("SELECT key FROM rate_limits ORDER BY key")
    assert [row["key"] for row in rows] == ["login bob"]


async def test_pruning_waits_for_nobody(
    limits: PostgresRateLimits, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    await limits.take("login ann", "login", RATE)
    clock.advance(timedelta(seconds=60))
    async with connection.transaction():
        await connection.execute("SELECT FROM rate_limits WHERE key = 'login ann' FOR UPDATE")
        await limits.prune()
    assert await connection.fetchval("SELECT array_agg(key) FROM rate_limits") == ["login ann"]


async def test_the_counts_are_not_written_to_the_log_of_the_database(connection: asyncpg.Connection[Any]) -> None:
    assert await connection.fetchval("SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'") == b"u"
