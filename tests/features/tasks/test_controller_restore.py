"""Deleted tasks over HTTP: who sees and restores them, what comes back, and what stands in the way."""

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
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def tree(ann: Api, web: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A top with two branches, one of two levels: WEB-1 to WEB-4."""
    top = await a_task(ann, web)
    left, right = await a_task(ann, web, parent_id=top["id"]), await a_task(ann, web, parent_id=top["id"])
    return {"top": top, "left": left, "right": right, "leaf": await a_task(ann, web, parent_id=left["id"])}


async def delete(person: Api, *tasks: dict[str, Any]) -> None:
    """Delete each."""
    for task in tasks:
        response = await person.delete(f"/tasks/{task['id']}")
        assert response.status_code == 204, response.text


async def listed(person: Api, query: str = "") -> set[str]:
    """The keys of the tasks in a list."""
    page = made(await person.get(f"/tasks?{query}"))
    assert page["total"] == len(page["items"])
    return {task["key"] for task in page["items"]}


async def test_a_restored_task_comes_back_with_what_its_deletion_took_along(
    ann: Api, tree: dict[str, dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    await delete(ann, tree["left"], tree["top"])
    assert await listed(ann) == set()
    restored = made(await ann.post("/tasks/WEB-1/restore"))
    assert restored | {"version": 1} == tree["top"]
    assert restored["version"] == 3
    assert await listed(ann) == {"WEB-1", "WEB-3"}
    assert made(await ann.post(f"/tasks/{tree['left']['id']}/restore"))["parent"]["key"] == "WEB-1"
    assert await listed(ann) == {"WEB-1", "WEB-2", "WEB-3", "WEB-4"}
    for task in tree.values():
        _created, deleted, told = await the_events(connection, task["id"])
        assert (told["type"], told["subject_key"], told["subject_version"]) == ("task.restored", task["key"], 3)
        assert told["changes"] == {"deleted_at": {"old": deleted["changes"]["deleted_at"]["new"], "new": None}}


async def test_a_subtask_does_not_come_back_before_its_parent(ann: Api, tree: dict[str, dict[str, Any]]) -> None:
    await delete(ann, tree["leaf"], tree["top"])
    for key in ("WEB-2", "WEB-3", "WEB-4"):
        refused(await ann.post(f"/tasks/{key}/restore"), 409, "parent_deleted")
    made(await ann.post("/tasks/WEB-1/restore"))
    assert await listed(ann) == {"WEB-1", "WEB-2", "WEB-3"}
    made(await ann.post("/tasks/WEB-4/restore"))


async def test_a_task_that_is_not_deleted_stays_as_it_is(
    ann: Api, tree: dict[str, dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    assert made(await ann.post("/tasks/WEB-2/restore")) == tree["left"]
    assert len(await the_events(connection, tree["left"]["id"])) == 1


async def test_only_maintainers_restore(
    api: Api, ann: Api, web: dict[str, Any], tree: dict[str, dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    people = {name: await a_user(api, name) for name in ("viewer", "member", "maintainer", "outsider")}
    for role in ("viewer", "member", "maintainer"):
        await a_member(connection, web, people[role], role)
    root = await an_admin(api, connection)
    for name in ("viewer", "member"):
        await delete(ann, tree["leaf"])
        problem = refused(await people[name].post("/tasks/WEB-4/restore"), 403, "insufficient_role")
        assert problem["required_role"] == "maintainer"
        refused(await people["outsider"].post("/tasks/WEB-4/restore"), 404, "task_not_found")
        made(await (people["maintainer"] if name == "viewer" else root).post("/tasks/WEB-4/restore"))


@pytest.mark.parametrize("reference", ["WEB-9", "nothing", "00000000-0000-7000-8000-000000000000"])
async def test_what_is_not_there_is_not_restored(ann: Api, web: dict[str, Any], reference: str) -> None:
    refused(await ann.post(f"/tasks/{reference}/restore"), 404, "task_not_found")


async def test_nothing_is_restored_into_a_project_that_is_archived_or_deleted(
    ann: Api, web: dict[str, Any], tree: dict[str, dict[str, Any]]
) -> None:
    await delete(ann, tree["leaf"])
    made(await ann.post("/projects/WEB/archive"))
    refused(await ann.post("/tasks/WEB-4/restore"), 409, "project_archived")
    made(await ann.post("/projects/WEB/unarchive"))
    await ann.delete("/projects/WEB")
    for reference in ("WEB-4", tree["leaf"]["id"]):
        refused(await ann.post(f"/tasks/{reference}/restore"), 404, "task_not_found")


async def test_a_tree_comes_back_only_where_it_still_fits(ann: Api, web: dict[str, Any], tree: dict[str, dict[str, Any]]) -> None:
    await delete(ann, tree["left"])
    branch = [await a_task(ann, web)]
    while len(branch) < 3:
        branch.append(await a_task(ann, web, parent_id=branch[-1]["id"]))
    made(await ann.patch("/tasks/WEB-1", {"parent_id": branch[-1]["id"]}))
    refused(await ann.post("/tasks/WEB-2/restore"), 409, "parent_too_deep")
    made(await ann.patch("/tasks/WEB-1", {"parent_id": branch[-2]["id"]}))
    made(await ann.post("/tasks/WEB-2/restore"))
    assert "WEB-4" in await listed(ann)


async def test_a_restore_can_be_made_for_one_state_only(ann: Api, tree: dict[str, dict[str, Any]]) -> None:
    await delete(ann, tree["leaf"])
    assert refused(await ann.post("/tasks/WEB-4/restore", headers={"If-Match": '"1"'}), 412, "precondition_failed")
    made(await ann.patch("/projects/WEB", {"require_if_match": True}, headers={"If-Match": "*"}))
    refused(await ann.post("/tasks/WEB-4/restore"), 428, "precondition_required")
    (deleted,) = [task for task in made(await ann.get("/tasks?include_deleted=true"))["items"] if task["deleted_at"]]
    made(await ann.post("/tasks/WEB-4/restore", headers={"If-Match": f'"{deleted["version"]}"'}))


async def test_deleted_tasks_are_listed_where_one_may_restore_them(
    api: Api, ann: Api, web: dict[str, Any], tree: dict[str, dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    bob, cora, root = await a_user(api, "Bob"), await a_user(api, "Cora"), await an_admin(api, connection)
    await a_member(connection, web, bob)
    await a_member(connection, web, cora, "maintainer")
    other = await a_project(bob, key="BOB")
    await delete(bob, await a_task(bob, other))
    await delete(ann, tree["left"])
    alive = {"WEB-1", "WEB-3"}
    assert await listed(ann, "include_deleted=false") == alive
    assert await listed(ann, "include_deleted=true") == await listed(cora, "include_deleted=true") == alive | {"WEB-2", "WEB-4"}
    assert await listed(bob, "include_deleted=true") == alive | {"BOB-1"}
    assert await listed(root, "include_deleted=true") == alive | {"WEB-2", "WEB-4", "BOB-1"}
    assert await listed(ann, f"include_deleted=true&parent_id={tree['left']['id']}&filter=priority%3D3") == {"WEB-4"}
    script = await a_personal_token(ann, "tasks:read", project_ids=[(await a_project(ann))["id"]])
    assert await listed(script, "include_deleted=true") == set()
    await ann.delete("/projects/WEB")
    assert await listed(root, "include_deleted=true") == {"BOB-1"}


async def test_a_deleted_task_says_until_when_it_is_kept(ann: Api, tree: dict[str, dict[str, Any]]) -> None:
    await delete(ann, tree["leaf"])
    tasks = {task["key"]: task for task in made(await ann.get("/tasks?include_deleted=true&limit=3"))["items"]}
    assert tasks["WEB-3"]["deleted_at"] is tasks["WEB-3"]["purge_at"] is None
    deleted_at, purge_at = (datetime.fromisoformat(tasks["WEB-4"][name]) for name in ("deleted_at", "purge_at"))
    assert purge_at - deleted_at == timedelta(days=30)
