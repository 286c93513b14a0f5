"""The SQL of a list: its windows by offset or by position, its total, what a search found of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from piccolo.querystring import QueryString

from service.adapters.database import keyset
from service.adapters.database.conditions import each_alone, is_generic, parents_of, place_of, ranges_of, values_of, where
from service.adapters.database.keyset import Key
from service.adapters.database.statements import Param
from service.kernel.paging import LAST_RANKED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from piccolo.columns import Column
    from piccolo.query import Select

    from service.adapters.database.conditions import Condition, Ranking
    from service.kernel.paging import Position

    Selecting = Callable[[], Select[Any]]

    # All rows that a window can need: of each parent, or of the list.
    Reach = Callable[[Selecting], QueryString]

# A LATERAL with a LIMIT is a loop, whatever the planner thinks of its costs.
_EACH = "({}) AS parent (id) CROSS JOIN LATERAL ({}) AS near"


class Windows:
    """The statements of one list, each with the arguments of its conditions first."""

    def __init__(self, select: Selecting, keys: Mapping[str, Key], tie: Column, counted: Selecting) -> None:
        """See lists.ListStatements."""
        self._select = select
        self._counted = counted
        self._keys = keys
        self._tie = tie

    def of(self, sort: Sequence[str]) -> list[Key]:
        """The keys of a sort."""
        return [self._keys[name.removeprefix("-")] for name in sort]

    def first(self, conditions: Sequence[Condition], sort: Sequence[str], ceiling: int) -> QueryString:
        """The first rows; how many is the last argument, and never more than the ceiling."""
        limit = Param(len(values_of(conditions)) + 1)
        return self._from_start(conditions, sort, QueryString(f"{ceiling}"), QueryString("LIMIT {}", limit))

    def offset(self, conditions: Sequence[Condition], sort: Sequence[str]) -> QueryString:
        """So many rows behind so many others: the last two arguments."""
        bound = len(values_of(conditions))
        limit, skip = Param(bound + 1), Param(bound + 2)
        return self._from_start(
            conditions, sort, QueryString("{}::bigint + {}", limit, skip), QueryString("LIMIT {} OFFSET {}", limit, skip)
        )

    def position(
        self, conditions: Sequence[Condition], sort: Sequence[str], position: Position, known: Sequence[bool], ceiling: int
    ) -> QueryString:
        """The rows behind a position or before it; its values and how many are the last arguments."""
        keys, bound = [*self.of(sort), Key(self._tie, UUID)], len(values_of(conditions))
        order = keyset.order(sort, keys[:-1], backwards=position.backwards)
        ways, place = ranges_of(conditions), place_of(conditions)
        branches = list(keyset.branches(sort, keys, known, lambda number, held: place(bound + number, held), position))

        def reach(selecting: Selecting) -> QueryString:
            rows = [where(self._marked(selecting, sort).where(branch), way, place) for branch in branches for way in ways]
            return _ranges(rows, order, QueryString(f"{ceiling}"))

        cut = QueryString("LIMIT {}", Param(bound + sum(known) + 1))
        return self._window(conditions, sort, order, reach, QueryString(f"{ceiling}"), cut)

    def ranked(self, conditions: Sequence[Condition], ranking: Ranking) -> QueryString:
        """How many of what was found pass, how many were found, and a page of them, the best first; limit and offset last."""
        bound = len(values_of(conditions))
        last = bound + len(ranking.arguments)
        found = ranking.build(*(Param(number) for number in range(bound + 1, last + 1)))
        row = QueryString("{} = candidate.id", self._tie)
        # A LATERAL with a LIMIT is a loop over the candidates in their order, which ends as soon as there are enough.
        best = QueryString(
            "SELECT candidate.id, candidate.rank FROM (SELECT id, rank FROM found ORDER BY rank DESC, id DESC) AS candidate "
            "CROSS JOIN LATERAL ({} LIMIT 1) AS kept "
            f"ORDER BY candidate.rank DESC, candidate.id DESC LIMIT {LAST_RANKED + 1}",
            where(self._counted().where(row), conditions),
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

    def ids(self, conditions: Sequence[Condition]) -> QueryString:
        """The first ids in their own order; how many is the last argument."""
        return QueryString("{} ORDER BY {} LIMIT {}", self.rows(conditions), self._tie, Param(len(values_of(conditions)) + 1))

    def total(self, conditions: Sequence[Condition], most: int | None) -> QueryString:
        """How many rows there are, counted up to so many."""
        limit = "" if most is None else f" LIMIT {most}"
        near = QueryString(f"{{}}{limit}", where(self._counted(), each_alone(conditions)))
        parents = parents_of(conditions)
        if parents is not None:
            near = QueryString(f"SELECT 1 FROM {_EACH}{limit}", parents, near)
        return QueryString("SELECT count(*) FROM ({}) AS counted", near)

    def rows(self, conditions: Sequence[Condition], *columns: Any) -> QueryString:
        """The rows that pass: their ids, and columns of them."""
        return where(self._counted().columns(*columns), conditions)

    def _from_start(
        self, conditions: Sequence[Condition], sort: Sequence[str], most: QueryString, cut: QueryString
    ) -> QueryString:
        order = keyset.order(sort, self.of(sort), backwards=False)

        def reach(selecting: Selecting) -> QueryString:
            rows = [where(self._marked(selecting, sort), way, place_of(conditions)) for way in ranges_of(conditions)]
            return _ranges(rows, order, most)

        return self._window(conditions, sort, order, reach, most, cut)

    def _window(
        self,
        conditions: Sequence[Condition],
        sort: Sequence[str],
        order: str,
        reach: Reach,
        most: QueryString,
        cut: QueryString,
    ) -> QueryString:
        """What the cut leaves of what can be reached, which is no more than `most`."""
        parents = parents_of(conditions, place_of(conditions))
        if parents is not None:
            source = QueryString(_EACH, parents, reach(self._counted))
        elif len(sort) == 1 and is_generic(conditions):
            # Met in the order of an index.
            return QueryString(f"SELECT * FROM ({{}}) AS page ORDER BY {order} {{}}", reach(self._select), cut)
        else:
            source = QueryString("({}) AS near", reach(self._counted))
        # First the ids alone: what is near in all parents, or sorted, can be many times the page. Whole rows of that much were
        # joined in 22 s where PostgreSQL had not yet heard that the table had grown.
        page = QueryString(f"SELECT near.* FROM {{}} ORDER BY {order} LIMIT {{}}", source, most)
        ids = QueryString(f"SELECT key_{len(sort)} FROM ({{}}) AS page ORDER BY {order} {{}}", page, cut)
        chosen = self._marked(self._select, sort).where(QueryString("{} = ANY(ARRAY({}))", self._tie, ids))
        return QueryString(f"{{}} ORDER BY {order}", chosen.querystrings[0])

    def _marked(self, selecting: Selecting, sort: Sequence[str]) -> Select[Any]:
        """The query's columns, and behind them the keys that it is sorted by: a position is made of those."""
        columns = [*(key.column for key in self.of(sort)), self._tie]
        return selecting().columns(
            *(QueryString("{}", column).as_alias(f"key_{number}") for number, column in enumerate(columns))
        )


def _ranges(rows: Sequence[QueryString], order: str, most: QueryString) -> QueryString:
    """The first of each, one behind the other."""
    if len(rows) == 1:
        return QueryString(f"{{}} ORDER BY {order} LIMIT {{}}", rows[0], most)
    ranges = [QueryString(f"({{}} ORDER BY {order} LIMIT {{}})", each, most) for each in rows]
    return QueryString(f"SELECT * FROM ({' UNION ALL '.join('{}' for _ in ranges)}) AS ranges", *ranges)
