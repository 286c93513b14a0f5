"""Many tasks at once in PostgreSQL: what is locked, counted, stored and left out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from service.features.projects.domain import ProjectRole
from service.features.tasks.bulk_domain import Ancestry, Changing, Numbered
from service.features.tasks.bulk_repository import PiccoloBulkTasks
from service.features.tasks.domain import PersonRef, ProjectRef, Status, TaskRef
from service.features.tasks.filter_domain import task_filter
from service.features.tasks.ports import Insider
from service.features.tasks.repository import PiccoloTasks
from tests.support.factories import SOME_DAY, TaskDraftFactory
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user, lockable, somebody_waits, the_row

if TYPE_CHECKING:
    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

MISSING = UUID("00000000-0000-7000-8000-000000000000")


@pytest.fixture
def bulk(database: Database, clock: FakeClock) -> PiccoloBulkTasks:
    return PiccoloBulkTasks(database, clock)


@pytest.fixture
async def api_(connection: asyncpg.Connection[Any], ann: Actor) -> UUID:
    """Ann's project API."""
    return await a_stored_project(connection, ann, "API")


async def test_the_projects_of_living_tasks_are_locked_and_shared(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, api_: UUID
) -> None:
    gone = await a_stored_project(connection, ann, "OLD", deleted_at=SOME_DAY)
    old = await a_stored_project(connection, ann, "ARC", archived_at=SOME_DAY)
    ids = [await a_stored_task(connection, project_id, ann) for project_id in (web, web, gone, old)]
    ids += [await a_stored_task(connection, api_, ann, deleted_at=SOME_DAY), MISSING]

    async def work() -> None:
        locked = await bulk.lock_projects(ids)
        assert {id_: (state.key, state.archived_at) for id_, state in locked.items()} == {
            web: ("WEB", None),
            old: ("ARC", SOME_DAY),
        }
        assert await lockable(connection, "SHARE", "projects", web)
        assert not await lockable(connection, "NO KEY UPDATE", "projects", web)
        assert await lockable(connection, "UPDATE", "projects", api_)

    await database.run(work)


async def test_memberships_are_found_by_pair_and_locked_against_removal(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    bob = await a_stored_user(connection, "Bob")
    second = await a_stored_project(connection, ann, "TWO", viewer=bob)

    async def work() -> None:
        found = await bulk.lock_members([(web, ann.id), (web, bob.id), (second, bob.id), (second, bob.id), (MISSING, ann.id)])
        assert found == {
            (web, ann.id): Insider(ProjectRole.OWNER, PersonRef(ann.id, "Ann")),
            (second, bob.id): Insider(ProjectRole.VIEWER, PersonRef(bob.id, "Bob")),
        }
        rows = await connection.fetch("SELECT id, project_id, user_id FROM memberships")
        free = {
            (project_id, user_id) for id_, project_id, user_id in rows if await lockable(connection, "UPDATE", "memberships", id_)
        }
        assert free == {(second, ann.id)}

    await database.run(work)


async def test_living_tasks_of_the_projects_are_locked_in_the_order_of_their_ids(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, api_: UUID
) -> None:
    first = await a_stored_task(connection, web, ann, title="One", status="done", priority=5)
    second = await a_stored_task(connection, api_, ann)
    deleted = await a_stored_task(connection, web, ann, deleted_at=SOME_DAY)
    other = await a_stored_task(connection, await a_stored_project(connection, ann, "OTH"), ann)

    async def work() -> None:
        found = await bulk.lock([other, second, deleted, first, MISSING, first], [api_, web])
        assert [(project_id, state.id) for project_id, state in found] == [(web, first), (api_, second)]
        state = found[0][1]
        assert (state.title, state.status, state.priority, state.version) == ("One", Status.DONE, 5, 1)
        assert not await lockable(connection, "NO KEY UPDATE", "tasks", first)
        assert await lockable(connection, "KEY SHARE", "tasks", first)
        assert await lockable(connection, "UPDATE", "tasks", other)

    await database.run(work)


async def test_each_row_gets_the_shared_values_and_a_status_of_its_own(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, clock: FakeClock
) -> None:
    done_at = SOME_DAY - timedelta(hours=1)
    done = await a_stored_task(connection, web, ann, status="done", description="Old", version=3, field_versions='{"title": 3}')
    opened = await a_stored_task(connection, web, ann, title="New", description="Old", due_date=SOME_DAY)
    bystander = await a_stored_task(connection, web, ann)
    before = await the_row(connection, "tasks", bystander)

    async def work() -> None:
        (project,) = (await bulk.lock_projects([done])).values()
        states = {state.id: state for _, state in await bulk.lock([done, opened], [web])}
        completion = {"status": Status.DONE, "completed_at": clock.now()}
        rows = [
            Changing(project, states[opened], {"due_date": None, **completion}),
            Changing(project, states[done], {"title": "New"}),
        ]
        await bulk.change(rows, {"title": "New", "due_date": None, "is_completed": True}, clock.now())

    await database.run(work)
    first, second = await the_row(connection, "tasks", done), await the_row(connection, "tasks", opened)
    told = ("title", "description", "status", "completed_at", "due_date", "updated_at", "version", "field_versions")
    assert [first[name] for name in told] == ["New", "Old", "done", done_at, None, clock.now(), 4, {"title": 4}]
    stamps = {"due_date": 2, "status": 2, "completed_at": 2}
    assert [second[name] for name in told] == ["New", "Old", "done", clock.now(), None, clock.now(), 2, stamps]
    assert await the_row(connection, "tasks", bystander) == before


async def test_numbers_are_claimed_in_writable_projects_only(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, api_: UUID
) -> None:
    await a_stored_task(connection, api_, ann)
    closed = {
        await a_stored_project(connection, ann, "ARC", archived_at=SOME_DAY),
        await a_stored_project(connection, ann, "OLD", deleted_at=SOME_DAY),
    }

    async def work() -> None:
        claimed = await bulk.claim_numbers({web: 3, api_: 2, MISSING: 1, **dict.fromkeys(closed, 4)})
        assert claimed == {web: (1, ProjectRef(web, "WEB", "Project WEB")), api_: (2, ProjectRef(api_, "API", "Project API"))}
        assert not await lockable(connection, "SHARE", "projects", web)

    await database.run(work)
    counters = {row[0]: row[1] for row in await connection.fetch("SELECT id, last_number FROM projects")}
    assert counters == {web: 3, api_: 3, **dict.fromkeys(closed, 0)}


async def test_projects_are_told_with_archived_and_without_deleted_ones(
    bulk: PiccoloBulkTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    old = await a_stored_project(connection, ann, "ARC", archived_at=SOME_DAY)
    gone = await a_stored_project(connection, ann, "OLD", deleted_at=SOME_DAY)
    found = await bulk.projects([web, old, gone, MISSING])
    assert {id_: state.archived_at for id_, state in found.items()} == {web: None, old: SOME_DAY}


async def test_a_parent_is_told_with_the_way_down_to_it(
    bulk: PiccoloBulkTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, api_: UUID
) -> None:
    top = await a_stored_task(connection, web, ann, title="Top")
    middle = await a_stored_task(connection, web, ann, parent_id=top)
    low = await a_stored_task(connection, web, ann, title="Low", parent_id=middle)
    other = await a_stored_task(connection, api_, ann, title="Other")
    deleted = await a_stored_task(connection, web, ann, deleted_at=SOME_DAY)
    assert await bulk.ancestries([low, top, other, deleted, MISSING]) == {
        low: Ancestry(web, [top, middle, low], TaskRef(low, "WEB-3", "Low")),
        top: Ancestry(web, [top], TaskRef(top, "WEB-1", "Top")),
        other: Ancestry(api_, [other], TaskRef(other, "API-1", "Other")),
    }


async def test_added_tasks_are_stored_as_one_that_is_added_alone(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, clock: FakeClock
) -> None:
    parent = await a_stored_task(connection, web, ann)
    drafts = [
        TaskDraftFactory.build(project_id=web, status=Status.DONE, due_date=SOME_DAY, parent_id=parent),
        TaskDraftFactory.build(project_id=web, description=None, assignee_id=ann.id),
    ]
    many = [Numbered(uuid7(), number, draft) for number, draft in enumerate(drafts, 10)]
    await bulk.add(many, ann.id, clock.now())
    for each in many:
        alone = uuid7()
        await PiccoloTasks(database, clock).add(alone, each.number + 10, each.draft, ann.id, clock.now())
        own = {"id": each.id, "number": each.number}
        assert await the_row(connection, "tasks", each.id) == await the_row(connection, "tasks", alone) | own


@pytest.mark.parametrize("table", ["tasks", "projects"])
async def test_rows_are_locked_from_the_lowest_id_up_wherever_they_are_stored(
    bulk: PiccoloBulkTasks,
    database: Database,
    connection: asyncpg.Connection[Any],
    worker_database: str,
    ann: Actor,
    table: str,
) -> None:
    low, high = uuid7(), uuid7()
    for id_ in (high, low):
        project = await a_stored_project(connection, ann, "HIGH" if id_ == high else "LOW", id=id_)
        await a_stored_task(connection, project, ann, id=id_)

    async def work() -> None:
        await (bulk.lock([high, low], [low, high]) if table == "tasks" else bulk.claim_numbers({high: 1, low: 1}))

    holder = await asyncpg.connect(worker_database)
    try:
        async with holder.transaction():
            await holder.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", low)
            waiting = asyncio.ensure_future(database.run(work))
            await somebody_waits(connection)
            assert await lockable(connection, "UPDATE", table, high)
        await waiting
    finally:
        await holder.close()


async def test_what_a_filter_means_is_locked_in_the_order_of_the_ids_and_nothing_else(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, api_: UUID
) -> None:
    bob = await a_stored_user(connection, "Bob")
    foreign = await a_stored_project(connection, bob, "BOB")
    meant = [await a_stored_task(connection, project_id, ann, priority=5) for project_id in (web, api_, web)]
    other = await a_stored_task(connection, web, ann, priority=4)
    unseen = await a_stored_task(connection, foreign, bob, priority=5)
    await a_stored_task(connection, web, ann, priority=5, deleted_at=SOME_DAY)

    async def work() -> None:
        aim = await bulk.aim(ann, task_filter("priority = 5"))
        projects = await bulk.lock_aimed_projects(ann, aim)
        assert projects.keys() == {web, api_}
        assert projects == await bulk.lock_projects(meant)
        assert not await lockable(connection, "NO KEY UPDATE", "projects", web)
        assert await lockable(connection, "UPDATE", "projects", foreign)
        locked = await bulk.lock_aimed(aim, [web, api_])
        assert locked == await bulk.lock(meant, [web, api_])
        assert [state.id for _, state in locked] == sorted(meant)
        assert not await lockable(connection, "NO KEY UPDATE", "tasks", meant[0])
        for id_ in (other, unseen):
            assert await lockable(connection, "UPDATE", "tasks", id_)
        assert await bulk.aimed(aim, [web, api_]) == sorted(meant)
        assert await bulk.lock_aimed(aim, [api_]) == [pair for pair in locked if pair[0] == api_]

    await database.run(work)


async def test_a_task_that_is_changed_while_its_lock_is_waited_for_is_left_out(
    bulk: PiccoloBulkTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    first, second = [await a_stored_task(connection, web, ann, priority=5) for _ in range(2)]
    late = await a_stored_task(connection, web, ann, priority=4)
    holding = connection.transaction()
    await holding.start()
    await connection.execute("UPDATE tasks SET priority = 1 WHERE id = $1", first)
    await connection.execute("UPDATE tasks SET priority = 5 WHERE id = $1", late)

    async def work() -> tuple[list[UUID], list[UUID]]:
        aim = await bulk.aim(ann, task_filter("priority = 5"))
        locked = await bulk.lock_aimed(aim, [web])
        return [state.id for _, state in locked], await bulk.aimed(aim, [web])

    waiting = asyncio.create_task(database.run(work))
    await somebody_waits(connection)
    await holding.commit()
    assert await waiting == ([second], [second, late])
