"""Which part of a list is asked for, and the part that answers."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct

from service.kernel.errors import Malformed

T = TypeVar("T")

# Offsets make PostgreSQL walk every row before the page; beyond this a cursor is the honest way.
LAST_OFFSET = 10_000
# Counting further than this costs more than a page of rows (29 ms at 200 000 rows, measured), so a total says "at least".
LAST_COUNTED = 10_000

# Of what a search finds, so many of the best are shown in their order.
LAST_RANKED = 1000


class InvalidCursor(Malformed):
    """The cursor is not one that this list gave, with these filters and this sort."""

    code = "invalid_cursor"
    title = "The cursor does not belong to this list"


class Position(Struct, frozen=True, array_like=True):
    """A place between two rows: beside the row with these values of the sort keys and, last, this id.

    `backwards` looks towards the start of the list; `inclusive` counts the row itself in.
    """

    values: tuple[Any, ...]
    backwards: bool = False
    inclusive: bool = False


class Window(Struct, frozen=True):
    """`limit` rows of a list sorted by `sort` keys (`-` = descending), from a position or after `skip` rows.

    Without keys they are ranked by how well they match what was searched for, and have no positions.
    """

    limit: int
    skip: int
    sort: tuple[str, ...]
    count: str = "capped"
    position: Position | None = None


class Slice(Struct, Generic[T], frozen=True):
    """The rows of a window, the places around it, and the total where it was asked for: exact, or at least `total`."""

    items: list[T]
    total: int | None = None
    total_is_exact: bool | None = None
    next: Position | None = None
    prev: Position | None = None
