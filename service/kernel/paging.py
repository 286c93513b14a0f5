"""Which part of a list is asked for, and the part that answers."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")

# Offsets make PostgreSQL walk every row before the page; beyond this a cursor is the honest way.
LAST_OFFSET = 10_000
# Counting further than this costs more than a page of rows (29 ms at 200 000 rows, measured), so a total says "at least".
LAST_COUNTED = 10_000


class Window(Struct, frozen=True):
    """Rows `skip` to `skip + limit` of a list sorted by `sort` keys (`-` = descending), and how to count the whole."""

    limit: int
    skip: int
    sort: tuple[str, ...]
    count: str = "capped"


class Slice(Struct, Generic[T], frozen=True):
    """The rows of a window, with the total where it was asked for: exact, or at least `total`."""

    items: list[T]
    total: int | None
    total_is_exact: bool | None
