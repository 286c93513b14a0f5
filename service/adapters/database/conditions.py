"""The filters of a list as SQL with places for their arguments."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import UUID

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from piccolo.columns import Column
    from piccolo.columns.combination import Where, WhereRaw
    from piccolo.query import Select

    # From the number of an argument and its type, in Python or in PostgreSQL.
    Place = Callable[[int, type | str], Any]

_SQL_TYPES = {UUID: "uuid", datetime: "timestamptz", int: "integer", str: "text"}


class Condition:
    """One filter of a list: the SQL that it adds, and the arguments that it binds."""

    __slots__ = ("arguments", "build", "generic", "name")

    def __init__(
        self, name: str, build: Callable[..., QueryString | Where | WhereRaw], argument: Any, *more: Any, generic: bool = False
    ) -> None:
        """`name` stands for the SQL in the cache of compiled statements, so it must be as unique as the SQL.

        `build` takes one Param per argument; an argument that is None is not bound, and its Param not to be used.
        `generic` says that one plan is right for all arguments; see `_unseen`.
        """
        self.name = name
        self.build = build
        self.arguments = (argument, *more) if argument is not None else ()
        self.generic = generic or not self.arguments


class Ranking(Condition):
    """Not a filter but what a search found: the SQL of (id, rank), at most so many rows of it."""

    __slots__ = ("most",)

    def __init__(self, name: str, build: Callable[..., QueryString], *arguments: Any, most: int) -> None:
        """As of a condition; every argument is bound."""
        super().__init__(name, build, *arguments)
        self.most = most


class Either(Condition):
    """That a row passes one of several conditions, of which it never passes two, and each of which has its own indexes.

    PostgreSQL would read all rows for an OR, and sort them. So a window takes as many rows as it needs of each, as of each
    parent that a row can be within, and the first of those.
    """

    __slots__ = ("builds",)

    def __init__(self, name: str, builds: Sequence[Callable[..., QueryString]], argument: Any) -> None:
        """`builds` make the SQL of one condition each, of the same argument; see Condition."""
        super().__init__(name, self._any, argument, generic=True)
        self.builds = builds

    def _any(self, param: Any) -> QueryString:
        texts = " OR ".join("({})" for _ in self.builds)
        return QueryString(f"({texts})", *(build(param) for build in self.builds))

    def each(self) -> list[Condition]:
        """The conditions one by one."""
        return [Condition(self.name, build, *(self.arguments or [None]), generic=True) for build in self.builds]


class Within(Condition):
    """That a row is within one of several parents, each of which has its rows in the order of the list.

    PostgreSQL would sort the rows of all of them, or walk the whole table in its order: 5.6 s for a page of a million tasks in
    eleven projects. So a page takes as many rows as it needs from each parent, and the first of those.
    """

    __slots__ = ("column", "parents")

    def __init__(self, name: str, column: Column, parents: Callable[..., QueryString], *arguments: Any) -> None:
        """`parents` makes the SQL of their ids from a Param per argument, of which there may be none."""
        super().__init__(name, self._among, *(arguments or [None]), generic=True)
        self.column = column
        self.parents = parents

    def _among(self, *params: Any) -> QueryString:
        return QueryString("{} IN ({})", self.column, self.parents(*params[: len(self.arguments)]))

    def alone(self) -> Condition:
        """That a row is within the parent that is called so in SQL: `parent.id`."""

        def build(*_: Any) -> QueryString:
            return QueryString("{} = parent.id", self.column)

        return Condition(self.name, build, *(self.arguments or [None]), generic=True)


def sql_type(type_: type) -> str:
    """What PostgreSQL calls the type of an argument."""
    return next(name for known, name in _SQL_TYPES.items() if issubclass(type_, known))


def _seen(number: int, _type: type | str) -> Param:
    return Param(number)


def _unseen(number: int, type_: type | str) -> QueryString:
    """An argument whose value the planner does not look at.

    PostgreSQL then plans the statement five times and no more, since a plan for the very values is never cheaper; planning
    a list takes three times as long as running it.
    """
    return QueryString(f"(SELECT {{}}::{type_ if isinstance(type_, str) else sql_type(type_)})", Param(number))


def where(query: Select[Any], conditions: Sequence[Condition], place: Place = _seen) -> QueryString:
    """A query with these conditions, whose arguments are the statement's first."""
    for condition, params in zip(conditions, params_of(conditions, place), strict=True):
        query = query.where(condition.build(*(params or [Param(0)])))
    return query.querystrings[0]


def each_alone(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions on the rows of one parent, where there are several."""
    return [condition.alone() if isinstance(condition, Within) else condition for condition in conditions]


def ranges_of(conditions: Sequence[Condition]) -> list[list[Condition]]:
    """The same, once for each way to pass them."""
    ways = [condition.each() if isinstance(condition, Either) else [condition] for condition in each_alone(conditions)]
    return [list(way) for way in product(*ways)]


def parents_of(conditions: Sequence[Condition], place: Place = _seen) -> QueryString | None:
    """The ids of the parents, where there are several."""
    pairs = zip(conditions, params_of(conditions, place), strict=True)
    return next((condition.parents(*params) for condition, params in pairs if isinstance(condition, Within)), None)


def params_of(conditions: Sequence[Condition], place: Place) -> list[list[Any]]:
    """The places of every condition's arguments."""
    number = 0
    places: list[list[Any]] = []
    for condition in conditions:
        places.append([place(number + nth, type(argument)) for nth, argument in enumerate(condition.arguments, 1)])
        number += len(condition.arguments)
    return places


def is_generic(conditions: Sequence[Condition]) -> bool:
    """Whether one plan is right for all arguments of these conditions."""
    return all(condition.generic for condition in conditions)


def place_of(conditions: Sequence[Condition]) -> Place:
    """What makes the place of an argument from its number and type, in a window with these conditions."""
    return _unseen if is_generic(conditions) else _seen


def names_of(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """What stands for the SQL of these conditions."""
    return tuple(condition.name for condition in conditions)


def values_of(conditions: Sequence[Condition]) -> list[Any]:
    """What these conditions bind, in their order."""
    return [argument for condition in conditions for argument in condition.arguments]
