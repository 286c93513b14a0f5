"""Many tasks at once over HTTP: every bad one is pointed at, and nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.many_tasks import body, dump, tasks_of
from tests.support.scenes import a_member, a_project, a_task, a_user

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


@pytest.fixture
async def app_(ann: Api) -> dict[str, Any]:
    """Ann's project APP."""
    return await a_project(ann, key="APP")


async def test_one_bad_id_among_a_thousand_changes_nothing_and_is_named(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    ids = [task["id"] for task in await tasks_of(ann, *[body(web)] * 1000)]
    before = await dump(connection)
    ids[613] = MISSING
    response = await ann.post("/tasks/bulk-update", {"task_ids": ids, "update_data": {"title": "New"}})
    assert wrong_fields(refused(response, 422, "validation_failed")) == {"/task_ids/613": "not_found"}
    assert await dump(connection) == before


async def test_every_bad_id_is_named(
    ann: Api, web: dict[str, Any], app_: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(ann, "Bob")
    good, deleted, gone = await tasks_of(ann, body(web), body(web), body(app_))
    unseen = await a_task(bob, await a_project(bob, key="BOB"))
    await ann.delete(f"/tasks/{deleted['id']}")
    await ann.delete("/projects/APP")
    ids = [good["id"], MISSING, deleted["id"], gone["id"], unseen["id"], good["id"], MISSING]
    before = await dump(connection)
    response = await ann.post("/tasks/bulk-update", {"task_ids": ids, "update_data": {"title": "New"}})
    codes = ["not_found"] * 4 + ["duplicate"] * 2
    assert wrong_fields(refused(response, 422, "validation_failed")) == {
        f"/task_ids/{place}": code for place, code in enumerate(codes, 1)
    }
    assert await dump(connection) == before


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"/update_data": "missing"}),
        ({"update_data": {"title": "T"}}, {"/task_ids": "missing"}),
        ({"update_data": {"title": "T"}, "expected_count": 1}, {"/task_ids": "missing", "/expected_count": "not_allowed"}),
        ({"filter": "TRUE", "update_data": {"title": "T"}}, {"/expected_count": "missing"}),
        (
            {"filter": "TRUE", "task_ids": [MISSING], "versions": [1], "expected_count": 1, "update_data": {"title": "T"}},
            {"/filter": "contradiction", "/versions": "not_allowed"},
        ),
        ({"filter": "due", "expected_count": 1, "update_data": {"title": "T"}}, {"/filter": "not_allowed"}),
        ({"filter": "TRUE", "expected_count": 1001, "update_data": {"title": "T"}}, {"/expected_count": "too_large"}),
        ({"filter": "TRUE", "expected_count": -1, "update_data": {"title": "T"}}, {"/expected_count": "too_small"}),
        ({"task_ids": [], "update_data": {}}, {"/task_ids": "too_short", "/update_data": "not_allowed"}),
        ({"task_ids": [MISSING] * 1001, "update_data": {"title": "T"}}, {"/task_ids": "too_long"}),
        ({"task_ids": [MISSING, "WEB-1"], "update_data": {"title": "T"}}, {"/task_ids/1": "wrong_format"}),
        ({"task_ids": [MISSING], "update_data": {"parent_id": None}}, {"/update_data/parent_id": "unknown"}),
        ({"task_ids": [MISSING], "update_data": {"title": "a\0"}}, {"/update_data/title": "not_allowed"}),
        ({"task_ids": [MISSING], "update_data": {"priority": 6}}, {"/update_data/priority": "too_large"}),
        (
            {"task_ids": [MISSING], "update_data": {"status": "todo", "is_completed": True}},
            {"/update_data/is_completed": "contradiction"},
        ),
        ({"task_ids": [MISSING], "update_data": {"title": "T"}, "mode": "some"}, {"/mode": "not_allowed"}),
        ({"task_ids": [MISSING], "update_data": {"title": "T"}, "versions": []}, {"/versions": "wrong_length"}),
        ({"task_ids": [MISSING], "update_data": {"title": "T"}, "versions": [1, 1]}, {"/versions": "wrong_length"}),
        ({"task_ids": [MISSING], "update_data": {"title": "T"}, "versions": [0]}, {"/versions/0": "too_small"}),
    ],
)
async def test_a_bad_bulk_update_is_refused_at_its_place(ann: Api, sent: dict[str, Any], errors: dict[str, str]) -> None:
    problem = refused(await ann.post("/tasks/bulk-update", sent), 422, "validation_failed")
    assert wrong_fields(problem) == errors


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"title": ""}, {"/tasks/1/title": "too_short"}),
        ({"title": "a\0"}, {"/tasks/1/title": "not_allowed"}),
        ({"colour": "red"}, {"/tasks/1/colour": "unknown"}),
        ({"due_date": "2026-01-01"}, {"/tasks/1/due_date": "wrong_format"}),
        ({"due_date": "2300-01-01T00:00:00Z"}, {"/tasks/1/due_date": "not_allowed"}),
        ({"status": "open"}, {"/tasks/1/status": "not_allowed"}),
        ({"status": "done", "is_completed": False}, {"/tasks/1/is_completed": "contradiction"}),
        ({"project_id": MISSING}, {"/tasks/1/project_id": "not_found"}),
        ({"assignee_id": MISSING}, {"/tasks/1/assignee_id": "not_a_member"}),
        ({"parent_id": MISSING}, {"/tasks/1/parent_id": "not_found"}),
    ],
)
async def test_one_bad_task_among_several_creates_nothing_and_is_pointed_at(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], fields: dict[str, Any], errors: dict[str, str]
) -> None:
    before = await dump(connection)
    response = await ann.post("/tasks/bulk-create", {"tasks": [body(web), body(web, **fields), body(web)]})
    assert wrong_fields(refused(response, 422, "validation_failed")) == errors
    assert await dump(connection) == before


@pytest.mark.parametrize("sent", [{"tasks": []}, {"tasks": [{"title": "T", "project_id": MISSING}] * 1001}, {}, {"tasks": {}}])
async def test_no_tasks_and_too_many_are_refused(ann: Api, sent: dict[str, Any]) -> None:
    problem = refused(await ann.post("/tasks/bulk-create", sent), 422, "validation_failed")
    assert list(wrong_fields(problem)) == ["/tasks"]


async def test_a_missing_title_is_pointed_at(ann: Api, web: dict[str, Any]) -> None:
    problem = refused(await ann.post("/tasks/bulk-create", {"tasks": [{"project_id": web["id"]}]}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/tasks/0/title": "missing"}


async def test_a_viewer_of_one_of_the_projects_may_not(
    ann: Api, web: dict[str, Any], app_: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(ann, "Bob")
    await a_member(connection, web, bob)
    await a_member(connection, app_, bob, "viewer")
    ids = [task["id"] for task in await tasks_of(ann, body(web), body(app_))]
    before = await dump(connection)
    for path, sent in (
        ("/tasks/bulk-update", {"task_ids": ids, "update_data": {"title": "New"}}),
        ("/tasks/bulk-create", {"tasks": [body(web), body(app_)]}),
    ):
        problem = refused(await bob.post(path, sent), 403, "insufficient_role")
        assert (problem["required_role"], problem["project"]) == ("member", "APP")
        assert "viewer in project APP" in problem["detail"]
    assert await dump(connection) == before


async def test_in_an_archived_project_nothing_is_written(
    ann: Api, web: dict[str, Any], app_: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    ids = [task["id"] for task in await tasks_of(ann, body(web), body(app_))]
    made(await ann.post("/projects/APP/archive"))
    before = await dump(connection)
    for path, sent in (
        ("/tasks/bulk-update", {"task_ids": ids, "update_data": {"title": "New"}}),
        ("/tasks/bulk-create", {"tasks": [body(web), body(app_)]}),
    ):
        assert "APP" in refused(await ann.post(path, sent), 409, "project_archived")["detail"]
    assert await dump(connection) == before


async def test_an_assignee_must_belong_to_every_project(
    ann: Api, web: dict[str, Any], app_: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(ann, "Bob")
    await a_member(connection, web, bob, "viewer")
    update = {
        "task_ids": [task["id"] for task in await tasks_of(ann, body(web), body(app_))],
        "update_data": {"assignee_id": bob.user["id"]},
    }
    problem = refused(await ann.post("/tasks/bulk-update", update), 422, "validation_failed")
    assert wrong_fields(problem) == {"/update_data/assignee_id": "not_a_member"}
    assert "APP" in problem["errors"][0]["message"]
    await a_member(connection, app_, bob, "viewer")
    assert made(await ann.post("/tasks/bulk-update", update))["updated_count"] == 2


async def test_without_a_token_both_are_closed(api: Api) -> None:
    update = {"task_ids": [MISSING], "update_data": {"title": "T"}}
    refused(await api.post("/tasks/bulk-update", update), 401, "unauthenticated")
    refused(await api.post("/tasks/bulk-create", {"tasks": [{"project_id": MISSING, "title": "T"}]}), 401, "unauthenticated")
