"""Piccolo queries compiled once: Piccolo writes the SQL at the first use, a request only fills in the parameters.

Piccolo builds its SQL anew for every call (130 to 345 µs, where PostgreSQL answers in 50), so a query is built with
`Param` in place of values, compiled, and kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from piccolo.query.base import Query
    from piccolo.querystring import QueryString


class Param:
    """The place of the n-th argument, counted from 1."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"${self.number}"


# Piccolo serializes what is put into a JSON column, so a Param arrives there as this text.
_JSON_PARAM = re.compile(r'^"\$(\d+)"$')


class Statement:
    """A statement that is compiled when it is first needed and then never again."""

    __slots__ = ("_build", "_sql")

    def __init__(self, build: Callable[[], Query[Any, Any] | QueryString]) -> None:
        self._build = build
        self._sql: str | None = None

    @property
    def sql(self) -> str:
        """The text for PostgreSQL, with `$n` where `Param(n)` stood."""
        if self._sql is None:
            self._sql = compile_query(self._build())
        return self._sql


def compile_query(query: Query[Any, Any] | QueryString) -> str:
    """The SQL of a query whose every value is a `Param`.

    Raises:
        TypeError: a value was baked in; a constant belongs into the SQL text or into a Param.
    """
    querystring = query.querystrings[0] if hasattr(query, "querystrings") else query
    _, fragments, values = querystring.bundle(start_index=1, bundled=[], combined_args=[])
    return "".join(part.prefix + ("" if part.no_arg else f"${_number(values[part.index - 1])}") for part in fragments)


def _number(value: object) -> int:
    if isinstance(value, Param):
        return value.number
    if isinstance(value, str) and (match := _JSON_PARAM.match(value)):
        return int(match[1])
    message = f"{value!r} is baked into a statement: use Param"
    raise TypeError(message)
