"""What a type asks of a value beyond its shape: the checks that it names, and instants in UTC, however deep they stand."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import inspect
from msgspec.structs import fields

from service.http.wording import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The names and indexes that lead to a value.
Path: TypeAlias = tuple[str | int, ...]


class Checks:
    """The checks of one type, and of what its values hold.

    `Meta(extra={"check": f})` names a function that returns what is wrong with a value, or None.
    """

    def __init__(self, type_: Any) -> None:
        self._own: list[Callable[[Any], str | None]] = []
        # Whether a value is an instant, or may hold one.
        self.dated = False
        # By the name on the wire, with the attribute that holds the value.
        self._fields: dict[str, tuple[str, Checks]] = {}
        self._items: Checks | None = None
        for part in parts(type_):
            self._learn(part)

    def _learn(self, part: inspect.Type) -> None:
        if isinstance(part, inspect.Metadata) and part.extra and "check" in part.extra:
            self._own.append(part.extra["check"])
        elif isinstance(part, inspect.StrType) and part.pattern is not None and part.pattern.endswith("$"):
            self._own.append(_no_break_at_end)
        elif isinstance(part, inspect.DateTimeType):
            self.dated = True
        elif isinstance(part, inspect.StructType):
            inside = {field.encode_name: (field.name, Checks(field.type)) for field in fields(part.cls)}
            self._fields = {name: held for name, held in inside.items() if held[1].needed}
            self.dated = any(inner.dated for _, inner in self._fields.values())
        elif isinstance(part, inspect.ListType | inspect.DictType):
            items = Checks(part.item_type if isinstance(part, inspect.ListType) else part.value_type)
            self._items = items if items.needed else None
            self.dated = items.dated

    @property
    def needed(self) -> bool:
        """Whether there is anything to do for a value of the type."""
        return bool(self._own or self.dated or self._fields or self._items)

    def wrong(self, value: msgspec.Struct) -> Iterator[tuple[Path, str]]:
        """Where the fields of a Struct are wrong and why, the first thing of each: of a list of a thousand one is enough."""
        for name, (attribute, _) in self._fields.items():
            yield from self.wrong_field(name, getattr(value, attribute))

    def wrong_field(self, name: str, value: Any) -> Iterator[tuple[Path, str]]:
        """The first thing that is wrong with the value of a field."""
        if name in self._fields:
            yield from islice(self._fields[name][1]._everything(value, (name,)), 1)  # noqa: SLF001  (as above)

    def in_utc(self, value: Any) -> Any:
        """The value with its instants in UTC, as every answer tells them; what holds them is changed in place."""
        if not self.dated:
            return value
        if isinstance(value, datetime):
            return value if value.tzinfo is UTC else value.astimezone(UTC)
        if isinstance(value, msgspec.Struct):
            for attribute, inner in self._fields.values():
                setattr(value, attribute, inner.in_utc(getattr(value, attribute)))
        elif isinstance(value, list | dict) and self._items is not None:
            for place, item in _places(value):
                value[place] = self._items.in_utc(item)
        return value

    def _everything(self, value: Any, at: Path) -> Iterator[tuple[Path, str]]:
        if value is None or value is msgspec.UNSET:
            return
        for check in self._own:
            message = check(value)
            if message is not None:
                yield at, message
        for name, (attribute, inner) in self._fields.items():
            yield from inner._everything(getattr(value, attribute), (*at, name))  # noqa: SLF001  (as above)
        if self._items is not None:
            for place, item in _places(value):
                yield from self._items._everything(item, (*at, place))  # noqa: SLF001  (as above)


def _places(value: list[Any] | dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else enumerate(value)


def _no_break_at_end(text: str) -> str | None:
    # Python's $ also matches before a line break at the end.
    return "A line break at the end is not allowed here." if text.endswith("\n") else None
