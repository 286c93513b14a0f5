"""Filters in PostgreSQL: which tasks each means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec.structs import replace

from service.features.tasks.filter_domain import task_filter
from service.features.tasks.ports import TaskFilter
from service.features.tasks.repository import PiccoloTasks
from service.kernel.paging import Window
from tests.support.stored import a_stored_block, a_stored_label, a_stored_project, a_stored_task, a_stored_user

if TYPE_CHECKING:
    from uuid import UUID

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

BY_NUMBER = Window(50, 0, ("number",))


async def meant(tasks: PiccoloTasks, actor: Actor, text: str) -> str:
    """The titles of the tasks that a filter means."""
    found = await tasks.page(actor, TaskFilter(filter=task_filter(text)), BY_NUMBER)
    return " ".join(task.title for task in found.items)


@pytest.fixture
async def six(connection: asyncpg.Connection[Any], ann: Actor, web: UUID, clock: FakeClock) -> dict[str, Any]:
    """Tasks that every field tells apart, and the ids that filters name."""
    bob = await a_stored_user(connection, "Bob")
    api = await a_stored_project(connection, ann, "API")
    clock.time = datetime(2026, 5, 10, 12, tzinfo=UTC)
    day = timedelta(days=1)
    first = await a_stored_task(
        connection, web, ann, title="late", priority=1, due_date=clock.time - day, assignee_id=ann.id, description="50% off_"
    )
    for title, fields in {
        "soon": {"priority": 2, "due_date": clock.time + day, "status": "in_progress", "assignee_id": bob.id},
        "Soon": {"priority": 3, "parent_id": first, "description": "a\nb\\c", "reporter_id": bob.id},
        "done": {"priority": 4, "status": "done", "due_date": clock.time - day, "completed_at": clock.time - 2 * day},
        "gone": {"priority": 5, "status": "cancelled", "due_date": clock.time - day},
    }.items():
        await a_stored_task(connection, web, ann, title=title, **fields)
    elsewhere = await a_stored_task(connection, api, ann, title="it's", number=6, created_at=clock.time, updated_at=clock.time)
    for label, (project_id, titles) in {"Bug": (web, ["late", "Soon"]), "docs": (web, ["late"]), "bug": (api, ["it's"])}.items():
        await a_stored_label(connection, project_id, label, *titles)
    await a_stored_block(connection, web, "late", "soon")
    await a_stored_block(connection, web, "done", "gone")
    return {"ann": ann.id, "bob": bob.id, "web": web, "api": api, "first": first, "elsewhere": elsewhere}


MEANT = {
    "TRUE": "late soon Soon done gone it's",
    "FALSE": "",
    "NOT FALSE": "late soon Soon done gone it's",
    "status = 'todo'": "late Soon it's",
    "status <> 'todo'": "soon done gone",
    "status IN ('done', 'cancelled')": "done gone",
    "status NOT IN ('done', 'cancelled')": "late soon Soon it's",
    "status IS NULL": "",
    "is_completed = TRUE": "done",
    "is_completed <> TRUE": "late soon Soon gone it's",
    "is_completed = FALSE": "late soon Soon gone it's",
    "is_completed <> FALSE": "done",
    "is_completed IS NULL": "",
    "is_overdue = TRUE": "late",
    "is_overdue = FALSE": "soon Soon done gone it's",
    "is_overdue <> TRUE": "soon Soon done gone it's",
    "NOT is_overdue = FALSE": "late",
    "is_overdue IS NOT NULL": "late soon Soon done gone it's",
    "is_blocked = TRUE": "soon",
    "is_blocked = FALSE": "late Soon done gone it's",
    "is_blocked <> TRUE": "late Soon done gone it's",
    "NOT is_blocked = FALSE": "soon",
    "is_blocked IS NULL": "",
    "label = 'bug'": "late Soon it's",
    "label = ' BUG '": "late Soon it's",
    "label <> 'bug'": "soon done gone",
    "label IN ('docs', 'none')": "late",
    "label NOT IN ('docs', 'none')": "soon Soon done gone it's",
    "label = 'bug' AND label = 'docs'": "late",
    "label IS NULL": "soon done gone",
    "label IS NOT NULL": "late Soon it's",
    "label = 'docs' OR is_blocked = TRUE": "late soon",
    "priority = 3": "Soon it's",
    "priority <> 3": "late soon done gone",
    "priority < 2": "late",
    "priority <= 2": "late soon",
    "priority > 4": "gone",
    "priority >= 4": "done gone",
    "priority BETWEEN 2 AND 4": "soon Soon done it's",
    "priority NOT BETWEEN 2 AND 4": "late gone",
    "priority BETWEEN 4 AND 2": "",
    "priority IN (1, 5, 5)": "late gone",
    "priority > -1 AND priority < +2": "late",
    "priority < 999999999999999": "late soon Soon done gone it's",
    "number = 6": "it's",
    "due_date IS NULL": "Soon it's",
    "due_date IS NOT NULL": "late soon done gone",
    "due_date < now()": "late done gone",
    "due_date > now() + 'PT23H59M'": "soon",
    "due_date >= now() + 'P1D'": "soon",
    "due_date > now() + 'P1D'": "",
    "due_date = TIMESTAMP('2026-05-11T14:00:00+02:00')": "soon",
    "due_date BETWEEN DATE('2026-05-11') AND DATE('2026-05-11') + 'P1D'": "soon",
    "due_date IN (now() - 'P1D', now() + 'P1D')": "late soon done gone",
    "NOT due_date < now()": "soon",
    "completed_at < now() - 'P1D'": "done",
    "created_at >= today()": "it's",
    "updated_at < today()": "late soon Soon done gone",
    "title = 'soon'": "soon",
    "title LIKE 'soon'": "soon",
    "title LIKE '%oon'": "soon Soon",
    "title NOT LIKE '%oon'": "late done gone it's",
    "title LIKE '_oo_'": "soon Soon",
    "title < 'a'": "Soon",
    "title = 'it''s'": "it's",
    "title IN ('it''s', 'late')": "late it's",
    "description LIKE '%0\\% off\\_'": "late",
    "description LIKE '%\\%'": "",
    "description = 'a\nb\\c'": "Soon",
    "description LIKE '%\\\\c'": "Soon",
    "description NOT LIKE 'a%'": "late",
    "description > '5'": "late Soon",
    "description < 'A'": "late",
    "description IS NULL": "soon done gone it's",
    "key = 'WEB-2'": "soon",
    "key <> 'WEB-2'": "late Soon done gone it's",
    "key IN ('WEB-1', 'API-6', 'NONE-1')": "late it's",
    "key NOT IN ('WEB-1', 'API-6')": "soon Soon done gone",
    "key IS NULL": "",
    "project = 'API'": "it's",
    "project <> 'API'": "late soon Soon done gone",
    "project = 'NONE'": "",
    "project <> 'NONE'": "late soon Soon done gone it's",
    "project IN ('API', '{web}')": "late soon Soon done gone it's",
    "project = '{api}'": "it's",
    "project IS NOT NULL": "late soon Soon done gone it's",
    "project_id = '{api}'": "it's",
    "project_id NOT IN ('{api}')": "late soon Soon done gone",
    "assignee = me()": "late",
    "assignee <> me()": "soon",
    "assignee = '{bob}'": "soon",
    "assignee IN (me(), '{bob}')": "late soon",
    "assignee IS NULL": "Soon done gone it's",
    "NOT (assignee = me())": "soon",
    "reporter <> me()": "Soon",
    "reporter IN ('{bob}')": "Soon",
    "parent_id = '{first}'": "Soon",
    "parent_id IS NOT NULL": "Soon",
    # AND binds tighter than OR, whichever comes first.
    "priority = 1 OR priority = 2 AND title = 'none'": "late",
    "title = 'none' AND priority = 2 OR priority = 1": "late",
    "(priority = 1 OR priority = 2) AND title = 'soon'": "soon",
    "NOT priority = 1 AND priority < 3": "soon",
    "NOT (priority = 1 OR priority > 2)": "soon",
    "NOT NOT priority = 1": "late",
    "\"status\" = 'done'": "done",
    "status in ('todo') and Not title like 'S%' Or false": "late it's",
}


async def test_every_field_and_operator_means_what_it_says(tasks: PiccoloTasks, ann: Actor, six: dict[str, Any]) -> None:
    found = {}
    for text in MEANT:
        named = text
        for name, id_ in six.items():
            named = named.replace(f"{{{name}}}", str(id_))
        found[text] = await meant(tasks, ann, named)
    assert found == MEANT


async def test_a_filter_shows_nobody_more_than_he_may_see(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], six: dict[str, Any]
) -> None:
    outsider, admin = await a_stored_user(connection, "Out"), await a_stored_user(connection, "Root", is_admin=True)
    for text in ("TRUE", "project = 'WEB'", "FALSE OR TRUE", "key = 'WEB-1' OR priority > 0"):
        assert await meant(tasks, outsider, text) == ""
        assert await meant(tasks, admin, text) != ""


# Time zone: today's date at noon UTC of 2026-03-29, when Berlin's clocks go forward, and the instants between which it lies.
DAYS = {
    "UTC": ("2026-03-29", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
    "Europe/Berlin": ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
    "America/Los_Angeles": ("2026-03-29", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"),
    "Pacific/Auckland": ("2026-03-30", "2026-03-29T11:00:00Z", "2026-03-30T11:00:00Z"),
}


@pytest.mark.parametrize("zone", DAYS)
async def test_a_day_is_that_of_the_callers_time_zone(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, clock: FakeClock, zone: str
) -> None:
    clock.time = datetime(2026, 3, 29, 12, tzinfo=UTC)
    await connection.execute("UPDATE users SET timezone = $1 WHERE id = $2", zone, ann.id)
    day, *instants = DAYS[zone]
    first, end = (datetime.fromisoformat(text) for text in instants)
    moment = timedelta(microseconds=1)
    for title, due in {"before": first - moment, "first": first, "last": end - moment, "after": end}.items():
        await a_stored_task(connection, web, ann, title=title, due_date=due)
    for start in ("today()", f"DATE('{day}')"):
        assert await meant(tasks, ann, f"due_date >= {start} AND due_date < {start} + 'P1D'") == "first last"
        assert await meant(tasks, ann, f"due_date = {start}") == "first"
        assert await meant(tasks, ann, f"due_date < {start}") == "before"
        assert await meant(tasks, ann, f"due_date > {start} + 'P1D' - 'PT1S'") == "last after"


async def test_filters_that_differ_in_values_only_are_one_statement_text(
    tasks: PiccoloTasks, database: Database, ann: Actor, web: UUID
) -> None:
    seen: list[str] = []
    database.observer = seen.append
    await meant(tasks, ann, "priority IN (1) AND title = 'a' OR key = 'WEB-1'")
    await meant(tasks, ann, "priority IN (1, 2, 3) AND title = 'b' OR key = 'API-2'")
    assert len(seen) == 2
    assert seen[0] is seen[1]
    assert "'a'" not in seen[0]


async def test_only_a_filter_that_speaks_of_days_asks_for_the_time_zone(
    tasks: PiccoloTasks, database: Database, ann: Actor, web: UUID
) -> None:
    seen: list[str] = []
    database.observer = seen.append
    await meant(tasks, ann, "due_date < now()")
    assert len(seen) == 1
    for text in ("due_date < today()", "due_date < DATE('2026-01-01')", "due_date < now() + 'P1D'"):
        seen.clear()
        await meant(tasks, ann, text)
        assert len(seen) == 2, text
    seen.clear()
    # Nobody's zone: UTC.
    await meant(tasks, replace(ann, user_id=web, is_admin=True), "due_date < today()")
    assert len(seen) == 2


async def test_a_filter_narrows_beside_the_named_parameters_through_every_page_and_back(
    tasks: PiccoloTasks, ann: Actor, six: dict[str, Any]
) -> None:
    wanted = TaskFilter(status="todo", filter=task_filter("priority IN (1, 3) AND NOT title = 'x' OR FALSE"))
    asked = Window(1, 0, ("-priority", "title"))
    found = await tasks.page(ann, wanted, asked)
    assert (found.total, found.total_is_exact) == (3, True)
    there = [*found.items]
    while found.next is not None:
        found = await tasks.page(ann, wanted, replace(asked, position=found.next))
        there += found.items
    assert [task.title for task in there] == ["Soon", "it's", "late"]
    assert found.prev is not None
    assert [task.title for task in (await tasks.page(ann, wanted, replace(asked, position=found.prev))).items] == ["it's"]
