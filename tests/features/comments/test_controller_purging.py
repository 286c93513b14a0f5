"""Purging comments: when, what is left of them, and what is left alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.kernel import purging
from tests.support.http import Api, made, refused
from tests.support.purges import comment_purges, everything, project_purges, task_purges, the_night
from tests.support.scenes import a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from service.wiring import Ports
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.api]

WORD = "Zwieback"

# Rounds, and restores at once in each.
CROWDS = [
    pytest.param(4, 12, id="4 rounds"),
    pytest.param(20, 50, id="20 rounds", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]


@pytest.fixture
async def ann(crowd: Api) -> Api:
    """Ann, in the loop that the jobs run in too."""
    return await a_user(crowd, "Ann")


@pytest.fixture
async def task(ann: Api) -> dict[str, Any]:
    """WEB-1, the only task of Ann's project WEB."""
    return await a_task(ann, await a_project(ann, key="WEB"))


async def deleted(ann: Api, task: dict[str, Any], body: str = "No") -> dict[str, Any]:
    """A comment that is deleted."""
    comment = made(await ann.post(f"/tasks/{task['id']}/comments", {"body": body}))
    await ann.delete(f"/comments/{comment['id']}")
    return comment


async def kept(connection: asyncpg.Connection[Any]) -> set[str]:
    """What the comments that have a row say."""
    return {row[0] for row in await connection.fetch("SELECT body FROM comments")}


async def test_nothing_of_a_purged_comment_is_left_in_the_database(
    ann: Api, task: dict[str, Any], ports: Ports, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    comment = made(await ann.post("/tasks/WEB-1/comments", {"body": WORD}, headers={"Idempotency-Key": "k"}))
    made(await ann.post("/tasks/WEB-1/comments", {"body": "Kept"}))
    made(await ann.patch(f"/comments/{comment['id']}", {"body": f"{WORD}!"}))
    await ann.delete(f"/comments/{comment['id']}")
    clock.advance(timedelta(days=29, hours=23))
    await the_night(ports)
    assert await kept(connection) == {f"{WORD}!", "Kept"}
    clock.advance(timedelta(hours=1))
    await the_night(ports)
    assert await kept(connection) == {"Kept"}
    text = await everything(connection)
    assert WORD.lower() not in text.lower()
    assert "Kept" in text
    told = await the_events(connection, comment["id"])
    assert [event["type"] for event in told] == [f"comment.{type_}" for type_ in ("created", "updated", "deleted", "purged")]
    assert [(event["changes"], event["data"]) for event in told] == [({}, {})] * 4
    assert [event["subject_version"] for event in told] == [1, 2, 3, 4]
    assert told[-1]["actor_kind"] == "system"


async def test_the_history_of_the_task_tells_that_a_comment_was_purged_and_the_task_stays_as_it_is(
    ann: Api, task: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any]
) -> None:
    made(await ann.post("/tasks/WEB-1/comments", {"body": "Kept"}))
    comment = await deleted(ann, task)
    before = made(await ann.get("/tasks/WEB-1"))
    await comment_purges(ports).run()
    assert made(await ann.get("/tasks/WEB-1")) == before | {"comment_count": 1}
    newest, *_ = made(await ann.get("/tasks/WEB-1/history"))["items"]
    assert (newest["type"], newest["subject"]["id"], newest["changes"]) == ("comment.purged", comment["id"], {})
    # The words of the others still find the task.
    assert [each["key"] for each in made(await ann.get("/tasks?search=kept"))["items"]] == ["WEB-1"]


async def test_what_is_purged_is_not_restored(ann: Api, task: dict[str, Any], ports: Ports) -> None:
    comment = await deleted(ann, task)
    await comment_purges(ports).run()
    refused(await ann.post(f"/comments/{comment['id']}/restore"), 404, "comment_not_found")
    assert made(await ann.get("/tasks/WEB-1/comments?include_deleted=true"))["items"] == []


async def test_each_comment_is_purged_in_its_own_time(
    ann: Api, task: dict[str, Any], ports: Ports, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    await deleted(ann, task, "first")
    clock.advance(timedelta(minutes=1))
    second = await deleted(ann, task, "second")
    purges = comment_purges(ports, timedelta(minutes=1))
    await purges.run()
    assert await kept(connection) == {"second"}
    # A restored one has all its time again.
    made(await ann.post(f"/comments/{second['id']}/restore"))
    clock.advance(timedelta(minutes=1))
    await ann.delete(f"/comments/{second['id']}")
    await purges.run()
    assert await kept(connection) == {"second"}
    clock.advance(timedelta(minutes=1))
    await purges.run()
    assert await kept(connection) == set()


async def test_many_comments_in_many_projects_are_purged_in_batches(
    ann: Api, task: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    for place in (task, await a_task(ann, await a_project(ann)), await a_task(ann, await a_project(ann))):
        for _ in range(5):
            await deleted(ann, place)
    seen = ann.statements()
    await comment_purges(ports).run()
    assert await kept(connection) == set()
    # Eight times two at most are due, of whatever projects, and then none.
    assert len([statement for statement in seen if "ORDER BY c.deleted_at LIMIT" in statement]) == 9
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type = 'comment.purged'") == 15


async def test_a_project_that_is_being_changed_is_left_for_the_next_run(
    ann: Api, task: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It holds up no other project either, though it fills the first batch.
    monkeypatch.setattr(purging, "BATCH", 1)
    await deleted(ann, task, "here")
    await deleted(ann, await a_task(ann, await a_project(ann)), "there")
    async with connection.transaction():
        await connection.execute("SELECT FROM projects WHERE key = 'WEB' FOR SHARE")
        await comment_purges(ports).run()
        assert await kept(connection) == {"here"}
    await comment_purges(ports).run()
    assert await kept(connection) == set()


async def test_comments_on_deleted_tasks_and_in_deleted_projects_are_purged_beside_these(
    ann: Api, task: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any]
) -> None:
    other = await a_task(ann, await a_project(ann, key="API"))
    for place in (task, other):
        await deleted(ann, place)
    await ann.delete("/tasks/WEB-1")
    await ann.delete("/projects/API")
    purges = (comment_purges(ports), comment_purges(ports), task_purges(ports), project_purges(ports))
    await asyncio.gather(*(each.run() for each in purges))
    # Whichever came first may have kept another from a project, until the next run.
    await comment_purges(ports).run()
    assert await kept(connection) == set()


@pytest.mark.parametrize(("rounds", "many"), CROWDS)
async def test_a_comment_is_restored_or_purged(
    ann: Api, task: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], rounds: int, many: int
) -> None:
    alive = 0
    for number in range(rounds):
        comment = await deleted(ann, task)
        restores = [ann.post(f"/comments/{comment['id']}/restore") for _ in range(many)]
        # Now one, now the other is sent first.
        cut = number % 2 * many // 2
        before, after = (asyncio.gather(*part) for part in (restores[:cut], restores[cut:]))
        await asyncio.gather(before, comment_purges(ports).run(), comment_purges(ports).run(), after)
        answers = {response.status_code for response in (*before.result(), *after.result())}
        left = await connection.fetchval("SELECT count(*) FROM comments WHERE id = $1::uuid", comment["id"])
        assert (answers, left) in (({200}, 1), ({404}, 0))
        alive += left
        told = [event["type"] for event in await the_events(connection, comment["id"])]
        assert told == ["comment.created", "comment.deleted", "comment.restored" if left else "comment.purged"]
    assert made(await ann.get("/tasks/WEB-1"))["comment_count"] == alive
