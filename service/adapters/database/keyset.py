"""Keyset pagination: the rows behind (or before) a position, in the list's order, whatever its keys and NULLs.

A position names the values of the sort keys and the id of one row. The rows behind it are those that are equal in all keys and
have a later id, then those equal in all keys but the last and later in that, and so on: one range of an index each, so the
depth of the page does not matter (a single OR over the same conditions is as slow as OFFSET).
"""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from piccolo.columns import Column
from piccolo.querystring import QueryString

from service.adapters.database.conditions import sql_type
from service.kernel.paging import InvalidCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from service.kernel.paging import Position


OTHER_VALUES = "The cursor holds other values than this list is sorted by; start again without it."
# The driver would take an instant without offset for one of the server's own time zone.
_AWARE: Any = Annotated[datetime, Meta(tz=True)]


class Key(Struct, frozen=True):
    """What a list can be sorted by."""

    column: Column | QueryString
    type: Any
    nullable: bool = False

    @property
    def sql_type(self) -> str:
        """What PostgreSQL is told that a value of it is; of numbers as wide a one as the column's."""
        if self.type is int and isinstance(self.column, Column):
            return str(self.column.column_type).replace("SERIAL", "INT")
        return sql_type(self.type)


def typed(values: Sequence[Any], keys: Sequence[Key]) -> list[Any]:
    """The values of a position as what its keys hold; the last one is the id.

    Raises:
        InvalidCursor: they are something else.
    """
    types = [held | None if key.nullable else held for key in keys for held in (_AWARE if key.type is datetime else key.type,)]
    try:
        return list(msgspec.convert(list(values), tuple[*types, UUID]))  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise InvalidCursor(OTHER_VALUES) from error


def order(sort: Sequence[str], keys: Sequence[Key], *, backwards: bool) -> str:
    """ORDER BY of the marked keys: as asked, NULLs last, then the id; backwards the exact reverse of that."""
    parts = [
        f"key_{number} {_direction(name, key, backwards=backwards)}"
        for number, (name, key) in enumerate(zip(sort, keys, strict=True))
    ]
    return ", ".join([*parts, f"key_{len(sort)} {'DESC' if _falls(sort[0]) != backwards else 'ASC'}"])


def branches(
    sort: Sequence[str], keys: Sequence[Key], known: Sequence[bool], place: Callable[[int, Any], Any], position: Position
) -> Iterator[QueryString]:
    """The conditions of the ranges behind the position, the nearest first; `keys` ends with the id.

    `known` says which values are not NULL; `place` makes the places of those, from their number and type.
    """
    numbers = count(1)
    params = [place(next(numbers), key.sql_type) if is_known else None for key, is_known in zip(keys, known, strict=True)]
    falling = [*(_falls(key) for key in sort), _falls(sort[0])]
    for depth in reversed(range(len(keys))):
        equal = [_equal(key, param) for key, param in zip(keys[:depth], params[:depth], strict=True)]
        last = depth == len(keys) - 1
        for later in _later(keys[depth], params[depth], down=falling[depth] != position.backwards, position=position, last=last):
            parts = [*equal, later]
            yield QueryString(" AND ".join("{}" for _ in parts), *parts)


def _equal(key: Key, param: Any) -> QueryString:
    return QueryString("{} IS NULL", key.column) if param is None else QueryString("{} = {}", key.column, param)


def _later(key: Key, param: Any, *, down: bool, position: Position, last: bool) -> Iterator[QueryString]:
    if param is None:
        # NULLs are the end of the list, so only the way back leads anywhere.
        if position.backwards:
            yield QueryString("{} IS NOT NULL", key.column)
        return
    sign = ("<" if down else ">") + ("=" if last and position.inclusive else "")
    yield QueryString("{} " + sign + " {}", key.column, param)
    if key.nullable and not position.backwards:
        yield QueryString("{} IS NULL", key.column)


def _falls(key: str) -> bool:
    return key.startswith("-")


def _direction(name: str, key: Key, *, backwards: bool) -> str:
    direction = "DESC" if _falls(name) != backwards else "ASC"
    # Said where it matters only: PostgreSQL takes an index on `created_at DESC` for the same words alone.
    return direction + ((" NULLS FIRST" if backwards else " NULLS LAST") if key.nullable else "")
