"""Parts of lists: which part is asked for, and the totals and links of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from service.http.paging import PageQuery, respond
from service.kernel.errors import Invalid
from service.kernel.paging import LAST_OFFSET, InvalidCursor, Position, Slice, Window
from tests.support.raw import scope

KEYS = ("created_at", "title", "number", "status")


def request(query: bytes = b"") -> Any:
    unused: Any = None
    return scope(unused, "GET", "/api/v1/tasks", query, [])


def window(query: bytes = b"", **asked: Any) -> Window:
    return PageQuery(**asked).window(request(query), KEYS, "-created_at")


def answer(asked: Window, found: Slice[Any], query: bytes = b"") -> tuple[Any, dict[str, str]]:
    """Body and links of a list, the links by their relation."""
    response = respond(request(query), asked, found)
    links = [link.split(">; rel=") for link in response.headers["Link"].split(", ")]
    assert response.headers.get("X-Total-Count") == (None if found.total is None else str(found.total))
    return response.content, {relation.strip('"'): link.removeprefix("</api/v1/tasks?") for link, relation in links}


def rows(count: int, total: int | None, *, exact: bool | None = True, after: bool = False, before: bool = False) -> Slice[Any]:
    """So many rows, with more of them behind or before."""
    return Slice(
        [{}] * count,
        total,
        exact if total is not None else None,
        Position(("z", "id"), backwards=False) if after else None,
        Position(("a", "id"), backwards=True) if before else None,
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (50, 0)),
        ({"page": 3}, (50, 100)),
        ({"page": 3, "page_size": 20}, (20, 40)),
        ({"page_size": 20}, (20, 0)),
        ({"skip": 7}, (50, 7)),
        ({"skip": 7, "limit": 3}, (3, 7)),
        ({"limit": 200}, (200, 0)),
        ({"skip": LAST_OFFSET}, (50, LAST_OFFSET)),
        ({"page": 51, "page_size": 200}, (200, LAST_OFFSET)),
    ],
)
def test_a_window_is_asked_for_by_page_or_by_skip(asked: dict[str, Any], expected: tuple[int, int]) -> None:
    found = window(**asked)
    assert (found.limit, found.skip) == expected
    assert (found.sort, found.count) == (("-created_at",), "capped")


def test_sort_keys_keep_their_order_and_direction() -> None:
    assert window(sort="-status,title,number").sort == ("-status", "title", "number")


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({"page": 1, "skip": 0}, ["/page"]),
        ({"page_size": 1, "limit": 1}, ["/page"]),
        ({"page": 52, "page_size": 200}, ["/page"]),
        ({"skip": LAST_OFFSET + 1}, ["/skip"]),
        ({"cursor": "x", "page": 1}, ["/cursor"]),
        ({"cursor": "x", "skip": 0, "limit": 5}, ["/cursor"]),
        ({"sort": "owner"}, ["/sort"]),
        ({"sort": ""}, ["/sort"]),
        ({"sort": "title, number"}, ["/sort"]),
        ({"sort": "title,-title"}, ["/sort"]),
        ({"sort": "title,number,status,created_at"}, ["/sort"]),
        ({"page": 1, "skip": 1, "sort": "x"}, ["/page", "/sort"]),
    ],
)
def test_everything_wrong_with_a_window_is_told(asked: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        window(**asked)
    assert [error.pointer for error in caught.value.errors] == pointers


@pytest.mark.parametrize(("default", "further"), [("-created_at", "next_cursor as cursor"), (None, "only the best 1000")])
def test_past_the_last_offset_it_is_told_how_to_go_on(default: str | None, further: str) -> None:
    with pytest.raises(Invalid) as caught:
        PageQuery(skip=LAST_OFFSET + 1).window(request(), KEYS, default)
    assert further in caught.value.errors[0].message


def test_the_only_page_links_to_itself() -> None:
    page, links = answer(window(), rows(3, 3))
    assert (page.total, page.total_is_exact, page.page, page.page_size, page.pages) == (3, True, 1, 50, 1)
    assert (page.next_cursor, page.prev_cursor) == (None, None)
    assert links == {"first": "skip=0&limit=50", "last": "skip=0&limit=50"}


def test_a_page_in_the_middle_links_to_all_four_and_keeps_the_filters() -> None:
    query = b"status=done&page=3&page_size=2&search=a%26b"
    page, links = answer(window(page=3, page_size=2), rows(2, 9, after=True, before=True), query)
    assert (page.page, page.pages) == (3, 5)
    assert links == {
        "first": "status=done&search=a%26b&skip=0&limit=2",
        "prev": "status=done&search=a%26b&skip=2&limit=2",
        "next": "status=done&search=a%26b&skip=6&limit=2",
        "last": "status=done&search=a%26b&skip=8&limit=2",
    }


def test_the_last_page_has_no_next_even_if_it_is_full() -> None:
    _, links = answer(window(skip=2, limit=2), rows(2, 4, before=True))
    assert "next" not in links
    assert links["last"] == "skip=2&limit=2"


def test_an_empty_list_has_no_pages() -> None:
    page, links = answer(window(), rows(0, 0))
    assert (page.page, page.pages) == (1, 0)
    assert links == {"first": "skip=0&limit=50", "last": "skip=0&limit=50"}


def test_a_small_skip_has_the_beginning_before_it() -> None:
    assert answer(window(skip=3, limit=10), rows(0, 3))[1]["prev"] == "skip=0&limit=10"


def test_a_total_that_says_at_least_has_no_last_but_a_next() -> None:
    _, links = answer(window(), rows(50, 10_000, exact=False, after=True))
    assert links.keys() == {"first", "next"}


def test_an_uncounted_list_has_a_next_while_there_is_more() -> None:
    page, links = answer(window(count="none"), rows(50, None, after=True))
    assert (page.total, page.total_is_exact, page.page, page.pages) == (None, None, None, None)
    assert links.keys() == {"first", "next"}
    assert answer(window(count="none"), rows(50, None))[1].keys() == {"first"}


def test_links_count_as_the_list_was_counted() -> None:
    _, links = answer(window(count="none"), rows(50, None, after=True), b"count=none&status=done")
    assert links["next"] == "status=done&skip=50&limit=50&count=none"
    _, links = answer(window(count="exact"), rows(50, 20_000, after=True), b"count=exact")
    assert set(links.values()) == {"skip=0&limit=50&count=exact", "skip=50&limit=50&count=exact"}
    _, links = answer(window(count="capped"), rows(50, 99, after=True), b"count=capped")
    assert links["next"] == "skip=50&limit=50"


def test_past_the_last_offset_a_cursor_goes_on() -> None:
    page, links = answer(window(skip=LAST_OFFSET, limit=100), rows(100, 20_000, after=True))
    assert links["next"] == f"cursor={page.next_cursor}&limit=100"
    assert "last" not in links


def test_a_cursor_leads_to_its_position_with_the_same_filters_and_sort() -> None:
    query = b"status=done&sort=title&limit=2"
    page, _ = answer(window(query, sort="title", limit=2), rows(2, 9, after=True), query)
    found = window(query + f"&cursor={page.next_cursor}".encode(), sort="title", limit=2, cursor=page.next_cursor)
    assert found.position == Position(("z", "id"))
    assert (found.limit, found.skip) == (2, 0)
    reordered = f"cursor={page.next_cursor}&limit=7&count=none&sort=title&status=done".encode()
    assert window(reordered, sort="title", limit=7, cursor=page.next_cursor).position == found.position


def test_a_page_by_cursor_links_by_cursor_in_both_directions() -> None:
    query = b"status=done"
    page, _ = answer(window(query), rows(50, 99, after=True), query)
    further, links = answer(window(query, cursor=page.next_cursor), rows(50, None, after=True, before=True), query)
    assert links == {
        "first": "status=done&skip=0&limit=50",
        "prev": f"status=done&cursor={further.prev_cursor}&limit=50",
        "next": f"status=done&cursor={further.next_cursor}&limit=50",
    }


@pytest.mark.parametrize("other", [b"", b"status=todo", b"status=done&search=", b"status=done&status=done"])
def test_a_cursor_is_bound_to_its_filters(other: bytes) -> None:
    page, _ = answer(window(b"status=done"), rows(50, 99, after=True), b"status=done")
    with pytest.raises(InvalidCursor, match="belongs to another list"):
        window(other, cursor=page.next_cursor)
    with pytest.raises(InvalidCursor, match="belongs to another list"):
        window(b"status=done", cursor=page.next_cursor, sort="title")


@pytest.mark.parametrize("cursor", ["", "x", "ü", "e30", "W10", "\x00"])
def test_what_no_list_gave_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidCursor, match="This is no cursor"):
        window(cursor=cursor)
