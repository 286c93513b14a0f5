"""Deleting, restoring, creating and purging at once: each order is one that could have happened, and none is half done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.purges import project_purges, task_purges
from tests.support.scenes import a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from service.wiring import Ports

pytestmark = [pytest.mark.anyio, pytest.mark.api]

# Rounds, and requests at once in each.
CROWDS = [
    pytest.param(2, 12, id="2 rounds"),
    pytest.param(20, 50, id="20 rounds", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]


@pytest.fixture
async def ann(crowd: Api) -> Api:
    """Ann, whose requests run side by side."""
    return await a_user(crowd, "Ann")


async def a_tree(ann: Api, web: dict[str, Any]) -> list[dict[str, Any]]:
    """Three levels of one task each."""
    tree = [await a_task(ann, web)]
    while len(tree) < 3:
        tree.append(await a_task(ann, web, parent_id=tree[-1]["id"]))
    return tree


async def statuses(*calls: Any) -> list[int]:
    """What calls made at once are answered, in their order."""
    return [response.status_code for response in await asyncio.gather(*calls)]


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_of_creates_beside_a_deletion_a_restore_brings_back_those_that_were_made(ann: Api, rounds: int, many: int) -> None:
    for _ in range(rounds):
        project = await a_project(ann)
        body = {"project_id": project["id"], "title": "T"}
        creates = [ann.post("/tasks", body) for _ in range(many)]
        answers = await statuses(*creates[: many // 2], ann.delete(f"/projects/{project['id']}"), *creates[many // 2 :])
        assert answers.pop(many // 2) == 204
        assert set(answers) <= {201, 404}
        made(await ann.post(f"/projects/{project['id']}/restore"))
        numbers = {task["number"] for task in made(await ann.get(f"/tasks?project_id={project['id']}&limit=200"))["items"]}
        assert numbers == set(range(1, answers.count(201) + 1))
        assert made(await ann.post("/tasks", body))["number"] == len(numbers) + 1


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_deletions_beside_restores_take_turns(
    ann: Api, connection: asyncpg.Connection[Any], rounds: int, many: int
) -> None:
    web = await a_project(ann, key="WEB")
    for _ in range(rounds):
        tree = await a_tree(ann, web)
        path = f"/tasks/{tree[0]['id']}"
        calls = [ann.post(f"{path}/restore") if number % 2 else ann.delete(path) for number in range(many)]
        answers = await statuses(*calls)
        assert set(answers[0::2]) <= {204, 404}
        assert set(answers[1::2]) == {200}
        for task in tree:
            told = await the_events(connection, task["id"])
            types = [event["type"] for event in sorted(told, key=lambda event: event["subject_version"])]
            assert types == ["task.created", *(["task.deleted", "task.restored"] * many)][: len(types)]
            assert types.count("task.deleted") == answers.count(204)
            stored = await connection.fetchrow("SELECT deleted_at, version FROM tasks WHERE id = $1::uuid", task["id"])
            assert stored is not None
            assert (stored["deleted_at"] is not None, stored["version"]) == (types[-1] == "task.deleted", len(types))


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_a_tree_is_restored_whole_or_purged_whole(
    ann: Api, ports: Ports, connection: asyncpg.Connection[Any], rounds: int, many: int
) -> None:
    web = await a_project(ann, key="WEB")
    for number in range(rounds):
        tree = await a_tree(ann, web)
        path = f"/tasks/{tree[0]['id']}"
        await ann.delete(path)
        restores = [ann.post(f"{path}/restore") for _ in range(many)]
        # Now one, now the other is sent first.
        cut = number % 2 * many // 2
        before, after = (asyncio.gather(*part) for part in (restores[:cut], restores[cut:]))
        await asyncio.gather(before, task_purges(ports).run(), task_purges(ports).run(), after)
        answers = {response.status_code for response in (*before.result(), *after.result())}
        left = await connection.fetchval(
            "SELECT count(*) FROM tasks WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL", [task["id"] for task in tree]
        )
        assert (answers, left) in (({200}, 3), ({404}, 0))
        assert await connection.fetchval("SELECT count(*) FROM tasks WHERE deleted_at IS NOT NULL") == 0


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_a_project_is_restored_whole_or_purged_whole(
    ann: Api, ports: Ports, connection: asyncpg.Connection[Any], rounds: int, many: int
) -> None:
    for number in range(rounds):
        project = await a_project(ann)
        await a_tree(ann, project)
        await ann.delete(f"/projects/{project['id']}")
        restores = [ann.post(f"/projects/{project['id']}/restore") for _ in range(many)]
        cut = number % 2 * many // 2
        before, after = (asyncio.gather(*part) for part in (restores[:cut], restores[cut:]))
        await asyncio.gather(before, project_purges(ports).run(), project_purges(ports).run(), after)
        answers = {response.status_code for response in (*before.result(), *after.result())}
        tasks = await connection.fetchval("SELECT count(*) FROM tasks WHERE project_id = $1::uuid", project["id"])
        alive = await connection.fetchval("SELECT deleted_at IS NULL FROM projects WHERE id = $1::uuid", project["id"])
        assert (answers, tasks, alive) in (({200}, 3, True), ({404}, 0, None))


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_of_a_restore_and_creates_one_gets_the_key(ann: Api, rounds: int, many: int) -> None:
    for number in range(rounds):
        gone = await a_project(ann, key=f"K{number}")
        await ann.delete(f"/projects/{gone['id']}")
        creates = [ann.post("/projects", {"name": "N", "key": f"K{number}"}) for _ in range(many)]
        restore = ann.post(f"/projects/{gone['id']}/restore")
        answers = await statuses(*creates[: many // 4], restore, *creates[many // 4 :])
        restored = answers.pop(many // 4)
        assert (restored, answers.count(201)) in ((200, 0), (409, 1))
        assert set(answers) <= {201, 409}


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_no_subtask_comes_back_below_a_parent_that_is_deleted_meanwhile(
    ann: Api, connection: asyncpg.Connection[Any], rounds: int, many: int
) -> None:
    web = await a_project(ann, key="WEB")
    for _ in range(rounds):
        parents = [await a_task(ann, web) for _ in range(many // 4)]
        children = [await a_task(ann, web, parent_id=parent["id"]) for parent in parents]
        for child in children:
            await ann.delete(f"/tasks/{child['id']}")
        calls = [
            call
            for parent, child in zip(parents, children, strict=True)
            for call in (ann.post(f"/tasks/{child['id']}/restore"), ann.delete(f"/tasks/{parent['id']}"))
        ]
        answers = await statuses(*calls)
        assert set(answers[0::2]) <= {200, 409}
        assert set(answers[1::2]) == {204}
        lost = "SELECT count(*) FROM tasks t JOIN tasks above ON above.id = t.parent_id "
        assert await connection.fetchval(f"{lost} WHERE t.deleted_at IS NULL AND above.deleted_at IS NOT NULL") == 0
