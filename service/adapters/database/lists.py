"""What every list shares in SQL: its order, its window, its total."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.kernel.paging import LAST_COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import asyncpg
    from piccolo.columns import Column
    from piccolo.columns.combination import Where, WhereRaw
    from piccolo.query import Select

    from service.adapters.database import Database
    from service.kernel.paging import Window


class Condition:
    """One filter of a list: the SQL that it adds, and the argument that it binds (or none)."""

    __slots__ = ("argument", "build", "name")

    def __init__(self, name: str, build: Callable[[Param], QueryString | Where | WhereRaw], argument: Any) -> None:
        """`name` stands for the SQL in the cache of compiled statements, so it must be as unique as the SQL."""
        self.name = name
        self.build = build
        self.argument = argument


class ListStatements:
    """The statements of one list, each compiled once per combination of filters and sort keys."""

    def __init__(self, select: Callable[[], Select[Any]], order: Mapping[str, Column | QueryString], tie: Column) -> None:
        self._select = select
        self._order = order
        self._tie = tie
        self._kept: dict[tuple[object, ...], Statement] = {}

    async def rows(self, database: Database, conditions: Sequence[Condition], window: Window) -> list[asyncpg.Record]:
        """The rows of the window."""
        shape = ("rows", window.sort, *(condition.name for condition in conditions))
        statement = self._kept.get(shape)
        if statement is None:
            statement = self._kept[shape] = Statement(lambda: self._rows(conditions, window.sort))
        return await database.fetch(statement, *_arguments(conditions), window.limit, window.skip)

    async def total(
        self, database: Database, conditions: Sequence[Condition], window: Window, found: int
    ) -> tuple[int | None, bool | None]:
        """How many rows there are in all, and whether that is exact; None where nobody wants to know."""
        if window.count == "none":
            return None, None
        if 0 < found < window.limit or (found == 0 and window.skip == 0):
            # The window reached the end, so it has told the total already.
            return window.skip + found, True
        cap = LAST_COUNTED + 1 if window.count == "capped" else 2**62
        shape = ("total", *(condition.name for condition in conditions))
        statement = self._kept.get(shape)
        if statement is None:
            statement = self._kept[shape] = Statement(lambda: self._total(conditions))
        counted: int = (await database.fetch(statement, *_arguments(conditions), cap))[0][0]
        return (LAST_COUNTED, False) if counted == cap else (counted, True)

    def _rows(self, conditions: Sequence[Condition], sort: Sequence[str]) -> QueryString:
        query = _where(self._select(), conditions)
        bound = len(list(_arguments(conditions)))
        keys = [QueryString("{} " + _direction(key), self._order[key.removeprefix("-")]) for key in sort]
        tie = QueryString("{} " + ("DESC" if sort[0].startswith("-") else "ASC"), self._tie)
        order = QueryString(", ".join("{}" for _ in [*keys, tie]), *keys, tie)
        return QueryString("{} ORDER BY {} LIMIT {} OFFSET {}", query, order, Param(bound + 1), Param(bound + 2))

    def _total(self, conditions: Sequence[Condition]) -> QueryString:
        bound = len(list(_arguments(conditions)))
        return QueryString("SELECT count(*) FROM ({} LIMIT {}) AS counted", _where(self._select(), conditions), Param(bound + 1))


def _direction(key: str) -> str:
    # PostgreSQL puts NULLs first when descending; here they are last either way.
    return "DESC NULLS LAST" if key.startswith("-") else "ASC NULLS LAST"


def _where(query: Select[Any], conditions: Sequence[Condition]) -> QueryString:
    number = 0
    for condition in conditions:
        if condition.argument is not None:
            number += 1
        query = query.where(condition.build(Param(number)))
    return query.querystrings[0]


def _arguments(conditions: Sequence[Condition]) -> list[Any]:
    return [condition.argument for condition in conditions if condition.argument is not None]


def like(text: str) -> str:
    """A LIKE pattern for texts that contain `text` literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
