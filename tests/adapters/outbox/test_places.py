"""Where an event stands in the sequence of changes: epoch of the cluster, its transaction, its number."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from piccolo.querystring import QueryString

from service.adapters.database import Statement
from service.adapters.database.migrations import migrate
from service.adapters.ids import UuidIds
from service.adapters.outbox import OPEN_EPOCH, PostgresOutbox, cursor
from service.kernel.events import Change, Event
from tests.support.fakes import FakeClock, an_actor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from service.adapters.database import Database
    from service.settings import Settings

pytestmark = pytest.mark.anyio

XID = Statement(lambda: QueryString("SELECT pg_current_xact_id()::text::bigint"))
SUBJECT = UUID(int=7)


class LampDimmed(Event, frozen=True):
    type = "lamp.dimmed"


def dimmed(version: int, **fields: Any) -> LampDimmed:
    return LampDimmed(subject_id=SUBJECT, subject_version=version, **fields)


@pytest.fixture
def outbox(database: Database, clock: FakeClock) -> PostgresOutbox:
    return PostgresOutbox(database, clock, UuidIds(), {})


@pytest.fixture
async def undone(connection: asyncpg.Connection[Any]) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection whose changes nobody keeps."""
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()


async def epochs(connection: asyncpg.Connection[Any]) -> list[int]:
    return [row[0] for row in await connection.fetch("SELECT epoch FROM event_epochs ORDER BY epoch")]


async def test_migrating_opens_one_epoch_for_the_cluster(connection: asyncpg.Connection[Any], settings: Settings) -> None:
    assert await epochs(connection) == [1]
    await migrate(settings.database)
    assert await epochs(connection) == [1]
    same = "SELECT system_identifier = (pg_control_system()).system_identifier FROM event_epochs"
    assert await connection.fetchval(same)


async def test_the_first_epoch_is_number_one(undone: asyncpg.Connection[Any]) -> None:
    await undone.execute("DELETE FROM event_epochs")
    await undone.execute(OPEN_EPOCH.sql)
    await undone.execute(OPEN_EPOCH.sql)
    assert await epochs(undone) == [1]


async def test_data_from_another_cluster_open_a_new_epoch_once(undone: asyncpg.Connection[Any]) -> None:
    await undone.execute("UPDATE event_epochs SET system_identifier = 12345")
    await undone.execute(OPEN_EPOCH.sql)
    await undone.execute(OPEN_EPOCH.sql)
    assert await epochs(undone) == [1, 2]


async def test_data_that_come_back_to_a_former_cluster_open_another_one(undone: asyncpg.Connection[Any]) -> None:
    await undone.execute("INSERT INTO event_epochs VALUES (2, 12345, now())")
    await undone.execute(OPEN_EPOCH.sql)
    assert await epochs(undone) == [1, 2, 3]


async def test_events_carry_the_transaction_that_wrote_them(
    database: Database, outbox: PostgresOutbox, connection: asyncpg.Connection[Any]
) -> None:
    async def work() -> int:
        await outbox.publish(an_actor(), dimmed(1), dimmed(2))
        xid: int = (await database.fetch(XID))[0][0]
        return xid

    written = [await database.run(work), await database.run(work)]
    rows = await connection.fetch("SELECT epoch, xid FROM events ORDER BY sequence")
    assert [(row["epoch"], row["xid"]) for row in rows] == [(1, written[0])] * 2 + [(1, written[1])] * 2
    assert written[0] < written[1]


async def test_all_of_an_event_is_kept(
    database: Database, outbox: PostgresOutbox, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    actor = an_actor()
    project = UUID(int=9)
    event = dimmed(3, subject_key="WEB-7", project_id=project, changes={"glow": Change(5, None)}, data={"why": "Nacht 🌙"})
    await database.run(lambda: outbox.publish(actor, event))
    row: Any = await connection.fetchrow("SELECT *, changes::text AS changed, data::text AS told FROM events")
    assert (row["type"], row["subject_type"], row["subject_id"], row["subject_key"]) == ("lamp.dimmed", "lamp", SUBJECT, "WEB-7")
    assert (row["subject_version"], row["project_id"], row["time"]) == (3, project, clock.time)
    assert (row["actor_id"], row["actor_kind"], row["request_id"]) == (actor.user_id, "user", "request-0001")
    assert (row["changed"], row["told"]) == ('{"glow": {"new": null, "old": 5}}', '{"why": "Nacht 🌙"}')


async def test_a_thousand_events_are_one_statement_in_their_order(
    database: Database, outbox: PostgresOutbox, connection: asyncpg.Connection[Any]
) -> None:
    seen: list[str] = []
    database.observer = seen.append
    await database.run(lambda: outbox.publish(an_actor(), *(dimmed(number) for number in range(1000))))
    assert len(seen) == 1
    rows = await connection.fetch("SELECT subject_version FROM events ORDER BY sequence")
    assert [row[0] for row in rows] == list(range(1000))


async def test_the_cursor_of_a_write_is_the_place_of_its_last_event(
    database: Database, outbox: PostgresOutbox, connection: asyncpg.Connection[Any]
) -> None:
    actor = an_actor()
    await database.run(lambda: outbox.publish(actor, dimmed(1), dimmed(2)))
    last: Any = await connection.fetchrow("SELECT epoch, xid, sequence FROM events ORDER BY sequence DESC LIMIT 1")
    assert actor.trace.change_cursor == cursor(*last)


async def test_an_early_number_in_a_late_transaction_is_not_passed_over(
    database: Database, outbox: PostgresOutbox, connection: asyncpg.Connection[Any]
) -> None:
    # The reader's bound: rows at or past the oldest transaction that still runs may yet get neighbours.
    visible = (
        "SELECT subject_version FROM events WHERE xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint "
        "ORDER BY xid, sequence"
    )
    written, finish = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        await outbox.publish(an_actor(), dimmed(1))
        written.set()
        await finish.wait()

    late = asyncio.create_task(database.run(slow))
    await written.wait()
    await database.run(lambda: outbox.publish(an_actor(), dimmed(2)))
    assert [row[0] for row in await connection.fetch(visible)] == []
    finish.set()
    await late
    # Transactions of other databases in the cluster hold the bound back too.
    while [row[0] for row in await connection.fetch(visible)] != [1, 2]:  # noqa: ASYNC110  (they don't tell us)
        await asyncio.sleep(0.01)


def test_a_cursor_is_safe_in_an_address_and_tells_nothing_at_a_glance() -> None:
    made = cursor(1, 2**62, 2**62)
    assert made.replace("-", "").replace("_", "").isalnum()
    assert urlsafe_b64decode(made + "=" * (-len(made) % 4)) == b"1.4611686018427387904.4611686018427387904"
