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
INSERT INTO tasks (id, project_id, number, title, status, priority, due_date, assignee_id, reporter_id, comment_count, created_at,
                   updated_at, version, field_versions)
SELECT gen_random_uuid(), p.id, n, md5(n::text), (ARRAY['todo', 'in_progress', 'cancelled'])[1 + n % 3], 1 + n % 5,
       CASE WHEN n % 7 > 0 THEN now() + n * 13 % 1013 * interval '1 hour' END, CASE WHEN n % 2 > 0 THEN $1::uuid END, $1, 0,
       now() - n * interval '1 minute', now() - n * 11 % 1009 * interval '1 minute', 1, '{}'
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


class Reader:
    """Asks for pages, and counts what PostgreSQL reads for them."""

    def __init__(self, database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
        self.tasks = PiccoloTasks(database, clock)
        self.seen: list[tuple[str, tuple[Any, ...]]] = []
        self._connection = connection
        fetch = database.fetch

        async def noted(statement: Statement, *arguments: Any) -> list[asyncpg.Record]:
            self.seen.append((statement.sql, arguments))
            return await fetch(statement, *arguments)

        database.fetch = noted  # type: ignore[method-assign]

    async def reads(self, actor: Actor, wanted: TaskFilter, window: Window) -> int:
        """Of how many tasks the statement of a page reads the row or its entry in an index."""
        self.seen.clear()
        found = await self.tasks.page(actor, wanted, window)
        assert len(found.items) == window.limit
        sql, arguments = self.seen[0]
        text = await self._connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
        nodes = _nodes(msgspec.json.decode(text)[0]["Plan"])
        return sum(_rows(node) for node in nodes if node.get("Relation Name") == "tasks")


@pytest.fixture
def reader(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> Reader:
    return Reader(database, connection, clock)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: dict[str, Any]) -> int:
    rows: float = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return round(rows)


SORTS = ["-created_at", "created_at", "updated_at", "-priority", "due_date", "-due_date", "title", "number", "status"]


async def test_a_page_of_all_projects_reads_a_page_of_each(reader: Reader, ann: Actor) -> None:
    for sort in SORTS:
        first = Window(LIMIT, 0, (sort,), "none")
        position = (await reader.tasks.page(ann, TaskFilter(), replace(first, skip=500))).next
        for window, ranges in ((first, 1), (replace(first, position=position), 3)):
            # One more tells that the page is not the last, one more that nothing equal follows; a position begins three ranges.
            assert await reader.reads(ann, TaskFilter(), window) <= ranges * (PROJECTS + 1) * (LIMIT + 2), sort


async def test_a_page_of_ones_own_tasks_reads_a_page(reader: Reader, ann: Actor) -> None:
    for sort in SORTS:
        window = Window(LIMIT, 0, (sort,), "none")
        # Half of the tasks that are hers are in projects that she is no member of, and a third has that status.
        assert await reader.reads(ann, TaskFilter(assignee=ann.id), window) <= 2 * 2 * (LIMIT + 2), sort
        assert await reader.reads(ann, TaskFilter(assignee=ann.id, status="todo"), window) <= 2 * 2 * 3 * (LIMIT + 2), sort


async def test_a_page_of_what_an_admin_sees_reads_no_more_of_each_project(reader: Reader, ann: Actor) -> None:
    for sort in SORTS:
        window = Window(LIMIT, 0, (sort,), "none")
        assert await reader.reads(replace(ann, is_admin=True), TaskFilter(), window) <= (2 * PROJECTS + 1) * (LIMIT + 2), sort


async def test_a_page_of_a_project_reads_little_more_than_a_page_whatever_narrows_it(
    reader: Reader, connection: asyncpg.Connection[Any], ann: Actor
) -> None:
    project_id = await connection.fetchval("SELECT id FROM projects WHERE key = 'ANN0'")
    middle = await connection.fetchval("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY due_date) FROM tasks")
    narrowed = (
        TaskFilter(status="todo"),
        TaskFilter(status="pending"),
        TaskFilter(priority=2),
        TaskFilter(priority_gte=5),
        TaskFilter(due_before=middle),
        TaskFilter(due_after=middle),
        TaskFilter(assignee=ann.id),
        TaskFilter(assignee="none"),
    )
    for sort in SORTS:
        for wanted in narrowed:
            within = replace(wanted, project_id=project_id)
            # A fifth of the tasks has a priority, the rarest of these; each of the sorts is walked until a page is full.
            assert await reader.reads(ann, within, Window(LIMIT, 0, (sort,), "none")) <= 2 * 5 * (LIMIT + 2), (sort, within)


async def test_a_page_of_all_projects_reads_nothing_of_a_deleted_one(
    reader: Reader, connection: asyncpg.Connection[Any], ann: Actor
) -> None:
    await connection.execute("UPDATE projects SET deleted_at = now() WHERE key = 'ANN1'")
    for sort in SORTS:
        assert await reader.reads(ann, TaskFilter(), Window(LIMIT, 0, (sort,), "none")) <= PROJECTS * (LIMIT + 2), sort
