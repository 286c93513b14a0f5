"""Many tasks at once beside other callers: no deadlock, no number twice or left out, nothing half done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_project, a_task, a_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    from litestar import Litestar
    from litestar.testing import AsyncTestClient

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(app: Litestar) -> AsyncIterator[Api]:
    """Ann, whose requests run side by side in the test's own loop: AsyncTestClient answers one after the other."""
    transport = httpx.ASGITransport(app=cast("Any", app))
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        ann = await a_user(Api(cast("AsyncTestClient[Any]", client), app), "Ann")
        # The pool opens its connections now: later, whoever finds one open would be through before the others have begun.
        await asyncio.gather(*(ann.get("/tasks") for _ in range(20)))
        yield ann


@pytest.fixture
async def projects(ann: Api) -> list[dict[str, Any]]:
    """Ann's projects WEB and APP."""
    return [await a_project(ann, key=key) for key in ("WEB", "APP")]


def bodies(projects: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Tasks to create, in the projects by turns."""
    return [{"project_id": projects[n % len(projects)]["id"], "title": f"T {n}"} for n in range(count)]


async def test_bulk_updates_of_the_same_tasks_in_opposite_orders_never_deadlock(ann: Api, projects: list[dict[str, Any]]) -> None:
    ids = [task["id"] for task in made(await ann.post("/tasks/bulk-create", {"tasks": bodies(projects, 20)}))["items"]]

    async def update(task_ids: list[str], title: str) -> httpx.Response:
        return await ann.post("/tasks/bulk-update", {"task_ids": task_ids, "update_data": {"title": title}})

    for number in range(50):
        seen = ann.statements()
        answers = await asyncio.gather(*(update(ids[:: 1 if n % 2 else -1], f"{number}.{n}") for n in range(4)))
        assert [made(answer)["updated_count"] for answer in answers] == [20] * 4
        # A unit that was the victim of a deadlock would have begun again.
        assert len(seen) == 4 * 6
        titles = {task["title"] for task in made(await ann.get("/tasks"))["items"]}
        assert len(titles) == 1
    versions = {task["version"] for task in made(await ann.get("/tasks"))["items"]}
    assert versions == {1 + 50 * 4}


async def test_bulk_and_single_creates_number_without_gap_or_duplicate(
    ann: Api, projects: list[dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    async def many(n: int) -> list[tuple[str, int]]:
        tasks = bodies(projects if n % 2 else projects[::-1], 10)
        items = made(await ann.post("/tasks/bulk-create", {"tasks": tasks}))["items"]
        own = [(item["project"]["key"], item["number"]) for item in items]
        for key in ("WEB", "APP"):
            numbers = [number for project, number in own if project == key]
            assert numbers == list(range(numbers[0], numbers[0] + 5))
        return own

    async def one(n: int) -> list[tuple[str, int]]:
        task = await a_task(ann, projects[n % 2])
        return [(task["project"]["key"], task["number"])]

    seen = ann.statements()
    answers = await asyncio.gather(*(call(n) for n in range(20) for call in (many, one)))
    assert len(seen) == 20 * 5 + 20 * 5
    expected = [(key, number) for key in ("APP", "WEB") for number in range(1, 111)]
    assert sorted(pair for answer in answers for pair in answer) == expected
    stored = await connection.fetch("SELECT p.key, t.number FROM tasks t JOIN projects p ON p.id = t.project_id ORDER BY 1, 2")
    assert [tuple(row) for row in stored] == expected


async def test_nothing_is_half_created_beside_an_archive(
    ann: Api, projects: list[dict[str, Any]], connection: asyncpg.Connection[Any]
) -> None:
    creates = [ann.post("/tasks/bulk-create", {"tasks": bodies(projects, 10)}) for _ in range(20)]
    answers = await asyncio.gather(*creates[:10], ann.post("/projects/APP/archive"), *creates[10:])
    statuses = [answer.status_code for answer in answers]
    assert statuses.pop(10) == 200
    assert set(statuses) <= {201, 409}
    rows = await connection.fetch("SELECT last_number FROM projects")
    assert [row[0] for row in rows] == [5 * statuses.count(201)] * 2
    assert await connection.fetchval("SELECT count(*) FROM tasks") == 10 * statuses.count(201)
