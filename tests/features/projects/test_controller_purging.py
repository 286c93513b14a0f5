"""Purging projects: when, what is left of them, and what an interruption leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.features.projects import purging
from service.features.projects.deleted_repository import PiccoloDeletedProjects
from service.kernel.errors import Unavailable
from tests.support.http import Api, made, refused
from tests.support.purges import everything, project_purges, the_night
from tests.support.scenes import a_member, a_project, a_task, a_user
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
async def web(ann: Api, connection: asyncpg.Connection[Any]) -> dict[str, Any]:
    """Ann's project WEB with a member, seven tasks in two trees, a label, a relation and views, deleted."""
    web = await a_project(ann, key="WEB", name=WORD, description=f"{WORD}?")
    await a_member(connection, web, await a_user(ann, "Bob"))
    above = await a_task(ann, web, title=WORD)
    for number in range(6):
        await a_task(ann, web, title=f"{WORD} {number}", parent_id=above["id"] if number % 2 else None)
    label = made(await ann.post("/projects/WEB/labels", {"name": WORD}))
    await ann.put(f"/tasks/{above['id']}/labels/{label['id']}")
    below = made(await ann.get("/tasks/WEB-2"))
    await ann.put(f"/tasks/{above['id']}/relations/blocks/{below['id']}")
    # Shared, private, private once, and private and gone.
    for name in ("shared", "private", "taken back", "gone"):
        body = {"name": WORD, "filter": f"title = '{WORD}'", "project_id": web["id"], "shared": name in ("shared", "taken back")}
        view = made(await ann.post("/views", body))
        if name == "taken back":
            made(await ann.patch(f"/views/{view['id']}", {"shared": False}))
        if name != "shared":
            made(await ann.patch(f"/views/{view['id']}", {"name": f"{WORD}!"}))
        if name == "gone":
            await ann.delete(f"/views/{view['id']}")
    await ann.delete("/tasks/WEB-7")
    await ann.delete("/projects/WEB")
    return web


async def kept(connection: asyncpg.Connection[Any]) -> tuple[int, int, int]:
    """How many projects, memberships and tasks there are."""
    counts = "SELECT (SELECT count(*) FROM projects), (SELECT count(*) FROM memberships), (SELECT count(*) FROM tasks)"
    row = await connection.fetchrow(counts)
    assert row is not None
    return tuple(row)


async def test_nothing_of_a_purged_project_is_left_in_the_database_but_the_audit(
    ann: Api, web: dict[str, Any], ports: Ports, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    living = await a_project(ann, key="WEB", name="Kept")
    await a_task(ann, living)
    clock.advance(timedelta(days=29, hours=23))
    await the_night(ports)
    assert await kept(connection) == (2, 3, 8)
    clock.advance(timedelta(hours=1))
    await the_night(ports)
    assert await kept(connection) == (1, 1, 1)
    text = await everything(connection)
    assert WORD not in text
    assert "Kept" in text
    told = await the_events(connection, web["id"])
    assert [event["type"] for event in told] == ["project.created", "project.deleted", "project.purged"]
    assert [(event["changes"], event["data"]) for event in told] == [({}, {})] * 3
    assert (told[-1]["subject_key"], told[-1]["subject_version"], told[-1]["actor_kind"]) == ("WEB", 3, "system")
    audited = await connection.fetch("SELECT action FROM audit_events WHERE target_id = $1::uuid", web["id"])
    assert [row[0] for row in audited] == ["project.purged"]
    # Of its tasks no more is told than that of the project.
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type LIKE '%.purged'") == 1


async def test_what_is_purged_is_not_restored(ann: Api, web: dict[str, Any], ports: Ports) -> None:
    await project_purges(ports).run()
    refused(await ann.post(f"/projects/{web['id']}/restore"), 404, "project_not_found")
    assert made(await ann.get("/projects?include_deleted=true"))["items"] == []


@pytest.mark.parametrize("size", [1, 2, 3, 500])
async def test_a_project_is_purged_in_batches(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(purging, "BATCH", size)
    await project_purges(ports).run()
    assert await kept(connection) == (0, 0, 0)
    assert WORD not in await everything(connection)


async def test_tasks_go_before_those_above_them(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any]
) -> None:
    async def batch() -> int:
        return await PiccoloDeletedProjects(ports.database).purge_tasks(UUID(web["id"]), 2)

    assert [await ports.database.run(batch) for _ in range(4)] == [2, 2, 2, 1]
    assert await connection.fetchval("SELECT count(*) FROM tasks") == 0


async def test_a_purge_that_was_interrupted_can_not_be_undone_and_is_finished_by_the_next(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(PiccoloDeletedProjects, "purge", away)
        with pytest.raises(Unavailable):
            await project_purges(ports).run()
    assert await kept(connection) == (1, 2, 0)
    refused(await ann.post(f"/projects/{web['id']}/restore"), 404, "project_not_found")
    assert made(await ann.get("/projects?include_deleted=true"))["total"] == 0
    assert made(await ann.get("/projects?include_deleted=true&my_projects_only=true&count=exact&limit=1"))["total"] == 0
    await project_purges(ports).run()
    assert await kept(connection) == (0, 0, 0)


async def test_two_workers_purge_a_project_once(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    await asyncio.gather(*(project_purges(ports).run() for _ in range(2)))
    assert await kept(connection) == (0, 0, 0)
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type = 'project.purged'") == 1


async def test_a_project_that_is_being_restored_is_left_alone(
    ann: Api, web: dict[str, Any], ports: Ports, connection: asyncpg.Connection[Any]
) -> None:
    async with connection.transaction():
        await connection.execute("SELECT FROM projects FOR NO KEY UPDATE")
        await project_purges(ports).run()
    assert await kept(connection) == (1, 2, 7)
    made(await ann.post(f"/projects/{web['id']}/restore"))
