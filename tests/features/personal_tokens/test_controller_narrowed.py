"""Personal access tokens that are narrowed to projects: what they see, and what they may write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.kernel.actor import Scope
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.anyio

EVERY_SCOPE = tuple(Scope)


class House:
    """Ann's two projects, a task in each, and a token of hers for one of them."""

    def __init__(
        self, ann: Api, script: Api, web: dict[str, Any], other: dict[str, Any], task: dict[str, Any], hidden: dict[str, Any]
    ) -> None:
        self.ann = ann
        self.script = script
        self.web = web
        self.other = other
        self.task = task
        self.hidden = hidden


@pytest.fixture
async def house(api: Api) -> House:
    ann = await a_user(api)
    web, other = await a_project(ann, key="WEB", name="Web Site"), await a_project(ann, key="APP", name="Web App")
    script = await a_personal_token(ann, *EVERY_SCOPE, project_ids=[web["id"]])
    return House(ann, script, web, other, await a_task(ann, web), await a_task(ann, other))


async def test_a_read_only_token_is_told_the_scope_of_a_write_even_on_what_it_does_not_see(house: House) -> None:
    reader = await a_personal_token(house.ann, "tasks:read", project_ids=[house.web["id"]])
    assert made(await reader.get(f"/tasks/{house.task['id']}"))["id"] == house.task["id"]
    for task in (house.task, house.hidden):
        problem = refused(await reader.patch(f"/tasks/{task['id']}", {"title": "T"}), 403, "insufficient_scope")
        assert problem["required_scope"] == "tasks:write"


@pytest.mark.parametrize("query", ["", "?count=exact&limit=1", "?project_id={other}", "?sort=title&status=todo"])
async def test_lists_of_tasks_hold_those_of_its_projects_only(house: House, query: str) -> None:
    page = made(await house.script.get(f"/tasks{query.format(other=house.other['id'])}"))
    mine = [] if "project_id" in query else [house.task["id"]]
    assert ([task["id"] for task in page["items"]], page["total"]) == (mine, len(mine))


async def test_walking_a_list_by_cursor_stays_within(house: House) -> None:
    own = [house.task["id"]] + [(await a_task(house.ann, house.web))["id"] for _ in range(2)]
    await a_task(house.ann, house.other)
    found: list[str] = []
    page = made(await house.script.get("/tasks?limit=1"))
    while True:
        found += [task["id"] for task in page["items"]]
        if page["next_cursor"] is None:
            break
        page = made(await house.script.get("/tasks", params={"limit": 1, "cursor": page["next_cursor"]}))
    assert sorted(found) == sorted(own)


@pytest.mark.parametrize("query", ["", "?search=web", "?my_projects_only=true&count=exact&sort=name"])
async def test_lists_of_projects_hold_its_projects_only(house: House, query: str) -> None:
    page = made(await house.script.get(f"/projects{query}"))
    assert ([project["id"] for project in page["items"]], page["total"]) == ([house.web["id"]], 1)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_another_project_s_task_reads_as_none_by_id_and_by_key(house: House, method: str) -> None:
    body = {"title": "T"} if method == "PATCH" else None
    for reference in (house.hidden["id"], house.hidden["key"], uuid4(), "APP-99"):
        refused(await house.script.call(method, f"/tasks/{reference}", body), 404, "task_not_found")
    assert made(await house.ann.get(f"/tasks/{house.hidden['id']}"))["title"] == house.hidden["title"]


@pytest.mark.parametrize("archived", [False, True])
async def test_another_project_gets_no_task_archived_or_not(house: House, *, archived: bool) -> None:
    if archived:
        made(await house.ann.post(f"/projects/{house.other['id']}/archive"))
    body = {"project_id": house.other["id"], "title": "T"}
    refused(await house.script.post("/tasks", body), 404, "project_not_found")
    problem = refused(await house.script.post("/tasks/bulk-create", {"tasks": [body]}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/tasks/0/project_id": "not_found"}
    assert made(await house.ann.get("/tasks"))["total"] == 2


async def test_its_own_project_is_written_to_as_ever(house: House) -> None:
    task = await a_task(house.script, house.web, parent_id=house.task["id"])
    assert made(await house.script.patch(f"/tasks/{task['id']}", {"title": "Other"}))["title"] == "Other"
    assert made(await house.script.patch(f"/projects/{house.web['id']}", {"name": "Other"}))["my_role"] == "owner"
    assert (await house.script.delete(f"/tasks/{task['id']}")).status_code == 204


async def test_a_parent_in_another_project_is_none(house: House) -> None:
    body = {"project_id": house.web["id"], "title": "T", "parent_id": house.hidden["id"]}
    problem = refused(await house.script.post("/tasks", body), 422, "validation_failed")
    assert wrong_fields(problem) == {"/parent_id": "not_found"}
    patch = {"parent_id": house.hidden["id"]}
    problem = refused(await house.script.patch(f"/tasks/{house.task['id']}", patch), 422, "validation_failed")
    assert wrong_fields(problem) == {"/parent_id": "not_found"}


async def test_bulk_updates_point_at_tasks_outside_and_change_nothing(house: House) -> None:
    body = {"task_ids": [house.task["id"], house.hidden["id"]], "update_data": {"priority": 5}}
    problem = refused(await house.script.post("/tasks/bulk-update", body), 422, "validation_failed")
    assert wrong_fields(problem) == {"/task_ids/1": "not_found"}
    assert made(await house.ann.get(f"/tasks/{house.task['id']}"))["priority"] == house.task["priority"]


@pytest.mark.parametrize("act", ["GET ", "PATCH ", "DELETE ", "POST /archive", "POST /unarchive"])
async def test_another_project_reads_as_none_by_id_and_by_key(house: House, act: str) -> None:
    method, rest = act.split(" ")
    body = {"name": "Mine"} if method == "PATCH" else None
    for reference in (house.other["id"], "APP", uuid4()):
        refused(await house.script.call(method, f"/projects/{reference}{rest}", body), 404, "project_not_found")
    assert made(await house.ann.get("/projects/APP"))["version"] == house.other["version"]


async def test_a_narrowed_token_makes_no_project(house: House) -> None:
    problem = refused(await house.script.post("/projects", {"name": "New"}), 403, "token_narrowed")
    assert "narrowed" in problem["detail"]
    assert made(await house.ann.get("/projects"))["total"] == 2


async def test_only_people_of_its_projects_are_seen(house: House, api: Api, connection: asyncpg.Connection[Any]) -> None:
    bob, eve = await a_user(api, "Bob"), await a_user(api, "Eve")
    await a_member(connection, house.web, bob)
    await a_member(connection, house.other, eve)
    assert made(await house.ann.get("/users"))["total"] == 3
    seen = {user["id"] for user in made(await house.script.get("/users"))["items"]}
    assert seen == {house.ann.user["id"], bob.user["id"]}
    assert made(await house.script.get("/users?search=e&is_active=true"))["total"] == 2
    assert made(await house.script.get(f"/users/{bob.user['id']}"))["id"] == bob.user["id"]
    refused(await house.script.get(f"/users/{eve.user['id']}"), 404, "user_not_found")
    assert made(await house.script.get("/users/me"))["id"] == house.ann.user["id"]


async def test_people_of_a_project_that_one_left_are_seen_no_more(
    house: House, api: Api, connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(api, "Bob")
    for project in (house.web, house.other):
        await a_member(connection, project, bob)
    await connection.execute(
        "DELETE FROM memberships WHERE project_id = $1::uuid AND user_id = $2::uuid", house.web["id"], house.ann.user["id"]
    )
    assert made(await house.script.get("/users"))["total"] == 1
    refused(await house.script.get(f"/users/{bob.user['id']}"), 404, "user_not_found")
    refused(await house.script.get(f"/tasks/{house.task['id']}"), 404, "task_not_found")


async def test_a_narrowed_token_of_an_admin_is_no_admin_s(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, root = await a_user(api), await an_admin(api, connection)
    web = await a_project(ann)
    own = await a_project(root)
    script = await a_personal_token(root, *EVERY_SCOPE, project_ids=[own["id"]])
    assert [project["id"] for project in made(await script.get("/projects"))["items"]] == [own["id"]]
    refused(await script.get(f"/projects/{web['id']}"), 404, "project_not_found")
    refused(await script.post(f"/users/{ann.user['id']}/deactivate"), 403, "admin_required")
    refused(await script.patch(f"/users/{ann.user['id']}", {"full_name": "Mine"}), 404, "user_not_found")
    assert made(await script.get("/users"))["total"] == 1
