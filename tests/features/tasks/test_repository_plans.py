"""What PostgreSQL reads for a page of tasks, and to purge some, when there are many more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from service.features.tasks.deleted_repository import PiccoloDeletedTasks
from service.features.tasks.filter_domain import task_filter
from service.features.tasks.ports import TaskFilter
from service.features.tasks.repository import PiccoloTasks
from service.http.dry_run import rehearse
from service.kernel.paging import Window
from tests.support.plans import rows_read
from tests.support.stored import a_stored_project, a_stored_user

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

PROJECTS = 3
LIMIT = 50
# Of each project; deleted ones have no index by the keys of a list, so all of them are read.
DELETED = 30
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
        self._database = database
        self._connection = connection

    async def reads(self, actor: Actor, wanted: TaskFilter, window: Window) -> int:
        """Of how many tasks the statement of a page reads the row or its entry in an index."""

        async def read() -> None:
            assert len((await self.tasks.page(actor, wanted, window)).items) == window.limit

        return await rows_read(self._database, self._connection, "tasks", read)


@pytest.fixture
def reader(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> Reader:
    return Reader(database, connection, clock)


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
        for text in ("assignee = me()", "status <> 'done' AND assignee = me()"):
            assert await reader.reads(ann, TaskFilter(filter=task_filter(text)), window) <= 2 * 2 * (LIMIT + 2), (sort, text)


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


@pytest.mark.parametrize("key", ["ANN1", None])
async def test_a_page_with_deleted_tasks_reads_a_page_of_living_ones_and_the_deleted_ones(
    reader: Reader, connection: asyncpg.Connection[Any], ann: Actor, key: str | None
) -> None:
    await connection.execute(f"UPDATE tasks SET deleted_at = now() WHERE number % {3000 // DELETED} = 0")  # noqa: S608
    await connection.execute("VACUUM ANALYZE tasks")
    wanted = TaskFilter(deleted=True, project_id=await connection.fetchval("SELECT id FROM projects WHERE key = $1", key))
    for sort in SORTS:
        first = Window(LIMIT, 0, (sort,), "none")
        position = (await reader.tasks.page(ann, wanted, replace(first, skip=500))).next
        for actor, seen in ((ann, PROJECTS), (replace(ann, is_admin=True), 2 * PROJECTS)):
            projects = 1 if key else seen
            for window, ranges in ((first, 1), (replace(first, position=position), 3)):
                most = ranges * (projects + 1) * (LIMIT + 2 + DELETED)
                assert await reader.reads(actor, wanted, window) <= most, (sort, ranges)


async def test_a_purge_of_some_tasks_reads_no_others(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock, ann: Actor
) -> None:
    # Sixteen below each of some tasks, so that PostgreSQL expects as many below those that are deleted.
    await connection.execute(
        "UPDATE tasks SET parent_id = above.id FROM tasks above WHERE above.project_id = tasks.project_id "
        "AND above.number = tasks.number % 60 + 1 AND tasks.number BETWEEN 61 AND 1020"
    )
    await connection.execute("UPDATE tasks SET deleted_at = now() - interval '1 year' WHERE number > 2995")
    await connection.execute("VACUUM ANALYZE tasks")
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM tasks WHERE number > 2999")]

    async def purge() -> None:
        # Undone, so that it finds the same when it is explained.
        purged = await rehearse(database, lambda: PiccoloDeletedTasks(database).purge(ids, clock.now()))
        assert len(purged) == len(ids)

    # Each is found to be due, found again by its id, and removed.
    assert await rows_read(database, connection, "tasks", purge) <= 3 * len(ids)


LABELLED = """
WITH made AS (
    INSERT INTO labels (id, project_id, name, name_key, color, created_at, updated_at, version, field_versions)
    SELECT gen_random_uuid(), id, 'bug', 'bug', '#ededed', now(), now(), 1, '{}' FROM projects RETURNING id, project_id
)
INSERT INTO task_labels (id, project_id, task_id, label_id)
SELECT gen_random_uuid(), t.project_id, t.id, made.id FROM tasks t JOIN made ON made.project_id = t.project_id
WHERE number % 500 = 0
"""


@pytest.mark.parametrize("key", ["ANN1", None])
@pytest.mark.parametrize("by_name", ["bug", None])
async def test_a_page_of_a_label_reads_the_tasks_that_have_it(
    reader: Reader, connection: asyncpg.Connection[Any], ann: Actor, by_name: str | None, key: str | None
) -> None:
    await connection.execute(LABELLED)
    await connection.execute("ANALYZE labels, task_labels")
    project_id = await connection.fetchval("SELECT id FROM projects WHERE key = 'ANN1'")
    label_id = await connection.fetchval("SELECT id FROM labels WHERE project_id = $1", project_id)
    wanted = TaskFilter(label=by_name or label_id, project_id=project_id if key else None)
    labelled = 6 if key or not by_name else 6 * PROJECTS
    window = Window(labelled, 0, ("-created_at",), "none")
    # Also those of her other projects that have a label of this name, and none of anybody else's; then the page.
    assert await reader.reads(ann, wanted, window) <= (6 * PROJECTS if by_name else 6) + labelled
