"""Many tasks at once over HTTP: changed in the order asked, created with numbers in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.many_tasks import body, dump, tasks_of
from tests.support.scenes import a_project, a_task, a_user, an_admin
from tests.support.stored import the_events, the_row

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


@pytest.fixture
async def app_(ann: Api) -> dict[str, Any]:
    """Ann's project APP."""
    return await a_project(ann, key="APP")


async def test_created_tasks_come_back_whole_and_numbered_in_their_order(
    ann: Api, web: dict[str, Any], app_: dict[str, Any]
) -> None:
    above = await a_task(ann, web, title="Above")
    response = await ann.post(
        "/tasks/bulk-create",
        {
            "tasks": [
                body(web, title="One", description="# Why", is_completed=True, priority=5),
                body(app_, title="Two", due_date="2020-01-01T02:00:00+02:00", assignee_id=ann.user["id"]),
                body(web, title="Three", status="in_progress", parent_id=above["id"]),
            ]
        },
    )
    assert response.status_code == 201
    assert response.headers["x-change-cursor"]
    answer = response.json()
    assert answer["created_count"] == 3
    assert [item["key"] for item in answer["items"]] == ["WEB-2", "APP-1", "WEB-3"]
    one, two, three = answer["items"]
    assert (one["status"], one["is_completed"], one["completed_at"]) == ("done", True, one["created_at"])
    assert (two["due_date"], two["is_overdue"]) == ("2020-01-01T00:00:00Z", True)
    assert two["assignee"] == two["reporter"] == {"id": ann.user["id"], "full_name": ann.user["full_name"]}
    assert three["parent"] == {"id": above["id"], "key": "WEB-1", "title": "Above"}
    for item in answer["items"]:
        assert made(await ann.get(f"/tasks/{item['id']}")) == item


async def test_creating_tells_of_each_task(
    ann: Api, web: dict[str, Any], app_: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    for item in await tasks_of(ann, body(web), body(app_)):
        (event,) = await the_events(connection, item["id"])
        assert (event["type"], event["subject_key"], event["subject_version"]) == ("task.created", item["key"], 1)
        assert str(event["project_id"]) == item["project"]["id"]
        assert event["data"] == {"title": "T", "status": "todo", "priority": 3}


async def test_changed_tasks_are_answered_in_the_order_asked(ann: Api, web: dict[str, Any], app_: dict[str, Any]) -> None:
    one, two, three = await tasks_of(ann, body(web, priority=1), body(app_, priority=4), body(web, priority=2))
    ids = [three["id"], one["id"], two["id"]]
    response = await ann.post("/tasks/bulk-update", {"task_ids": ids, "update_data": {"priority": 4}})
    assert response.status_code == 200
    assert response.headers["x-change-cursor"]
    assert response.json() == {
        "updated_count": 2,
        "skipped_count": 1,
        "results": [
            {"id": three["id"], "outcome": "updated", "version": 2, "error": None},
            {"id": one["id"], "outcome": "updated", "version": 2, "error": None},
            {"id": two["id"], "outcome": "unchanged", "version": 1, "error": None},
        ],
    }
    assert [made(await ann.get(f"/tasks/{id_}"))["priority"] for id_ in ids] == [4, 4, 4]


async def test_every_field_is_changed_as_by_a_single_patch(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    single, *several = await tasks_of(ann, *[body(web, description="Old", due_date="2199-01-01T00:00:00Z")] * 3)
    for wanted in (
        {"title": "New", "description": None, "priority": 5, "due_date": "2198-01-01T01:00:00+01:00"},
        {"assignee_id": ann.user["id"], "status": "in_progress"},
        {"is_completed": True, "due_date": None},
        {"is_completed": False},
        {"status": "done", "assignee_id": None, "title": "New"},
    ):
        expected = made(await ann.patch(f"/tasks/{single['id']}", wanted))
        ids = [task["id"] for task in several]
        assert made(await ann.post("/tasks/bulk-update", {"task_ids": ids, "update_data": wanted}))["updated_count"] == 2
        for id_ in ids:
            own = {name: expected[name] for name in ("id", "number", "key")}
            task = made(await ann.get(f"/tasks/{id_}"))
            assert task | own == expected
            assert (await the_row(connection, "tasks", id_))["field_versions"] == (
                await the_row(connection, "tasks", single["id"])
            )["field_versions"]
            alike = ("type", "subject_version", "changes", "data", "project_id", "actor_id")
            events = [[[e[name] for name in alike] for e in await the_events(connection, i)] for i in (id_, single["id"])]
            assert events[0] == events[1]


async def test_done_tasks_are_reopened_and_others_keep_their_status(ann: Api, web: dict[str, Any]) -> None:
    tasks = await tasks_of(ann, *(body(web, status=status) for status in ("todo", "in_progress", "done", "cancelled")))
    ids = [task["id"] for task in tasks]
    answer = made(await ann.post("/tasks/bulk-update", {"task_ids": ids, "update_data": {"is_completed": False, "title": "N"}}))
    assert answer["updated_count"] == 4
    after = [made(await ann.get(f"/tasks/{id_}")) for id_ in ids]
    assert [task["status"] for task in after] == ["todo", "in_progress", "todo", "cancelled"]
    assert [task["completed_at"] for task in after] == [None] * 4


async def test_a_second_time_nothing_changes_and_nothing_is_told(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    ids = [task["id"] for task in await tasks_of(ann, body(web), body(web))]
    update = {"task_ids": ids, "update_data": {"is_completed": True}}
    assert made(await ann.post("/tasks/bulk-update", update))["updated_count"] == 2
    before = await dump(connection)
    again = made(await ann.post("/tasks/bulk-update", update))
    assert (again["updated_count"], again["skipped_count"]) == (0, 2)
    assert [result["version"] for result in again["results"]] == [2, 2]
    assert await dump(connection) == before
    types = [event["type"] for event in await the_events(connection, ids[0])]
    assert types == ["task.created", "task.completed"]


async def test_an_instance_admin_needs_no_membership(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    root = await an_admin(ann, connection)
    items = await tasks_of(root, body(web), body(web))
    update = {"task_ids": [item["id"] for item in items], "update_data": {"title": "New"}}
    assert made(await root.post("/tasks/bulk-update", update))["updated_count"] == 2


@pytest.mark.parametrize("count", [2, 100, 1000])
async def test_a_bulk_request_costs_at_most_six_statements_however_many_tasks(
    ann: Api, web: dict[str, Any], app_: dict[str, Any], count: int
) -> None:
    projects = [web, app_]
    parents = {project["id"]: await a_task(ann, project) for project in projects}
    bodies = [body(projects[n % 2], title=f"T {n}", assignee_id=ann.user["id"]) for n in range(count)]
    seen = ann.statements()
    items = await tasks_of(ann, *bodies)
    assert len(seen) == 5
    assert [item["title"] for item in items] == [each["title"] for each in bodies]
    seen = ann.statements()
    await tasks_of(ann, *(each | {"parent_id": parents[each["project_id"]]["id"]} for each in bodies))
    assert len(seen) == 6
    update = {"task_ids": [item["id"] for item in items], "update_data": {"is_completed": True, "assignee_id": None}}
    seen = ann.statements()
    assert made(await ann.post("/tasks/bulk-update", update))["updated_count"] == count
    assert len(seen) == 6
