"""Removing rows that are past their time, however many: so many per statement, past those that somebody has locked.

One DELETE of all of them would be ended by the statement's deadline once the worker was away for long, and so each later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from piccolo.columns.combination import Where, WhereRaw
    from piccolo.table import Table

    from service.adapters.database import Database

# Rows per statement: 40 ms (measured, with kept answers of 1 kB).
BATCH = 5_000


class Pruning:
    """The rows of a table that are past their time by an instant."""

    def __init__(self, table: type[Table], is_past: Callable[[Param], QueryString | Where | WhereRaw]) -> None:
        """`is_past` is the condition on them; the instant is its argument."""
        self._statement = Statement(lambda: _removal(table, is_past))

    async def run(self, database: Database, instant: datetime) -> None:
        """Remove them all; those that are locked stay for the next time."""
        most = BATCH
        while (await database.fetch(self._statement, instant, most))[0][0] == most:
            pass


def _removal(table: type[Table], is_past: Callable[[Param], QueryString | Where | WhereRaw]) -> QueryString:
    key = table._meta.primary_key  # noqa: SLF001  (Piccolo has no other way to ask)
    some = table.select(key).where(is_past(Param(1))).querystrings[0]
    removed = table.delete().where(QueryString("{} = ANY(ARRAY({} LIMIT {} FOR UPDATE SKIP LOCKED))", key, some, Param(2)))
    return QueryString("WITH removed AS ({} RETURNING 1) SELECT count(*) FROM removed", removed.querystrings[0])
