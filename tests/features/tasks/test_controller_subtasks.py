"""Subtasks over HTTP: depth, cycles, moving branches and deleting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_project, a_task, a_user
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


async def a_branch(ann: Api, web: dict[str, Any], levels: int) -> list[dict[str, Any]]:
    """Tasks, each below the one before."""
    branch = [await a_task(ann, web)]
    while len(branch) < levels:
        branch.append(await a_task(ann, web, parent_id=branch[-1]["id"]))
    return branch


async def test_a_subtask_shows_its_parent(ann: Api, web: dict[str, Any]) -> None:
    parent = await a_task(ann, web, title="Above")
    task = await a_task(ann, web, parent_id=parent["id"])
    assert task["parent"] == {"id": parent["id"], "key": "WEB-1", "title": "Above"}
    assert made(await ann.get("/tasks/WEB-2")) == task
    assert made(await ann.get(f"/tasks?parent_id={parent['id']}"))["items"] == [task]
    assert made(await ann.patch("/tasks/WEB-2", {"parent_id": None}))["parent"] is None
    assert made(await ann.get(f"/tasks?parent_id={parent['id']}"))["items"] == []


async def test_subtasks_go_five_levels_deep(ann: Api, web: dict[str, Any]) -> None:
    branch = await a_branch(ann, web, 5)
    sixth = await ann.post("/tasks", {"project_id": web["id"], "title": "T", "parent_id": branch[-1]["id"]})
    assert wrong_fields(refused(sixth, 422, "validation_failed")) == {"/parent_id": "too_deep"}
    assert (await a_task(ann, web, parent_id=branch[-2]["id"]))["number"] == 6


async def test_a_branch_moves_only_where_its_lowest_task_stays_within_five_levels(ann: Api, web: dict[str, Any]) -> None:
    moved, target = await a_branch(ann, web, 3), await a_branch(ann, web, 3)
    response = await ann.patch(f"/tasks/{moved[0]['key']}", {"parent_id": target[2]["id"]})
    assert wrong_fields(refused(response, 422, "validation_failed")) == {"/parent_id": "too_deep"}
    moved_task = made(await ann.patch(f"/tasks/{moved[0]['key']}", {"parent_id": target[1]["id"]}))
    assert moved_task["parent"]["id"] == target[1]["id"]


@pytest.mark.parametrize("below", [0, 1, 2])
async def test_a_task_can_not_come_to_stand_below_itself(ann: Api, web: dict[str, Any], below: int) -> None:
    branch = await a_branch(ann, web, 3)
    problem = refused(await ann.patch("/tasks/WEB-1", {"parent_id": branch[below]["id"]}), 409, "parent_cycle")
    assert problem["path"] == [task["id"] for task in branch[: below + 1]]
    assert made(await ann.get("/tasks/WEB-1")) == branch[0]


async def test_a_parent_is_a_living_task_of_the_same_project(ann: Api, web: dict[str, Any]) -> None:
    elsewhere = await a_task(ann, await a_project(ann, key="API"))
    deleted = await a_task(ann, web)
    await ann.delete("/tasks/WEB-1")
    await a_task(ann, web)
    for parent in (elsewhere, deleted):
        for response in (
            await ann.post("/tasks", {"project_id": web["id"], "title": "T", "parent_id": parent["id"]}),
            await ann.patch("/tasks/WEB-2", {"parent_id": parent["id"]}),
        ):
            assert wrong_fields(refused(response, 422, "validation_failed")) == {"/parent_id": "not_found"}


async def test_deleting_a_parent_deletes_its_subtasks_and_tells_of_each(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    branch = await a_branch(ann, web, 3)
    beside = await a_task(ann, web)
    below_the_first = await a_task(ann, web, parent_id=branch[0]["id"])
    assert (await ann.delete("/tasks/WEB-1")).status_code == 204
    assert made(await ann.get("/tasks"))["items"] == [beside]
    for task in (*branch, below_the_first):
        refused(await ann.get(f"/tasks/{task['id']}"), 404, "task_not_found")
        _created, deleted = await the_events(connection, task["id"])
        assert (deleted["type"], deleted["subject_key"], deleted["subject_version"]) == ("task.deleted", task["key"], 2)
    assert len(await the_events(connection, beside["id"])) == 1


async def test_deleting_a_subtask_leaves_its_parent(ann: Api, web: dict[str, Any]) -> None:
    branch = await a_branch(ann, web, 2)
    await ann.delete("/tasks/WEB-2")
    assert made(await ann.get("/tasks"))["items"] == branch[:1]
