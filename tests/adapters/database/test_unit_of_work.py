"""The one place where a transaction begins: what it joins, retries, rolls back, and that no connection is ever lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec import structs
from piccolo.querystring import QueryString

from service.adapters.database import Database, DatabaseUnavailable, Param, Statement
from service.kernel.errors import Refusal
from service.settings import Database as DatabaseSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.settings import Settings

pytestmark = pytest.mark.anyio

SLEEP = Statement(lambda: QueryString("SELECT pg_sleep({})", Param(1)))
ONE = Statement(lambda: QueryString("SELECT 1"))
BROKEN = Statement(lambda: QueryString("SELECT 1 / 0"))
ADD = Statement(lambda: QueryString("INSERT INTO scratch (value) VALUES ({})", Param(1)))
SERIALIZABLE = Statement(lambda: QueryString("SET LOCAL transaction_isolation = 'serializable'"))


@pytest.fixture
async def scratch(connection: asyncpg.Connection[Any]) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A table whose unique rule is only checked by COMMIT."""
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS scratch "
        "(value integer, CONSTRAINT scratch_value_unique UNIQUE (value) DEFERRABLE INITIALLY DEFERRED);"
        "DELETE FROM scratch"
    )
    yield connection
    await connection.execute("DROP TABLE scratch")


async def whole(database: Database) -> bool:
    """Whether every connection of the pool is back."""
    for _ in range(200):
        idle, size = database.sizes()
        if idle == size:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_fifty_failed_commits_leave_the_pool_whole(database: Database, scratch: asyncpg.Connection[Any]) -> None:
    await scratch.execute("INSERT INTO scratch VALUES (1)")

    async def work() -> None:
        await database.fetch(ADD, 1)

    results = await asyncio.gather(*(database.run(work) for _ in range(50)), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["Duplicate"] * 50
    assert await whole(database)
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 1


async def test_three_hundred_cancelled_requests_leave_the_pool_whole(
    database: Database, scratch: asyncpg.Connection[Any]
) -> None:
    async def work() -> None:
        await database.fetch(ADD, 1)
        await database.fetch(SLEEP, 5)

    async def reading() -> None:
        await database.fetch(SLEEP, 5)

    tasks = []
    for number in range(300):
        tasks.append(asyncio.create_task(database.run(work) if number % 2 else reading()))
        # Cancelled while waiting for a connection, in BEGIN, in a statement: wherever they have come to by then.
        for _ in range(number % 7):
            await asyncio.sleep(0)
        if number % 3 == 0:
            tasks[-1].cancel()
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await whole(database)
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0
    assert await database.fetch(ONE)


async def test_an_inner_unit_joins_the_outer_one(database: Database, scratch: asyncpg.Connection[Any]) -> None:
    class Regret(Exception):
        pass

    async def inner() -> None:
        await database.fetch(ADD, 1)

    async def outer() -> None:
        await database.run(inner)
        raise Regret

    with pytest.raises(Regret):
        await database.run(outer)
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0


async def test_a_unit_that_swallowed_an_error_of_the_database_never_looks_committed(
    database: Database, scratch: asyncpg.Connection[Any]
) -> None:
    async def work() -> str:
        await database.fetch(ADD, 1)
        with suppress(asyncpg.PostgresError):
            await database.fetch(BROKEN)
        return "done"

    with pytest.raises(RuntimeError):
        await database.run(work)
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0
    assert await whole(database)


async def test_a_unit_that_lost_a_race_is_run_again_as_a_whole(database: Database, scratch: asyncpg.Connection[Any]) -> None:
    count = Statement(lambda: QueryString("SELECT count(*) FROM scratch"))
    both_have_read = asyncio.Barrier(2)
    attempts = 0

    async def work() -> int:
        nonlocal attempts
        attempts += 1
        first_try = attempts <= 2
        await database.fetch(SERIALIZABLE)
        seen: int = (await database.fetch(count))[0][0]
        if first_try:
            await both_have_read.wait()
        await database.fetch(ADD, seen)
        return seen

    results = await asyncio.gather(database.run(work), database.run(work))
    assert sorted(results) == [0, 1]
    assert attempts == 3
    assert await whole(database)


async def test_a_unit_that_always_loses_is_refused_after_three_tries(database: Database) -> None:
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        raise asyncpg.DeadlockDetectedError

    with pytest.raises(DatabaseUnavailable) as caught:
        await database.run(work)
    assert attempts == 3
    assert caught.value.members["outcome"] == "not_applied"


async def test_a_statement_from_before_a_migration_costs_no_request(settings: Settings, scratch: asyncpg.Connection[Any]) -> None:
    values = Statement(lambda: QueryString("SELECT value FROM scratch"))
    await scratch.execute("INSERT INTO scratch VALUES (1)")
    one = Database(structs.replace(settings.database, pool_size=1))
    await one.open()

    async def work() -> list[asyncpg.Record]:
        return await one.fetch(values)

    await one.run(work)
    # PostgreSQL: "cached plan must not change result type".
    await scratch.execute("ALTER TABLE scratch ALTER value TYPE bigint")
    assert [row["value"] for row in await one.run(work)] == [1]
    assert [row["value"] for row in await one.fetch(values)] == [1]
    await one.close()


async def test_a_full_pool_refuses_instead_of_waiting_forever(settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    small = Database(structs.replace(settings.database, pool_size=1, acquire_timeout=timedelta(milliseconds=50)))
    await small.open()
    taken, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        taken.set()
        await release.wait()

    holder = asyncio.create_task(small.run(hold))
    await taken.wait()
    with pytest.raises(DatabaseUnavailable) as caught:
        await small.fetch(ONE)
    assert caught.value.retry_after == 1
    release.set()
    await holder
    assert await whole(small)
    await small.close()


async def test_a_connection_that_died_in_a_unit_is_replaced(database: Database, connection: asyncpg.Connection[Any]) -> None:
    pid = Statement(lambda: QueryString("SELECT pg_backend_pid()"))

    async def work() -> None:
        backend = (await database.fetch(pid))[0][0]
        await connection.execute("SELECT pg_terminate_backend($1)", backend)
        await database.fetch(ONE)

    with pytest.raises(DatabaseUnavailable) as caught:
        await database.run(work)
    assert caught.value.members["outcome"] == "not_applied"
    assert await database.fetch(ONE)
    assert await whole(database)


async def test_a_commit_without_an_answer_has_an_unknown_outcome(
    database: Database, scratch: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = asyncpg.Connection.execute

    async def cut(self: Any, query: str, *args: Any, **options: Any) -> str:
        if query == "COMMIT":
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError
        return await original(self, query, *args, **options)

    monkeypatch.setattr(asyncpg.Connection, "execute", cut)

    async def work() -> None:
        await database.fetch(ADD, 1)

    with pytest.raises(DatabaseUnavailable) as caught:
        await database.run(work)
    monkeypatch.undo()
    assert caught.value.members["outcome"] == "unknown"
    assert await whole(database)


async def test_a_refusal_inside_a_unit_undoes_it_and_passes_through(database: Database, scratch: asyncpg.Connection[Any]) -> None:
    class Refused(Refusal):
        title = "no"
        code = "test_refused"

    async def work() -> None:
        await database.fetch(ADD, 1)
        raise Refused

    with pytest.raises(Refused):
        await database.run(work)
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0


async def test_a_missing_database_is_refused_and_not_waited_for() -> None:
    gone = Database(DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none"))
    await gone.open()
    with pytest.raises(DatabaseUnavailable):
        await gone.fetch(ONE)
    await gone.close()
    with pytest.raises(DatabaseUnavailable):
        await gone.fetch(ONE)


def test_events_outside_a_unit_are_a_programming_error(settings: Settings) -> None:
    with pytest.raises(RuntimeError):
        Database(settings.database).require_unit()
