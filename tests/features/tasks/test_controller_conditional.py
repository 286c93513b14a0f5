"""Conditional requests on tasks: tags, 304, what a stale change is told, the merge, and where a project insists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.many_tasks import dump
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def task(ann: Api, web: dict[str, Any]) -> dict[str, Any]:
    """WEB-1, at version 1."""
    return await a_task(ann, web, title="Base", description="D", due_date="2030-01-01T00:00:00Z")


def when(version: int, *, merge: bool = False) -> dict[str, str]:
    """The headers of a change that is made for this version."""
    return {"If-Match": f'"{version}.0"'} | ({"Prefer": "merge"} if merge else {})


async def test_every_answer_about_a_task_carries_its_tag(ann: Api, web: dict[str, Any]) -> None:
    created = await ann.post("/tasks", {"project_id": web["id"], "title": "T"})
    read = await ann.get("/tasks/WEB-1")
    assert created.headers["etag"] == read.headers["etag"]
    assert read.headers["etag"].startswith('"1.')
    changed = await ann.patch("/tasks/WEB-1", {"title": "New"})
    assert changed.headers["etag"].startswith('"2.')
    assert changed.headers["etag"] == (await ann.get("/tasks/WEB-1")).headers["etag"]
    assert "etag" not in (await ann.get("/tasks")).headers


async def test_a_task_that_is_as_before_is_not_sent_again(ann: Api, task: dict[str, Any]) -> None:
    tag = (await ann.get("/tasks/WEB-1")).headers["etag"]
    seen = ann.statements()
    again = await ann.get("/tasks/WEB-1", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert len(seen) == 2
    made(await ann.patch("/projects/WEB", {"name": "Renamed"}))
    # The version is the same, the body is not.
    after = await ann.get("/tasks/WEB-1", headers={"If-None-Match": tag})
    assert after.status_code == 200
    assert after.headers["etag"].startswith('"1.')


async def test_a_stale_change_is_told_what_it_was_what_others_made_of_it_and_what_was_sent(
    ann: Api, task: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    for wanted in ({"title": "Between"}, {"title": "Theirs", "due_date": None}, {"description": "E"}):
        made(await ann.patch("/tasks/WEB-1", wanted))
    before = await dump(connection)
    sent = {"title": "Yours", "due_date": "2031-01-01T00:00:00Z", "priority": 5, "description": "E"}
    for headers in (when(1), when(1, merge=True)):
        problem = refused(await ann.patch("/tasks/WEB-1", sent, headers=headers), 412, "precondition_failed")
        assert problem["mergeable"] is False
        assert problem["version"] == 4
        assert problem["conflicts"] == [
            {"field": "title", "base": "Base", "theirs": "Theirs", "yours": "Yours"},
            {"field": "due_date", "base": "2030-01-01T00:00:00Z", "theirs": None, "yours": "2031-01-01T00:00:00Z"},
        ]
    assert await dump(connection) == before
    fresh = (await ann.get("/tasks/WEB-1")).headers["etag"]
    assert made(await ann.patch("/tasks/WEB-1", sent, headers={"If-Match": fresh}))["title"] == "Yours"


async def test_a_stale_change_of_other_fields_is_mergeable_and_merged_for_who_prefers_it(ann: Api, task: dict[str, Any]) -> None:
    made(await ann.patch("/tasks/WEB-1", {"title": "Theirs"}))
    problem = refused(await ann.patch("/tasks/WEB-1", {"priority": 5}, headers=when(1)), 412, "precondition_failed")
    assert (problem["mergeable"], problem["conflicts"]) == (True, [])
    assert "Prefer: merge" in problem["detail"]
    response = await ann.patch("/tasks/WEB-1", {"priority": 5}, headers=when(1, merge=True))
    assert response.headers["preference-applied"] == "merge"
    after = made(response)
    assert (after["title"], after["priority"], after["version"]) == ("Theirs", 5, 3)
    plain = await ann.patch("/tasks/WEB-1", {"priority": 4}, headers=when(3, merge=True))
    assert plain.status_code == 200
    assert "preference-applied" not in plain.headers


async def test_completing_what_others_moved_on_is_a_conflict_of_the_status(ann: Api, task: dict[str, Any]) -> None:
    made(await ann.patch("/tasks/WEB-1", {"status": "cancelled"}))
    response = await ann.patch("/tasks/WEB-1", {"is_completed": True}, headers=when(1, merge=True))
    assert refused(response, 412, "precondition_failed")["conflicts"] == [
        {"field": "status", "base": "todo", "theirs": "cancelled", "yours": "done"}
    ]


async def test_an_empty_patch_changes_nothing_and_is_held_to_its_version(
    ann: Api, task: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    assert made(await ann.patch("/tasks/WEB-1", {}, headers=when(1)))["version"] == 1
    assert made(await ann.patch("/tasks/WEB-1", {"title": "Base", "due_date": "2030-01-01T01:00:00+01:00"}))["version"] == 1
    assert refused(await ann.patch("/tasks/WEB-1", {}, headers=when(2)), 412, "precondition_failed")["mergeable"] is False
    assert len(await the_events(connection, task["id"])) == 1


async def test_deleting_is_held_to_the_version_of_the_task_alone(ann: Api, web: dict[str, Any], task: dict[str, Any]) -> None:
    child = await a_task(ann, web, parent_id=task["id"])
    made(await ann.patch(f"/tasks/{child['id']}", {"title": "New"}))
    problem = refused(await ann.delete("/tasks/WEB-1", headers=when(7)), 412, "precondition_failed")
    assert (problem["mergeable"], problem["conflicts"], problem["version"]) == (False, [], 1)
    assert (await ann.delete("/tasks/WEB-1", headers={"If-Match": '"0.9", "1.0"'})).status_code == 204
    refused(await ann.get(f"/tasks/{child['id']}"), 404, "task_not_found")


async def test_a_star_takes_any_state_but_not_none(ann: Api, task: dict[str, Any]) -> None:
    star = {"If-Match": "*"}
    assert made(await ann.patch("/tasks/WEB-1", {"title": "New"}, headers=star))["version"] == 2
    refused(await ann.patch("/tasks/WEB-2", {"title": "New"}, headers=star), 404, "task_not_found")


async def test_a_project_may_insist_on_if_match_for_its_tasks(ann: Api, web: dict[str, Any], task: dict[str, Any]) -> None:
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    refused(await ann.patch("/tasks/WEB-1", {"title": "New"}), 428, "precondition_required")
    refused(await ann.delete("/tasks/WEB-1"), 428, "precondition_required")
    made(await ann.patch("/tasks/WEB-1", {"title": "New"}, headers=when(1)))
    made(await ann.patch("/tasks/WEB-1", {"title": "Newer"}, headers={"If-Match": "*"}))
    await a_task(ann, web)
    assert (await ann.delete("/tasks/WEB-1", headers=when(3))).status_code == 204


async def test_the_role_is_looked_at_before_the_version_and_the_archive_after(
    ann: Api, web: dict[str, Any], task: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob, eve = await a_user(ann, "Bob"), await a_user(ann, "Eve")
    await a_member(connection, web, bob, "viewer")
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    made(await ann.post("/projects/WEB/archive", headers={"If-Match": "*"}))
    stale: dict[str, Any] = {"headers": when(9)}
    unread: dict[str, Any] = {"headers": {"If-Match": "9"}}
    changes: list[Callable[..., Awaitable[httpx.Response]]] = [
        lambda who, **headers: who.patch("/tasks/WEB-1", {"title": "N"}, **headers),
        lambda who, **headers: who.delete("/tasks/WEB-1", **headers),
    ]
    for change in changes:
        refused(await change(eve, **unread), 400, "malformed_request")
        refused(await change(eve, **stale), 404, "task_not_found")
        refused(await change(bob, **stale), 403, "insufficient_role")
        refused(await change(ann), 428, "precondition_required")
        refused(await change(ann, **stale), 412, "precondition_failed")
        refused(await change(ann, headers=when(1)), 409, "project_archived")
    refused(await ann.patch("/tasks/WEB-1", {"title": 1}, **stale), 422, "validation_failed")


async def test_a_conditional_change_costs_no_statement_more(ann: Api, task: dict[str, Any]) -> None:
    seen = ann.statements()
    made(await ann.patch("/tasks/WEB-1", {"title": "New"}))
    plain = len(seen)
    seen.clear()
    made(await ann.patch("/tasks/WEB-1", {"title": "Newer"}, headers=when(2)))
    assert len(seen) == plain
    seen.clear()
    made(await ann.patch("/tasks/WEB-1", {"priority": 1}, headers=when(2, merge=True)))
    assert len(seen) == plain
