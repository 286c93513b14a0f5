"""Many callers at once: what a task counts is what it has, and nothing is deleted or restored twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(crowd: Api) -> Api:
    """Ann, whose requests run side by side, with a task WEB-1."""
    ann = await a_user(crowd, "Ann")
    await a_task(ann, await a_project(ann, key="WEB"))
    return ann


async def count_is_right(ann: Api, connection: asyncpg.Connection[Any]) -> int:
    """What the task counts, which is what is stored."""
    counted: int = made(await ann.get("/tasks/WEB-1"))["comment_count"]
    assert counted == await connection.fetchval("SELECT count(*) FROM comments WHERE deleted_at IS NULL")
    assert counted == made(await ann.get("/tasks/WEB-1/comments?limit=1"))["total"]
    return counted


async def a_round(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    """Fifty comments at once, then fifty creates, deletes and restores of which some meet on the same comment."""
    before = await count_is_right(ann, connection)
    body = {"body": "Me too"}
    created = await asyncio.gather(*(ann.post("/tasks/WEB-1/comments", body) for _ in range(50)))
    ids = [made(response)["id"] for response in created]
    assert await count_is_right(ann, connection) == before + 50
    calls = [ann.delete(f"/comments/{id_}") for id_ in ids[:10] for _ in range(3)]
    calls += [ann.post(f"/comments/{id_}/restore") for id_ in ids[:10]]
    calls += [ann.post("/tasks/WEB-1/comments", body) for _ in range(10)]
    answers = Counter(response.status_code for response in await asyncio.gather(*calls))
    assert set(answers) <= {200, 201, 204, 404}
    assert (answers[200], answers[201]) == (10, 10)
    told = Counter([event["type"] for id_ in ids[:10] for event in await the_events(connection, id_)])
    assert told["comment.deleted"] == answers[204]
    gone = told["comment.deleted"] - told["comment.restored"]
    assert await count_is_right(ann, connection) == before + 60 - gone


async def test_a_task_counts_right_however_many_write_delete_and_restore_at_once(
    ann: Api, connection: asyncpg.Connection[Any]
) -> None:
    await a_round(ann, connection)


@pytest.mark.slow
async def test_a_task_counts_right_in_twenty_rounds(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    for _ in range(20):
        await a_round(ann, connection)


async def test_a_comment_is_deleted_once(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    comment = made(await ann.post("/tasks/WEB-1/comments", {"body": "Once"}))
    answers = await asyncio.gather(*(ann.delete(f"/comments/{comment['id']}") for _ in range(50)))
    assert Counter(response.status_code for response in answers) == {204: 1, 404: 49}
    assert [event["type"] for event in await the_events(connection, comment["id"])] == ["comment.created", "comment.deleted"]
    assert await count_is_right(ann, connection) == 0


async def test_edits_follow_one_another(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    comment = made(await ann.post("/tasks/WEB-1/comments", {"body": "0"}))
    answers = await asyncio.gather(*(ann.patch(f"/comments/{comment['id']}", {"body": str(n)}) for n in range(1, 21)))
    assert sorted(made(response)["version"] for response in answers) == list(range(2, 22))
    edits = (await the_events(connection, comment["id"]))[1:]
    assert [edit["subject_version"] for edit in edits] == list(range(2, 22))
    texts = [(edit["changes"]["body"]["old"], edit["changes"]["body"]["new"]) for edit in edits]
    assert [new for _, new in texts[:-1]] == [old for old, _ in texts[1:]]


async def test_no_comment_is_on_a_task_that_was_deleted_first(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    calls = [ann.post("/tasks/WEB-1/comments", {"body": "Me too"}) for _ in range(30)]
    answers = await asyncio.gather(*calls[:15], ann.delete("/tasks/WEB-1"), *calls[15:])
    statuses = [response.status_code for response in answers]
    assert statuses.pop(15) == 204
    assert set(statuses) <= {201, 404}
    # Their transactions are in the order of the task's lock: none follows the deletion.
    last = await connection.fetchval("SELECT max(sequence) FROM events WHERE type = 'comment.created'")
    deleted = await connection.fetchval("SELECT sequence FROM events WHERE type = 'task.deleted'")
    assert last is None or last < deleted
    stored = await connection.fetchrow("SELECT comment_count, (SELECT count(*) FROM comments) FROM tasks")
    assert stored is not None
    assert stored[0] == stored[1] == statuses.count(201)
