"""What every list shares in SQL: its order, its window by offset or by position, its total."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from service.adapters.database import keyset
from service.adapters.database.conditions import Condition, Either, Ranking, Within, names_of, values_of
from service.adapters.database.keyset import Key
from service.adapters.database.statements import Param, Statement
from service.adapters.database.windows import Windows
from service.kernel.errors import Invalid
from service.kernel.paging import LAST_COUNTED, LAST_RANKED, InvalidCursor, Position, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import asyncpg
    from piccolo.columns import Column
    from piccolo.query import Select
    from piccolo.querystring import QueryString

    from service.adapters.database import Database
    from service.kernel.paging import Window

T = TypeVar("T")

# Named parameters and sorts make a bounded number of texts, filters any.
MAX_KEPT = 500

# A page of the default size or of the largest, with the row that tells whether the list goes on.
_CEILINGS = (51, 201)

__all__ = ["Condition", "Either", "Key", "ListStatements", "Ranking", "Within", "like"]


class ListStatements:
    """The statements of one list, each compiled once per combination of filters, sort keys and kind of position."""

    def __init__(
        self, select: Callable[[], Select[Any]], keys: Mapping[str, Key], tie: Column, counted: Callable[[], Select[Any]]
    ) -> None:
        """`tie` is the id, the last key of every order; `counted` selects the same rows with as little as possible."""
        self._windows = Windows(select, keys, tie, counted)
        self._kept: dict[tuple[object, ...], Statement] = {}

    async def page(
        self, database: Database, conditions: Sequence[Condition], window: Window, build: Callable[[Iterable[Any]], T]
    ) -> Slice[T]:
        """The rows of a window, each by `build` from its selected columns.

        Raises:
            InvalidCursor: the position has values of other types than the keys.
        """
        position = window.position
        if position is not None:
            rows = await self._by_position(database, conditions, window, position)
        else:
            rows = await self._by_offset(database, conditions, window)
        more = len(rows) > window.limit
        rows = rows[: window.limit]
        if position is not None and position.backwards:
            rows.reverse()
        width = len(window.sort) + 1
        after, before = self._around([row[-width:] for row in (rows[:1] + rows[-1:])], window, more=more)
        total, exact = await self._total(database, conditions, window, len(rows), more=more)
        return Slice([build(row[:-width]) for row in rows], total, exact, after, before)

    async def ranked(
        self, database: Database, conditions: Sequence[Condition], ranking: Ranking, window: Window,
        build: Callable[[Iterable[Any]], T],
    ) -> Slice[T]:  # fmt: skip
        """The rows of a window of what a search found, the best first; further than the best thousand it does not go."""
        every = [*conditions, ranking]
        statement = self._statement(("ranked", *names_of(every)), lambda: self._windows.ranked(conditions, ranking))
        wanted = max(0, min(window.limit, LAST_RANKED - window.skip))
        rows = await database.fetch(statement, *values_of(every), wanted, window.skip)
        matching, found = rows[0][:2]
        # The counts come also where nothing else does.
        built = [build(row[2:-2]) for row in rows if row[-1] is not None]
        total = min(matching, LAST_RANKED)
        more = Position(()) if window.skip + window.limit < total else None
        if window.count == "none":
            return Slice(built, next=more)
        return Slice(built, total, matching <= LAST_RANKED and found < ranking.most, more)

    async def ids(self, database: Database, conditions: Sequence[Condition], limit: int) -> list[Any]:
        """The ids of the first so many rows, in the order of the ids; `counted` selects nothing else."""
        statement = self._statement(("ids", *names_of(conditions)), lambda: self._windows.ids(conditions))
        return [row[0] for row in await database.fetch(statement, *values_of(conditions), limit)]

    async def summary(
        self,
        database: Database,
        conditions: Sequence[Condition],
        name: str,
        build: Callable[..., QueryString],
        *arguments: Any,
    ) -> list[asyncpg.Record]:
        """What `build` makes of the rows that pass: from a function that selects columns of them, and a Param per argument.

        `name` stands for its SQL in the cache, so it must be as unique. The id is selected before the columns.
        """
        bound = len(values_of(conditions))
        params = [Param(bound + place) for place in range(1, len(arguments) + 1)]

        def rows(*columns: Any) -> QueryString:
            return self._windows.rows(conditions, *columns)

        statement = self._statement(("summary", name, *names_of(conditions)), lambda: build(rows, *params))
        return await database.fetch(statement, *values_of(conditions), *arguments)

    @staticmethod
    def _around(ends: list[tuple[Any, ...]], window: Window, *, more: bool) -> tuple[Position | None, Position | None]:
        """The positions behind and before the rows, None where the list ends there."""
        position = window.position
        if not ends:
            if position is None:
                return None, None
            # The rows went away meanwhile; the way back includes the row at which this position stands.
            back = Position(position.values, not position.backwards, inclusive=True)
            return (back, None) if position.backwards else (None, back)
        after, before = Position(ends[-1]), Position(ends[0], backwards=True)
        if position is None:
            return after if more else None, before if window.skip else None
        if position.backwards:
            return after, before if more else None
        return after if more else None, before

    async def _by_offset(self, database: Database, conditions: Sequence[Condition], window: Window) -> list[asyncpg.Record]:
        # One row more than asked for tells whether the list goes on.
        limit, ceiling = window.limit + 1, _ceiling(window)
        if window.skip:
            shape: tuple[object, ...] = ("offset", window.sort, *names_of(conditions))
            statement = self._statement(shape, lambda: self._windows.offset(conditions, window.sort))
            return await database.fetch(statement, *values_of(conditions), limit, window.skip)
        shape = ("first", ceiling, window.sort, *names_of(conditions))
        statement = self._statement(shape, lambda: self._windows.first(conditions, window.sort, ceiling))
        return await database.fetch(statement, *values_of(conditions), limit)

    async def _by_position(
        self, database: Database, conditions: Sequence[Condition], window: Window, position: Position
    ) -> list[asyncpg.Record]:
        values = keyset.typed(position.values, self._windows.of(window.sort))
        known = tuple(value is not None for value in values)
        ceiling = _ceiling(window)
        shape = ("position", ceiling, window.sort, position.backwards, position.inclusive, known, *names_of(conditions))
        statement = self._statement(shape, lambda: self._windows.position(conditions, window.sort, position, known, ceiling))
        given = [value for value in values if value is not None]
        try:
            return await database.fetch(statement, *values_of(conditions), *given, window.limit + 1)
        except Invalid as error:
            # Of the keys' types, but beyond what their columns hold.
            raise InvalidCursor(keyset.OTHER_VALUES) from error

    async def _total(
        self, database: Database, conditions: Sequence[Condition], window: Window, found: int, *, more: bool
    ) -> tuple[int | None, bool | None]:
        """How many rows there are in all, and whether that is exact; None where nobody wants to know."""
        if window.count == "none" or window.position is not None:
            return None, None
        capped = window.count == "capped"
        if not more and (found or not window.skip):
            # The window reached the end, so it has told the total already.
            counted = window.skip + found
        else:
            most = LAST_COUNTED + 1 if capped else None
            statement = self._statement(("total", most, *names_of(conditions)), lambda: self._windows.total(conditions, most))
            counted = (await database.fetch(statement, *values_of(conditions)))[0][0]
        return (LAST_COUNTED, False) if capped and counted > LAST_COUNTED else (counted, True)

    def _statement(self, shape: tuple[object, ...], build: Callable[[], QueryString]) -> Statement:
        # Whatever was used last is put last, so that the first is what nobody has asked for the longest.
        statement = self._kept.pop(shape, None) or Statement(build)
        self._kept[shape] = statement
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return statement


def _ceiling(window: Window) -> int:
    """What the planner is told instead of the limit, which it takes for a tenth of the rows when it plans for any arguments."""
    return next((enough for enough in _CEILINGS if window.limit < enough), window.limit + 1)


def like(text: str) -> str:
    """A LIKE pattern for texts that contain `text` literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
