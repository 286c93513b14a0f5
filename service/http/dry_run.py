"""Dry runs: a write that is decided like any other, answered, and undone."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.kernel.ports import UnitOfWork

T = TypeVar("T")


class DryRunQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The query string of a write that can be tried out."""

    validate_only: Annotated[
        bool,
        Meta(
            description="Only answer what would be: every check is made and nothing is changed. "
            "What would be new then (`id`, `number`, `key`) is null, and no header names it."
        ),
    ] = False


class _Undone(Exception):
    """Raised for the sake of the ROLLBACK."""


async def rehearse(unit_of_work: UnitOfWork, work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, whose every effect is undone; what it refuses is refused."""
    results: list[T] = []

    async def undone() -> None:
        results.append(await work())
        raise _Undone

    with suppress(_Undone):
        await unit_of_work.run(undone)
    return results[-1]


def without_new(body: bytes, fresh: tuple[str, ...]) -> bytes:
    """The body with null in the `fresh` fields of what would be new, wherever it is spoken of.

    New is what is answered: one object, or the `items` of many.
    """
    if not fresh:
        return body
    answer = msgspec.json.decode(body)
    new = {made["id"] for made in answer.get("items", [answer])}
    _forget(answer, new, fresh)
    return msgspec.json.encode(answer)


def _forget(value: Any, new: set[str], fresh: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        for part in value.values():
            _forget(part, new, fresh)
        if value.get("id") in new:
            value.update({name: None for name in fresh if name in value})
    elif isinstance(value, list):
        for part in value:
            _forget(part, new, fresh)
