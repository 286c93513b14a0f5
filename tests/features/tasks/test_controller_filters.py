"""Filters over HTTP: lists, checks, refusals with their column, and what hostile texts do: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.features.tasks.bad_filters import GRAMMAR, MEANING, SIZE
from tests.support.http import Api, made, refused
from tests.support.many_tasks import dump
from tests.support.scenes import a_project, a_task, a_user

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def listed(person: Api, text: str, more: str = "") -> list[str]:
    """The titles that a list with this filter answers."""
    return [task["title"] for task in made(await person.get(f"/tasks?filter={quote(text)}{more}"))["items"]]


async def test_a_list_is_narrowed_by_a_filter_and_the_named_parameters_together(ann: Api, web: dict[str, Any]) -> None:
    stored: dict[str, dict[str, Any]] = {
        "one": {"priority": 4},
        "two": {"priority": 5, "status": "in_progress"},
        "three": {"priority": 5, "assignee_id": ann.user["id"]},
    }
    for title, fields in stored.items():
        await a_task(ann, web, title=title, **fields)
    assert await listed(ann, "priority >= 4 AND assignee IS NULL") == ["two", "one"]
    assert await listed(ann, "priority >= 4 AND assignee IS NULL", "&status=todo") == ["one"]
    assert await listed(ann, "assignee = me() OR title LIKE 't%'", "&sort=title") == ["three", "two"]
    assert await listed(ann, "due_date < today() + 'P7D'") == []


async def test_a_cursor_belongs_to_a_filter_however_it_is_spaced(ann: Api, web: dict[str, Any]) -> None:
    for title in ("one", "two", "three"):
        await a_task(ann, web, title=title)
    page = made(await ann.get("/tasks", params={"limit": 1, "filter": "priority=3 and(status = 'todo')"}))
    assert page["total"] == 3
    cursor = page["next_cursor"]
    assert await listed(ann, "priority = 3 AND status='todo'", f"&limit=2&cursor={cursor}") == ["two", "one"]
    for other in ("priority = 4 AND status='todo'", "priority = 3 OR status='todo'"):
        refused(await ann.get(f"/tasks?cursor={cursor}&filter={quote(other)}"), 400, "invalid_cursor")
    refused(await ann.get(f"/tasks?cursor={cursor}"), 400, "invalid_cursor")


async def test_links_keep_the_filter(ann: Api, web: dict[str, Any]) -> None:
    for title in ("a&b=c", "a&b=d"):
        await a_task(ann, web, title=title)
    response = await ann.get("/tasks", params={"limit": 1, "filter": "title LIKE 'a&b%' AND priority<>1"})
    assert made(response)["total"] == 2
    (following,) = [link for link in response.headers["link"].split(", ") if 'rel="next"' in link]
    assert [task["title"] for task in made(await ann.get(following.partition(">")[0].removeprefix("<")))["items"]] == ["a&b=c"]


async def test_a_filter_is_checked_without_being_run(ann: Api) -> None:
    text = "status in ('todo','in_progress') and (priority>=4 or due_date<today()+'P7D') and not assignee is null"
    seen = ann.statements()
    found = made(await ann.post("/tasks/filter-check", {"filter": text}))
    assert len(seen) == 1
    assert found == {
        "filter": text,
        "normalized": "status IN ('todo', 'in_progress') AND (priority >= 4 OR due_date < today() + 'P7D') "
        "AND assignee IS NOT NULL",
        "tree": {
            "op": "and",
            "args": [
                {"op": "in", "args": [{"property": "status"}, ["todo", "in_progress"]]},
                {
                    "op": "or",
                    "args": [
                        {"op": ">=", "args": [{"property": "priority"}, 4]},
                        {
                            "op": "<",
                            "args": [{"property": "due_date"}, {"op": "+", "args": [{"op": "today", "args": []}, "P7D"]}],
                        },
                    ],
                },
                {"op": "not", "args": [{"op": "isNull", "args": [{"property": "assignee"}]}]},
            ],
        },
    }
    again = made(await ann.post("/tasks/filter-check", {"filter": found["normalized"]}))
    assert (again["normalized"], again["tree"]) == (found["normalized"], found["tree"])
    assert made(await ann.post("/tasks/filter-check", {"filter": "true"})) == {
        "filter": "true",
        "normalized": "TRUE",
        "tree": True,
    }


async def test_every_bad_filter_is_refused_in_lists_and_checks_with_its_column(ann: Api) -> None:
    for marked in GRAMMAR | MEANING | SIZE:
        text, column = marked.replace("¦", ""), marked.index("¦") + 1
        problem = refused(await ann.post("/tasks/filter-check", {"filter": text}), 422, "validation_failed")
        (error,) = problem["errors"]
        assert (error["in"], error["pointer"]) == ("body", "/filter")
        assert error["message"].startswith(f"column {column}: "), text
        if len(text) < 100:
            problem = refused(await ann.get("/tasks", params={"filter": text}), 422, "validation_failed")
            assert problem["errors"] == [{**error, "in": "query"}]


async def test_a_filter_that_is_too_long_missing_or_of_another_type_is_refused(ann: Api) -> None:
    for value, code in (("TRUE" + " " * 3997, "too_long"), (5, "wrong_type"), (None, "wrong_type"), ({}, "wrong_type")):
        problem = refused(await ann.post("/tasks/filter-check", {"filter": value}), 422, "validation_failed")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/filter", code)]
    refused(await ann.post("/tasks/filter-check", {}), 422, "validation_failed")
    refused(await ann.get("/tasks?filter=TRUE&filter=TRUE"), 422, "validation_failed")


async def test_a_check_needs_a_token(api: Api) -> None:
    refused(await api.post("/tasks/filter-check", {"filter": "TRUE"}), 401, "unauthenticated")


HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE tasks; --",
    "''; DELETE FROM users; --",
    "\\'; SELECT pg_sleep(10); --",
    "$1",
    "$2::text",
    "{}",
    "{{}}",
    "{0}",
    "%s %(name)s",
    "%",
    "_",
    "a' || 'b",
    "/* x */",
    "-- x",
    "\\",
    "\\\\",
    "a\\'",
    "E'\\x41'",
    "$$x$$",
    "U&'\\0041'",
    "\u2019 OR \uff07",
    "a\tb\nc",
    "🙂'🙂",
    "tasks.password_hash",
    "NULL",
    "' UNION SELECT password_hash FROM users --",
    "\ufeff",
    "\u202e",
]


async def test_hostile_texts_are_values_and_nothing_else(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await a_task(ann, web, title="Bystander")
    for text in HOSTILE:
        task = await a_task(ann, web, title="Target", description=text)
        before = await dump(connection)
        inside = text.replace("'", "''")
        pattern = inside.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        for condition in (f"= '{inside}'", f"IN ('{inside}', 'x')", f"LIKE '{pattern}'", f"BETWEEN '{inside}' AND '{inside}'"):
            assert await listed(ann, f"description {condition} AND title = 'Target'") == ["Target"], condition
            assert await listed(ann, f"NOT description {condition} AND title = 'Target'") == [], condition
        assert await listed(ann, f"title = '{inside}'") == []
        assert await dump(connection) == before
        await ann.delete(f"/tasks/{task['id']}")


async def test_hostile_filters_are_refused_and_nothing_happens(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await a_task(ann, web)
    before = await dump(connection)
    for hostile in HOSTILE:
        for text in (hostile, f"title = {hostile}", f"title = '{hostile} ''", f"{hostile} = 'x'", f"title {hostile} 'x'"):
            response = await ann.get("/tasks", params={"filter": text})
            assert response.status_code == 422, (text, response.text)
            assert "column " in response.json()["errors"][0]["message"]
    assert await dump(connection) == before
