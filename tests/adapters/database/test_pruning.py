"""Rows that are past their time: all go, some at a time, and nobody is waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.adapters.database import pruning
from service.adapters.database.pruning import Pruning
from service.adapters.rate_limits import RateLimitRow
from tests.support.factories import SOME_DAY
from tests.support.stored import insert

if TYPE_CHECKING:
    from service.adapters.database import Database

pytestmark = pytest.mark.anyio

ENDED = Pruning(RateLimitRow, lambda now: RateLimitRow.ends_at <= now)


@pytest.fixture
async def limits(connection: asyncpg.Connection[Any]) -> asyncpg.Connection[Any]:
    """Five windows that have ended, and one that ends in a moment."""
    for number in range(6):
        ends_at = SOME_DAY + timedelta(seconds=number - 4)
        await insert(connection, "rate_limits", key=f"window {number}", ends_at=ends_at, taken=1)
    return connection


async def left(connection: asyncpg.Connection[Any]) -> list[str]:
    return [row["key"] for row in await connection.fetch("SELECT key FROM rate_limits ORDER BY key")]


async def test_all_that_is_past_goes_by_statements_of_some_rows_each(
    database: Database, limits: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    statements: list[str] = []
    database.observer = statements.append
    await ENDED.run(database, SOME_DAY)
    assert await left(limits) == ["window 5"]
    assert len(statements) == 3


async def test_a_row_that_somebody_has_locked_stays_and_holds_nobody_up(
    database: Database, limits: asyncpg.Connection[Any]
) -> None:
    async with limits.transaction():
        await limits.execute("SELECT FROM rate_limits WHERE key = 'window 3' FOR UPDATE")
        await ENDED.run(database, SOME_DAY)
    assert await left(limits) == ["window 3", "window 5"]
    await ENDED.run(database, SOME_DAY)
    assert await left(limits) == ["window 5"]
