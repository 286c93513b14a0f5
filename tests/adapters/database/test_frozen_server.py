"""A server that no longer answers, and one that became a standby: what callers are told, and that the pool is whole again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec import structs
from piccolo.querystring import QueryString

import service.adapters.database as module
from service.adapters.database import Database, DatabaseUnavailable, Statement
from tests.support.frozen import Way, a_way_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.settings import Settings

pytestmark = pytest.mark.anyio

ONE = Statement(lambda: QueryString("SELECT 1"))
STANDBY = Statement(lambda: QueryString("SET default_transaction_read_only = on"))
WRITE = Statement(lambda: QueryString("CREATE TABLE written_here (value integer)"))
PID = Statement(lambda: QueryString("SELECT pg_backend_pid()"))


@pytest.fixture
async def way(connection: asyncpg.Connection[Any]) -> AsyncIterator[Way]:
    async with a_way_to(connection, Way) as way:
        yield way


@pytest.fixture
async def impatient(settings: Settings, way: Way, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A pool that gives a frozen server up after a moment."""
    monkeypatch.setattr(module, "FROZEN_SECONDS", 0.05)
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.05)
    wanted = structs.replace(
        settings.database,
        url=way.url(settings.database.url or ""),
        statement_timeout=timedelta(milliseconds=200),
        acquire_timeout=timedelta(milliseconds=100),
        pool_size=3,
    )
    database = Database(wanted)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def refusal_of(work: Any) -> DatabaseUnavailable:
    with pytest.raises(DatabaseUnavailable) as caught:
        await work
    return caught.value


async def test_every_caller_of_a_frozen_server_is_refused_and_the_pool_is_whole_when_it_thaws(
    impatient: Database, way: Way
) -> None:
    await asyncio.gather(*(impatient.fetch(ONE) for _ in range(3)))
    way.freeze()

    async def work() -> None:
        await impatient.fetch(ONE)

    callers = [impatient.fetch(ONE) if number % 2 else impatient.run(work) for number in range(20)]
    refusals = await asyncio.gather(*(refusal_of(caller) for caller in callers))
    assert {refusal.members["outcome"] for refusal in refusals} == {"not_applied"}

    way.thaw()
    assert [tuple(row) for row in await impatient.fetch(ONE)] == [(1,)]
    idle, size = impatient.sizes()
    assert idle == size > 0


async def test_a_commit_on_a_frozen_server_has_an_unknown_outcome(impatient: Database, way: Way) -> None:
    async def work() -> None:
        await impatient.fetch(ONE)
        way.freeze()

    assert (await refusal_of(impatient.run(work))).members["outcome"] == "unknown"
    way.thaw()
    assert await impatient.fetch(ONE)


async def test_who_hangs_up_on_a_frozen_server_does_not_hold_its_connection(impatient: Database, way: Way) -> None:
    await impatient.fetch(ONE)
    way.freeze()
    callers = [asyncio.create_task(impatient.fetch(ONE)) for _ in range(3)]
    await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    way.thaw()
    assert await impatient.fetch(ONE)
    idle, size = impatient.sizes()
    assert idle == size


async def test_connections_to_a_primary_that_became_a_standby_are_given_up_and_the_write_is_made(
    database: Database, connection: asyncpg.Connection[Any]
) -> None:
    async def become_a_standby() -> None:
        await database.fetch(STANDBY)

    async def write() -> None:
        await database.fetch(WRITE)

    for by_unit in (True, False):
        await database.run(become_a_standby)
        before = (await database.fetch(PID))[0][0]
        await (database.run(write) if by_unit else database.fetch(WRITE))
        await connection.execute("DROP TABLE written_here")
        assert (await database.fetch(PID))[0][0] != before
        idle, size = database.sizes()
        assert idle == size == 1


async def test_a_cluster_without_a_primary_is_refused_after_one_more_try(database: Database) -> None:
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        await database.fetch(STANDBY)
        raise asyncpg.ReadOnlySQLTransactionError

    assert (await refusal_of(database.run(work))).members["outcome"] == "not_applied"
    assert attempts == 2


async def test_a_connection_in_use_when_all_expire_is_not_given_out_again(database: Database) -> None:
    async def work() -> int:
        pid: int = (await database.fetch(PID))[0][0]
        database.pool.expire()
        assert (await database.fetch(PID))[0][0] == pid
        return pid

    before = await database.run(work)
    assert database.sizes() == (0, 0)
    assert (await database.fetch(PID))[0][0] != before
