"""What people do with tasks, through fakes: the events told, what is undone, and the order of refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound
from service.features.tasks.domain import Status, TaskNotFound, TaskState
from service.features.tasks.tree_domain import ParentCycle
from service.kernel.actor import Actor
from service.kernel.errors import Invalid
from service.kernel.events import Change
from tests.support.factories import SOME_DAY, TaskStateFactory
from tests.support.task_house import ADMIN, MEMBER, OUTSIDER, OWNER, VIEWER, House

pytestmark = pytest.mark.anyio

MISSING = UUID(int=404)

Write = Callable[["House", Actor, TaskState], Awaitable[Any]]


@pytest.fixture
def house() -> House:
    return House()


def errors_of(refusal: Invalid) -> list[tuple[str, str]]:
    """Pointer and code of everything that is wrong."""
    return [(error.pointer, error.code) for error in refusal.errors]


async def test_a_created_task_gets_the_next_number_and_its_reporter(house: House) -> None:
    first, second = await house.create(title="One"), await house.create(OWNER, title="Two", assignee_id=MEMBER.id)
    assert [first.key, second.key] == ["WEB-1", "WEB-2"]
    assert (first.reporter.id, first.reporter.full_name) == (MEMBER.id, MEMBER.full_name)
    assert (first.assignee, second.assignee.id) == (None, MEMBER.id)
    assert first.created_at == house.clock.now()
    assert house.tasks.rows[first.id].title == "One"
    assert house.unit_of_work.committed == 2


async def test_creating_tells_of_the_task(house: House) -> None:
    task = await house.create(title="One", status=Status.IN_PROGRESS, priority=5)
    assert house.event.type == "task.created"
    assert house.event.subject_type == "task"
    assert (house.event.subject_id, house.event.subject_key, house.event.subject_version) == (task.id, "WEB-1", 1)
    assert house.event.project_id == house.project.id
    assert house.event.data == {"title": "One", "status": "in_progress", "priority": 5}


async def test_a_subtask_knows_its_parent(house: House) -> None:
    parent = house.a_task(title="Above", number=7)
    task = await house.create(parent_id=parent.id)
    assert (task.parent.id, task.parent.key, task.parent.title) == (parent.id, "WEB-7", "Above")


async def test_an_instance_admin_creates_without_belonging(house: House) -> None:
    assert (await house.create(ADMIN)).reporter.id == ADMIN.id


@pytest.mark.parametrize("assignee", [OUTSIDER, ADMIN], ids=["outsider", "admin"])
async def test_an_assignee_who_does_not_belong_is_refused(house: House, assignee: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        await house.create(assignee_id=assignee.id)
    assert errors_of(caught.value) == [("/assignee_id", "not_a_member")]
    assert house.untouched()


async def test_a_parent_that_is_missing_deleted_or_elsewhere_is_refused(house: House) -> None:
    deleted = house.a_task()
    house.tasks.deleted.add(deleted.id)
    elsewhere = house.tasks.put(TaskStateFactory.build(), house.a_project(key="API"))
    for parent_id in (MISSING, deleted.id, elsewhere.id):
        with pytest.raises(Invalid) as caught:
            await house.create(parent_id=parent_id)
        assert errors_of(caught.value) == [("/parent_id", "not_found")]
    assert (house.unit_of_work.committed, house.unit_of_work.rolled_back) == (0, 3)


async def test_a_subtask_of_the_sixth_level_is_refused(house: House) -> None:
    branch = house.a_branch(5)
    with pytest.raises(Invalid) as caught:
        await house.create(parent_id=branch[-1].id)
    assert errors_of(caught.value) == [("/parent_id", "too_deep")]
    assert house.untouched()


@pytest.mark.parametrize("actor", [OWNER, MEMBER, ADMIN], ids=["owner", "member", "admin"])
async def test_nothing_is_created_in_an_archived_project(house: House, actor: Actor) -> None:
    house.archive()
    with pytest.raises(ProjectArchived):
        await house.create(actor)
    assert house.untouched()


@pytest.mark.parametrize("archived", [False, True], ids=["writable", "archived"])
async def test_creating_asks_first_for_the_project_then_for_the_role(house: House, *, archived: bool) -> None:
    if archived:
        house.archive()
    with pytest.raises(ProjectNotFound) as foreign:
        await house.create(OUTSIDER, assignee_id=OUTSIDER.id)
    with pytest.raises(ProjectNotFound) as missing:
        await house.create(OUTSIDER, project_id=MISSING)
    assert foreign.value.detail == missing.value.detail
    with pytest.raises(InsufficientRole) as caught:
        await house.create(VIEWER, assignee_id=OUTSIDER.id)
    assert caught.value.members == {"required_role": "member"}
    assert (house.unit_of_work.committed, house.unit_of_work.rolled_back) == (0, 3)


async def test_a_project_unarchived_between_two_looks_was_archived_a_moment_longer(house: House) -> None:
    house.archive()
    house.tasks.meanwhile = house.unarchive
    with pytest.raises(ProjectArchived, match="try again"):
        await house.create()
    assert house.untouched()


async def test_an_update_stores_and_tells_what_changed_and_nothing_else(house: House) -> None:
    state = house.a_task(number=7, title="Old", priority=3)
    task = await house.writes.update(MEMBER, "WEB-7", {"title": "New", "priority": 3, "assignee_id": OWNER.id})
    assert (task.title, task.assignee and task.assignee.id, task.version) == ("New", OWNER.id, 2)
    assert house.event.type == "task.updated"
    assert house.event.changes == {"title": Change("Old", "New"), "assignee_id": Change(None, OWNER.id)}
    assert (house.event.subject_id, house.event.subject_key, house.event.subject_version) == (state.id, "WEB-7", 2)
    assert house.event.project_id == house.project.id


@pytest.mark.parametrize("wanted", [{}, {"title": "Same"}, {"is_completed": False}, {"status": Status.TODO}])
async def test_an_update_to_what_is_there_already_keeps_the_version_and_tells_nothing(
    house: House, wanted: dict[str, Any]
) -> None:
    state = house.a_task(title="Same")
    assert (await house.writes.update(MEMBER, str(state.id), wanted)).version == 1
    assert not house.outbox.events
    assert house.unit_of_work.committed == 1


@pytest.mark.parametrize("wanted", [{"status": Status.DONE}, {"is_completed": True}], ids=["status", "is_completed"])
async def test_completing_either_way_is_dated_and_told_as_completion(house: House, wanted: dict[str, Any]) -> None:
    state = house.a_task()
    task = await house.writes.update(MEMBER, str(state.id), wanted)
    now = house.clock.now()
    assert (task.status, task.is_completed, task.completed_at) == (Status.DONE, True, now)
    assert house.event.type == "task.completed"
    assert house.event.changes == {"status": Change(Status.TODO, Status.DONE), "completed_at": Change(None, now)}


@pytest.mark.parametrize(
    ("wanted", "status"),
    [({"is_completed": False}, Status.TODO), ({"status": Status.IN_PROGRESS}, Status.IN_PROGRESS)],
    ids=["is_completed", "status"],
)
async def test_reopening_either_way_clears_the_date(house: House, wanted: dict[str, Any], status: Status) -> None:
    state = house.a_task(status=Status.DONE, completed_at=SOME_DAY)
    task = await house.writes.update(MEMBER, str(state.id), wanted)
    assert (task.status, task.is_completed, task.completed_at) == (status, False, None)
    assert house.event.type == "task.updated"
    assert house.event.changes == {"status": Change(Status.DONE, status), "completed_at": Change(SOME_DAY, None)}


async def test_a_status_and_a_completion_that_contradict_each_other_are_refused(house: House) -> None:
    state = house.a_task()
    with pytest.raises(Invalid) as caught:
        await house.writes.update(MEMBER, str(state.id), {"title": "New", "status": Status.TODO, "is_completed": True})
    assert errors_of(caught.value) == [("/is_completed", "contradiction")]
    assert not house.unit_of_work.rolled_back, "no unit of work was even begun"
    assert house.tasks.rows[state.id] == state


async def test_a_change_of_the_tree_has_the_project_for_itself(house: House) -> None:
    parent, state = house.a_task(), house.a_task()
    await house.writes.update(MEMBER, str(state.id), {"title": "New"})
    assert house.tasks.project_lock == "shared"
    await house.writes.update(MEMBER, str(state.id), {"parent_id": parent.id})
    assert house.tasks.project_lock == "exclusive"
    assert house.tasks.rows[state.id].parent_id == parent.id
    assert (await house.writes.update(MEMBER, str(state.id), {"parent_id": None})).parent is None


async def test_a_task_can_not_come_to_stand_below_itself(house: House) -> None:
    top, middle, bottom = house.a_branch(3)
    for parent in (top, middle, bottom):
        with pytest.raises(ParentCycle):
            await house.writes.update(MEMBER, str(top.id), {"parent_id": parent.id})
    assert house.tasks.rows[top.id] == top
    assert not house.outbox.events


async def test_a_branch_moves_only_where_its_lowest_task_stays_within_five_levels(house: House) -> None:
    tall, other = house.a_branch(3), house.a_branch(3)
    with pytest.raises(Invalid) as caught:
        await house.writes.update(MEMBER, str(tall[0].id), {"parent_id": other[2].id})
    assert errors_of(caught.value) == [("/parent_id", "too_deep")]
    assert house.untouched()
    assert (await house.writes.update(MEMBER, str(tall[0].id), {"parent_id": other[1].id})).version == 2


async def test_deleting_a_task_deletes_what_is_below_and_tells_of_each(house: House) -> None:
    beside = house.a_task()
    top, middle, bottom = house.a_branch(3)
    await house.writes.delete(MEMBER, str(top.id))
    assert house.tasks.deleted == {top.id, middle.id, bottom.id}
    assert beside.id not in house.tasks.deleted
    assert house.outbox.types == ["task.deleted"] * 3
    assert {event.subject_id for event in house.outbox.events} == house.tasks.deleted
    for event in house.outbox.events:
        assert event.changes == {"deleted_at": Change(None, house.clock.now())}
        assert (event.subject_version, event.project_id) == (2, house.project.id)


@pytest.mark.parametrize("write", ["update", "delete"])
async def test_a_task_that_somebody_else_deleted_a_moment_ago_is_not_there(house: House, write: str) -> None:
    state = house.a_task()
    house.tasks.meanwhile = lambda: house.tasks.deleted.add(state.id)
    with pytest.raises(TaskNotFound):
        await WRITES[write](house, MEMBER, state)
    assert house.untouched()


WRITES: dict[str, Write] = {
    "update": lambda house, actor, state: house.writes.update(actor, str(state.id), {"title": "New"}),
    "delete": lambda house, actor, state: house.writes.delete(actor, str(state.id)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("archived", [False, True], ids=["writable", "archived"])
async def test_changing_asks_first_for_the_task_then_for_the_role_then_for_the_project(
    house: House, write: str, *, archived: bool
) -> None:
    state = house.a_task()
    if archived:
        house.archive()
    with pytest.raises(TaskNotFound) as foreign:
        await WRITES[write](house, OUTSIDER, state)
    with pytest.raises(TaskNotFound) as missing:
        await WRITES[write](house, OUTSIDER, TaskStateFactory.build())
    assert (foreign.value.detail, foreign.value.members) == (missing.value.detail, missing.value.members)
    with pytest.raises(InsufficientRole) as caught:
        await WRITES[write](house, VIEWER, state)
    assert caught.value.members == {"required_role": "member"}
    assert not house.outbox.events
    if archived:
        for actor in (MEMBER, OWNER, ADMIN):
            with pytest.raises(ProjectArchived):
                await WRITES[write](house, actor, state)
        assert house.unit_of_work.committed == 0
        assert house.tasks.rows[state.id] == state


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("actor", [OWNER, MEMBER, ADMIN], ids=["owner", "member", "admin"])
async def test_whoever_may_write_can_change_a_task_of_somebody_else(house: House, write: str, actor: Actor) -> None:
    state = house.a_task()
    await WRITES[write](house, actor, state)
    assert house.event.subject_id == state.id
