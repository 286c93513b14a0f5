"""Trees of tasks in PostgreSQL: what is locked, how deep it is, where it hangs, and what deleting leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from service.features.tasks.domain import TaskRef
from service.features.tasks.repository import PiccoloTasks
from tests.support.factories import SOME_DAY
from tests.support.stored import a_stored_project, a_stored_task, somebody_waits

if TYPE_CHECKING:
    from service.adapters.database import Database
    from service.features.tasks.domain import TaskState
    from service.kernel.actor import Actor

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

MISSING = UUID("00000000-0000-7000-8000-000000000000")


@pytest.fixture
async def tree(connection: asyncpg.Connection[Any], ann: Actor, web: UUID) -> dict[str, UUID]:
    """A top with two branches of two levels, one leaf deleted, and a task beside."""
    ids: dict[str, UUID] = {}
    for name, above in (("top", None), ("left", "top"), ("right", "top"), ("leaf", "left"), ("gone", "right"), ("beside", None)):
        ids[name] = await a_stored_task(
            connection, web, ann, title=name, parent_id=ids[above] if above else None,
            deleted_at=SOME_DAY if name == "gone" else None,
        )  # fmt: skip
    return ids


async def test_a_tree_is_locked_without_what_is_deleted(tasks: PiccoloTasks, tree: dict[str, UUID]) -> None:
    assert [state.title for state in await tasks.lock_tree(tree["top"])] == ["top", "left", "right", "leaf"]
    assert [state.title for state in await tasks.lock_tree(tree["leaf"])] == ["leaf"]
    assert await tasks.lock_tree(tree["gone"]) == []
    assert await tasks.lock_tree(MISSING) == []


async def test_the_height_of_a_tree_counts_its_levels(tasks: PiccoloTasks, tree: dict[str, UUID]) -> None:
    assert [await tasks.height(tree[name]) for name in ("top", "left", "right", "leaf", "beside")] == [3, 2, 1, 1, 1]


async def test_a_lineage_leads_from_the_top_to_the_task(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, tree: dict[str, UUID]
) -> None:
    found = await tasks.lineage(web, tree["leaf"])
    assert found is not None
    path, leaf = found
    assert list(path) == [tree["top"], tree["left"], tree["leaf"]]
    assert leaf == TaskRef(tree["leaf"], "WEB-4", "leaf")
    other = await a_stored_project(connection, ann, "API")
    for project_id, task_id in ((web, tree["gone"]), (web, MISSING), (other, tree["leaf"])):
        assert await tasks.lineage(project_id, task_id) is None


async def test_deleted_tasks_keep_their_row_with_the_date_and_a_version(
    tasks: PiccoloTasks, database: Database, connection: asyncpg.Connection[Any], tree: dict[str, UUID]
) -> None:
    later = SOME_DAY + timedelta(days=1)

    async def work() -> None:
        await tasks.delete(await tasks.lock_tree(tree["left"]), tree["left"], later)

    await database.run(work)
    rows = await connection.fetch("SELECT title, version, updated_at FROM tasks WHERE deleted_at = $1 ORDER BY title", later)
    assert [tuple(row) for row in rows] == [("leaf", 2, later), ("left", 2, later)]


async def test_who_waited_for_a_tree_that_was_deleted_meanwhile_finds_nothing_of_it(
    tasks: PiccoloTasks, database: Database, connection: asyncpg.Connection[Any], tree: dict[str, UUID]
) -> None:
    async def work() -> list[TaskState]:
        return await tasks.lock_tree(tree["top"])

    async with connection.transaction():
        await connection.execute("UPDATE tasks SET deleted_at = now() WHERE id <> $1", tree["beside"])
        waiting = asyncio.create_task(database.run(work))
        await somebody_waits(connection)
    assert await waiting == []
