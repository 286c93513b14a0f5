"""What PostgreSQL reads for a page of tasks when there are many more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from service.features.tasks.ports import TaskFilter
from service.features.tasks.repository import PiccoloTasks
from service.kernel.paging import Window
from tests.support.stored import a_stored_project, a_stored_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

    from service.adapters.database import Database
    from service.adapters.database.statements import Statement
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

PROJECTS = 3
LIMIT = 50
MANY = """
INSERT INTO tasks (id, project_id, number, title, status, priority, due_date, reporter_id, comment_count, created_at, updated_at,
                   version, field_versions)
SELECT gen_random_uuid(), p.id, n, md5(n::text), (ARRAY['todo', 'in_progress', 'cancelled'])[1 + n % 3], 1 + n % 5,
       CASE WHEN n % 3 > 0 THEN now() + n * interval '1 hour' END, $1, 0, now() - n * interval '1 minute',
       now() - n * 7 % 1009 * interval '1 minute', 1, '{}'
FROM projects p, generate_series(1, 3000) AS n
"""


@pytest.fixture
async def ann(connection: asyncpg.Connection[Any]) -> Actor:
    """A member of three of six projects, each with 3000 tasks."""
    ann, bob = await a_stored_user(connection, "Ann"), await a_stored_user(connection, "Bob")
    for number in range(PROJECTS):
        await a_stored_project(connection, ann, f"ANN{number}")
        await a_stored_project(connection, bob, f"BOB{number}")
    await connection.execute(MANY, ann.id)
    await connection.execute("ANALYZE tasks, projects, memberships")
    return ann


async def tasks_read(
    database: Database, connection: asyncpg.Connection[Any], actor: Actor, window: Window, clock: FakeClock
) -> int:
    """Of how many tasks the statement of a page reads the row or its entry in an index."""
    seen: list[tuple[str, tuple[Any, ...]]] = []
    fetch = database.fetch

    async def noted(statement: Statement, *arguments: Any) -> list[asyncpg.Record]:
        seen.append((statement.sql, arguments))
        return await fetch(statement, *arguments)

    database.fetch = noted  # type: ignore[method-assign]
    found = await PiccoloTasks(database, clock).page(actor, TaskFilter(), window)
    assert len(found.items) == window.limit
    sql, arguments = seen[0]
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
    return sum(_rows(node) for node in _nodes(msgspec.json.decode(text)[0]["Plan"]) if node.get("Relation Name") == "tasks")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: dict[str, Any]) -> int:
    rows: float = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return round(rows)


@pytest.mark.parametrize(
    "sort", ["-created_at", "created_at", "updated_at", "-priority", "due_date", "-due_date", "title", "number", "status"]
)
async def test_a_page_of_all_projects_reads_a_page_of_each(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock, ann: Actor, sort: str
) -> None:
    first = Window(LIMIT, 0, (sort,), "none")
    position = (await PiccoloTasks(database, clock).page(ann, TaskFilter(), replace(first, skip=500))).next
    for window, ranges in ((first, 1), (replace(first, position=position), 3)):
        # One more tells that the page is not the last, one more that nothing equal follows; a position begins three ranges.
        assert await tasks_read(database, connection, ann, window, clock) <= ranges * (PROJECTS + 1) * (LIMIT + 2)


@pytest.mark.parametrize("sort", ["-created_at", "title"])
async def test_a_page_of_what_an_admin_sees_reads_no_more_of_each_project(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock, ann: Actor, sort: str
) -> None:
    admin = replace(ann, is_admin=True)
    window = Window(LIMIT, 0, (sort,), "none")
    assert await tasks_read(database, connection, admin, window, clock) <= (2 * PROJECTS + 1) * (LIMIT + 2)
