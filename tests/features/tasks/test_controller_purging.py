"""Purging tasks: when, what is left of them, and what is left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.kernel import purging
from tests.support.http import Api, made, refused
from tests.support.purges import everything, task_purges, the_night
from tests.support.scenes import a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from service.wiring import Ports
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.api]

WORD = "Zwieback"


@pytest.fixture
async def ann(crowd: Api) -> Api:
    """Ann, in the loop that the jobs run in too."""
    return await a_user(crowd, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def kept(connection: asyncpg.Connection[Any]) -> set[int]:
    """The numbers of the tasks that have a row."""
    return {row[0] for row in await connection.fetch("SELECT number FROM tasks")}


async def test_nothing_of_a_purged_task_is_left_in_the_database(
    ann: Api, web: dict[str, Any], ports: Ports, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    body = {"project_id": web["id"], "title": WORD, "description": f"{WORD}?"}
    above = made(await ann.post("/tasks", body, headers={"Idempotency-Key": "k"}))
    staying = await a_task(ann, web, title="Kept")
    below = await a_task(ann, web, title=WORD, parent_id=above["id"])
    made(await ann.patch("/tasks/WEB-3", {"title": f"{WORD}!"}))
    label = made(await ann.post("/projects/WEB/labels", {"name": "bug"}))
    for task in (above, staying):
        await ann.put(f"/tasks/{task['id']}/labels/{label['id']}")
    await ann.put(f"/tasks/{above['id']}/relations/blocks/{staying['id']}")
    await ann.delete("/tasks/WEB-1")
    clock.advance(timedelta(days=29, hours=23))
    await the_night(ports)
    assert await kept(connection) == {1, 2, 3}
    assert WORD in await everything(connection)
    clock.advance(timedelta(hours=1))
    await the_night(ports)
    assert await kept(connection) == {2}
    left = "SELECT (SELECT count(*) FROM task_labels), (SELECT count(*) FROM task_relations)"
    assert tuple(await connection.fetchrow(left) or ()) == (1, 0)
    text = await everything(connection)
    assert WORD not in text
    assert "Kept" in text
    for task, types in ((above, ["created", "updated", "related", "deleted"]), (below, ["created", "updated", "deleted"])):
        told = await the_events(connection, task["id"])
        assert [event["type"] for event in told] == [f"task.{type_}" for type_ in [*types, "purged"]]
        assert [(event["changes"], event["data"]) for event in told] == [({}, {})] * len(told)
        assert (told[-1]["actor_kind"], told[-1]["subject_key"]) == ("system", task["key"])
        assert told[-1]["subject_version"] == told[-2]["subject_version"] + 1


async def test_what_is_purged_is_not_restored_and_its_number_not_given_again(ann: Api, web: dict[str, Any], ports: Ports) -> None:
    task = await a_task(ann, web)
    await ann.delete("/tasks/WEB-1")
    await task_purges(ports).run()
    for reference in ("WEB-1", task["id"]):
        refused(await ann.post(f"/tasks/{reference}/restore"), 404, "task_not_found")
    assert (await a_task(ann, web))["number"] == 2


async def test_each_deletion_is_purged_in_its_own_time_with_all_that_is_below(
    ann: Api, web: dict[str, Any], ports: Ports, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    tasks = [await a_task(ann, web)]
    while len(tasks) < 4:
        tasks.append(await a_task(ann, web, parent_id=tasks[-1]["id"]))
    await ann.delete("/tasks/WEB-4")
    clock.advance(timedelta(minutes=2))
    await ann.delete("/tasks/WEB-2")
    purges = task_purges(ports, timedelta(minutes=1))
    await purges.run()
    assert await kept(connection) == {1, 2, 3}
    made(await ann.post("/tasks/WEB-2/restore"))
    await ann.delete("/tasks/WEB-3")
    clock.advance(timedelta(minutes=1))
    await ann.delete("/tasks/WEB-1")
    await purges.run()
    assert await kept(connection) == {1, 2}
    clock.advance(timedelta(minutes=1))
    await purges.run()
    assert await kept(connection) == set()


async def test_what_is_below_a_due_task_goes_with_it_whatever_the_clocks_said(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any]
) -> None:
    above = await a_task(ann, web)
    await a_task(ann, web, parent_id=above["id"])
    await ann.delete("/tasks/WEB-2")
    await ann.delete("/tasks/WEB-1")
    await connection.execute("UPDATE tasks SET deleted_at = deleted_at + interval '10 s' WHERE number = 2")
    await task_purges(ports).run()
    assert await kept(connection) == set()
    assert [row[0] for row in await connection.fetch("SELECT subject_key FROM events WHERE type = 'task.purged' ORDER BY 1")] == [
        "WEB-1",
        "WEB-2",
    ]


async def test_many_deletions_in_many_projects_are_purged_in_batches(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    for project in (web, await a_project(ann), await a_project(ann)):
        for _ in range(5):
            await ann.delete(f"/tasks/{(await a_task(ann, project))['id']}")
    seen = ann.statements()
    await task_purges(ports).run()
    assert await kept(connection) == set()
    # Eight times two at most are due, of whatever projects, and then none.
    assert len([statement for statement in seen if "SELECT project_id, id FROM tasks" in statement]) == 9
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type = 'task.purged'") == 15


async def test_a_project_that_is_being_changed_is_left_for_the_next_run(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It holds up no other project either, though it fills the first batch.
    monkeypatch.setattr(purging, "BATCH", 1)
    other = await a_project(ann, key="API")
    for project in (web, other):
        await ann.delete(f"/tasks/{(await a_task(ann, project))['id']}")
    async with connection.transaction():
        await connection.execute("SELECT FROM projects WHERE key = 'WEB' FOR SHARE")
        await task_purges(ports).run()
        assert await connection.fetchval("SELECT array_agg(project_id::text) FROM tasks") == [web["id"]]
    await task_purges(ports).run()
    assert await kept(connection) == set()
