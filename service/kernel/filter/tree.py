"""What a filter says, as a tree; every part knows its column, so that a later check can point at it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from service.kernel.filter.durations import Duration

if TYPE_CHECKING:
    from collections.abc import Iterator


class Text(Struct, frozen=True):
    """'…'."""

    at: int
    value: str


class Number(Struct, frozen=True):
    """A whole number."""

    at: int
    value: int


class Truth(Struct, frozen=True):
    """TRUE or FALSE, as a value or as a condition."""

    at: int
    value: bool


class Day(Struct, frozen=True):
    """DATE('…')."""

    at: int
    value: date


class Instant(Struct, frozen=True):
    """TIMESTAMP('…')."""

    at: int
    value: datetime


class Call(Struct, frozen=True):
    """me(), now() or today()."""

    at: int
    name: str


class Move(Struct, frozen=True):
    """+ or - and a duration."""

    sign: int
    duration: Duration


class Moved(Struct, frozen=True):
    """A day or an instant, and durations that it is moved by."""

    at: int
    base: Day | Instant | Call
    moves: tuple[Move, ...]


Value: TypeAlias = Text | Number | Truth | Day | Instant | Call | Moved


class Name(Struct, frozen=True):
    """The field that a condition is about."""

    at: int
    value: str


class Comparison(Struct, frozen=True):
    """A field, a sign and a value."""

    field: Name
    at: int
    sign: str
    value: Value


class Membership(Struct, frozen=True):
    """A field IN a list of values."""

    field: Name
    at: int
    values: tuple[Value, ...]


class Between(Struct, frozen=True):
    """A field BETWEEN two values, both of them included."""

    field: Name
    at: int
    low: Value
    high: Value


class Like(Struct, frozen=True):
    """A field LIKE a pattern."""

    field: Name
    at: int
    pattern: Text


class Absence(Struct, frozen=True):
    """A field IS NULL."""

    field: Name
    at: int


class Not(Struct, frozen=True):
    """The contrary; unknown stays unknown."""

    item: Condition


class And(Struct, frozen=True):
    """All of two or more."""

    items: tuple[Condition, ...]


class Or(Struct, frozen=True):
    """At least one of two or more."""

    items: tuple[Condition, ...]


Predicate: TypeAlias = Comparison | Membership | Between | Like | Absence
Condition: TypeAlias = Predicate | Truth | Not | And | Or


def predicates(condition: Condition) -> Iterator[Predicate]:
    """The conditions on single fields, as they stand in the text."""
    if isinstance(condition, And | Or):
        for item in condition.items:
            yield from predicates(item)
    elif isinstance(condition, Not):
        yield from predicates(condition.item)
    elif not isinstance(condition, Truth):
        yield condition


def values(predicate: Predicate) -> tuple[Value, ...]:
    """What a field is compared with."""
    if isinstance(predicate, Comparison):
        return (predicate.value,)
    if isinstance(predicate, Membership):
        return predicate.values
    if isinstance(predicate, Between):
        return predicate.low, predicate.high
    return (predicate.pattern,) if isinstance(predicate, Like) else ()
