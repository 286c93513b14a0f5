"""Walking a long list by cursor, forth and back, while others insert, delete and edit."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_project, a_user

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]

TASKS = 100_000
# What others do between two pages, of each kind.
WORK = 20

# Rows by SQL: 100 000 requests would measure something else. Several share their time, and a third have no due date.
FILL = """
INSERT INTO tasks (id, project_id, number, title, status, priority, due_date, reporter_id, comment_count, created_at, updated_at,
                   version, field_versions)
SELECT gen_random_uuid(), $1::uuid, n, 'Task ' || n, 'todo', 1 + n % 5,
       CASE WHEN n % 3 > 0 THEN '2026-01-01'::timestamptz + (n % 400) * interval '1 hour' END,
       $2::uuid, 0, '2026-01-01'::timestamptz + (n / 3) * interval '1 second', now(), 1, '{}'
FROM generate_series($3::int, $4::int) AS n
"""


async def others_work(connection: asyncpg.Connection[Any], project: dict[str, Any], user_id: str, numbers: list[int]) -> None:
    """Somebody deletes and moves tasks with odd numbers, edits ones with even numbers in place, and creates ones everywhere."""
    odd = random.sample(range(1, TASKS, 2), 2 * WORK)
    for change, chosen in (
        ("deleted_at = now()", odd[:WORK]),
        (("priority = 6 - priority, title = title || random(), due_date = due_date - interval '9 days', status = 'in_progress', "
         "created_at = created_at + interval '1 hour'"), odd[WORK:]),
        ("description = 'Edited', updated_at = now(), version = version + 1", random.sample(range(2, TASKS, 2), WORK)),
    ):  # fmt: skip
        await connection.execute(
            f"UPDATE tasks SET {change} WHERE project_id = $1::uuid AND number = ANY($2::int[])", project["id"], chosen  # noqa: S608
        )  # fmt: skip
    first = numbers[-1] + 1
    numbers += range(first, first + WORK)
    await connection.execute(FILL, project["id"], user_id, first, first + WORK - 1)
    await connection.execute(
        "UPDATE tasks SET created_at = '2026-01-01'::timestamptz + random() * interval '30000 seconds' "
        "WHERE project_id = $1::uuid AND number >= $2", project["id"], first,
    )  # fmt: skip


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "due_date", "-due_date", "title", "-status,priority"])
async def test_what_was_there_all_along_is_seen_exactly_once_each_way(
    api: Api, connection: asyncpg.Connection[Any], sort: str
) -> None:
    ann = await a_user(api)
    project = await a_project(ann)
    numbers = list(range(1, TASKS + 1))
    await connection.execute(FILL, project["id"], ann.user["id"], 1, TASKS)
    await connection.execute("ANALYZE tasks")
    kept = set(range(2, TASKS + 1, 2))
    forth: Counter[int] = Counter()
    back: Counter[int] = Counter()

    async def read(cursor: str | None, seen: Counter[int]) -> dict[str, Any]:
        query = f"project_id={project['id']}&sort={sort}&limit=200&count=none" + (f"&cursor={cursor}" if cursor else "")
        page = made(await ann.get(f"/tasks?{query}"))
        seen.update(task["number"] for task in page["items"] if task["number"] in kept)
        await others_work(connection, project, ann.user["id"], numbers)
        return page

    page = await read(None, forth)
    while page["next_cursor"]:
        page = await read(page["next_cursor"], forth)
    # The way back begins with the last page itself.
    back.update(task["number"] for task in page["items"] if task["number"] in kept)
    while page["prev_cursor"]:
        page = await read(page["prev_cursor"], back)
    assert forth == Counter(kept)
    assert back == Counter(kept)
