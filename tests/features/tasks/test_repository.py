"""Tasks in PostgreSQL: who sees which, how references are read, and what writes lock and leave."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from service.features.projects.domain import ProjectRole
from service.features.tasks.domain import PersonRef, Status, TaskNotFound, TaskRef
from service.features.tasks.repository import PiccoloTasks
from tests.support.factories import SOME_DAY, TaskDraftFactory
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user, lockable, the_row

if TYPE_CHECKING:
    from service.adapters.database import Database
    from service.features.tasks.domain import TaskState
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

MISSING = UUID("00000000-0000-7000-8000-000000000000")


@pytest.fixture
async def bob(connection: asyncpg.Connection[Any]) -> Actor:
    return await a_stored_user(connection, "Bob")


async def test_a_task_is_found_whole_by_its_id_and_by_its_key(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor, web: UUID, clock: FakeClock
) -> None:
    parent_id = await a_stored_task(connection, web, ann, title="Above")
    due = clock.now() - timedelta(minutes=1)
    task_id = await a_stored_task(
        connection, web, bob, title="Below", description="# Why", status="in_progress", priority=5, due_date=due,
        assignee_id=ann.id, parent_id=parent_id, comment_count=4,
    )  # fmt: skip
    task = await tasks.find(ann, "WEB-2")
    assert task == await tasks.find(ann, str(task_id))
    assert (task.id, task.number, task.key, task.title, task.description) == (task_id, 2, "WEB-2", "Below", "# Why")
    assert (task.project.id, task.project.key, task.project.name) == (web, "WEB", "Project WEB")
    assert (task.status, task.is_completed, task.completed_at) == (Status.IN_PROGRESS, False, None)
    assert (task.priority, task.due_date, task.is_overdue, task.comment_count) == (5, due, True, 4)
    assert task.assignee == PersonRef(ann.id, "Ann")
    assert task.reporter == PersonRef(bob.id, "Bob")
    assert task.parent == TaskRef(parent_id, "WEB-1", "Above")
    assert (task.created_at, task.updated_at, task.deleted_at, task.version) == (SOME_DAY, SOME_DAY, None, 1)


async def test_a_task_of_nobody_below_nothing_has_no_assignee_and_no_parent(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    await a_stored_task(connection, web, ann, status="done")
    task = await tasks.find(ann, "WEB-1")
    assert (task.assignee, task.parent, task.description, task.due_date, task.is_overdue) == (None, None, None, None, False)
    assert (task.is_completed, task.completed_at) == (True, SOME_DAY - timedelta(hours=1))


@pytest.mark.parametrize(
    "reference",
    ["web-1", "WEB-01", "WEB-0", "WEB-2", "WEB--1", "WEB-1 ", "WEB-1\n", "WEB-99999999999", "W-1", "WEB", "", str(MISSING)],
)
async def test_what_names_no_task_finds_none(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, reference: str
) -> None:
    await a_stored_task(connection, web, ann)
    with pytest.raises(TaskNotFound):
        await tasks.find(ann, reference)
    with pytest.raises(TaskNotFound):
        await tasks.lock_project(reference, exclusively=False)


async def test_members_of_every_role_and_admins_see_a_task_and_others_do_not(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor
) -> None:
    people = {role: await a_stored_user(connection, role) for role in ("maintainer", "member", "viewer")}
    project_id = await a_stored_project(connection, ann, "API", **people)
    task_id = await a_stored_task(connection, project_id, ann)
    admin = await a_stored_user(connection, "Root", is_admin=True)
    for actor in (ann, *people.values(), admin):
        assert (await tasks.find(actor, "API-1")).id == (await tasks.find(actor, str(task_id))).id == task_id
    outsider = await a_stored_user(connection, "Out")
    await a_stored_project(connection, outsider, "OUT")
    for reference in ("API-1", str(task_id)):
        with pytest.raises(TaskNotFound):
            await tasks.find(outsider, reference)


async def test_deleted_tasks_and_those_of_deleted_projects_are_not_there(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    admin = await a_stored_user(connection, "Root", is_admin=True)
    gone = await a_stored_project(connection, ann, "OLD", deleted_at=SOME_DAY)
    deleted = [
        await a_stored_task(connection, web, ann, deleted_at=SOME_DAY),
        await a_stored_task(connection, gone, ann),
    ]
    for reference in ("WEB-1", "OLD-1", *map(str, deleted)):
        for actor in (ann, admin):
            with pytest.raises(TaskNotFound):
                await tasks.find(actor, reference)
        with pytest.raises(TaskNotFound):
            await tasks.lock_project(reference, exclusively=True)


async def test_a_key_names_the_task_of_the_living_project(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    dead = await a_stored_project(connection, ann, "WEB", deleted_at=SOME_DAY)
    await a_stored_task(connection, dead, ann)
    task_id = await a_stored_task(connection, web, ann)
    assert (await tasks.find(ann, "WEB-1")).id == task_id
    assert (await tasks.lock_project("WEB-1", exclusively=False))[0] == task_id


async def test_numbers_count_up_and_only_in_a_writable_project(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    claims = [await tasks.claim_number(web), await tasks.claim_number(web)]
    assert [claim[0] for claim in claims if claim] == [1, 2]
    assert claims[0]
    assert (claims[0][1].id, claims[0][1].key, claims[0][1].name) == (web, "WEB", "Project WEB")
    archived = await a_stored_project(connection, ann, "ARC", archived_at=SOME_DAY)
    deleted = await a_stored_project(connection, ann, "DEL", deleted_at=SOME_DAY)
    assert [await tasks.claim_number(id_) for id_ in (archived, deleted, MISSING)] == [None, None, None]


async def test_changes_of_tasks_share_the_project_and_changes_of_the_tree_do_not(
    tasks: PiccoloTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    task_id = await a_stored_task(connection, web, ann)
    for exclusively in (False, True):

        async def work(exclusively: bool = exclusively) -> None:  # noqa: FBT001  (a closure's default)
            found = await tasks.lock_project(str(task_id), exclusively=exclusively)
            assert found[0] == task_id
            assert (found[1].id, found[1].key, found[1].archived_at, found[1].version) == (web, "WEB", None, 1)
            assert await lockable(connection, "SHARE", "projects", web) is not exclusively
            # What claiming a number and archiving need.
            assert not await lockable(connection, "NO KEY UPDATE", "projects", web)
            assert await lockable(connection, "UPDATE", "tasks", task_id)

        await database.run(work)


async def test_locked_members_can_not_be_removed_meanwhile(
    tasks: PiccoloTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor, web: UUID
) -> None:
    membership = await connection.fetchval("SELECT id FROM memberships WHERE project_id = $1", web)

    async def work() -> None:
        insiders = await tasks.lock_members(web, sorted([ann.id, bob.id]))
        assert list(insiders) == [ann.id]
        assert insiders[ann.id].role is ProjectRole.OWNER
        assert insiders[ann.id].person == PersonRef(ann.id, "Ann")
        assert not await lockable(connection, "UPDATE", "memberships", membership)
        assert await lockable(connection, "SHARE", "memberships", membership)

    await database.run(work)


async def test_a_locked_task_is_what_is_stored(
    tasks: PiccoloTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    task_id = await a_stored_task(connection, web, ann, status="done", priority=1, assignee_id=ann.id)

    async def work() -> TaskState:
        state = await tasks.lock(task_id)
        assert not await lockable(connection, "SHARE", "tasks", task_id)
        return state

    state = await database.run(work)
    assert (state.id, state.number, state.title, state.status, state.priority) == (task_id, 1, "Task 1", Status.DONE, 1)
    assert (state.assignee_id, state.parent_id, state.completed_at) == (ann.id, None, SOME_DAY - timedelta(hours=1))
    await connection.execute("UPDATE tasks SET deleted_at = now()")
    with pytest.raises(TaskNotFound):
        await tasks.lock(task_id)


@pytest.mark.parametrize("status", Status)
async def test_a_new_task_is_stored_as_its_draft_says(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor, web: UUID, status: Status
) -> None:
    parent_id = await a_stored_task(connection, web, ann)
    draft = TaskDraftFactory.build(
        project_id=web, status=status, due_date=SOME_DAY, description="# Why", assignee_id=ann.id, parent_id=parent_id
    )
    task_id = uuid7()
    await tasks.add(task_id, 2, draft, bob.id, SOME_DAY)
    task = await tasks.find(ann, "WEB-2")
    assert (task.id, task.title, task.description, task.priority) == (task_id, draft.title, "# Why", 3)
    assert (task.status, task.completed_at) == (status, SOME_DAY if status is Status.DONE else None)
    assert (task.reporter.id, task.assignee and task.assignee.id, task.parent and task.parent.id) == (bob.id, ann.id, parent_id)
    assert (task.due_date, task.created_at, task.updated_at, task.version) == (SOME_DAY, SOME_DAY, SOME_DAY, 1)


async def test_a_change_stores_the_named_fields_and_the_version_of_each(
    tasks: PiccoloTasks, database: Database, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    task_id = await a_stored_task(connection, web, ann, description="Goes", due_date=SOME_DAY)
    later = SOME_DAY + timedelta(days=1)

    async def work() -> None:
        assert await tasks.change(await tasks.lock(task_id), {"title": "New", "priority": 5}, SOME_DAY) == 2
        completed = {"status": Status.DONE, "completed_at": later, "description": None}
        assert await tasks.change(await tasks.lock(task_id), completed, later) == 3

    before = await the_row(connection, "tasks", task_id)
    await database.run(work)
    after = await the_row(connection, "tasks", task_id)
    assert {name: value for name, value in after.items() if before[name] != value} == {
        "title": "New",
        "priority": 5,
        "status": "done",
        "status_rank": 3,
        "completed_at": later,
        "description": None,
        "updated_at": later,
        "version": 3,
        "field_versions": {"title": 2, "priority": 2, "status": 3, "completed_at": 3, "description": 3},
    }
