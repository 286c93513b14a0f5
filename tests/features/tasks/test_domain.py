"""The rules of tasks: completion, lateness, and what a change changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from service.features.tasks.domain import (
    Status,
    changed,
    created,
    is_overdue,
    status_from,
)
from service.kernel.errors import Invalid
from tests.support.factories import SOME_DAY, PersonRefFactory, PlacedFactory, TaskDraftFactory, TaskStateFactory

TODO, IN_PROGRESS, DONE, CANCELLED = Status
EARLIER, LATER = SOME_DAY - timedelta(microseconds=1), SOME_DAY + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("status", "due_date", "overdue"),
    [
        (TODO, EARLIER, True),
        (IN_PROGRESS, EARLIER, True),
        (DONE, EARLIER, False),
        (CANCELLED, EARLIER, False),
        (TODO, SOME_DAY, False),
        (TODO, LATER, False),
        (TODO, None, False),
    ],
)
def test_only_an_open_task_whose_date_has_passed_is_overdue(status: Status, due_date: datetime | None, *, overdue: bool) -> None:
    assert is_overdue(status, due_date, SOME_DAY) is overdue


@pytest.mark.parametrize(
    ("status", "is_completed", "current", "result"),
    [
        (None, None, IN_PROGRESS, IN_PROGRESS),
        (CANCELLED, None, TODO, CANCELLED),
        (None, True, TODO, DONE),
        (None, True, CANCELLED, DONE),
        (None, True, DONE, DONE),
        (None, False, DONE, TODO),
        (None, False, TODO, TODO),
        (None, False, IN_PROGRESS, IN_PROGRESS),
        (None, False, CANCELLED, CANCELLED),
        (DONE, True, TODO, DONE),
        (IN_PROGRESS, False, DONE, IN_PROGRESS),
    ],
)
def test_status_and_completion_are_one_fact_said_either_way(
    status: Status | None, *, is_completed: bool | None, current: Status, result: Status
) -> None:
    assert status_from(status, is_completed, current) is result


@pytest.mark.parametrize(("status", "is_completed"), [(DONE, False), (TODO, True), (IN_PROGRESS, True), (CANCELLED, True)])
def test_a_status_and_a_completion_that_contradict_each_other_are_refused(status: Status, *, is_completed: bool) -> None:
    with pytest.raises(Invalid) as caught:
        status_from(status, is_completed, TODO)
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/is_completed", "contradiction")


def test_a_created_task_is_what_its_draft_and_its_place_say() -> None:
    draft = TaskDraftFactory.build(title="Write", due_date=EARLIER)
    placed = PlacedFactory.build(assignee=PersonRefFactory.build())
    task = created(draft, placed)
    assert (task.id, task.number, task.key, task.version) == (placed.id, 12, "WEB-12", 1)
    assert (task.title, task.description, task.priority, task.due_date) == ("Write", draft.description, 3, EARLIER)
    assert (task.project, task.assignee, task.reporter, task.parent) == (placed.project, placed.assignee, placed.reporter, None)
    assert (task.status, task.is_completed, task.completed_at, task.is_overdue) == (TODO, False, None, True)
    assert (task.labels, task.is_blocked, task.comment_count) == ((), False, 0)
    assert (task.created_at, task.updated_at, task.deleted_at, task.purge_at) == (SOME_DAY, SOME_DAY, None, None)


def test_a_task_created_as_done_is_completed_at_that_moment_and_not_overdue() -> None:
    task = created(TaskDraftFactory.build(status=DONE, due_date=EARLIER), PlacedFactory.build())
    assert (task.is_completed, task.completed_at, task.is_overdue) == (True, SOME_DAY, False)


@pytest.mark.parametrize(
    ("before", "wanted", "changes"),
    [
        ({"title": "Same"}, {"title": "Same"}, {}),
        ({"title": "Old"}, {"title": "New"}, {"title": "New"}),
        ({"description": "Old"}, {"description": None}, {"description": None}),
        ({"description": None}, {"description": None}, {}),
        ({"title": "Old", "priority": 3}, {"title": "New", "priority": 3}, {"title": "New"}),
        ({}, {"status": IN_PROGRESS}, {"status": IN_PROGRESS}),
        ({}, {"status": CANCELLED}, {"status": CANCELLED}),
        ({}, {"status": DONE}, {"status": DONE, "completed_at": SOME_DAY}),
        ({"status": DONE, "completed_at": EARLIER}, {"status": DONE}, {}),
        ({"status": DONE, "completed_at": EARLIER}, {"status": TODO}, {"status": TODO, "completed_at": None}),
        ({}, {}, {}),
    ],
)
def test_a_change_holds_what_becomes_different_and_dates_the_completion(
    before: dict[str, Any], wanted: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert changed(TaskStateFactory.build(**before), wanted, SOME_DAY) == changes


def test_the_same_instant_in_another_offset_changes_nothing() -> None:
    state = TaskStateFactory.build(due_date=SOME_DAY)
    assert changed(state, {"due_date": datetime.fromisoformat("2026-03-01T14:00:00+02:00")}, SOME_DAY) == {}
