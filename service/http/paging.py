"""How a list is asked for and answered: page or skip, totals, RFC 8288 links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, urlencode

from litestar import Response
from msgspec import Meta, Struct

from service.kernel.errors import FieldError, Invalid
from service.kernel.paging import LAST_OFFSET, Slice, Window

if TYPE_CHECKING:
    from litestar.types import Scope

T = TypeVar("T")

DEFAULT_SIZE = 50
MAX_SIZE = 200
MAX_SORT_KEYS = 3

Size = Annotated[int, Meta(ge=1, le=MAX_SIZE)]


class PageQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The parameters that every list takes."""

    page: Annotated[int, Meta(ge=1, description="Page to answer, counted from 1; with `page_size`.")] | None = None
    page_size: Annotated[int, Meta(ge=1, le=MAX_SIZE, description="Items per page; 50 without it.")] | None = None
    skip: Annotated[int, Meta(ge=0, description="Items to pass over; with `limit`, instead of `page`.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_SIZE, description="Items to answer; 50 without it.")] | None = None
    count: Annotated[
        Literal["capped", "exact", "none"],
        Meta(description="`exact` counts however many there are, `none` not at all; else totals are exact up to 10 000."),
    ] = "capped"
    sort: Annotated[str, Meta(max_length=200, description="Up to three keys, comma separated; `-` for descending.")] | None = None

    def window(self, keys: tuple[str, ...], default: str) -> Window:
        """The part of the list that is asked for.

        Raises:
            Invalid: `page` mixed with `skip`, an offset past 10 000, or an unknown sort key.
        """
        errors: list[FieldError] = []
        by_page = self.page is not None or self.page_size is not None
        if by_page and (self.skip is not None or self.limit is not None):
            errors.append(_error("/page", "Use either page and page_size, or skip and limit."))
        size = (self.page_size if by_page else self.limit) or DEFAULT_SIZE
        skip = ((self.page or 1) - 1) * size if by_page else self.skip or 0
        if skip > LAST_OFFSET:
            errors.append(
                _error("/page" if by_page else "/skip", f"Offsets end at {LAST_OFFSET}; narrow the list by its filters.")
            )
        sort = tuple((self.sort or default).split(","))
        errors += _sort_errors(sort, keys)
        if errors:
            raise Invalid(*errors)
        return Window(size, skip, sort, self.count)


def _sort_errors(sort: tuple[str, ...], keys: tuple[str, ...]) -> list[FieldError]:
    names = [key.removeprefix("-") for key in sort]
    if unknown := [name for name in names if name not in keys]:
        return [_error("/sort", f"There is no sort key {', '.join(unknown)!r}; there are: {', '.join(keys)}.")]
    if len(names) > MAX_SORT_KEYS or len(set(names)) < len(names):
        return [_error("/sort", f"Give at most {MAX_SORT_KEYS} different keys.")]
    return []


def _error(pointer: str, message: str) -> FieldError:
    return FieldError("query", pointer, "not_allowed", message)


class Page(Struct, Generic[T], kw_only=True):
    """One part of a list."""

    items: list[T]
    total: int | None
    total_is_exact: bool | None
    page: int | None
    page_size: int
    pages: int | None
    next_cursor: str | None = None
    prev_cursor: str | None = None


def respond(scope: Scope, window: Window, found: Slice[Any]) -> Response[Page[Any]]:
    """The answer to a list, with its total and links as headers too."""
    total = found.total
    page = Page(
        items=found.items,
        total=total,
        total_is_exact=found.total_is_exact,
        page=None if total is None else window.skip // window.limit + 1,
        page_size=window.limit,
        pages=None if total is None else -(-total // window.limit),
    )
    headers = {"Link": _links(scope, window, found)}
    if total is not None:
        headers["X-Total-Count"] = str(total)
    return Response(page, headers=headers)


def _links(scope: Scope, window: Window, found: Slice[Any]) -> str:
    asked = [(name, value) for name, value in parse_qsl(scope["query_string"].decode()) if name not in _OFFSETS]
    has_next = len(found.items) == window.limit and (
        found.total is None or found.total_is_exact is False or window.skip + window.limit < found.total
    )
    skips = {"first": 0}
    if window.skip:
        skips["prev"] = max(0, window.skip - window.limit)
    if has_next and window.skip + window.limit <= LAST_OFFSET:
        skips["next"] = window.skip + window.limit
    if found.total is not None and found.total_is_exact:
        last = max(0, (found.total - 1) // window.limit * window.limit)
        if last <= LAST_OFFSET:
            skips["last"] = last
    return ", ".join(
        f'<{scope["path"]}?{urlencode([*asked, ("skip", skip), ("limit", window.limit)])}>; rel="{relation}"'
        for relation, skip in skips.items()
    )


_OFFSETS = frozenset({"page", "page_size", "skip", "limit"})
