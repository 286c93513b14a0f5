"""Lists of projects over HTTP: what they take, what they answer, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import API, Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_project, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def three(ann: Api) -> list[dict[str, Any]]:
    """Ann's projects AA, BB and CC, created in this order; CC is archived."""
    projects = [await a_project(ann, key=key, name=name) for key, name in (("AA", "web"), ("BB", "Site"), ("CC", "Ende"))]
    projects[2] = made(await ann.post("/projects/CC/archive"))
    return projects


async def keys(person: Api, query: str = "") -> list[str]:
    """The keys that a list answers."""
    return [project["key"] for project in made(await person.get(f"/projects{query}"))["items"]]


async def test_a_list_holds_whole_projects_newest_first(ann: Api, three: list[dict[str, Any]]) -> None:
    response = await ann.get("/projects")
    assert made(response) == {
        "items": [three[1], three[0]],
        "total": 2,
        "total_is_exact": True,
        "page": 1,
        "page_size": 50,
        "pages": 1,
        "next_cursor": None,
        "prev_cursor": None,
    }
    assert response.headers["x-total-count"] == "2"
    links = ", ".join(f'<{API}/projects?skip=0&limit=50>; rel="{relation}"' for relation in ("first", "last"))
    assert response.headers["link"] == links


FOUND: dict[str, list[str]] = {
    "?include_archived=true": ["CC", "BB", "AA"],
    "?include_archived=false": ["BB", "AA"],
    "?search=WEB": ["AA"],
    "?search=b": ["BB", "AA"],
    "?search=": ["BB", "AA"],
    "?search=ende": [],
    "?search=ende&include_archived=true": ["CC"],
    "?sort=name": ["BB", "AA"],
    "?sort=-name,key": ["AA", "BB"],
    "?sort=-key&include_archived=1": ["CC", "BB", "AA"],
    "?sort=-updated_at": ["BB", "AA"],
    "?limit=1&sort=key": ["AA"],
    "?skip=1&sort=key": ["BB"],
    "?page=2&page_size=1&sort=key": ["BB"],
    "?page=3&page_size=1": [],
}


async def test_a_list_is_narrowed_sorted_and_cut(ann: Api, three: list[dict[str, Any]]) -> None:
    assert {query: await keys(ann, query) for query in FOUND} == FOUND


async def test_a_list_holds_what_the_caller_may_see(
    api: Api, ann: Api, three: list[dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    bob, admin = await a_user(api, "Bob"), await an_admin(api, connection)
    await a_member(connection, three[0], bob, "viewer")
    assert await keys(bob) == await keys(bob, "?my_projects_only=true") == ["AA"]
    assert await keys(admin) == ["BB", "AA"]
    assert await keys(admin, "?my_projects_only=true") == []
    assert made(await admin.get("/projects/AA")) == three[0] | {"my_role": None}


async def test_links_lead_through_the_pages_and_keep_the_filters(ann: Api, three: list[dict[str, Any]]) -> None:
    response = await ann.get("/projects?sort=key&include_archived=true&page=2&page_size=1")
    assert (response.json()["page"], response.json()["pages"], response.json()["total"]) == (2, 3, 3)
    base = f"<{API}/projects?sort=key&include_archived=true&skip="
    assert response.headers["link"].split(", ") == [
        f'{base}0&limit=1>; rel="first"',
        f'{base}0&limit=1>; rel="prev"',
        f'{base}2&limit=1>; rel="next"',
        f'{base}2&limit=1>; rel="last"',
    ]


async def test_nobody_counts_where_no_count_is_wanted(ann: Api, three: list[dict[str, Any]]) -> None:
    response = await ann.get("/projects?count=none")
    assert "x-total-count" not in response.headers
    page = made(response)
    assert [page[name] for name in ("total", "total_is_exact", "page", "pages")] == [None] * 4
    assert made(await ann.get("/projects?count=exact"))["total"] == 2


REFUSED = {
    "?nonsense=1&my_projects_only=perhaps": {"/nonsense": "unknown", "/my_projects_only": "wrong_type"},
    "?limit=201": {"/limit": "too_large"},
    "?limit=0&skip=-1": {"/limit": "too_small", "/skip": "too_small"},
    "?skip=10001": {"/skip": "not_allowed"},
    "?page=202&page_size=50": {"/page": "not_allowed"},
    "?page=1&skip=1": {"/page": "not_allowed"},
    "?sort=owner": {"/sort": "not_allowed"},
    "?sort=name,-name": {"/sort": "not_allowed"},
    "?sort=name,key,created_at,updated_at": {"/sort": "not_allowed"},
    "?count=all": {"/count": "not_allowed"},
    "?search=%00": {"/search": "not_allowed"},
    "?search=a&search=b": {"/search": "duplicate"},
}


async def test_a_parameter_that_is_wrong_or_unknown_is_refused(ann: Api) -> None:
    wrong = {}
    for query in REFUSED:
        problem = refused(await ann.get(f"/projects{query}"), 422, "validation_failed")
        assert {error["in"] for error in problem["errors"]} == {"query"}
        wrong[query] = wrong_fields(problem)
    assert wrong == REFUSED
