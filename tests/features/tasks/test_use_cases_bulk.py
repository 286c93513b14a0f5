"""What people do with many tasks at once, through fakes: the events told, what is undone, and the order of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec import structs

from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectState
from service.features.tasks.bulk_domain import BulkChange, CountMismatch, Mode, Outcome, TaskError, TaskResult, bad_ids
from service.features.tasks.bulk_updates import BulkUpdates
from service.features.tasks.bulk_use_cases import BulkWrites
from service.features.tasks.domain import PersonRef, Status, Task, TaskState
from service.features.tasks.filter_domain import task_filter
from service.kernel.actor import Actor
from service.kernel.errors import Invalid, PreconditionFailed, PreconditionRequired
from service.kernel.events import Change
from tests.support.factories import SOME_DAY, TaskDraftFactory, TaskStateFactory
from tests.support.fake_bulk_tasks import FakeBulkTasks
from tests.support.fakes import FakeIds
from tests.support.task_house import ADMIN, MEMBER, OUTSIDER, OWNER, VIEWER, House

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = pytest.mark.anyio

MISSING = UUID(int=404)


class BulkHouse(House):
    """The use cases on fakes, with the project WEB and a second one."""

    def __init__(self) -> None:
        super().__init__()
        self.bulk = FakeBulkTasks(self.tasks, self.projects)
        self.bulk_writes = BulkWrites(self.unit_of_work, self.bulk, self.outbox, self.clock, FakeIds(), self.tasks.labels)
        self.bulk_updates = BulkUpdates(self.unit_of_work, self.bulk, self.outbox, self.clock)
        self.second = self.a_project(key="API")

    def in_second(self, **fields: Any) -> TaskState:
        """A stored task of the second project."""
        return self.tasks.put(TaskStateFactory.build(**fields), self.second)

    def close(self, project: ProjectState) -> None:
        """Make a project read-only."""
        self.projects.rows[project.id] = structs.replace(project, archived_at=SOME_DAY)

    async def update(self, actor: Actor, task_ids: Sequence[UUID], wanted: Mapping[str, Any], **more: Any) -> list[TaskResult]:
        """Change tasks; `versions` and `mode` come by their names."""
        return await self.bulk_updates.update(actor, BulkChange(task_ids, wanted, **more))

    async def update_meant(self, actor: Actor, expected: int, wanted: Mapping[str, Any], **more: Any) -> list[TaskResult]:
        """Change what a filter means; `bulk.means` says what that is."""
        return await self.update(actor, (), wanted, filter=task_filter("TRUE"), expected_count=expected, **more)

    async def create_many(self, *drafts: dict[str, Any], actor: Actor = MEMBER) -> list[Task]:
        """Create tasks, in WEB where a draft doesn't say."""
        return await self.bulk_writes.create(
            actor, [TaskDraftFactory.build(**{"project_id": self.project.id, **draft}) for draft in drafts]
        )


@pytest.fixture
def house() -> BulkHouse:
    return BulkHouse()


def errors_of(refusal: Invalid) -> dict[str, str]:
    """Pointer and code of everything that is wrong."""
    return {error.pointer: error.code for error in refusal.errors}


async def test_results_stand_in_the_order_asked_and_unchanged_tasks_keep_their_version(house: BulkHouse) -> None:
    one, two, three = house.a_task(priority=1, version=4), house.in_second(priority=5, version=7), house.a_task(priority=2)
    results = await house.update(MEMBER, [three.id, two.id, one.id], {"priority": 5})
    assert results == [
        TaskResult(three.id, Outcome.UPDATED, 2),
        TaskResult(two.id, Outcome.UNCHANGED, 7),
        TaskResult(one.id, Outcome.UPDATED, 5),
    ]
    assert [house.tasks.rows[task.id].priority for task in (one, two, three)] == [5, 5, 5]
    assert house.unit_of_work.committed == 1


async def test_each_changed_task_is_told_of_and_completing_by_its_own_name(house: BulkHouse) -> None:
    opened, done = house.a_task(number=3, title="Old"), house.in_second(number=9, title="Old", status=Status.DONE)
    await house.update(MEMBER, [opened.id, done.id], {"is_completed": True, "title": "New"})
    first, second = house.outbox.events
    assert (first.type, first.subject_id, first.subject_key, first.project_id) == (
        "task.completed", opened.id, "WEB-3", house.project.id,
    )  # fmt: skip
    assert first.changes == {
        "title": Change("Old", "New"),
        "status": Change(Status.TODO, Status.DONE),
        "completed_at": Change(None, house.clock.now()),
    }
    assert (second.type, second.subject_key, second.subject_version) == ("task.updated", "API-9", 2)
    assert second.changes == {"title": Change("Old", "New")}


async def test_what_is_so_already_is_neither_stored_nor_told(house: BulkHouse) -> None:
    task = house.a_task(priority=2)
    (result,) = await house.update(MEMBER, [task.id], {"priority": 2, "is_completed": False})
    assert result == TaskResult(task.id, Outcome.UNCHANGED, 1)
    assert house.tasks.rows[task.id] is task
    assert not house.outbox.events


def test_an_id_is_bad_where_it_stands_again_or_names_nothing() -> None:
    one, two = UUID(int=1), UUID(int=2)
    assert [(error.pointer, error.code) for error in bad_ids([one, MISSING, one, two, MISSING], {one, two})] == [
        ("/task_ids/1", "not_found"),
        ("/task_ids/2", "duplicate"),
        ("/task_ids/4", "duplicate"),
    ]


async def test_ids_that_are_missing_deleted_or_of_another_house_are_all_named(house: BulkHouse) -> None:
    good, deleted, gone = house.a_task(), house.a_task(), house.in_second()
    foreign = house.tasks.put(TaskStateFactory.build(), house.projects.put(structs.replace(house.project, id=MISSING)))
    house.tasks.deleted.add(deleted.id)
    house.projects.deleted.add(house.second.id)
    with pytest.raises(Invalid) as caught:
        await house.update(MEMBER, [deleted.id, good.id, gone.id, foreign.id, MISSING], {"title": "New"})
    assert errors_of(caught.value) == {f"/task_ids/{place}": "not_found" for place in (0, 2, 3, 4)}
    assert house.untouched()


async def test_a_task_that_is_deleted_meanwhile_is_named(house: BulkHouse) -> None:
    one, two = house.a_task(), house.a_task()
    house.bulk.meanwhile = lambda: house.tasks.deleted.add(two.id)
    with pytest.raises(Invalid) as caught:
        await house.update(MEMBER, [one.id, two.id], {"title": "New"})
    assert errors_of(caught.value) == {"/task_ids/1": "not_found"}


async def test_an_outsider_learns_nothing_and_a_viewer_the_project(house: BulkHouse) -> None:
    one, two = house.a_task(), house.in_second()
    with pytest.raises(Invalid) as caught:
        await house.update(OUTSIDER, [one.id, two.id], {"title": "New"})
    assert errors_of(caught.value) == {"/task_ids/0": "not_found", "/task_ids/1": "not_found"}
    for writing in (house.update(VIEWER, [one.id], {"title": "New"}), house.create_many({}, actor=VIEWER)):
        with pytest.raises(InsufficientRole, match="You are viewer in project WEB; this needs member or above") as refused:
            await writing
        assert refused.value.members == {"required_role": "member", "project": "WEB"}
    assert not house.outbox.events


async def test_the_role_is_refused_before_the_archive_and_that_after_bad_ids(house: BulkHouse) -> None:
    task = house.a_task()
    house.close(house.project)
    with pytest.raises(InsufficientRole):
        await house.update(VIEWER, [task.id], {"title": "New"})
    with pytest.raises(InsufficientRole):
        await house.create_many({}, actor=VIEWER)
    with pytest.raises(Invalid):
        await house.update(MEMBER, [task.id, MISSING], {"title": "New"})
    with pytest.raises(ProjectArchived, match="WEB is archived and read-only"):
        await house.update(ADMIN, [task.id], {"title": "New"})
    with pytest.raises(ProjectArchived, match="WEB is archived and read-only"):
        await house.create_many({})
    assert not house.unit_of_work.committed


async def test_an_assignee_must_belong_to_each_project(house: BulkHouse) -> None:
    one, two = house.a_task(), house.in_second()
    del house.projects.roles[house.second.id][OWNER.id]
    with pytest.raises(Invalid, match="1 thing") as caught:
        await house.update(MEMBER, [one.id, two.id], {"assignee_id": OWNER.id})
    assert errors_of(caught.value) == {"/update_data/assignee_id": "not_a_member"}
    assert "API" in caught.value.errors[0].message
    assert house.untouched()
    await house.update(MEMBER, [one.id], {"assignee_id": OWNER.id})
    assert house.tasks.rows[one.id].assignee_id == OWNER.id


async def test_a_contradiction_is_refused_before_anything_is_looked_at(house: BulkHouse) -> None:
    with pytest.raises(Invalid) as caught:
        await house.update(MEMBER, [MISSING], {"status": Status.DONE, "is_completed": False})
    assert errors_of(caught.value) == {"/update_data/is_completed": "contradiction"}
    assert not house.unit_of_work.rolled_back


async def test_created_tasks_are_numbered_by_project_in_their_order(house: BulkHouse) -> None:
    above = house.a_task(title="Above", number=7)
    first = await house.create(title="Before")
    tasks = await house.create_many(
        {"title": "One", "assignee_id": OWNER.id},
        {"title": "Two", "project_id": house.second.id, "status": Status.DONE},
        {"title": "Three", "parent_id": above.id},
    )
    assert [(task.key, task.title) for task in tasks] == [("WEB-2", "One"), ("API-1", "Two"), ("WEB-3", "Three")]
    one, two, three = tasks
    assert one.assignee
    assert (one.assignee.id, one.reporter) == (OWNER.id, PersonRef(MEMBER.id, MEMBER.full_name))
    assert (two.is_completed, two.completed_at) == (True, house.clock.now())
    assert three.parent
    assert (three.parent.id, three.parent.key, three.parent.title) == (above.id, "WEB-7", "Above")
    assert [event.subject_key for event in house.outbox.events] == [first.key, "WEB-2", "API-1", "WEB-3"]
    assert house.outbox.types == ["task.created"] * 4


async def test_every_bad_project_assignee_and_parent_is_pointed_at(house: BulkHouse) -> None:
    house.projects.roles[house.second.id] = {}
    with pytest.raises(Invalid) as caught:
        await house.create_many({"project_id": MISSING}, {}, {"project_id": house.second.id})
    assert errors_of(caught.value) == {"/tasks/0/project_id": "not_found", "/tasks/2/project_id": "not_found"}
    lowest, elsewhere = house.a_branch(5)[-1], house.in_second()
    with pytest.raises(Invalid) as caught:
        await house.create_many(
            {"parent_id": MISSING, "assignee_id": OUTSIDER.id}, {"parent_id": lowest.id}, {}, {"parent_id": elsewhere.id}
        )
    assert errors_of(caught.value) == {
        "/tasks/0/assignee_id": "not_a_member",
        "/tasks/0/parent_id": "not_found",
        "/tasks/1/parent_id": "too_deep",
        "/tasks/3/parent_id": "not_found",
    }
    assert not house.outbox.events
    assert not house.unit_of_work.committed


async def test_a_project_unarchived_between_two_looks_counts_as_archived(house: BulkHouse) -> None:
    house.archive()
    house.bulk.meanwhile = house.unarchive
    with pytest.raises(ProjectArchived, match="a moment ago"):
        await house.create_many({})
    assert house.untouched()


async def test_a_stale_version_refuses_all_or_only_its_own_task(house: BulkHouse) -> None:
    fresh, stale = house.a_task(version=3), house.a_task(version=5, field_versions={"title": 5}, title="Theirs")
    with pytest.raises(PreconditionFailed, match="/task_ids/1 is at version 5") as caught:
        await house.update(MEMBER, [fresh.id, stale.id], {"title": "Yours"}, versions=[3, 4])
    assert (caught.value.members["index"], caught.value.members["version"]) == (1, 5)
    assert [conflict.field for conflict in caught.value.members["conflicts"]] == ["title"]
    assert house.untouched()
    one, two = await house.update(MEMBER, [fresh.id, stale.id], {"title": "Yours"}, versions=[3, 4], mode=Mode.PARTIAL)
    assert one == TaskResult(fresh.id, Outcome.UPDATED, 4)
    assert (two.outcome, two.version) == (Outcome.FAILED, 5)
    assert two.error == TaskError("precondition_failed", "The task is at version 5 by now.")
    assert house.tasks.rows[stale.id] is stale


async def test_a_project_that_insists_asks_for_versions(house: BulkHouse) -> None:
    task = house.a_task()
    house.projects.rows[house.project.id] = structs.replace(house.project, require_if_match=True)
    with pytest.raises(PreconditionRequired, match="versions"):
        await house.update(MEMBER, [task.id], {"title": "New"})
    (result,) = await house.update(MEMBER, [task.id], {"title": "New"}, mode=Mode.PARTIAL)
    assert result.error
    assert result.error.code == "precondition_required"
    assert not house.outbox.events


async def test_in_partial_mode_a_request_that_is_wrong_as_a_whole_is_refused(house: BulkHouse) -> None:
    for wanted, versions in (({"status": Status.DONE, "is_completed": False}, None), ({"title": "New"}, [1, 2])):
        with pytest.raises(Invalid):
            await house.update(MEMBER, [house.a_task().id], wanted, versions=versions, mode=Mode.PARTIAL)


async def test_in_partial_mode_an_archive_a_viewer_and_a_repetition_fail_alone(house: BulkHouse) -> None:
    good, closed = house.a_task(), house.in_second()
    house.close(house.second)
    results = await house.update(MEMBER, [good.id, closed.id, good.id, MISSING], {"title": "New"}, mode=Mode.PARTIAL)
    assert [result.error and result.error.code for result in results] == [None, "project_archived", "duplicate", "task_not_found"]
    assert [result.version for result in results] == [2, 1, 2, None]
    (viewed,) = await house.update(VIEWER, [good.id], {"title": "Newer"}, mode=Mode.PARTIAL)
    assert viewed.error == TaskError("insufficient_role", "You are viewer in project WEB; this needs member or above.")
    (stranger,) = await house.update(MEMBER, [good.id], {"assignee_id": OUTSIDER.id}, mode=Mode.PARTIAL)
    assert stranger.error
    assert stranger.error.code == "not_a_member"


async def test_what_a_filter_means_is_changed_if_it_is_as_many_as_expected(house: BulkHouse) -> None:
    one, two, low = house.a_task(priority=4), house.in_second(priority=4), house.a_task(priority=2)
    house.bulk.means = lambda task: task.priority >= 4
    for expected in (0, 1, 3):
        with pytest.raises(CountMismatch, match=f"2 tasks by now, not {expected}") as caught:
            await house.update_meant(MEMBER, expected, {"priority": 5})
        assert caught.value.members == {"expected_count": expected, "count": 2}
    assert not house.outbox.events
    results = await house.update_meant(MEMBER, 2, {"priority": 5})
    assert results == [TaskResult(id_, Outcome.UPDATED, 2) for id_ in sorted((one.id, two.id))]
    assert house.tasks.rows[low.id] is low
    house.bulk.means = lambda task: task.title == "nowhere"
    assert await house.update_meant(MEMBER, 0, {"priority": 5}) == []


async def test_a_task_that_comes_or_goes_while_others_are_locked_is_noticed(house: BulkHouse) -> None:
    one, two, three = (house.a_task(number=number) for number in (1, 2, 3))
    numbers = {1, 2}
    house.bulk.means = lambda task: task.number in numbers
    for change, expected, count in ((lambda: numbers.add(3), 2, 3), (lambda: numbers.discard(1), 3, 2)):
        house.bulk.while_locking = change
        with pytest.raises(CountMismatch) as caught:
            await house.update_meant(MEMBER, expected, {"title": "New"})
        assert caught.value.members == {"expected_count": expected, "count": count}

    def swap() -> None:
        numbers.symmetric_difference_update({1, 2})

    house.bulk.while_locking = swap
    with pytest.raises(CountMismatch, match="changed at this moment"):
        await house.update_meant(MEMBER, 2, {"title": "New"}, mode=Mode.PARTIAL)
    assert [house.tasks.rows[task.id] for task in (one, two, three)] == [one, two, three]
    assert not house.outbox.events


async def test_a_filter_that_means_too_many_tasks_is_refused_whatever_is_expected(
    house: BulkHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("service.features.tasks.bulk_domain", "service.features.tasks.bulk_updates", "tests.support.fake_bulk_tasks"):
        monkeypatch.setattr(f"{module}.MOST", 2)
    for _ in range(2):
        house.a_task()
    assert len(await house.update_meant(MEMBER, 2, {"title": "New"})) == 2
    house.in_second()
    with pytest.raises(CountMismatch, match="more than 2 tasks") as caught:
        await house.update_meant(MEMBER, 3, {"title": "Newer"})
    assert caught.value.members == {"expected_count": 3}


async def test_by_filter_the_role_is_refused_before_the_count_and_in_partial_mode_alone(house: BulkHouse) -> None:
    task, closed = house.a_task(), house.in_second()
    with pytest.raises(InsufficientRole):
        await house.update_meant(VIEWER, 7, {"title": "New"})
    with pytest.raises(CountMismatch):
        await house.update_meant(VIEWER, 7, {"title": "New"}, mode=Mode.PARTIAL)
    with pytest.raises(CountMismatch, match="0 tasks"):
        await house.update_meant(OUTSIDER, 2, {"title": "New"})
    house.close(house.second)
    with pytest.raises(ProjectArchived):
        await house.update_meant(MEMBER, 2, {"title": "New"})
    results = {result.id: result.outcome for result in await house.update_meant(MEMBER, 2, {"title": "New"}, mode=Mode.PARTIAL)}
    assert results == {task.id: Outcome.UPDATED, closed.id: Outcome.FAILED}
