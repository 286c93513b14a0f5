"""What a filter of tasks may say: the fields, what each is compared with and by which operators."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from service.features.labels.domain import name_key
from service.features.projects.domain import KEY_PATTERN
from service.features.tasks.domain import Status, parse_key
from service.kernel.filter import read
from service.kernel.filter.durations import moved, moved_day, start_of
from service.kernel.filter.tokens import Misread
from service.kernel.filter.tree import (
    Absence,
    And,
    Between,
    Call,
    Comparison,
    Day,
    Instant,
    Like,
    Moved,
    Number,
    Text,
    Truth,
    predicates,
    values,
)
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.kernel.filter.tree import Condition, Move, Predicate, Value


class Moment(Struct, frozen=True):
    """When, by whom and in which time zone a filter is asked: what now(), me() and today() mean."""

    now: datetime
    user_id: UUID
    zone: tzinfo = UTC


class Kind(Struct, frozen=True):
    """What a field is compared with: `held` makes the stored value of a written one, or refuses it."""

    held: Callable[[Value, Moment], Any]
    operators: tuple[str, ...]


_STATUSES = frozenset(map(str, Status))


def _text(value: Value, _: Moment) -> str:
    if not isinstance(value, Text):
        raise _other(value, "a text in single quotes")
    return value.value


def _number(value: Value, _: Moment) -> int:
    if not isinstance(value, Number):
        raise _other(value, "a whole number")
    return value.value


def _truth(value: Value, _: Moment) -> bool:
    if not isinstance(value, Truth):
        raise _other(value, "TRUE or FALSE")
    return value.value


def _status(value: Value, _: Moment) -> str:
    if not isinstance(value, Text) or value.value not in _STATUSES:
        raise _other(value, "one of " + ", ".join(f"'{status}'" for status in Status))
    return value.value


def _id(value: Value, _: Moment) -> UUID:
    found = parse_id(value.value) if isinstance(value, Text) else None
    if found is None:
        raise _other(value, "an id in single quotes")
    return found


def _person(value: Value, moment: Moment) -> UUID:
    if isinstance(value, Call) and value.name == "me":
        return moment.user_id
    found = parse_id(value.value) if isinstance(value, Text) else None
    if found is None:
        raise _other(value, "me() or the id of a user in single quotes")
    return found


def _project(value: Value, _: Moment) -> UUID | str:
    if isinstance(value, Text):
        found = value.value if KEY_PATTERN.fullmatch(value.value) else parse_id(value.value)
        if found is not None:
            return found
    raise _other(value, "the key or id of a project in single quotes, such as 'WEB'")


def _task_key(value: Value, _: Moment) -> tuple[str, int]:
    key = parse_key(value.value) if isinstance(value, Text) else None
    if key is None:
        raise _other(value, "the key of a task in single quotes, such as 'WEB-12'")
    return key


def _label(value: Value, moment: Moment) -> str:
    return name_key(_text(value, moment))


def _instant(value: Value, moment: Moment) -> datetime:
    found = _placed(value, moment)
    if found is None:
        raise _other(value, "DATE('…'), TIMESTAMP('…'), now() or today()")
    return found if isinstance(found, datetime) else start_of(found, moment.zone)


def _placed(value: Value, moment: Moment) -> datetime | date | None:
    """The day or instant that a value means, None where it means neither."""
    if isinstance(value, Day | Instant):
        return value.value
    if isinstance(value, Call) and value.name != "me":
        return moment.now if value.name == "now" else moment.now.astimezone(moment.zone).date()
    if isinstance(value, Moved):
        found = _placed(value.base, moment)
        for move in value.moves:
            found = found and _moved(found, move, moment.zone)
        return found
    return None


def _moved(found: datetime | date, move: Move, zone: tzinfo) -> datetime | date:
    """A day stays one as long as no hours are added, so that it begins with its midnight."""
    if isinstance(found, datetime):
        return moved(found, move.duration, move.sign, zone)
    day = moved_day(found, move.duration, move.sign)
    seconds = timedelta(seconds=move.sign * move.duration.seconds)
    return start_of(day, zone) + seconds if seconds else day


def _other(value: Value, expected: str) -> Misread:
    return Misread(value.at, f"expected {expected}.")


_EQUAL = ("=", "<>")
_ONE_OF = (*_EQUAL, "IN", "IS NULL")
_ORDERED = ("=", "<>", "<", "<=", ">", ">=", "BETWEEN", "IN", "IS NULL")
_STATUS = Kind(_status, _ONE_OF)
_TRUTH = Kind(_truth, (*_EQUAL, "IS NULL"))
_NUMBER = Kind(_number, _ORDERED)
_INSTANT = Kind(_instant, _ORDERED)
_TEXT = Kind(_text, (*_ORDERED, "LIKE"))
_ID = Kind(_id, _ONE_OF)
_PERSON = Kind(_person, _ONE_OF)

FIELDS: dict[str, Kind] = {
    "status": _STATUS,
    "is_completed": _TRUTH,
    "is_overdue": _TRUTH,
    "is_blocked": _TRUTH,
    "priority": _NUMBER,
    "due_date": _INSTANT,
    "created_at": _INSTANT,
    "updated_at": _INSTANT,
    "completed_at": _INSTANT,
    "title": _TEXT,
    "description": _TEXT,
    "key": Kind(_task_key, _ONE_OF),
    "number": _NUMBER,
    "project": Kind(_project, _ONE_OF),
    "project_id": _ID,
    "assignee": _PERSON,
    "reporter": _PERSON,
    "parent_id": _ID,
    "label": Kind(_label, _ONE_OF),
}

_SOMETIME = Moment(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=0))


def task_filter(text: str) -> Condition:
    """A filter of tasks, read and checked.

    Raises:
        Misread: it is no filter, or asks a field for what it has not.
    """
    condition = read(text)
    for predicate in predicates(condition):
        _refuse_mistyped(predicate)
    return condition


def held(predicate: Predicate, moment: Moment) -> list[Any]:
    """The values that the field of a checked predicate is compared with, as they are stored."""
    kind = FIELDS[predicate.field.value]
    return [kind.held(value, moment) for value in values(predicate)]


def needs_zone(condition: Condition) -> bool:
    """Whether the answer depends on the caller's time zone."""
    found = [value for predicate in predicates(condition) for value in values(predicate)]
    return any(isinstance(value, Day | Moved) or (isinstance(value, Call) and value.name == "today") for value in found)


def is_of_one(condition: Condition) -> bool:
    """Whether all that can pass is assigned to one person."""
    if isinstance(condition, And):
        return any(map(is_of_one, condition.items))
    return isinstance(condition, Comparison) and condition.field.value == "assignee" and condition.sign == "="


def operator_of(predicate: Predicate) -> str:
    """The operator, as FIELDS lists it."""
    if isinstance(predicate, Comparison):
        return predicate.sign
    if isinstance(predicate, Absence):
        return "IS NULL"
    if isinstance(predicate, Between):
        return "BETWEEN"
    return "LIKE" if isinstance(predicate, Like) else "IN"


def _refuse_mistyped(predicate: Predicate) -> None:
    field = predicate.field
    kind = FIELDS.get(field.value)
    if kind is None:
        raise Misread(field.at, f"there is no field {field.value[:40]!r}; there are {', '.join(FIELDS)}.")
    if operator_of(predicate) not in kind.operators:
        message = f"{field.value} takes {', '.join(kind.operators)}, not {operator_of(predicate)}."
        raise Misread(predicate.at, message)
    # Whatever the moment: what is accepted now is accepted when it is asked.
    held(predicate, _SOMETIME)
