"""Bulk updates that are made for versions, and those that change what they can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.many_tasks import body, dump, tasks_of
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


def change(tasks: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A body that gives the tasks a new title, with these fields."""
    return {"task_ids": [task["id"] for task in tasks], "update_data": {"title": "New"}, **fields}


async def test_one_stale_version_refuses_all_and_is_named(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    tasks = await tasks_of(ann, *[body(web)] * 3)
    made(await ann.patch(f"/tasks/{tasks[1]['id']}", {"title": "Theirs"}))
    before = await dump(connection)
    problem = refused(await ann.post("/tasks/bulk-update", change(tasks, versions=[1, 1, 1])), 412, "precondition_failed")
    assert (problem["index"], problem["version"], problem["mergeable"]) == (1, 2, False)
    assert problem["conflicts"] == [{"field": "title", "base": "T", "theirs": "Theirs", "yours": "New"}]
    assert "/task_ids/1" in problem["detail"]
    assert await dump(connection) == before
    apart = change(tasks, versions=[1, 1, 1], update_data={"priority": 5})
    problem = refused(await ann.post("/tasks/bulk-update", apart, headers={"Prefer": "merge"}), 412, "precondition_failed")
    assert (problem["mergeable"], problem["conflicts"]) == (False, [])
    assert made(await ann.post("/tasks/bulk-update", change(tasks, versions=[1, 2, 1])))["updated_count"] == 3


async def test_in_partial_mode_999_of_1000_change_with_six_statements(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    tasks = await tasks_of(ann, *[body(web)] * 1000)
    sent = change(tasks, mode="partial", versions=[1] * 1000)
    sent["task_ids"][613] = MISSING
    seen = ann.statements()
    answer = made(await ann.post("/tasks/bulk-update", sent))
    assert len(seen) <= 6
    assert (answer["updated_count"], answer["skipped_count"]) == (999, 1)
    assert [result["id"] for result in answer["results"]] == sent["task_ids"]
    failed = answer["results"].pop(613)
    assert failed == {
        "id": MISSING,
        "outcome": "failed",
        "version": None,
        "error": {"code": "task_not_found", "detail": "There is no such task."},
    }
    assert all(result["outcome"] == "updated" and result["version"] == 2 for result in answer["results"])
    assert await connection.fetchval("SELECT count(*) FROM tasks WHERE title = 'New' AND version = 2") == 999
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type = 'task.updated'") == 999
    assert made(await ann.get(f"/tasks/{tasks[613]['id']}"))["version"] == 1


async def test_in_partial_mode_each_task_tells_why_it_was_not_changed(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(ann, "Bob")
    await a_member(connection, web, bob)
    projects = {key: await a_project(ann, key=key) for key in ("VIEW", "ARCH", "ALONE", "IFM", "GONE")}
    for key, role in (("VIEW", "viewer"), ("ARCH", "member"), ("IFM", "member")):
        await a_member(connection, projects[key], bob, role)
    good, same, stale = [await a_task(ann, web) for _ in range(3)]
    other = {key: await a_task(ann, project) for key, project in projects.items()}
    made(await ann.patch(f"/tasks/{same['id']}", {"title": "New"}))
    made(await ann.patch(f"/tasks/{stale['id']}", {"priority": 5}))
    made(await ann.post("/projects/ARCH/archive"))
    made(await ann.patch("/projects/IFM", {"require_if_match": True}))
    await ann.delete("/projects/GONE")
    tasks = [good, same, stale, other["VIEW"], other["ARCH"], other["ALONE"], other["IFM"], other["GONE"], good]
    sent = change(tasks, mode="partial")
    answer = made(await bob.post("/tasks/bulk-update", sent | {"versions": [1, 2, 1, 1, 1, 1, 2, 1, 2]}))
    told = [(each["outcome"], each["version"], each["error"] and each["error"]["code"]) for each in answer["results"]]
    assert told == [
        ("updated", 2, None),
        ("unchanged", 2, None),
        ("failed", 2, "precondition_failed"),
        ("failed", 1, "insufficient_role"),
        ("failed", 1, "project_archived"),
        ("failed", None, "task_not_found"),
        ("failed", 1, "precondition_failed"),
        ("failed", None, "task_not_found"),
        ("failed", 2, "duplicate"),
    ]
    assert (answer["updated_count"], answer["skipped_count"]) == (1, 8)
    again = made(await bob.post("/tasks/bulk-update", change([stale, other["IFM"]], mode="partial")))
    assert [each["error"] and each["error"]["code"] for each in again["results"]] == [None, "precondition_required"]
    assert [event["type"] for event in await the_events(connection, good["id"])] == ["task.created", "task.updated"]


async def test_in_partial_mode_an_assignee_is_given_only_where_he_belongs(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(ann, "Bob")
    await a_member(connection, web, bob)
    tasks = [await a_task(ann, web), await a_task(ann, await a_project(ann, key="APP"))]
    sent = change(tasks, mode="partial", update_data={"assignee_id": bob.user["id"]})
    one, two = made(await ann.post("/tasks/bulk-update", sent))["results"]
    assert (one["outcome"], two["outcome"], two["error"]["code"]) == ("updated", "failed", "not_a_member")
    assert "APP" in two["error"]["detail"]


async def test_a_project_that_insists_on_if_match_asks_for_versions(ann: Api, web: dict[str, Any]) -> None:
    tasks = await tasks_of(ann, body(web), body(web))
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    assert "versions" in refused(await ann.post("/tasks/bulk-update", change(tasks)), 428, "precondition_required")["detail"]
    assert made(await ann.post("/tasks/bulk-update", change(tasks, versions=[1, 1])))["updated_count"] == 2
    bad = change([*tasks, {"id": MISSING}], versions=[1, 1, 1])
    assert wrong_fields(refused(await ann.post("/tasks/bulk-update", bad), 422, "validation_failed")) == {
        "/task_ids/2": "not_found"
    }
    made(await ann.post("/projects/WEB/archive", headers={"If-Match": "*"}))
    refused(await ann.post("/tasks/bulk-update", change(tasks)), 428, "precondition_required")
    refused(await ann.post("/tasks/bulk-update", change(tasks, versions=[1, 2])), 412, "precondition_failed")
    refused(await ann.post("/tasks/bulk-update", change(tasks, versions=[2, 2])), 409, "project_archived")
