"""What every list shares in SQL: its order, its window by offset or by position, its total."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from piccolo.querystring import QueryString

from service.adapters.database import keyset
from service.adapters.database.keyset import Key
from service.adapters.database.statements import Param, Statement
from service.kernel.errors import Invalid
from service.kernel.paging import LAST_COUNTED, LAST_RANKED, InvalidCursor, Position, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import asyncpg
    from piccolo.columns import Column
    from piccolo.columns.combination import Where, WhereRaw
    from piccolo.query import Select

    from service.adapters.database import Database
    from service.kernel.paging import Window

T = TypeVar("T")

# Named parameters and sorts make a bounded number of texts, filters any.
MAX_KEPT = 500

__all__ = ["Condition", "Key", "ListStatements", "Ranking", "like"]


class Condition:
    """One filter of a list: the SQL that it adds, and the arguments that it binds."""

    __slots__ = ("arguments", "build", "name")

    def __init__(self, name: str, build: Callable[..., QueryString | Where | WhereRaw], argument: Any, *more: Any) -> None:
        """`name` stands for the SQL in the cache of compiled statements, so it must be as unique as the SQL.

        `build` takes one Param per argument; an argument that is None is not bound, and its Param not to be used.
        """
        self.name = name
        self.build = build
        self.arguments = (argument, *more) if argument is not None else ()


class Ranking(Condition):
    """Not a filter but what a search found: the SQL of (id, rank), at most so many rows of it."""

    __slots__ = ("most",)

    def __init__(self, name: str, build: Callable[..., QueryString], *arguments: Any, most: int) -> None:
        """As of a condition; every argument is bound."""
        super().__init__(name, build, *arguments)
        self.most = most


class ListStatements:
    """The statements of one list, each compiled once per combination of filters, sort keys and kind of position."""

    def __init__(
        self, select: Callable[[], Select[Any]], keys: Mapping[str, Key], tie: Column, counted: Callable[[], Select[Any]]
    ) -> None:
        """`tie` is the id, the last key of every order; `counted` selects the same rows with as little as possible."""
        self._select = select
        self._counted = counted
        self._keys = keys
        self._tie = tie
        self._kept: dict[tuple[object, ...], Statement] = {}

    async def page(
        self, database: Database, conditions: Sequence[Condition], window: Window, build: Callable[[Iterable[Any]], T]
    ) -> Slice[T]:
        """The rows of a window, each by `build` from its selected columns.

        Raises:
            InvalidCursor: the position has values of other types than the keys.
        """
        position = window.position
        rows = await (self._by_offset(database, conditions, window) if position is None else self._by_position(
            database, conditions, window, position
        ))  # fmt: skip
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
        statement = self._statement(("ranked", *_names(every)), lambda: self._ranked(conditions, ranking))
        wanted = max(0, min(window.limit, LAST_RANKED - window.skip))
        rows = await database.fetch(statement, *_arguments(every), wanted, window.skip)
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
        statement = self._statement(("ids", *_names(conditions)), lambda: self._ids(conditions))
        return [row[0] for row in await database.fetch(statement, *_arguments(conditions), limit)]

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
        bound = len(_arguments(conditions))
        params = [Param(bound + place) for place in range(1, len(arguments) + 1)]

        def rows(*columns: Any) -> QueryString:
            return _where(self._counted().columns(*columns), conditions)

        statement = self._statement(("summary", name, *_names(conditions)), lambda: build(rows, *params))
        return await database.fetch(statement, *_arguments(conditions), *arguments)

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
        statement = self._statement(("offset", window.sort, *_names(conditions)), lambda: self._offset(conditions, window.sort))
        # One row more than asked for tells whether the list goes on.
        return await database.fetch(statement, *_arguments(conditions), window.limit + 1, window.skip)

    async def _by_position(
        self, database: Database, conditions: Sequence[Condition], window: Window, position: Position
    ) -> list[asyncpg.Record]:
        values = keyset.typed(position.values, self._of(window.sort))
        known = tuple(value is not None for value in values)
        shape = ("position", window.sort, position.backwards, position.inclusive, known, *_names(conditions))
        statement = self._statement(shape, lambda: self._position(conditions, window.sort, position, known))
        given = [value for value in values if value is not None]
        try:
            return await database.fetch(statement, *_arguments(conditions), *given, window.limit + 1)
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
            statement = self._statement(("total", *_names(conditions)), lambda: self._count(conditions))
            cap = LAST_COUNTED + 1 if capped else 2**62
            counted = (await database.fetch(statement, *_arguments(conditions), cap))[0][0]
        return (LAST_COUNTED, False) if capped and counted > LAST_COUNTED else (counted, True)

    def _statement(self, shape: tuple[object, ...], build: Callable[[], QueryString]) -> Statement:
        # Whatever was used last is put last, so that the first is what nobody has asked for the longest.
        statement = self._kept.pop(shape, None) or Statement(build)
        self._kept[shape] = statement
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return statement

    def _of(self, sort: Sequence[str]) -> list[Key]:
        return [self._keys[name.removeprefix("-")] for name in sort]

    def _ordered(self, sort: Sequence[str]) -> Select[Any]:
        """The list's columns, and behind them the keys that it is sorted by: a position is made of those."""
        columns = [*(key.column for key in self._of(sort)), self._tie]
        marked = [QueryString("{}", column).as_alias(f"key_{number}") for number, column in enumerate(columns)]
        return self._select().columns(*marked)

    def _offset(self, conditions: Sequence[Condition], sort: Sequence[str]) -> QueryString:
        bound = len(_arguments(conditions))
        order = keyset.order(sort, self._of(sort), backwards=False)
        query = _where(self._ordered(sort), conditions)
        return QueryString("{} ORDER BY " + order + " LIMIT {} OFFSET {}", query, Param(bound + 1), Param(bound + 2))

    def _position(
        self, conditions: Sequence[Condition], sort: Sequence[str], position: Position, known: Sequence[bool]
    ) -> QueryString:
        keys = self._of(sort)
        bound = len(_arguments(conditions))
        limit = Param(bound + sum(known) + 1)
        order = keyset.order(sort, keys, backwards=position.backwards)
        branches = [
            QueryString("({} ORDER BY " + order + " LIMIT {})", _where(self._ordered(sort).where(branch), conditions), limit)
            for branch in keyset.branches(sort, [*keys, Key(self._tie, object)], known, bound, position)
        ]
        union = " UNION ALL ".join("{}" for _ in branches)
        text = f"SELECT * FROM ({union}) AS page ORDER BY {order} LIMIT {{}}"
        return QueryString(text, *branches, limit)

    def _ranked(self, conditions: Sequence[Condition], ranking: Ranking) -> QueryString:
        bound = len(_arguments(conditions))
        last = bound + len(ranking.arguments)
        found = ranking.build(*(Param(number) for number in range(bound + 1, last + 1)))
        row = QueryString("{} = candidate.id", self._tie)
        # A LATERAL with a LIMIT is a loop over the candidates in their order, which ends as soon as there are enough.
        best = QueryString(
            "SELECT candidate.id, candidate.rank FROM (SELECT id, rank FROM found ORDER BY rank DESC, id DESC) AS candidate "
            "CROSS JOIN LATERAL ({} LIMIT 1) AS kept "
            f"ORDER BY candidate.rank DESC, candidate.id DESC LIMIT {LAST_RANKED + 1}",
            _where(self._counted().where(row), conditions),
        )
        page = QueryString(
            "SELECT whole.*, candidate.rank, candidate.id AS candidate_id "
            "FROM (SELECT id, rank FROM best ORDER BY rank DESC, id DESC LIMIT {} OFFSET {}) AS candidate "
            "CROSS JOIN LATERAL ({} LIMIT 1) AS whole",
            *(Param(last + 1), Param(last + 2), self._select().where(row).querystrings[0]),
        )
        return QueryString(
            "WITH found AS MATERIALIZED ({}), best AS MATERIALIZED ({}) "
            "SELECT (SELECT count(*) FROM best), (SELECT count(*) FROM found), page.* FROM (SELECT 1) AS always "
            "LEFT JOIN ({}) AS page ON true ORDER BY page.rank DESC, page.candidate_id DESC",
            *(found, best, page),
        )

    def _ids(self, conditions: Sequence[Condition]) -> QueryString:
        bound = len(_arguments(conditions))
        return QueryString("{} ORDER BY {} LIMIT {}", _where(self._counted(), conditions), self._tie, Param(bound + 1))

    def _count(self, conditions: Sequence[Condition]) -> QueryString:
        bound = len(_arguments(conditions))
        counted = _where(self._counted(), conditions)
        return QueryString("SELECT count(*) FROM ({} LIMIT {}) AS counted", counted, Param(bound + 1))


def _where(query: Select[Any], conditions: Sequence[Condition]) -> QueryString:
    number = 0
    for condition in conditions:
        params = [Param(number + place) for place in range(1, len(condition.arguments) + 1)]
        number += len(params)
        query = query.where(condition.build(*(params or [Param(0)])))
    return query.querystrings[0]


def _names(conditions: Sequence[Condition]) -> tuple[str, ...]:
    return tuple(condition.name for condition in conditions)


def _arguments(conditions: Sequence[Condition]) -> list[Any]:
    return [argument for condition in conditions for argument in condition.arguments]


def like(text: str) -> str:
    """A LIKE pattern for texts that contain `text` literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
