"""Searching in PostgreSQL: over many blocks, past the most that is looked at, and what is said in comments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from service.features.tasks.ports import TaskFilter
from service.features.tasks.repository import PiccoloTasks
from service.kernel.paging import LAST_RANKED, Window
from tests.support.factories import SOME_DAY
from tests.support.plans import rows_read
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.adapters.database import Database
    from service.features.tasks.domain import Task
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

RANKED = Window(50, 0, ())
BY_NUMBER = Window(50, 0, ("number",))

MANY = """
INSERT INTO tasks (id, project_id, number, title, status, priority, reporter_id, comment_count, created_at, updated_at, version,
                   field_versions)
SELECT gen_random_uuid(), $1, n, 'Many', 'todo', 3, $2, 0, $3, $3, 1, '{}' FROM generate_series(1, $4) AS n
"""


def numbers(found: Slice[Task]) -> list[int]:
    """The numbers of a list's tasks, in its order."""
    return [task.number for task in found.items]


async def test_every_block_of_a_project_is_searched_and_the_ranks_of_all_are_one_order(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    # Blocks end at multiples of 16 384.
    places = (1, 16_383, 16_384, 32_767, 32_768, 50_000)
    await connection.execute("UPDATE projects SET last_number = 49999")
    for number in places:
        in_title = number == 16_383
        await a_stored_task(
            connection, web, ann, number=number, title="Fence" if in_title else "T", description=None if in_title else "fence"
        )
    await connection.execute("UPDATE projects SET last_number = 50000")
    found = await tasks.page(ann, TaskFilter(search="fen"), RANKED)
    assert numbers(found) == [16_383, 50_000, 32_768, 32_767, 16_384, 1]
    assert (found.total, found.total_is_exact) == (6, True)
    assert numbers(await tasks.page(ann, TaskFilter(search="fen"), BY_NUMBER)) == [*places]


async def test_projects_whose_ids_end_alike_keep_their_tasks_apart(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    bob = await a_stored_user(connection, "Bob")
    twin = await a_stored_project(connection, bob, "TWIN")
    await connection.execute(
        "INSERT INTO projects SELECT (left(gen_random_uuid()::text, 30) || right($1::text, 6))::uuid, 'LIKE', name, description, "
        "require_if_match, last_number, archived_at, created_at, updated_at, deleted_at, version, field_versions "
        "FROM projects WHERE id = $2",
        str(web), twin,
    )  # fmt: skip
    alike = await connection.fetchval("SELECT id FROM projects WHERE key = 'LIKE'")
    await a_stored_task(connection, alike, bob, title="Fence")
    await a_stored_task(connection, web, ann, title="Fence of Ann")
    assert [task.title for task in (await tasks.page(ann, TaskFilter(search="fence"), RANKED)).items] == ["Fence of Ann"]


async def test_the_best_thousand_are_shown_and_ten_thousand_looked_at(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    await connection.execute(MANY, web, ann.id, SOME_DAY, 10_050)
    await connection.execute("UPDATE projects SET last_number = 10050")
    many = TaskFilter(search="many")
    found = await tasks.page(ann, many, RANKED)
    assert (len(found.items), found.total, found.total_is_exact) == (50, LAST_RANKED, False)
    end = await tasks.page(ann, many, Window(200, 900, ()))
    assert (len(end.items), end.total, end.next) == (100, LAST_RANKED, None)
    beyond = await tasks.page(ann, many, Window(200, 1200, ()))
    assert (beyond.items, beyond.total, beyond.total_is_exact) == ([], LAST_RANKED, False)
    seen = await tasks.page(ann, many, Window(50, 0, ("number",), "exact"))
    assert (len(seen.items), seen.total, seen.total_is_exact) == (50, 10_000, False)
    await connection.execute("UPDATE tasks SET status = 'cancelled' WHERE number > 700")
    narrowed = await tasks.page(ann, TaskFilter(search="many", status="todo"), RANKED)
    # Which of the matches were looked at is not known, so the total is not exact.
    assert 650 <= (narrowed.total or 0) <= 700
    assert narrowed.total_is_exact is False


async def test_a_sorted_search_reads_what_it_finds_even_if_postgresql_believes_that_there_is_nothing(
    database: Database, tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    await connection.execute(MANY, web, ann.id, SOME_DAY, 1000)
    await connection.execute("DELETE FROM tasks")
    await connection.execute("ANALYZE tasks")
    await connection.execute(MANY, web, ann.id, SOME_DAY, 1000)
    read = partial(tasks.page, ann, TaskFilter(search="many"), BY_NUMBER)
    # It may look for the parents of a page by reading everything, but not for those of everything.
    assert await rows_read(database, connection, "tasks", read) <= 60 * 1000


async def test_a_thousand_matches_are_all_there_are(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    await connection.execute(MANY, web, ann.id, SOME_DAY, LAST_RANKED)
    found = await tasks.page(ann, TaskFilter(search="many"), Window(200, 800, ()))
    assert (len(found.items), found.total, found.total_is_exact, found.next) == (200, LAST_RANKED, True, None)


async def test_what_is_said_about_a_task_is_found_until_it_is_said_no_more(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    task_id = await a_stored_task(connection, web, ann, title="Fence", description="Of wood")
    await a_stored_task(connection, web, ann, title="Green")

    async def found(search: str) -> list[int]:
        return numbers(await tasks.page(ann, TaskFilter(search=search), RANKED))

    await connection.execute("SELECT keep_said_words($1, 'Paint it, green or white')", task_id)
    assert [await found(words) for words in ("green", "white fence wood", "door")] == [[2, 1], [1], []]
    await connection.execute("UPDATE tasks SET title = 'Door', description = NULL WHERE id = $1", task_id)
    assert [await found(words) for words in ("white door", "fence", "wood")] == [[1], [], []]
    await connection.execute("SELECT keep_said_words($1, 'Blue')", task_id)
    assert [await found(words) for words in ("green", "blue door")] == [[2], [1]]
    await connection.execute("SELECT keep_said_words($1, '')", task_id)
    assert [await found(words) for words in ("blue", "door")] == [[], [1]]


async def test_more_than_is_kept_of_what_is_said_does_no_harm(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    task_id = await a_stored_task(connection, web, ann, title="Fence", description="字 " * 10_000)
    said = "first " + "".join(f"{chr(0x20000 + n)}{chr(0x20000 + n % 77)} " for n in range(30_000)) + "last"
    await connection.execute("SELECT keep_said_words($1, $2)", task_id, said)
    assert numbers(await tasks.page(ann, TaskFilter(search="first fence"), RANKED)) == [1]
    assert numbers(await tasks.page(ann, TaskFilter(search="last"), RANKED)) == []


async def test_a_deleted_task_leaves_no_words(connection: asyncpg.Connection[Any], ann: Actor, web: UUID) -> None:
    task_id = await a_stored_task(connection, web, ann, title="Fence")
    assert await connection.fetchval("SELECT count(*) FROM task_texts") == 1
    await connection.execute("DELETE FROM tasks WHERE id = $1", task_id)
    assert await connection.fetchval("SELECT count(*) FROM task_texts") == 0
