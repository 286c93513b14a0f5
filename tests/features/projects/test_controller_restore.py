"""Deleted projects over HTTP: who sees and restores them, and what stands in the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB, deleted with a task in it and one that was deleted before."""
    web = await a_project(ann, key="WEB")
    await a_task(ann, web)
    await a_task(ann, web)
    await ann.delete("/tasks/WEB-2")
    assert (await ann.delete("/projects/WEB")).status_code == 204
    return web


async def listed(person: Api, query: str = "") -> list[str]:
    """The keys of the projects in a list, sorted."""
    page = made(await person.get(f"/projects?{query}"))
    assert page["total"] == len(page["items"])
    return sorted(project["key"] for project in page["items"])


async def test_a_restored_project_is_what_it_was_with_its_tasks(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    refused(await ann.get("/tasks/WEB-1"), 404, "task_not_found")
    restored = made(await ann.post(f"/projects/{web['id']}/restore"))
    assert restored | {"version": 1} == web
    assert [task["key"] for task in made(await ann.get("/tasks"))["items"]] == ["WEB-1"]
    made(await ann.post("/tasks/WEB-2/restore"))
    told = (await the_events(connection, web["id"]))[-1]
    assert (told["type"], told["subject_key"], told["subject_version"]) == ("project.restored", "WEB", 3)
    assert (await a_task(ann, web))["number"] == 3


async def test_a_project_that_is_not_deleted_stays_as_it_is(ann: Api) -> None:
    project = await a_project(ann, key="API")
    for reference in ("API", project["id"]):
        assert made(await ann.post(f"/projects/{reference}/restore")) == project


async def test_a_deleted_project_is_named_by_its_id_only(ann: Api, web: dict[str, Any]) -> None:
    refused(await ann.post("/projects/WEB/restore"), 404, "project_not_found")
    refused(await ann.post("/projects/00000000-0000-7000-8000-000000000000/restore"), 404, "project_not_found")


async def test_a_key_that_was_taken_meanwhile_stands_in_the_way(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    new = await a_project(await a_user(ann, "Bob"), key="WEB")
    refused(await ann.post(f"/projects/{web['id']}/restore"), 409, "key_taken")
    assert await connection.fetchval("SELECT deleted_at FROM projects WHERE id = $1::uuid", web["id"])
    await connection.execute("UPDATE projects SET deleted_at = now() WHERE id = $1::uuid", new["id"])
    made(await ann.post(f"/projects/{web['id']}/restore"))


async def test_only_its_owner_and_admins_see_and_restore_a_deleted_project(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob, cora, root = await a_user(api, "Bob"), await a_user(api, "Cora"), await an_admin(api, connection)
    await a_member(connection, web, bob, "maintainer")
    path = f"/projects/{web['id']}/restore"
    assert refused(await bob.post(path), 403, "insufficient_role")["required_role"] == "owner"
    refused(await cora.post(path), 404, "project_not_found")
    for person, seen in ((ann, ["WEB"]), (root, ["WEB"]), (bob, []), (cora, [])):
        assert await listed(person, "include_deleted=true") == seen
        assert await listed(person) == []
    script = await a_personal_token(ann, "projects:read", project_ids=[(await a_project(ann, key="API", name="Api"))["id"]])
    assert await listed(script, "include_deleted=true") == ["API"]
    assert await listed(ann, "include_deleted=true&search=web") == ["WEB"]
    made(await root.post(path))


async def test_a_deleted_project_says_until_when_it_is_kept(ann: Api, web: dict[str, Any]) -> None:
    await a_project(ann, key="API")
    projects = {project["key"]: project for project in made(await ann.get("/projects?include_deleted=true"))["items"]}
    assert projects["API"]["deleted_at"] is projects["API"]["purge_at"] is None
    deleted_at, purge_at = (datetime.fromisoformat(projects["WEB"][name]) for name in ("deleted_at", "purge_at"))
    assert purge_at - deleted_at == timedelta(days=30)


async def test_a_restore_can_be_made_for_one_state_only(ann: Api, web: dict[str, Any]) -> None:
    path = f"/projects/{web['id']}/restore"
    refused(await ann.post(path, headers={"If-Match": '"1"'}), 412, "precondition_failed")
    made(await ann.post(path, headers={"If-Match": '"2"'}))
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    await ann.delete("/projects/WEB", headers={"If-Match": "*"})
    refused(await ann.post(path), 428, "precondition_required")
    made(await ann.post(path, headers={"If-Match": "*"}))
