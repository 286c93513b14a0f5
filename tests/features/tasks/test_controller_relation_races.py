"""Many callers at once: no circle of blocks is ever stored, and what is related is related once."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_label, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
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


async def circles(connection: asyncpg.Connection[Any]) -> int:
    """How many tasks are blocked by themselves, by way of others."""
    found: int = await connection.fetchval(
        "WITH RECURSIVE reached (start, id) AS (SELECT source_id, target_id FROM task_relations WHERE kind = 'blocks' "
        "UNION SELECT c.start, r.target_id FROM reached c JOIN task_relations r ON r.source_id = c.id AND r.kind = 'blocks') "
        "SELECT count(*) FROM reached WHERE start = id"
    )
    return found


async def attempts(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], rounds: int, callers: int) -> None:
    """Blocks between few tasks by many callers at once, some said from the other end, again and again."""
    random = Random(16)
    for _ in range(rounds):
        ids = [(await a_task(ann, web))["id"] for _ in range(6)]
        pairs = [random.sample(ids, 2) for _ in range(callers)]
        paths = [f"/tasks/{task}/relations/{random.choice(('blocks', 'blocked_by'))}/{other}" for task, other in pairs]
        answers = await asyncio.gather(*map(ann.put, paths))
        assert {answer.status_code for answer in answers} == {204, 409}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"dependency_cycle"}
        assert await connection.fetchval("SELECT count(*) FROM task_relations") > 0
        assert await circles(connection) == 0


async def test_no_circle_is_ever_stored(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    await attempts(ann, web, connection, rounds=3, callers=30)


@pytest.mark.slow
async def test_no_circle_is_ever_stored_in_a_thousand_attempts(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await attempts(ann, web, connection, rounds=20, callers=50)


async def test_of_blocks_that_would_close_a_circle_the_last_one_is_refused(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    for _ in range(5):
        ids = [(await a_task(ann, web))["id"] for _ in range(4)]
        pairs = zip(ids, ids[1:] + ids[:1], strict=True)
        answers = await asyncio.gather(*(ann.put(f"/tasks/{task}/relations/blocks/{other}") for task, other in pairs))
        assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 409]
        blocked = [made(await ann.get(f"/tasks/{id_}"))["is_blocked"] for id_ in ids]
        assert sorted(blocked) == [False, True, True, True]


async def test_what_many_say_at_once_is_stored_and_told_once(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    one, other = [(await a_task(ann, web))["id"] for _ in range(2)]
    paths = [f"/tasks/{one}/relations/relates_to/{other}", f"/tasks/{other}/relations/relates_to/{one}"] * 10
    assert {answer.status_code for answer in await asyncio.gather(*map(ann.put, paths))} == {204}
    assert await connection.fetchval("SELECT count(*) FROM task_relations") == 1
    assert {answer.status_code for answer in await asyncio.gather(*map(ann.delete, paths))} == {204}
    told = [event["type"] for id_ in (one, other) for event in await the_events(connection, id_)]
    assert sorted(told) == ["task.created", "task.created", "task.related", "task.unrelated"]


async def test_labels_that_many_put_on_a_task_at_once_are_all_kept(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    task = await a_task(ann, web)
    labels = [await a_label(ann, web, f"label {number}") for number in range(10)]
    puts = [ann.put(f"/tasks/WEB-1/labels/{label['id']}") for label in labels * 2]
    assert {answer.status_code for answer in await asyncio.gather(*puts)} == {204}
    after = made(await ann.get("/tasks/WEB-1"))
    assert ([label["name"] for label in after["labels"]], after["version"]) == ([label["name"] for label in labels], 11)
    assert [event["subject_version"] for event in await the_events(connection, task["id"])] == list(range(1, 12))


async def test_a_task_that_is_finished_while_it_is_said_to_block_blocks_nothing(ann: Api, web: dict[str, Any]) -> None:
    for _ in range(5):
        one, other = [(await a_task(ann, web))["id"] for _ in range(2)]
        answers = await asyncio.gather(
            ann.put(f"/tasks/{one}/relations/blocks/{other}"), ann.patch(f"/tasks/{one}", {"status": "done"})
        )
        assert [answer.status_code for answer in answers] == [204, 200]
        assert made(await ann.get(f"/tasks/{other}"))["is_blocked"] is False
