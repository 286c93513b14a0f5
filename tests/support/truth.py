"""What a filter means by the book: three-valued logic in Python, to hold PostgreSQL's answers against."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# True, False, or None: unknown.
Truth: TypeAlias = bool | None
Row: TypeAlias = "dict[str, str | None]"
# The text of an expression, and what it is for a row.
Expression: TypeAlias = "tuple[str, Callable[[Row], Truth]]"

LOW, HIGH = "2026-02-01", "2026-08-01"
VALUES: dict[str, tuple[str | None, ...]] = {
    "due_date": (None, LOW, HIGH),
    "description": (None, "high", "low"),
    "assignee": (None, "me", "other"),
}
ROWS: list[Row] = [dict(zip(VALUES, values, strict=True)) for values in product(*VALUES.values())]


def _known(field: str, holds: Callable[[str], bool]) -> Callable[[Row], Truth]:
    """A condition that is unknown where the field has no value."""

    def judged(row: Row) -> Truth:
        value = row[field]
        return None if value is None else holds(value)

    return judged


ATOMS: list[Expression] = [
    ("due_date < DATE('2026-05-01')", _known("due_date", lambda value: value == LOW)),
    ("due_date BETWEEN DATE('2026-05-01') AND DATE('2026-12-01')", _known("due_date", lambda value: value == HIGH)),
    ("due_date IS NULL", lambda row: row["due_date"] is None),
    ("description <> 'low'", _known("description", lambda value: value != "low")),
    ("description NOT LIKE '%gh'", _known("description", lambda value: not value.endswith("gh"))),
    ("assignee IN (me())", _known("assignee", lambda value: value == "me")),
    ("assignee IS NOT NULL", lambda row: row["assignee"] is not None),
    ("TRUE", lambda _: True),
]


def contrary(of: Expression) -> Expression:
    """NOT."""
    text, judge = of

    def judged(row: Row) -> Truth:
        found = judge(row)
        return None if found is None else not found

    return f"NOT ({text})", judged


def both(one: Expression, other: Expression) -> Expression:
    """AND: false where either is, unknown where either is otherwise."""

    def judged(row: Row) -> Truth:
        found = one[1](row), other[1](row)
        return False if False in found else None if None in found else True

    return f"({one[0]}) AND ({other[0]})", judged


def either(one: Expression, other: Expression) -> Expression:
    """OR: true where either is, unknown where either is otherwise."""

    def judged(row: Row) -> Truth:
        found = one[1](row), other[1](row)
        return True if True in found else None if None in found else False

    return f"({one[0]}) OR ({other[0]})", judged


def deeper(expressions: list[Expression]) -> Iterator[Expression]:
    """The expressions, and every one that has them as parts."""
    yield from expressions
    for one in expressions:
        yield contrary(one)
    for one, other in product(expressions, repeat=2):
        yield both(one, other)
        yield either(one, other)
