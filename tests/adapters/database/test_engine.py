"""Piccolo's engine: runs its own queries on a bound connection alone, and opens none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from piccolo.columns import Integer, Text
from piccolo.table import Table

from service.adapters.database.engine import ENGINE, bound

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.anyio


class Jar(Table, tablename="jars", db=ENGINE):
    id = Integer(primary_key=True, default=None)
    label = Text()


async def test_piccolos_own_queries_run_on_the_connection_that_is_bound(connection: asyncpg.Connection[Any]) -> None:
    transaction = connection.transaction()
    await transaction.start()
    try:
        with bound(connection):
            await Jar.create_table()
            await Jar.insert(Jar(id=1, label="plums"))
            await Jar.raw("UPDATE jars SET label = {} WHERE id = {}", "pears", 1)
            async with ENGINE.transaction():
                assert await Jar.select(Jar.label) == [{"label": "pears"}]
    finally:
        await transaction.rollback()
    assert await connection.fetchval("SELECT to_regclass('jars')") is None


async def test_what_piccolo_would_run_on_a_connection_of_its_own_runs_on_the_bound_one(
    connection: asyncpg.Connection[Any],
) -> None:
    with bound(connection):
        assert await ENGINE._run_in_new_connection("SELECT $1::int AS one", [1]) == [(1,)]  # noqa: SLF001  (Piccolo calls it)
        assert await ENGINE._run_in_new_connection("SELECT 1") == [(1,)]  # noqa: SLF001


@pytest.mark.parametrize("use", [lambda: Jar.select().run(), lambda: ENGINE.run_ddl("SELECT 1")], ids=["query", "definition"])
async def test_without_a_bound_connection_nothing_runs(use: Any) -> None:
    with pytest.raises(RuntimeError, match="no connection is bound"):
        await use()


async def test_a_binding_ends_with_its_block(connection: asyncpg.Connection[Any]) -> None:
    with bound(connection):
        pass
    with pytest.raises(RuntimeError):
        await Jar.select()


async def test_the_engine_never_looks_at_a_server() -> None:
    await ENGINE.check_version()
    await ENGINE.prep_database()
    assert ENGINE.config == {}
