"""The relay: every committed event reaches each of its subscribers, whatever fails or is killed on the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from service.adapters.database import Database, DatabaseUnavailable
from service.adapters.outbox import relay as module
from service.adapters.outbox.relay import ATTEMPTS, BACKOFF, LEASE_SECONDS
from service.adapters.outbox.statements import CLAIM, DONE, NEXT_DUE
from service.kernel.errors import Unavailable
from service.kernel.events import Change, PublishedEvent
from tests.support.log_lines import logged
from tests.support.street import Gate, LampLit, Listener, Street

if TYPE_CHECKING:
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=LEASE_SECONDS)
SECRET = "a-token-that-nobody-may-read"


@pytest.fixture
def street(database: Database, clock: FakeClock) -> Street:
    return Street(database, clock)


@pytest.fixture
def keeper() -> Listener:
    return Listener()


@pytest.fixture
def poet() -> Listener:
    return Listener()


async def deliveries(connection: asyncpg.Connection[Any]) -> list[asyncpg.Record]:
    return await connection.fetch("SELECT * FROM deliveries ORDER BY event_sequence, subscriber")


async def test_a_subscriber_is_told_all_of_the_event_and_once(
    street: Street, keeper: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.publish(
        LampLit(
            subject_id=UUID(int=7), subject_key="L-7", subject_version=3, project_id=UUID(int=9),
            changes={"oil": Change(None, "full")}, data={"by": "hand"},
        )
    )  # fmt: skip
    relay = street.relay(keeper, Listener())
    assert await relay.run_due() == 2
    assert await relay.run_due() == 0
    row = await connection.fetchrow("SELECT id FROM events")
    assert row is not None
    actor = street.actor
    assert keeper.told == [
        PublishedEvent(
            row["id"], "lamp.lit", street.clock.now(), actor.user_id, "user", UUID(int=9), "lamp", UUID(int=7), "L-7", 3,
            {"oil": Change(None, "full")}, {"by": "hand"}, actor.trace.request_id,
        )
    ]  # fmt: skip
    assert await deliveries(connection) == []


async def test_two_relays_share_the_work_and_tell_nobody_twice(
    street: Street, keeper: Listener, poet: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(*range(60))
    counts = await asyncio.gather(*(street.relay(keeper, poet).run_due() for _ in range(2)))
    assert sum(counts) == 120
    assert min(counts) > 0
    assert sorted(keeper.numbers) == sorted(poet.numbers) == list(range(60))
    assert await deliveries(connection) == []


async def test_a_row_that_another_one_is_claiming_is_passed_over(
    street: Street, keeper: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(1, 2)
    async with connection.transaction():
        await connection.execute(
            "SELECT FROM deliveries WHERE event_sequence = (SELECT min(event_sequence) FROM deliveries) FOR UPDATE"
        )
        assert await street.relay(keeper).run_due() == 1
    assert keeper.numbers == [2]


async def test_at_most_so_many_subscribers_work_at_once(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONCURRENCY", 3)
    claims = working = most = 0
    full, free = asyncio.Event(), asyncio.Event()

    def count(sql: str) -> None:
        nonlocal claims
        claims += sql == CLAIM.sql

    async def keeper(_event: PublishedEvent) -> None:
        nonlocal working, most
        working += 1
        most = max(most, working)
        if working == 3:
            full.set()
        await free.wait()
        working -= 1

    await street.light(*range(20))
    street.database.observer = count
    delivered = asyncio.create_task(street.relay(keeper).run_due())
    await full.wait()
    # The relay would have gone on to a fourth by the time of an answer.
    await street.database.fetch(NEXT_DUE, [])
    assert claims == 3
    free.set()
    assert await delivered == 20
    assert most == 3


async def test_a_failure_books_the_next_attempt_and_keeps_no_message(
    street: Street, keeper: Listener, poet: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(1)
    keeper.failures = [RuntimeError(SECRET)]
    relay = street.relay(keeper, poet)
    with logged() as logs:
        assert await relay.run_due() == 2
    (row,) = await deliveries(connection)
    pause = row["next_attempt_at"] - street.clock.now()
    assert (row["subscriber"], row["attempts"], row["dead_at"]) == ("keeper", 1, None)
    assert timedelta(seconds=4) <= pause <= timedelta(seconds=6)
    assert row["last_error"].startswith("RuntimeError at street.py:")
    assert [line["event"] for line in logs] == ["delivery_failed"]
    assert SECRET not in f"{logs} {row}"
    street.clock.advance(timedelta(seconds=3.9))
    assert await relay.run_due() == 0
    street.clock.advance(timedelta(seconds=2.2))
    assert await relay.run_due() == 1
    # The poet, who was told, is not told again because of the keeper.
    assert (len(keeper.told), len(poet.told)) == (2, 1)
    assert await deliveries(connection) == []


async def test_a_refusal_is_kept_in_its_own_words(street: Street, keeper: Listener, connection: asyncpg.Connection[Any]) -> None:
    await street.light(1)
    keeper.failures = [Unavailable("The mail server is away.")]
    await street.relay(keeper, Listener()).run_due()
    assert [row["last_error"] for row in await deliveries(connection)] == ["The mail server is away."]


async def test_pauses_grow_and_the_last_failure_is_final(
    street: Street, keeper: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(1)
    keeper.failures = [RuntimeError(SECRET) for _ in range(ATTEMPTS)]
    relay = street.relay(keeper, Listener())
    await relay.run_due()
    with logged() as logs:
        for attempt, seconds in enumerate(BACKOFF, start=1):
            (row,) = await deliveries(connection)
            pause = (row["next_attempt_at"] - street.clock.now()).total_seconds()
            assert row["attempts"] == attempt
            assert 0.8 * seconds <= pause <= 1.2 * seconds
            street.clock.advance(timedelta(seconds=pause))
            assert await relay.run_due() == 1
    (row,) = await deliveries(connection)
    assert (row["attempts"], row["dead_at"]) == (ATTEMPTS, street.clock.now())
    assert [line["event"] for line in logs] == ["delivery_failed"] * (ATTEMPTS - 2) + ["delivery_dead"]
    assert {"subscriber": "keeper", "event_type": "lamp.lit", "attempt": ATTEMPTS}.items() <= logs[-1].items()
    assert SECRET not in f"{logs} {row}"
    street.clock.advance(timedelta(days=365))
    assert await relay.run_due() == 0
    assert len(keeper.told) == ATTEMPTS


async def test_what_a_killed_relay_had_claimed_is_claimed_again(
    street: Street, keeper: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(1)

    async def killed(_event: PublishedEvent) -> None:
        raise asyncio.CancelledError

    await street.relay(killed).run_due()
    relay = street.relay(keeper)
    assert await relay.run_due() == 0
    street.clock.advance(LEASE)
    assert await relay.run_due() == 1
    assert keeper.numbers == [1]


async def test_what_a_killed_relay_had_told_is_told_again(
    street: Street, keeper: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(1)

    def kill(sql: str) -> None:
        if sql == DONE.sql:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    street.database.observer = kill
    await street.relay(keeper).run_due()
    assert [row["attempts"] for row in await deliveries(connection) if row["subscriber"] == "keeper"] == [1]
    street.database.observer = None
    street.clock.advance(LEASE)
    assert await street.relay(keeper).run_due() == 1
    assert keeper.numbers == [1, 1]


async def test_a_delivery_whose_end_the_database_missed_is_told_again(street: Street, keeper: Listener) -> None:
    await street.light(1)

    def away(sql: str) -> None:
        if sql == DONE.sql:
            raise DatabaseUnavailable

    street.database.observer = away
    with logged() as logs:
        await street.relay(keeper).run_due()
    assert [line["event"] for line in logs] == ["delivery_unsettled"]
    street.database.observer = None
    street.clock.advance(LEASE)
    assert await street.relay(keeper).run_due() == 1
    assert keeper.numbers == [1, 1]


async def test_who_fails_late_doesn_t_move_another_one_s_claim(street: Street, connection: asyncpg.Connection[Any]) -> None:
    await street.light(1)
    late, newer = Gate(), Gate()

    async def fail(event: PublishedEvent) -> None:
        await late(event)
        raise RuntimeError

    first = asyncio.create_task(street.relay(fail).run_due())
    await late.entered.wait()
    street.clock.advance(LEASE)
    second = asyncio.create_task(street.relay(newer).run_due())
    await newer.entered.wait()
    claimed = await deliveries(connection)
    late.open.set()
    await first
    assert await deliveries(connection) == claimed
    newer.open.set()
    assert await second == 1
    assert [row["subscriber"] for row in await deliveries(connection)] == ["poet"]


async def test_a_subscriber_that_hangs_is_cut_before_others_may_claim(
    street: Street, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.HANDLER_SECONDS < LEASE_SECONDS
    monkeypatch.setattr(module, "HANDLER_SECONDS", 0.01)
    await street.light(1)
    await street.relay(Gate(), Listener()).run_due()
    assert [row["last_error"].partition(" ")[0] for row in await deliveries(connection)] == ["TimeoutError"]


async def test_deliveries_to_subscribers_of_other_versions_are_left_for_them(
    street: Street, keeper: Listener, connection: asyncpg.Connection[Any]
) -> None:
    await street.light(1)
    street.clock.advance(timedelta(days=30))
    assert await street.relay(keeper).run_due() == 1
    assert [(row["subscriber"], row["attempts"]) for row in await deliveries(connection)] == [("poet", 0)]
