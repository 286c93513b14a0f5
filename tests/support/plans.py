"""How many rows of a table PostgreSQL looks at for the first statement of a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import asyncpg

    from service.adapters.database import Database
    from service.adapters.database.statements import Statement


async def rows_read(
    database: Database, connection: asyncpg.Connection[Any], table: str, read: Callable[[], Awaitable[object]]
) -> int:
    """Of how many rows of the table the first statement reads the row or its entry in an index."""
    seen: list[tuple[str, tuple[Any, ...]]] = []
    fetch = database.fetch

    async def noted(statement: Statement, *arguments: Any) -> list[asyncpg.Record]:
        seen.append((statement.sql, arguments))
        return await fetch(statement, *arguments)

    database.fetch = noted  # type: ignore[method-assign]
    try:
        await read()
    finally:
        database.fetch = fetch  # type: ignore[method-assign]
    sql, arguments = seen[0]
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
    return sum(_rows(node) for node in _nodes(msgspec.json.decode(text)[0]["Plan"]) if node.get("Relation Name") == table)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: dict[str, Any]) -> int:
    rows: float = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return round(rows)
