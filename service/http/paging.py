"""How a list is asked for and answered: page, skip or cursor; totals; RFC 8288 links."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta, Struct

from service.http.responses import Response
from service.kernel.errors import FieldError, Invalid
from service.kernel.filter import normalized
from service.kernel.paging import LAST_OFFSET, LAST_RANKED, InvalidCursor, Position, Slice, Window

if TYPE_CHECKING:
    from litestar.types import Scope

T = TypeVar("T")

DEFAULT_SIZE = 50
MAX_SIZE = 200
MAX_SORT_KEYS = 3

# What says which part of a list is wanted, and not which list.
_PLACES = frozenset({"page", "page_size", "skip", "limit", "cursor", "count"})
_decode = msgspec.json.Decoder(tuple[str, Position]).decode


class Order(Struct, frozen=True):
    """How a list can be sorted: by which keys, and how without any, unless that depends on what is asked for."""

    keys: tuple[str, ...]
    default: str | None = None

    @property
    def description(self) -> str:
        """What the parameter `sort` takes."""
        keys = ", ".join(f"`{key}`" for key in self.keys)
        most = f"Up to {MAX_SORT_KEYS} of {keys}, comma separated" if len(self.keys) > 1 else keys
        return f"{most}; `-` for descending." + (f" Without it: `{self.default}`." if self.default else "")


class PageQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The parameters that every list takes."""

    page: Annotated[int, Meta(ge=1, description="Page to answer, counted from 1; with `page_size`.")] | None = None
    page_size: Annotated[int, Meta(ge=1, le=MAX_SIZE, description="Items per page; 50 without it.")] | None = None
    skip: Annotated[int, Meta(ge=0, description="Items to pass over; with `limit`, instead of `page`.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_SIZE, description="Items to answer; 50 without it.")] | None = None
    cursor: (
        Annotated[
            str,
            Meta(
                max_length=4000,
                description="A `next_cursor` or `prev_cursor` of this list, with the same filters and sort; with `limit`.",
            ),
        ]
        | None
    ) = None
    count: Annotated[
        Literal["capped", "exact", "none"],
        Meta(description="`exact` counts however many there are, `none` not at all; else totals are exact up to 10 000."),
    ] = "capped"
    sort: Annotated[str, Meta(max_length=200, description="Up to three keys, comma separated; `-` for descending.")] | None = None

    @property
    def _by_page(self) -> bool:
        return self.page is not None or self.page_size is not None

    def _place(self) -> tuple[int, int]:
        """How many rows, and after how many."""
        size = (self.page_size if self._by_page else self.limit) or DEFAULT_SIZE
        return size, ((self.page or 1) - 1) * size if self._by_page else self.skip or 0

    def refuse_unfit(self, keys: tuple[str, ...], *, ranked: bool = False) -> None:
        """Guard of what can be judged before the list itself is known.

        Raises:
            Invalid: two ways of paging at once, an offset past 10 000, an unknown sort key, or a cursor for what is ranked.
        """
        errors: list[FieldError] = []
        ways = [self._by_page, self.skip is not None or (self.limit is not None and self.cursor is None), self.cursor is not None]
        if sum(ways) > 1:
            errors.append(
                _error("/cursor" if self.cursor else "/page", "Use page and page_size, or skip and limit, or cursor and limit.")
            )
        if self._place()[1] > LAST_OFFSET:
            pointer = "/page" if self._by_page else "/skip"
            further = f"without a sort only the best {LAST_RANKED} are shown" if ranked else "go on with next_cursor as cursor"
            errors.append(_error(pointer, f"Offsets end at {LAST_OFFSET}; {further}."))
        if self.sort is not None and (message := wrong_sort(tuple(self.sort.split(",")), keys)) is not None:
            errors.append(_error("/sort", message))
        if ranked and self.cursor is not None:
            errors.append(_error("/cursor", "What is ranked has no cursors; use skip and limit, or give a sort."))
        if errors:
            raise Invalid(*errors)

    def window(self, scope: Scope, keys: tuple[str, ...], default: str | None, within: str = "") -> Window:
        """The part of the list that is asked for; `within` is what else than the request says which list it is.

        Without a default, one that is not sorted is ranked, and has no cursors.

        Raises:
            Invalid: two ways of paging at once, an offset past 10 000, or an unknown sort key.
            InvalidCursor: the cursor is not one of this list, with these filters and this sort.
        """
        wanted = default if self.sort is None else self.sort
        self.refuse_unfit(keys, ranked=wanted is None)
        size, skip = self._place()
        sort = () if wanted is None else tuple(wanted.split(","))
        position = None if self.cursor is None else _position(self.cursor, _fingerprint(scope, sort, _asked(scope), within))
        return Window(size, skip, sort, self.count, position)


def wrong_sort(sort: tuple[str, ...], keys: tuple[str, ...]) -> str | None:
    """What is wrong with an order."""
    names = [key.removeprefix("-") for key in sort]
    if unknown := [name for name in names if name not in keys]:
        return f"There is no sort key {', '.join(unknown)!r}; there are: {', '.join(keys)}."
    if len(names) > MAX_SORT_KEYS or len(set(names)) < len(names):
        return f"Give at most {MAX_SORT_KEYS} different keys."
    return None


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
    next_cursor: str | None
    prev_cursor: str | None


def respond(scope: Scope, window: Window, found: Slice[Any], within: str = "") -> Response[Page[Any]]:
    """The answer to a list, with its total and links as headers too; `within` as for the window."""
    total = found.total
    asked = _asked(scope)
    fingerprint = _fingerprint(scope, window.sort, asked, within)
    page = Page(
        items=found.items,
        total=total,
        total_is_exact=found.total_is_exact,
        page=None if total is None else window.skip // window.limit + 1,
        page_size=window.limit,
        pages=None if total is None else -(-total // window.limit),
        next_cursor=_cursor(found.next, fingerprint) if window.sort else None,
        prev_cursor=_cursor(found.prev, fingerprint),
    )
    headers = {
        "Link": _links(f"{scope['path']}?{urlencode(asked)}" + ("&" if asked else ""), window, page, more=found.next is not None)
    }
    if total is not None:
        headers["X-Total-Count"] = str(total)
    return Response(page, headers=headers)


def _fingerprint(scope: Scope, sort: tuple[str, ...], asked: list[tuple[str, str]], within: str) -> str:
    """Which list a cursor belongs to: its path, filters and sort, whatever spaces a filter is written with."""
    filters = sorted((name, normalized(value) if name == "filter" else value) for name, value in asked if name != "sort")
    return blake2s(repr((scope["path"], sort, filters, within)).encode(), digest_size=6).hexdigest()


def _asked(scope: Scope) -> list[tuple[str, str]]:
    query = scope["query_string"]
    return [pair for pair in parse_qsl(query.decode(), keep_blank_values=True) if pair[0] not in _PLACES] if query else []


def _cursor(position: Position | None, fingerprint: str) -> str | None:
    if position is None:
        return None
    return urlsafe_b64encode(msgspec.json.encode((fingerprint, position))).decode().rstrip("=")


def _position(cursor: str, fingerprint: str) -> Position:
    try:
        belongs_to, position = _decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        message = "This is no cursor; take next_cursor or prev_cursor of a list as it is, or start again without."
        raise InvalidCursor(message) from error
    if belongs_to != fingerprint:
        message = "This cursor belongs to another list; ask with the same filters and sort, or start again without it."
        raise InvalidCursor(message)
    return position


def _links(base: str, window: Window, page: Page[Any], *, more: bool) -> str:
    # Numbers and cursors need no quoting, and what the list was asked for is quoted once, in `base`.
    places = {"first": "skip=0"}
    if window.position is None:
        if window.skip:
            places["prev"] = f"skip={max(0, window.skip - window.limit)}"
        if more and window.skip + window.limit <= LAST_OFFSET:
            places["next"] = f"skip={window.skip + window.limit}"
        last = max(0, ((page.total or 0) - 1) // window.limit * window.limit)
        if page.total_is_exact and last <= LAST_OFFSET:
            places["last"] = f"skip={last}"
    elif page.prev_cursor:
        places["prev"] = f"cursor={page.prev_cursor}"
    if "next" not in places and page.next_cursor:
        places["next"] = f"cursor={page.next_cursor}"
    # Who wants no count, or an exact one, wants it of the other pages, too.
    rest = f"&limit={window.limit}" + ("" if window.count == "capped" else f"&count={window.count}")
    return ", ".join(f'<{base}{place}{rest}>; rel="{name}"' for name, place in places.items())
