"""What msgspec says of a wrong value, in the words of a client: a stable code, and what to send instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Python's and msgspec's names of types, as JSON has them.
_KINDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
    "uuid": "a UUID",
    "datetime": "an RFC 3339 instant",
}
_INSTANT = "Send an RFC 3339 instant with its offset, such as 2026-05-01T12:00:00Z."


# All of a query string is text, and nothing in it is null.
_OF_BODIES = re.compile(r" or null(?=[,.])|, not a string(?=\.$)")


def explain(said: str, type_: Any, *, in_query: bool = False) -> tuple[str, str]:
    """The code and the message for what msgspec said of a value of this type, in a body or in a query string."""
    for sign, answer in _ANSWERS:
        if match := sign.search(said):
            code, message = answer(match, type_)
            return code, _OF_BODIES.sub("", message) if in_query else message
    return "not_allowed", said.rstrip(".") + "."


def _length(match: re.Match[str], _type: Any) -> tuple[str, str]:
    kind, sign, bound = match.groups()
    units = ("item" if kind == "array" else "character") + ("" if bound == "1" else "s")
    return ("too_short", f"Send at least {bound} {units}.") if sign == ">=" else ("too_long", f"Send at most {bound} {units}.")


def _range(match: re.Match[str], _type: Any) -> tuple[str, str]:
    sign, bound = match.groups()
    return ("too_small", f"Send {bound} or more.") if sign == ">=" else ("too_large", f"Send {bound} or less.")


def _kind(match: re.Match[str], type_: Any) -> tuple[str, str]:
    wanted, got = match.groups()
    instead = _kinds(wanted.split(" | ") if type_ is None else _names(type_))
    return "wrong_type", f"Send {instead}, not {_KINDS.get(got, got)}."


_ANSWERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Any], tuple[str, str]]], ...] = (
    (re.compile(r"`(\w+)` of length (>=|<=) (\d+)"), _length),
    (re.compile(r"` (>=|<=) (-?\d+)"), _range),
    (re.compile("out of range"), lambda _, __: ("out_of_range", "This number is out of range.")),
    (re.compile("timezone component"), lambda _, __: ("offset_missing", _INSTANT)),
    (re.compile("RFC3339"), lambda _, __: ("wrong_format", _INSTANT)),
    (re.compile("Invalid enum value"), lambda _, type_: ("not_allowed", f"Send one of {', '.join(_options(type_))}.")),
    (re.compile("matching regex"), lambda _, type_: ("wrong_format", _described(type_))),
    (re.compile("Invalid"), lambda _, type_: ("wrong_format", f"Send {_kinds(_names(type_))}.")),
    (re.compile("contains (unknown field.*)"), lambda match, _: ("unknown", f"There is an {match[1]}.")),
    (re.compile("(missing required field.*)"), lambda match, _: ("missing", f"There is a {match[1]}.")),
    (re.compile(r"Expected `([^`]+)`, got `([^`]+)`"), _kind),
)


def parts(type_: Any) -> Iterator[inspect.Type]:
    """The type, and what it is an alternative or a description of."""
    pending: list[Any] = [type_ if isinstance(type_, inspect.Type) else inspect.type_info(type_)]
    while pending:
        part = pending.pop(0)
        yield part
        if isinstance(part, inspect.Metadata):
            pending.append(part.type)
        elif isinstance(part, inspect.UnionType):
            pending += part.types


def within(type_: Any, steps: Iterable[str]) -> Any:
    """The type of what stands inside a value, along the names and indexes that lead there; None where no type says."""
    for step in steps:
        type_ = next((inner for part in parts(type_) if (inner := _member(part, step)) is not None), None)
    return type_


def _member(part: inspect.Type, step: str) -> Any:
    if isinstance(part, inspect.StructType):
        return next((field.type for field in part.fields if field.encode_name == step), None)
    if isinstance(part, inspect.ListType):
        return part.item_type
    return part.value_type if isinstance(part, inspect.DictType) else None


def _options(type_: Any) -> Iterator[str]:
    for part in parts(type_):
        if isinstance(part, inspect.EnumType):
            yield from (str(member.value) for member in part.cls)
        elif isinstance(part, inspect.LiteralType):
            yield from (str(value) for value in part.values)


def _described(type_: Any) -> str:
    for part in parts(type_):
        if isinstance(part, inspect.Metadata) and part.extra_json_schema and "description" in part.extra_json_schema:
            return f"Send this: {part.extra_json_schema['description']}"
    return "This is not in the expected format."


_TYPES = (
    (inspect.NoneType, "null"),
    (inspect.BoolType, "bool"),
    (inspect.IntType, "int"),
    (inspect.FloatType, "float"),
    (inspect.UUIDType, "uuid"),
    (inspect.DateTimeType, "datetime"),
    ((inspect.StrType, inspect.EnumType, inspect.LiteralType), "str"),
    ((inspect.ListType, inspect.VarTupleType, inspect.TupleType, inspect.SetType), "array"),
    ((inspect.StructType, inspect.DictType), "object"),
)


def _names(type_: Any) -> list[str]:
    found = [name for kinds, name in _TYPES for part in parts(type_) if isinstance(part, kinds)]
    return sorted(found, key=lambda name: name == "null")


def _kinds(names: list[str]) -> str:
    return " or ".join(_KINDS.get(name, name) for name in dict.fromkeys(names)) or "another value"
