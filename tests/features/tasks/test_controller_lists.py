"""Lists of tasks over HTTP: what they take, what they answer, and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.http import API, Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.api]

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def titles(person: Api, query: str = "") -> list[str]:
    """The titles that a list answers."""
    return [task["title"] for task in made(await person.get(f"/tasks{query}"))["items"]]


def later(clock: FakeClock, **by: float) -> str:
    """An instant so far from now, as a client writes it."""
    return (clock.now() + timedelta(**by)).isoformat()


async def test_a_list_holds_whole_tasks_newest_first(ann: Api, web: dict[str, Any]) -> None:
    tasks = [await a_task(ann, web, title=title) for title in ("one", "two")]
    response = await ann.get("/tasks")
    assert made(response) == {
        "items": tasks[::-1],
        "total": 2,
        "total_is_exact": True,
        "page": 1,
        "page_size": 50,
        "pages": 1,
        "next_cursor": None,
        "prev_cursor": None,
    }
    assert response.headers["x-total-count"] == "2"
    links = ", ".join(f'<{API}/tasks?skip=0&limit=50>; rel="{relation}"' for relation in ("first", "last"))
    assert response.headers["link"] == links


async def test_an_empty_list_is_a_list(ann: Api) -> None:
    page = made(await ann.get("/tasks"))
    assert (page["items"], page["total"], page["page"], page["pages"]) == ([], 0, 1, 0)


async def test_pending_is_what_is_open_and_not_overdue(ann: Api, web: dict[str, Any], clock: FakeClock) -> None:
    pending = await a_task(ann, web, title="pending", due_date=later(clock, minutes=5))
    await a_task(ann, web, title="completed", due_date=later(clock, hours=1), is_completed=True)
    overdue = await a_task(ann, web, title="overdue", due_date=later(clock, hours=-1))
    assert made(await ann.get("/tasks?status=pending"))["items"] == [pending]
    assert made(await ann.get("/tasks?status=overdue"))["items"] == [overdue]
    assert await titles(ann, "?status=completed") == await titles(ann, "?status=done") == ["completed"]
    # A moment later the one that was pending is late.
    clock.advance(timedelta(minutes=5, microseconds=1))
    assert await titles(ann, "?status=pending") == []
    assert await titles(ann, "?status=overdue") == ["overdue", "pending"]


@pytest.fixture
async def four(api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], clock: FakeClock) -> Api:
    """Tasks that the parameters tell apart; the person who is assigned to one of them."""
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob)
    await a_task(ann, web, title="Z", priority=1, due_date=later(clock, days=-1), assignee_id=ann.user["id"])
    await a_task(ann, web, title="a", priority=5, due_date=later(clock, days=1), status="in_progress")
    await a_task(ann, web, title="é", priority=3, assignee_id=bob.user["id"], status="cancelled")
    await a_task(ann, await a_project(ann, key="API"), title="b", priority=4, status="done")
    return bob


FOUND: dict[str, str] = {
    "?sort=title": "Z a b é",
    "?sort=-title": "é b a Z",
    "?sort=status": "Z a b é",
    "?sort=-status,title": "é b a Z",
    "?sort=priority": "Z é b a",
    "?sort=due_date,title": "Z a b é",
    "?sort=-due_date,title": "a Z b é",
    "?sort=number,title": "Z b a é",
    "?sort=created_at": "Z a é b",
    "?sort=-updated_at": "b é a Z",
    "?status=todo": "Z",
    "?status=in_progress": "a",
    "?status=cancelled": "é",
    "?assignee_id=me": "Z",
    "?assignee_id=none": "b a",
    "?priority=5": "a",
    "?priority_gte=4": "b a",
    "?priority_gte=4&status=done": "b",
    f"?project_id={MISSING}": "",
    f"?assignee_id={MISSING}": "",
    f"?parent_id={MISSING}": "",
    "?sort=title&limit=2": "Z a",
    "?sort=title&skip=2&limit=1": "b",
    "?sort=title&page=2&page_size=3": "é",
    "?sort=title&skip=10000": "",
}


async def test_a_list_is_narrowed_sorted_and_cut(ann: Api, four: Api) -> None:
    assert {query: " ".join(await titles(ann, query)) for query in FOUND} == FOUND


async def test_a_list_is_narrowed_to_a_project_a_person_and_a_time(
    ann: Api, four: Api, web: dict[str, Any], clock: FakeClock
) -> None:
    assert await titles(ann, f"?project_id={web['id']}") == ["é", "a", "Z"]
    assert await titles(ann, f"?assignee_id={four.user['id']}") == ["é"]
    assert await titles(four, "?assignee_id=me") == ["é"]
    now = quote(later(clock))
    assert await titles(ann, f"?due_before={now}") == ["Z"]
    assert await titles(ann, f"?due_after={now}") == ["a"]


async def test_a_list_holds_the_tasks_of_visible_projects(
    api: Api, ann: Api, four: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    outsider, admin = await a_user(api, "Out"), await an_admin(api, connection)
    assert await titles(four, "?sort=title") == ["Z", "a", "é"]
    assert await titles(outsider) == await titles(outsider, f"?project_id={web['id']}") == []
    assert await titles(admin, "?sort=title") == ["Z", "a", "b", "é"]


async def test_pages_and_windows_are_two_words_for_the_same_rows(ann: Api, four: Api) -> None:
    by_page = made(await ann.get("/tasks?sort=title&page=2&page_size=2"))
    by_window = made(await ann.get("/tasks?sort=title&skip=2&limit=2"))
    assert by_page == by_window
    assert [by_page[name] for name in ("total", "page", "page_size", "pages")] == [4, 2, 2, 2]


async def test_links_lead_through_the_pages_and_keep_the_filters(ann: Api, four: Api) -> None:
    response = await ann.get("/tasks?sort=-title&priority_gte=1&page=2&page_size=1")
    base = f"<{API}/tasks?sort=-title&priority_gte=1&skip="
    links = response.headers["link"].split(", ")
    assert links == [
        f'{base}0&limit=1>; rel="first"',
        f'{base}0&limit=1>; rel="prev"',
        f'{base}2&limit=1>; rel="next"',
        f'{base}3&limit=1>; rel="last"',
    ]
    follow = links[2].partition(">")[0].removeprefix("<")
    assert [task["title"] for task in made(await ann.get(follow))["items"]] == ["a"]


async def test_nobody_counts_where_no_count_is_wanted(ann: Api, four: Api) -> None:
    response = await ann.get("/tasks?count=none&limit=2&sort=title")
    assert "x-total-count" not in response.headers
    page = made(response)
    assert [page[name] for name in ("total", "total_is_exact", "page", "pages")] == [None] * 4
    assert 'rel="next"' in response.headers["link"]
    assert 'rel="last"' not in response.headers["link"]
    exact = made(await ann.get("/tasks?count=exact&limit=2"))
    assert (exact["total"], exact["total_is_exact"]) == (4, True)


REFUSED = {
    "?status=open&filter=x&state=y": {"/status": "not_allowed", "/filter": "not_allowed", "/state": "unknown"},
    "?assignee_id=you": {"/assignee_id": "not_allowed"},
    "?priority=0&priority_gte=6": {"/priority": "too_small", "/priority_gte": "too_large"},
    "?priority=high": {"/priority": "wrong_type"},
    "?project_id=WEB": {"/project_id": "wrong_format"},
    "?parent_id=none": {"/parent_id": "wrong_format"},
    "?due_before=2026-01-01T00:00:00": {"/due_before": "offset_missing"},
    "?due_after=1969-12-31T23:59:59Z": {"/due_after": "not_allowed"},
    "?limit=201": {"/limit": "too_large"},
    "?page=0": {"/page": "too_small"},
    "?skip=10001": {"/skip": "not_allowed"},
    "?page=2&limit=3": {"/page": "not_allowed"},
    "?sort=": {"/sort": "not_allowed"},
    "?sort=assignee": {"/sort": "not_allowed"},
    "?sort=title,title": {"/sort": "not_allowed"},
    "?sort=title,number,status,priority": {"/sort": "not_allowed"},
    "?status=todo&status=done": {"/status": "duplicate"},
}


async def test_a_parameter_that_is_wrong_or_unknown_is_refused(ann: Api) -> None:
    wrong = {}
    for query in REFUSED:
        problem = refused(await ann.get(f"/tasks{query}"), 422, "validation_failed")
        assert {error["in"] for error in problem["errors"]} == {"query"}
        wrong[query] = wrong_fields(problem)
    assert wrong == REFUSED


async def test_other_routes_take_no_parameters(ann: Api, web: dict[str, Any]) -> None:
    await a_task(ann, web)
    for method, path, body in (
        ("GET", "/tasks/WEB-1?fields=id", None),
        ("PATCH", "/tasks/WEB-1?fields=id", {"title": "New"}),
        ("DELETE", "/tasks/WEB-1?fields=id", None),
        ("POST", "/tasks?fields=id", {"project_id": web["id"], "title": "T"}),
    ):
        assert wrong_fields(refused(await ann.call(method, path, body), 422, "validation_failed")) == {"/fields": "unknown"}
    assert await titles(ann) == ["Write the tour"]
