"""Publishing: who gets a delivery, when PostgreSQL notifies, and that a rolled back event is told to nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.adapters.outbox.statements import CHANNEL
from service.kernel.errors import Conflict
from service.kernel.events import Change
from tests.support.street import LampCleaned, LampLit, Street

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

LIT = LampLit(subject_id=UUID(int=7), subject_version=3, changes={"oil": Change(1, 2)})
CLEANED = LampCleaned(subject_id=UUID(int=8), subject_version=1)


@pytest.fixture
def street(database: Database, clock: FakeClock) -> Street:
    return Street(database, clock)


async def test_each_subscriber_of_the_type_gets_a_delivery_at_once(street: Street, connection: asyncpg.Connection[Any]) -> None:
    await street.publish(CLEANED, LIT, CLEANED, LIT)
    rows = await connection.fetch(
        "SELECT e.type, d.subscriber, d.attempts, d.next_attempt_at, d.last_error, d.dead_at "
        "FROM deliveries d JOIN events e ON e.sequence = d.event_sequence ORDER BY e.sequence, d.subscriber"
    )
    now = street.clock.now()
    assert [tuple(row) for row in rows] == [("lamp.lit", name, 0, now, None, None) for name in ("keeper", "poet")] * 2
    assert await connection.fetchval("SELECT count(*) FROM events") == 4


async def test_events_are_one_statement_whoever_subscribes(street: Street) -> None:
    statements: list[str] = []
    street.database.observer = statements.append
    await street.publish(LIT, CLEANED)
    await street.publish(CLEANED)
    assert len(statements) == 2
    assert ["deliveries" in each for each in statements] == [True, False]


async def test_the_change_cursor_is_the_last_event_s_place_either_way(
    street: Street, connection: asyncpg.Connection[Any]
) -> None:
    cursors = []
    for events in ((LIT, CLEANED), (CLEANED,), (CLEANED, LIT)):
        await street.publish(*events)
        cursors.append(street.actor.trace.change_cursor)
    assert len(set(cursors)) == 3
    assert None not in cursors


async def test_only_events_that_somebody_waits_for_notify(street: Street, connection: asyncpg.Connection[Any]) -> None:
    heard: list[int] = []
    anything = asyncio.Event()

    def hear(_connection: object, pid: int, _channel: str, payload: object) -> None:
        assert payload == ""
        heard.append(pid)
        anything.set()

    await connection.add_listener(CHANNEL, hear)
    await street.publish(CLEANED)
    # Both events are one notification, since they are one transaction; notifications come in the order of commits.
    await street.publish(LIT, LIT)
    await anything.wait()
    assert len(heard) == 1
    await connection.remove_listener(CHANNEL, hear)


async def test_what_is_rolled_back_is_told_to_nobody(street: Street, connection: asyncpg.Connection[Any]) -> None:
    async def work() -> None:
        await street.outbox.publish(street.actor, LIT)
        raise Conflict

    with pytest.raises(Conflict):
        await street.database.run(work)
    assert await connection.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_deliveries_go_with_their_event(street: Street, connection: asyncpg.Connection[Any]) -> None:
    await street.publish(LIT)
    await connection.execute("DELETE FROM events")
    assert await connection.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_a_unit_without_events_writes_nothing(street: Street, connection: asyncpg.Connection[Any]) -> None:
    await street.publish()
    assert await connection.fetchval("SELECT count(*) FROM events") == 0
