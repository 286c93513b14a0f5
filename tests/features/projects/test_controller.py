"""Projects over HTTP: creating, reading, changing, archiving and deleting."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.alike import but_for_the_request
from tests.support.factories import project_body
from tests.support.http import API, Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB", description="# Plan")


def instant(clock: FakeClock) -> str:
    """The clock's time as answers write it."""
    return clock.now().isoformat().replace("+00:00", "Z")


async def test_a_created_project_is_answered_whole_and_read_where_location_says(ann: Api, clock: FakeClock) -> None:
    body = project_body(key="WEB")
    response = await ann.post("/projects", body)
    assert response.status_code == 201
    project = response.json()
    assert response.headers["location"] == f"{API}/projects/{project['id']}"
    assert response.headers["x-change-cursor"]
    assert UUID(project["id"]).version == 7
    person = {name: ann.user[name] for name in ("id", "full_name", "email", "is_active")}
    assert project == {
        "id": project["id"],
        **body,
        "owner": person,
        "is_archived": False,
        "archived_at": None,
        "require_if_match": False,
        "my_role": "owner",
        "created_at": instant(clock),
        "updated_at": instant(clock),
        "deleted_at": None,
        "purge_at": None,
        "version": 1,
    }
    for reference in (response.headers["location"], "/projects/WEB"):
        assert made(await ann.get(reference)) == project


async def test_a_key_is_made_where_none_is_sent(ann: Api) -> None:
    keys = [made(await ann.post("/projects", {"name": "Web Site", **more}))["key"] for more in ({}, {"key": None})]
    assert keys == ["WS", "WS2"]


async def test_a_key_is_taken_for_everyone(api: Api, web: dict[str, Any]) -> None:
    bob = await a_user(api, "Bob")
    problem = refused(await bob.post("/projects", project_body(key="WEB")), 409, "key_taken")
    assert "WEB" in problem["detail"]
    assert made(await bob.get("/projects"))["items"] == []


async def test_a_key_is_two_to_ten_capitals_and_digits(ann: Api) -> None:
    for key in ("W", "web", "WEB-SITE", "ABCDEFGHIJK", "ÄÖ", "WEB\n", ""):
        problem = refused(await ann.post("/projects", project_body(key=key)), 422, "validation_failed")
        assert list(wrong_fields(problem)) == ["/key"], key


async def test_everything_that_is_wrong_with_a_new_project_is_named_at_once(ann: Api) -> None:
    body = {"key": "w", "description": 7, "owner": "me", "archived_at": None}
    problem = refused(await ann.post("/projects", body), 422, "validation_failed")
    assert wrong_fields(problem) == {
        "/name": "missing",
        "/key": "wrong_format",
        "/description": "wrong_type",
        "/owner": "unknown",
        "/archived_at": "unknown",
    }


async def test_a_name_is_one_line_of_at_most_a_hundred_characters(ann: Api, web: dict[str, Any]) -> None:
    for name in ("", " ", "two\nlines", "nul\0", "x" * 101):
        for method, path in (("POST", "/projects"), ("PATCH", "/projects/WEB")):
            problem = refused(await ann.call(method, path, {"name": name}), 422, "validation_failed")
            assert list(wrong_fields(problem)) == ["/name"], name
    assert made(await ann.patch("/projects/WEB", {"name": "é" * 100}))["name"] == "é" * 100


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"name": "New"}, {"name": "New"}),
        ({"description": None}, {"description": None}),
        ({"description": ""}, {"description": ""}),
        ({"require_if_match": True}, {"require_if_match": True}),
        ({"name": "New", "description": "# Plan"}, {"name": "New"}),
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_a_patch_changes_what_it_names(
    ann: Api, web: dict[str, Any], clock: FakeClock, *, body: dict[str, Any], changed: dict[str, Any], media_type: str
) -> None:
    clock.advance(timedelta(minutes=1))
    response = await ann.patch("/projects/WEB", body, headers={"Content-Type": media_type})
    assert response.headers["x-change-cursor"]
    assert made(response) == web | changed | {"updated_at": instant(clock), "version": 2}
    assert made(await ann.get("/projects/WEB")) == response.json()


@pytest.mark.parametrize("body", [{}, {"name": "Web Site"}, {"description": "# Plan", "require_if_match": False}])
async def test_a_patch_to_what_is_there_already_changes_nothing(
    ann: Api, web: dict[str, Any], clock: FakeClock, connection: asyncpg.Connection[Any], body: dict[str, Any]
) -> None:
    clock.advance(timedelta(minutes=1))
    response = await ann.patch("/projects/WEB", body)
    assert made(response) == web
    assert "x-change-cursor" not in response.headers
    assert len(await the_events(connection, web["id"])) == 1


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"name": None}, {"/name": "wrong_type"}),
        ({"require_if_match": None, "description": []}, {"/require_if_match": "wrong_type", "/description": "wrong_type"}),
        ({"key": "NEW", "version": 7, "id": MISSING}, {"/key": "unknown", "/version": "unknown", "/id": "unknown"}),
        ({"name": "New", "is_archived": True}, {"/is_archived": "unknown"}),
    ],
)
async def test_a_patch_with_anything_wrong_changes_nothing(
    ann: Api, web: dict[str, Any], body: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert wrong_fields(refused(await ann.patch("/projects/WEB", body), 422, "validation_failed")) == wrong
    assert made(await ann.get("/projects/WEB")) == web


async def test_archiving_and_unarchiving_each_happen_once(ann: Api, web: dict[str, Any], clock: FakeClock) -> None:
    archived = web | {"is_archived": True, "archived_at": instant(clock), "version": 2}
    for _ in range(2):
        response = await ann.post("/projects/WEB/archive")
        assert (response.status_code, response.json()) == (200, archived)
    for _ in range(2):
        response = await ann.post("/projects/WEB/unarchive", {})
        assert (response.status_code, response.json()) == (200, web | {"version": 3})


async def test_an_archived_project_is_read_and_not_written(ann: Api, web: dict[str, Any]) -> None:
    task = await a_task(ann, web)
    project = made(await ann.post("/projects/WEB/archive"))
    for method, path, body in (
        ("PATCH", "/projects/WEB", {"name": "New"}),
        ("PATCH", "/projects/WEB", {}),
        ("DELETE", "/projects/WEB", None),
        ("POST", "/tasks", {"project_id": web["id"], "title": "New"}),
        ("PATCH", "/tasks/WEB-1", {"title": "New"}),
        ("DELETE", "/tasks/WEB-1", None),
    ):
        assert "WEB" in refused(await ann.call(method, path, body), 409, "project_archived")["detail"]
    assert made(await ann.get("/projects/WEB")) == project
    assert made(await ann.get("/tasks/WEB-1")) == task
    assert made(await ann.get("/tasks"))["total"] == 1


async def test_a_deleted_project_is_gone_with_its_tasks_and_its_key_is_free(ann: Api, web: dict[str, Any]) -> None:
    task = await a_task(ann, web)
    response = await ann.delete("/projects/WEB")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["x-change-cursor"]
    for path in ("/projects/WEB", f"/projects/{web['id']}"):
        refused(await ann.get(path), 404, "project_not_found")
        refused(await ann.delete(path), 404, "project_not_found")
    for path in ("/tasks/WEB-1", f"/tasks/{task['id']}"):
        refused(await ann.get(path), 404, "task_not_found")
        refused(await ann.patch(path, {"title": "New"}), 404, "task_not_found")
    refused(await ann.post("/tasks", {"project_id": web["id"], "title": "New"}), 404, "project_not_found")
    for path in ("/projects?include_archived=true", "/tasks", f"/tasks?project_id={web['id']}"):
        assert made(await ann.get(path))["items"] == []
    assert made(await ann.post("/projects", project_body(key="WEB")))["id"] != web["id"]


ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PATCH", "", {"name": "New"}),
    ("DELETE", "", None),
    ("POST", "/archive", None),
    ("POST", "/unarchive", None),
]


@pytest.mark.parametrize(("method", "action", "body"), ROUTES)
async def test_a_foreign_project_a_deleted_and_a_missing_one_read_the_same(
    api: Api, ann: Api, web: dict[str, Any], method: str, action: str, body: dict[str, Any] | None
) -> None:
    bob = await a_user(api, "Bob")
    deleted = await a_project(bob, key="OLD")
    await bob.delete("/projects/OLD")
    await ann.post("/projects/WEB/archive")
    answers = [
        await bob.call(method, f"/projects/{reference}{action}", body)
        for reference in (web["id"], "WEB", deleted["id"], "OLD", MISSING, "NONE", "no-key-at-all")
    ]
    refused(answers[0], 404, "project_not_found")
    first, *others = map(but_for_the_request, answers)
    assert others == [first] * 6


async def test_who_is_made_a_member_sees_the_project_with_his_role(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob, "viewer")
    assert made(await bob.get("/projects/WEB")) == web | {"my_role": "viewer"}


async def test_every_write_tells_of_itself_in_its_own_transaction(
    ann: Api, web: dict[str, Any], clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    requests = []
    for method, action, body in (
        ("PATCH", "", {"name": "New"}),
        ("POST", "/archive", None),
        ("POST", "/unarchive", None),
        ("DELETE", "", None),
    ):
        requests.append((await ann.call(method, f"/projects/WEB{action}", body)).headers["x-request-id"])
    created, *changed = events = await the_events(connection, web["id"])
    (joined,) = await connection.fetch("SELECT * FROM events WHERE type = 'member.added'")
    assert (created["type"], created["data"], created["changes"]) == ("project.created", {"name": "Web Site"}, {})
    assert json.loads(joined["data"]) == {"user_id": ann.user["id"], "role": "owner"}
    now = instant(clock)
    assert [(event["type"], event["subject_version"], event["changes"]) for event in changed] == [
        ("project.updated", 2, {"name": {"old": "Web Site", "new": "New"}}),
        ("project.archived", 3, {"archived_at": {"old": None, "new": now}}),
        ("project.unarchived", 4, {"archived_at": {"old": now, "new": None}}),
        ("project.deleted", 5, {"deleted_at": {"old": None, "new": now}}),
    ]
    assert [event["request_id"] for event in changed] == requests
    for event in events:
        assert str(event["project_id"]) == str(event["subject_id"]) == web["id"]
        assert (event["subject_type"], event["subject_key"], event["time"]) == ("project", "WEB", clock.now())
        assert (str(event["actor_id"]), event["actor_kind"]) == (ann.user["id"], "user")
        assert event["epoch"] == await connection.fetchval("SELECT max(epoch) FROM event_epochs")
    # One transaction for the project and its owner, one for each further write.
    assert created["xid"] == joined["xid"]
    assert len({event["xid"] for event in events}) == 5
