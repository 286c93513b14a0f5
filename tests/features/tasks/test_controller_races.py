"""Many callers at once: numbers without gaps, nothing after an archive, no cycle, nothing done twice or lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(crowd: Api) -> Api:
    """Ann, whose requests run side by side."""
    return await a_user(crowd, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def statuses(*calls: Awaitable[httpx.Response]) -> list[int]:
    """The statuses of calls made at once, sorted."""
    return sorted(response.status_code for response in await asyncio.gather(*calls))


async def test_two_hundred_tasks_of_twenty_callers_are_numbered_without_gap_or_duplicate(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    async def caller() -> list[int]:
        return [(await a_task(ann, web))["number"] for _ in range(10)]

    numbers = sorted(number for own in await asyncio.gather(*(caller() for _ in range(20))) for number in own)
    assert numbers == list(range(1, 201))
    stored = await connection.fetch("SELECT number FROM tasks ORDER BY number")
    assert [row[0] for row in stored] == numbers


@pytest.mark.parametrize(("method", "path", "after"), [("POST", "/projects/WEB/archive", 409), ("DELETE", "/projects/WEB", 404)])
async def test_nothing_is_created_once_a_project_is_closed(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], *, method: str, path: str, after: int
) -> None:
    body = {"project_id": web["id"], "title": "T"}
    stored = 0

    async def close() -> httpx.Response:
        nonlocal stored
        response = await ann.call(method, path)
        stored = await connection.fetchval("SELECT count(*) FROM tasks")
        return response

    creates = [ann.post("/tasks", body) for _ in range(50)]
    responses = await asyncio.gather(*creates[:25], close(), *creates[25:])
    answers = [response.status_code for response in responses]
    assert answers.pop(25) in {200, 204}
    assert set(answers) <= {201, after}
    assert answers.count(201) == stored == await connection.fetchval("SELECT count(*) FROM tasks")
    assert stored == await connection.fetchval("SELECT last_number FROM projects")


async def test_of_parents_that_would_close_a_cycle_the_last_one_is_refused(ann: Api, web: dict[str, Any]) -> None:
    for _ in range(5):
        ids = [(await a_task(ann, web))["id"] for _ in range(4)]
        pairs = zip(ids, ids[1:] + ids[:1], strict=True)
        answers = await statuses(*(ann.patch(f"/tasks/{below}", {"parent_id": above}) for below, above in pairs))
        assert answers == [200, 200, 200, 409]
        parents = [made(await ann.get(f"/tasks/{id_}"))["parent"] for id_ in ids]
        assert parents.count(None) == 1


async def test_a_task_is_deleted_once(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    for _ in range(5):
        parent = await a_task(ann, web)
        child = await a_task(ann, web, parent_id=parent["id"])
        answers = await statuses(*(ann.delete(f"/tasks/{parent['id']}") for _ in range(20)))
        assert answers == [204] + [404] * 19
        for task in (parent, child):
            assert [event["type"] for event in await the_events(connection, task["id"])] == ["task.created", "task.deleted"]


async def test_changes_of_different_fields_are_all_kept(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    task = await a_task(ann, web)
    wanted = {"title": "New", "description": "# Why", "priority": 5, "due_date": "2199-01-01T00:00:00Z", "is_completed": True}
    answers = await statuses(*(ann.patch("/tasks/WEB-1", {name: value}) for name, value in wanted.items()))
    assert answers == [200] * 5
    after = made(await ann.get("/tasks/WEB-1"))
    assert {name: after[name] for name in wanted} == wanted
    assert after["version"] == 6
    versions = [event["subject_version"] for event in await the_events(connection, task["id"])]
    assert sorted(versions) == [1, 2, 3, 4, 5, 6]


async def test_a_key_is_given_once(ann: Api) -> None:
    answers = await statuses(*(ann.post("/projects", {"name": "Web", "key": "KEY"}) for _ in range(20)))
    assert answers == [201] + [409] * 19


async def test_projects_of_one_name_get_a_key_each(ann: Api) -> None:
    projects = await asyncio.gather(*(a_project(ann) for _ in range(10)))
    assert {project["key"] for project in projects} == {"WS", *(f"WS{number}" for number in range(2, 11))}
