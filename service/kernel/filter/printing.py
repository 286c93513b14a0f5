"""A filter's tree as normalized text, which reads back to the same tree, and as CQL2 JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from service.kernel.filter.tokens import KEYWORDS
from service.kernel.filter.tree import (
    Absence,
    And,
    Between,
    Call,
    Comparison,
    Day,
    Instant,
    Like,
    Membership,
    Moved,
    Not,
    Number,
    Or,
    Predicate,
    Text,
    Truth,
    Value,
)

if TYPE_CHECKING:
    from service.kernel.filter.tree import Condition


class FilterExpression(Struct, frozen=True):
    """An operator and what it works on, as in CQL2 JSON: fields, values and further expressions."""

    op: str
    args: Annotated[list[Any], Meta(extra_json_schema={"items": {}})]


def as_text(condition: Condition) -> str:
    """The filter in its normal form: keywords in capitals, single spaces, parentheses only where they count."""
    if isinstance(condition, Or):
        return " OR ".join(map(as_text, condition.items))
    if isinstance(condition, And):
        return " AND ".join(f"({as_text(item)})" if isinstance(item, Or) else as_text(item) for item in condition.items)
    if isinstance(condition, Truth):
        return _value(condition)
    if isinstance(condition, Not):
        item = condition.item
        if isinstance(item, Not | And | Or):
            return f"NOT ({as_text(item)})"
        return f"NOT {as_text(item)}" if isinstance(item, Truth | Comparison) else _predicate(item, "NOT ")
    return _predicate(condition, "")


def as_json(condition: Condition) -> FilterExpression | bool:
    """The filter as CQL2 JSON."""
    if isinstance(condition, Truth):
        return condition.value
    if isinstance(condition, Not):
        return FilterExpression("not", [as_json(condition.item)])
    if isinstance(condition, And | Or):
        return FilterExpression("and" if isinstance(condition, And) else "or", [as_json(item) for item in condition.items])
    return _expression(condition)


def _predicate(predicate: Predicate, contrary: str) -> str:
    name = predicate.field.value
    field = f'"{name}"' if name.upper() in KEYWORDS else name
    if isinstance(predicate, Comparison):
        return f"{field} {predicate.sign} {_value(predicate.value)}"
    if isinstance(predicate, Membership):
        return f"{field} {contrary}IN ({', '.join(map(_value, predicate.values))})"
    if isinstance(predicate, Between):
        return f"{field} {contrary}BETWEEN {_value(predicate.low)} AND {_value(predicate.high)}"
    return f"{field} {contrary}LIKE {_value(predicate.pattern)}" if isinstance(predicate, Like) else f"{field} IS {contrary}NULL"


def _value(value: Value) -> str:
    if isinstance(value, Moved):
        moves = (f" {'+' if move.sign > 0 else '-'} '{move.duration.text}'" for move in value.moves)
        return _value(value.base) + "".join(moves)
    if isinstance(value, Day):
        return f"DATE('{value.value.isoformat()}')"
    if isinstance(value, Instant):
        return f"TIMESTAMP('{_instant(value)}')"
    return f"{value.name}()" if isinstance(value, Call) else _plain(value)


def _plain(value: Text | Number | Truth) -> str:
    return _quoted(value.value) if isinstance(value, Text) else str(value.value).upper()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _instant(value: Instant) -> str:
    return value.value.replace(tzinfo=None).isoformat() + "Z"


def _expression(predicate: Predicate) -> FilterExpression:
    field = {"property": predicate.field.value}
    if isinstance(predicate, Comparison):
        return FilterExpression(predicate.sign, [field, _operand(predicate.value)])
    if isinstance(predicate, Membership):
        return FilterExpression("in", [field, [_operand(value) for value in predicate.values]])
    if isinstance(predicate, Between):
        return FilterExpression("between", [field, _operand(predicate.low), _operand(predicate.high)])
    if isinstance(predicate, Absence):
        return FilterExpression("isNull", [field])
    return FilterExpression("like", [field, predicate.pattern.value])


def _operand(value: Value) -> Any:
    if isinstance(value, Day):
        return {"date": value.value.isoformat()}
    if isinstance(value, Instant):
        return {"timestamp": _instant(value)}
    if isinstance(value, Call):
        return FilterExpression(value.name, [])
    if isinstance(value, Moved):
        operand = _operand(value.base)
        for move in value.moves:
            operand = FilterExpression("+" if move.sign > 0 else "-", [operand, move.duration.text])
        return operand
    return value.value
