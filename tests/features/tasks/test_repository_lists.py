"""Lists of tasks in PostgreSQL: every filter, every order, every total."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from service.features.tasks.ports import TaskFilter
from service.features.tasks.repository import PiccoloTasks
from service.kernel.paging import Window
from tests.support.factories import SOME_DAY
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user, insert

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.tasks.domain import Task
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

BY_NUMBER = Window(50, 0, ("number",))


def titles(found: Slice[Task]) -> str:
    """The titles of a list, in its order."""
    return " ".join(task.title for task in found.items)


async def test_a_list_holds_the_tasks_of_the_projects_that_one_belongs_to(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    bob, admin = await a_stored_user(connection, "Bob"), await a_stored_user(connection, "Root", is_admin=True)
    shared = await a_stored_project(connection, bob, "API", viewer=ann)
    gone = await a_stored_project(connection, ann, "OLD", deleted_at=SOME_DAY)
    archived = await a_stored_project(connection, ann, "ARC", archived_at=SOME_DAY)
    for project_id, title in ((web, "web"), (shared, "shared"), (gone, "gone"), (archived, "archived")):
        await a_stored_task(connection, project_id, ann, title=title)
    await a_stored_task(connection, web, ann, title="deleted", deleted_at=SOME_DAY)
    by_title = Window(50, 0, ("title",))
    assert titles(await tasks.page(ann, TaskFilter(), by_title)) == "archived shared web"
    assert titles(await tasks.page(bob, TaskFilter(), by_title)) == "shared"
    assert titles(await tasks.page(admin, TaskFilter(), by_title)) == "archived shared web"
    assert titles(await tasks.page(ann, TaskFilter(project_id=shared), by_title)) == "shared"
    assert titles(await tasks.page(bob, TaskFilter(project_id=web), by_title)) == ""


@pytest.fixture
async def filtered(connection: asyncpg.Connection[Any], ann: Actor, web: UUID, clock: FakeClock) -> UUID:
    """Tasks that every filter tells apart; the id of the one that has a subtask."""
    past, future = clock.now() - timedelta(days=1), clock.now() + timedelta(days=1)
    bob = await a_stored_user(connection, "Bob")
    parent = await a_stored_task(connection, web, ann, title="late", due_date=past, priority=1)
    for title, fields in {
        "started-late": {"status": "in_progress", "due_date": past, "priority": 2, "assignee_id": ann.id},
        "now": {"due_date": clock.now(), "priority": 3},
        "soon": {"status": "in_progress", "due_date": future, "priority": 4, "assignee_id": bob.id},
        "whenever": {"priority": 5, "parent_id": parent},
        "done-late": {"status": "done", "due_date": past, "assignee_id": ann.id},
        "dropped": {"status": "cancelled", "due_date": past},
    }.items():
        await a_stored_task(connection, web, ann, title=title, **fields)
    return parent


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (None, "late started-late now soon whenever done-late dropped"),
        ("todo", "late now whenever"),
        ("in_progress", "started-late soon"),
        ("done", "done-late"),
        ("completed", "done-late"),
        ("cancelled", "dropped"),
        ("overdue", "late started-late"),
        ("pending", "now soon whenever"),
    ],
)
async def test_a_list_is_narrowed_by_status(
    tasks: PiccoloTasks, ann: Actor, filtered: UUID, status: str | None, found: str
) -> None:
    listed = await tasks.page(ann, TaskFilter(status=status), BY_NUMBER)
    assert titles(listed) == found
    assert listed.total == len(found.split())
    if status in {"overdue", "pending"}:
        assert {task.is_overdue for task in listed.items} == {status == "overdue"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TaskFilter(priority=3), "now done-late dropped"),
        (TaskFilter(priority_gte=4), "soon whenever"),
        (TaskFilter(priority=4, priority_gte=5), ""),
        (TaskFilter(assignee="none"), "late now whenever dropped"),
        (TaskFilter(assignee="none", status="todo", priority_gte=3), "now whenever"),
    ],
)
async def test_a_list_is_narrowed_by_priority_and_by_having_no_assignee(
    tasks: PiccoloTasks, ann: Actor, filtered: UUID, wanted: TaskFilter, found: str
) -> None:
    assert titles(await tasks.page(ann, wanted, BY_NUMBER)) == found


async def test_a_list_is_narrowed_by_assignee_parent_and_dates(
    tasks: PiccoloTasks, ann: Actor, filtered: UUID, clock: FakeClock
) -> None:
    now, hour = clock.now(), timedelta(hours=1)
    for wanted, found in (
        (TaskFilter(assignee=ann.id), "started-late done-late"),
        (TaskFilter(assignee=uuid7()), ""),
        (TaskFilter(parent_id=filtered), "whenever"),
        (TaskFilter(due_before=now), "late started-late done-late dropped"),
        (TaskFilter(due_before=now + hour), "late started-late now done-late dropped"),
        (TaskFilter(due_after=now), "soon"),
        (TaskFilter(due_after=now - hour), "now soon"),
        (TaskFilter(due_after=now - hour, due_before=now + hour), "now"),
        (TaskFilter(due_before=now, assignee=ann.id, status="overdue", priority_gte=2), "started-late"),
    ):
        assert titles(await tasks.page(ann, wanted, BY_NUMBER)) == found, wanted


# title: (status, priority, due in days, created day, updated day); Z before a before é, as their code points say.
SORTED = {
    "a": ("done", 5, None, 1, 4),
    "Z": ("todo", 1, 2, 2, 3),
    "é": ("cancelled", 3, 1, 3, 2),
    "b": ("in_progress", 2, 3, 4, 1),
}


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("created_at", "a Z é b"),
        ("-created_at", "b é Z a"),
        ("updated_at", "b é Z a"),
        ("-updated_at", "a Z é b"),
        ("priority", "Z b é a"),
        ("-priority", "a é b Z"),
        ("due_date", "é Z b a"),
        ("-due_date", "b Z é a"),
        ("title", "Z a b é"),
        ("-title", "é b a Z"),
        ("number", "a Z é b"),
        ("-number", "b é Z a"),
        ("status", "Z b a é"),
        ("-status", "é a b Z"),
    ],
)
async def test_a_list_is_sorted_by_every_key_in_both_directions_and_nulls_come_last(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, key: str, order: str
) -> None:
    for title, (status, priority, due, created, updated) in SORTED.items():
        await a_stored_task(
            connection, web, ann, title=title, status=status, priority=priority,
            due_date=SOME_DAY + timedelta(days=due) if due else None,
            created_at=SOME_DAY + timedelta(days=created), updated_at=SOME_DAY + timedelta(days=updated),
        )  # fmt: skip
    assert titles(await tasks.page(ann, TaskFilter(), Window(50, 0, (key,)))) == order


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (("priority",), "one two three"),
        (("-priority",), "three two one"),
        (("priority", "-title"), "two three one"),
        (("-priority", "title", "number"), "one three two"),
    ],
)
async def test_equal_rows_are_ordered_by_further_keys_and_then_by_id_in_the_direction_of_the_first(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, sort: tuple[str, ...], order: str
) -> None:
    for title in ("one", "two", "three"):
        await a_stored_task(connection, web, ann, title=title)
    assert titles(await tasks.page(ann, TaskFilter(), Window(50, 0, sort))) == order


async def test_windows_laid_side_by_side_hold_every_row_once(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    for number in range(7):
        await a_stored_task(connection, web, ann, title=f"t{number}")
    pages = [await tasks.page(ann, TaskFilter(), Window(3, skip, ("-priority",))) for skip in (0, 3, 6, 9)]
    assert " ".join(map(titles, pages)).split() == [f"t{number}" for number in range(6, -1, -1)]
    assert {(page.total, page.total_is_exact) for page in pages} == {(7, True)}


async def many_tasks(connection: asyncpg.Connection[Any], project_id: UUID, reporter: Actor, count: int) -> None:
    """So many tasks, in one statement."""
    await connection.execute(
        "INSERT INTO tasks (id, project_id, number, title, status, priority, reporter_id, comment_count, created_at, updated_at, "
        "version, field_versions) SELECT gen_random_uuid(), $1, n, 'Many', 'todo', 3, $2, 0, $3, $3, 1, '{}' "
        "FROM generate_series(1, $4) AS n",
        project_id, reporter.id, SOME_DAY, count,
    )  # fmt: skip


async def test_totals_are_exact_up_to_ten_thousand_and_further_on_demand(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    await many_tasks(connection, web, ann, 10_050)
    for count, total, is_exact in (("capped", 10_000, False), ("exact", 10_050, True), ("none", None, None)):
        found = await tasks.page(ann, TaskFilter(), Window(50, 0, ("number",), count))
        assert (len(found.items), found.total, found.total_is_exact) == (50, total, is_exact)
    for left, is_exact in ((10_001, False), (10_000, True)):
        await connection.execute("DELETE FROM tasks WHERE number > $1", left)
        found = await tasks.page(ann, TaskFilter(), BY_NUMBER)
        assert (found.total, found.total_is_exact) == (10_000, is_exact)


async def test_a_total_past_ten_thousand_says_at_least_wherever_the_window_ends(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID
) -> None:
    await many_tasks(connection, web, ann, 10_050)
    found = await tasks.page(ann, TaskFilter(), Window(200, 10_000, ("number",)))
    assert (len(found.items), found.total, found.total_is_exact) == (50, 10_000, False)


@pytest.fixture
async def kept(connection: asyncpg.Connection[Any], ann: Actor, web: UUID) -> None:
    """24 tasks in each of three projects, every third deleted; Ann may restore those in two of them."""
    bob = await a_stored_user(connection, "Bob")
    api = await a_stored_project(connection, bob, "API", maintainer=ann)
    shop = await a_stored_project(connection, bob, "SHOP", member=ann)
    for project_id, number in product((web, api, shop), range(24)):
        await a_stored_task(
            connection, project_id, ann, title=f"T{number % 7}", status=("todo", "in_progress")[number % 2],
            due_date=None if number % 4 == 0 else SOME_DAY + timedelta(days=number % 5),
            deleted_at=None if number % 3 else SOME_DAY, created_at=SOME_DAY + timedelta(minutes=number // 2),
        )  # fmt: skip


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("sort", ["-created_at", "due_date", "-due_date", "title", "-status,priority"])
async def test_deleted_tasks_stand_in_the_order_of_the_list_however_one_comes_to_them(
    tasks: PiccoloTasks, ann: Actor, web: UUID, sort: str
) -> None:
    async def shown(wanted: TaskFilter, window: Window) -> tuple[list[UUID], Slice[Task]]:
        page = await tasks.page(ann, wanted, replace(window, sort=tuple(sort.split(","))))
        return [task.id for task in page.items], page

    for wanted, most in ((TaskFilter(deleted=True), 24 + 24 + 16), (TaskFilter(deleted=True, project_id=web), 24)):
        whole, _ = await shown(wanted, Window(100, 0, ()))
        assert len(whole) == most
        skipping = [(await shown(wanted, Window(7, skip, ())))[0] for skip in range(0, most, 7)]
        ids, page = await shown(wanted, Window(7, 0, ()))
        forth = [ids]
        while page.next:
            ids, page = await shown(wanted, Window(7, 0, (), position=page.next))
            forth.append(ids)
        back = [ids]
        while page.prev:
            ids, page = await shown(wanted, Window(7, 0, (), position=page.prev))
            back.insert(0, ids)
        assert skipping == forth == back
        assert [id_ for ids in forth for id_ in ids] == whole


@pytest.mark.parametrize("narrowed", [{}, {"project_id": True}, {"assignee": "none"}])
async def test_a_label_opens_no_project_that_one_does_not_belong_to(
    tasks: PiccoloTasks, connection: asyncpg.Connection[Any], ann: Actor, web: UUID, narrowed: dict[str, Any]
) -> None:
    bob = await a_stored_user(connection, "Bob")
    private = await a_stored_project(connection, bob, "BOB")
    label_id = uuid7()
    await insert(
        connection, "labels", id=label_id, project_id=web, name="bug", name_key="bug", color="#ededed",
        created_at=SOME_DAY, updated_at=SOME_DAY, version=1, field_versions="{}",
    )  # fmt: skip
    # As no use case would have it: a label of one project on a task of another.
    task_id = await a_stored_task(connection, private, bob)
    await insert(connection, "task_labels", id=uuid7(), project_id=web, task_id=task_id, label_id=label_id)
    if "project_id" in narrowed:
        narrowed = {"project_id": private}
    for label in (label_id, "bug"):
        wanted = TaskFilter(label=label, **narrowed)
        assert (await tasks.page(ann, wanted, BY_NUMBER)).total == 0
        assert (await tasks.page(replace(ann, is_admin=True), wanted, BY_NUMBER)).total == 1
