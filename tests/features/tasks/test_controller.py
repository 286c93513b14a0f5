"""Tasks over HTTP: creating, reading, changing and deleting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.factories import task_body
from tests.support.http import API, Api, made, refused
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

LONG_AGO, FAR_AHEAD = "2020-01-01T00:00:00Z", "2199-12-31T23:59:59Z"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


def instant(clock: FakeClock) -> str:
    """The clock's time as answers write it."""
    return clock.now().isoformat().replace("+00:00", "Z")


def person(api: Api) -> dict[str, Any]:
    """Somebody as he stands beside a task."""
    return {"id": api.user["id"], "full_name": api.user["full_name"]}


async def test_a_created_task_is_answered_whole_and_read_where_location_says(
    ann: Api, web: dict[str, Any], clock: FakeClock
) -> None:
    body = task_body(web, status="in_progress", due_date=LONG_AGO, assignee_id=ann.user["id"])
    response = await ann.post("/tasks", body)
    assert response.status_code == 201
    task = response.json()
    assert response.headers["location"] == f"{API}/tasks/{task['id']}"
    assert response.headers["x-change-cursor"]
    assert UUID(task["id"]).version == 7
    assert task == {
        "id": task["id"],
        "number": 1,
        "key": "WEB-1",
        "project": {name: web[name] for name in ("id", "key", "name")},
        "title": body["title"],
        "description": body["description"],
        "status": "in_progress",
        "is_completed": False,
        "completed_at": None,
        "priority": body["priority"],
        "due_date": LONG_AGO,
        "is_overdue": True,
        "assignee": person(ann),
        "reporter": person(ann),
        "parent": None,
        "labels": [],
        "is_blocked": False,
        "comment_count": 0,
        "created_at": instant(clock),
        "updated_at": instant(clock),
        "deleted_at": None,
        "purge_at": None,
        "version": 1,
    }
    for reference in (response.headers["location"], "/tasks/WEB-1"):
        assert made(await ann.get(reference)) == task


async def test_a_task_needs_no_more_than_a_project_and_a_title(ann: Api, web: dict[str, Any]) -> None:
    task = made(await ann.post("/tasks", {"project_id": web["id"], "title": "T"}))
    defaults = ("description", "status", "is_completed", "priority", "due_date", "is_overdue", "assignee", "parent")
    assert [task[name] for name in defaults] == [None, "todo", False, 3, None, False, None, None]
    assert made(await ann.get("/tasks/WEB-1")) == task


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, "todo"),
        ({"is_completed": False}, "todo"),
        ({"is_completed": True}, "done"),
        ({"status": "done"}, "done"),
        ({"status": "done", "is_completed": True}, "done"),
        ({"status": "cancelled", "is_completed": False}, "cancelled"),
        ({"status": None, "is_completed": None}, "todo"),
    ],
)
async def test_a_task_is_created_in_a_status_said_either_way(
    ann: Api, web: dict[str, Any], clock: FakeClock, said: dict[str, Any], status: str
) -> None:
    task = await a_task(ann, web, **said)
    done = status == "done"
    assert (task["status"], task["is_completed"]) == (status, done)
    assert task["completed_at"] == (instant(clock) if done else None)
    assert made(await ann.get("/tasks/WEB-1")) == task


async def test_instants_are_answered_in_utc_whatever_offset_they_were_sent_with(ann: Api, web: dict[str, Any]) -> None:
    task = await a_task(ann, web, due_date="2030-06-01T02:00:00+02:00")
    assert task["due_date"] == "2030-06-01T00:00:00Z"
    assert made(await ann.get("/tasks/WEB-1")) == task
    patched = made(await ann.patch("/tasks/WEB-1", {"due_date": "2030-05-31T14:00:00-12:00"}))
    assert (patched["due_date"], patched["version"]) == ("2030-06-01T02:00:00Z", 2)


async def test_instants_are_told_in_utc_too(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    task = await a_task(ann, web)
    await ann.patch("/tasks/WEB-1", {"due_date": "2030-06-01T02:00:00+02:00"})
    event = (await the_events(connection, task["id"]))[-1]
    assert event["changes"] == {"due_date": {"old": None, "new": "2030-06-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"title": "New"}, {"title": "New"}),
        ({"description": None}, {"description": None}),
        ({"due_date": None}, {"due_date": None, "is_overdue": False}),
        ({"due_date": FAR_AHEAD, "priority": 1}, {"due_date": FAR_AHEAD, "is_overdue": False, "priority": 1}),
        ({"assignee_id": None, "title": "Write the tour"}, {"assignee": None}),
        ({"status": "in_progress"}, {"status": "in_progress"}),
        ({"status": "cancelled"}, {"status": "cancelled", "is_overdue": False}),
        ({"status": "in_progress", "is_completed": False}, {"status": "in_progress"}),
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_a_patch_changes_what_it_names(
    ann: Api, web: dict[str, Any], clock: FakeClock, *, body: dict[str, Any], changed: dict[str, Any], media_type: str
) -> None:
    task = await a_task(ann, web, description="# Why", due_date=LONG_AGO, assignee_id=ann.user["id"])
    clock.advance(timedelta(minutes=1))
    response = await ann.patch("/tasks/WEB-1", body, headers={"Content-Type": media_type})
    assert response.headers["x-change-cursor"]
    assert made(response) == task | changed | {"updated_at": instant(clock), "version": 2}
    assert made(await ann.get("/tasks/WEB-1")) == response.json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "Write the tour"},
        {"status": "todo", "is_completed": False},
        {"description": None, "assignee_id": None, "parent_id": None},
        {"due_date": "2020-01-01T01:00:00+01:00", "priority": 3},
    ],
)
async def test_a_patch_to_what_is_there_already_changes_nothing(
    ann: Api, web: dict[str, Any], clock: FakeClock, connection: asyncpg.Connection[Any], body: dict[str, Any]
) -> None:
    task = await a_task(ann, web, due_date=LONG_AGO)
    clock.advance(timedelta(minutes=1))
    response = await ann.patch("/tasks/WEB-1", body)
    assert made(response) == task
    assert "x-change-cursor" not in response.headers
    assert len(await the_events(connection, task["id"])) == 1


@pytest.mark.parametrize("completing", [{"is_completed": True}, {"status": "done"}, {"status": "done", "is_completed": True}])
@pytest.mark.parametrize("reopening", [({"is_completed": False}, "todo"), ({"status": "in_progress"}, "in_progress")])
async def test_a_task_is_completed_and_reopened_either_way(
    ann: Api, web: dict[str, Any], clock: FakeClock, completing: dict[str, Any], reopening: tuple[dict[str, Any], str]
) -> None:
    task = await a_task(ann, web, due_date=LONG_AGO)
    done = made(await ann.patch("/tasks/WEB-1", completing))
    completion = {"status": "done", "is_completed": True, "completed_at": instant(clock), "is_overdue": False}
    assert done == task | completion | {"version": 2}
    clock.advance(timedelta(minutes=1))
    assert made(await ann.patch("/tasks/WEB-1", completing)) == done
    reopened = made(await ann.patch("/tasks/WEB-1", reopening[0]))
    assert reopened == task | {"status": reopening[1], "updated_at": instant(clock), "version": 3}


async def test_a_deleted_task_is_gone(ann: Api, web: dict[str, Any]) -> None:
    task = await a_task(ann, web)
    response = await ann.delete("/tasks/WEB-1")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["x-change-cursor"]
    for path in ("/tasks/WEB-1", f"/tasks/{task['id']}"):
        refused(await ann.get(path), 404, "task_not_found")
        refused(await ann.patch(path, {"title": "New"}), 404, "task_not_found")
        refused(await ann.delete(path), 404, "task_not_found")
    assert made(await ann.get("/tasks"))["items"] == []
    assert (await a_task(ann, web))["number"] == 2


async def test_an_assignee_is_a_member_and_stays_when_others_change_the_task(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob, "viewer")
    task = await a_task(ann, web, assignee_id=bob.user["id"])
    assert task["assignee"] == person(bob)
    assert made(await bob.get("/tasks/WEB-1")) == task
    assert made(await ann.patch("/tasks/WEB-1", {"title": "New"}))["assignee"] == person(bob)
    assert made(await ann.patch("/tasks/WEB-1", {"assignee_id": ann.user["id"]}))["assignee"] == person(ann)


async def test_every_write_tells_of_itself_in_its_own_transaction(
    ann: Api, web: dict[str, Any], clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    task = await a_task(ann, web, title="Old")
    requests = []
    for method, body in (("PATCH", {"title": "New", "priority": 3}), ("PATCH", {"is_completed": True}), ("DELETE", None)):
        requests.append((await ann.call(method, "/tasks/WEB-1", body)).headers["x-request-id"])
    created, *changed = events = await the_events(connection, task["id"])
    told = {"title": "Old", "status": "todo", "priority": 3}
    assert (created["type"], created["subject_version"], created["data"]) == ("task.created", 1, told)
    now = instant(clock)
    completion = {"status": {"old": "todo", "new": "done"}, "completed_at": {"old": None, "new": now}}
    assert [(event["type"], event["subject_version"], event["changes"]) for event in changed] == [
        ("task.updated", 2, {"title": {"old": "Old", "new": "New"}}),
        ("task.completed", 3, completion),
        ("task.deleted", 4, {"deleted_at": {"old": None, "new": now}}),
    ]
    assert [event["request_id"] for event in changed] == requests
    for event in events:
        assert (str(event["project_id"]), str(event["subject_id"])) == (web["id"], task["id"])
        assert (event["subject_type"], event["subject_key"], event["time"]) == ("task", "WEB-1", clock.now())
        assert (str(event["actor_id"]), event["actor_kind"]) == (ann.user["id"], "user")
        assert event["epoch"] == await connection.fetchval("SELECT max(epoch) FROM event_epochs")
    assert len({event["xid"] for event in events}) == 4
