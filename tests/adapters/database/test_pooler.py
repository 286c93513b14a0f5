"""Behind pgbouncer in transaction mode, which `statement_cache_size=0` says: what is asked of it, and what holds all the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec import structs
from piccolo.querystring import QueryString

from service.adapters.database import Database, DatabaseUnavailable, Param, Statement
from service.adapters.database.examination import examine_database
from service.adapters.database.listen import NotificationHub
from service.adapters.database.migrations import migrate
from tests.support.frozen import Way, a_way_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.settings import Database as DatabaseSettings
    from service.settings import Settings

pytestmark = pytest.mark.anyio

# What it takes from a client that starts (pgbouncer.org/config.html, ignore_startup_parameters); another one ends the connection.
KNOWN = {"user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"}
_PROTOCOL_3 = (196_608).to_bytes(4, "big")
_BACKEND_KEY = b"K\x00\x00\x00\x0c"

LIMITS = Statement(
    lambda: QueryString(
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('jit'), "
        "pg_current_xact_id_if_assigned() IS NULL"
    )
)
SLEEP = Statement(lambda: QueryString("SELECT pg_sleep({})", Param(1)))


class Pooler(Way):
    """Notes what clients ask for as they start, and tells them a process id of its own."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        super().__init__(address)
        self.asked: list[set[str]] = []

    def passed(self, data: bytes) -> bytes:
        """See Way."""
        if data[4:8] == _PROTOCOL_3:
            self.asked.append({name.decode().lower() for name in data[8:].split(b"\x00")[0:-2:2]})
        before, found, after = data.partition(_BACKEND_KEY)
        return before + found + b"\x7f\x00\x00\x01" + after[4:] if found else data


@pytest.fixture
async def pooler(connection: asyncpg.Connection[Any]) -> AsyncIterator[Pooler]:
    async with a_way_to(connection, Pooler) as pooler:
        yield pooler


@pytest.fixture
def behind(settings: Settings, pooler: Pooler) -> DatabaseSettings:
    """The database, by way of the pooler."""
    url = pooler.url(settings.database.url or "")
    return structs.replace(settings.database, url=url, statement_cache_size=0, statement_timeout=timedelta(seconds=3))


@pytest.fixture
async def pooled(behind: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(behind)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def test_nobody_asks_for_what_pgbouncer_refuses(pooled: Database, behind: DatabaseSettings, pooler: Pooler) -> None:
    await pooled.fetch(LIMITS)
    assert await migrate(behind) == []
    assert await examine_database(behind, 1)
    assert len(pooler.asked) == 3
    assert {name for names in pooler.asked for name in names} <= KNOWN


async def test_every_statement_has_its_limits_and_none_stays_behind(pooled: Database) -> None:
    async def work() -> list[asyncpg.Record]:
        return await pooled.fetch(LIMITS)

    for rows in (await pooled.fetch(LIMITS), await pooled.run(work)):
        assert tuple(rows[0])[:3] == ("3s", "2s", "off")
    connection = await pooled.pool.acquire()
    assert await connection.fetchval("SHOW statement_timeout") == "0"
    assert not connection.is_in_transaction()
    pooled.pool.release(connection)


async def test_a_statement_outside_of_a_unit_is_told_to_the_observer_once(pooled: Database) -> None:
    seen: list[str] = []
    pooled.observer = seen.append
    await pooled.fetch(LIMITS)
    assert seen == [LIMITS.sql]


async def test_the_server_ends_a_slow_read(behind: DatabaseSettings) -> None:
    hasty = Database(structs.replace(behind, statement_timeout=timedelta(milliseconds=20)))
    await hasty.open()
    with pytest.raises(DatabaseUnavailable) as caught:
        await hasty.fetch(SLEEP, 5.0)
    assert isinstance(caught.value.__cause__, asyncpg.QueryCanceledError)
    await hasty.close()


async def test_what_is_missing_is_migrated_past_pgbouncer(behind: DatabaseSettings, connection: asyncpg.Connection[Any]) -> None:
    newest = "(SELECT max(name) FROM migration WHERE app_name = 'worklane')"
    name = await connection.fetchval(f"UPDATE migration SET app_name = 'kept' WHERE name = {newest} RETURNING name")  # noqa: S608
    try:
        with pytest.raises(DatabaseUnavailable, match=r"1 migrations are missing.*leads to PostgreSQL itself"):
            await migrate(behind)
    finally:
        await connection.execute("UPDATE migration SET app_name = 'worklane' WHERE name = $1", name)


async def test_without_notifications_everybody_looks_now_and_then(
    behind: DatabaseSettings, pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.adapters.database.listen._DEAF_SECONDS", 0.01)
    looks = 0
    often = asyncio.Event()

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            often.set()

    hub = NotificationHub(behind)
    hub.listen("anything", look)
    task = asyncio.create_task(hub.run())
    await often.wait()
    task.cancel()
    await asyncio.wait([task])
    assert pooler.asked == []
