"""Many tasks at once: what comes of each, and how refusals point at those that are wrong."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from service.features.projects.domain import ProjectState
from service.features.tasks.domain import Status, TaskDraft, TaskRef, TaskState, status_from
from service.features.tasks.filter_domain import Moment
from service.kernel.errors import Conflict, FieldError, Invalid, Refusal, invalid
from service.kernel.filter.tree import Condition
from service.kernel.preconditions import Precondition

# The most tasks of one request: what a statement and its locks may hold for a moment.
MOST = 1000


class CountMismatch(Conflict):
    """A filter means another number of tasks than the request was made for."""

    code = "count_mismatch"
    title = "The filter means another number of tasks"


class Outcome(StrEnum):
    """What came of one task of many."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class Mode(StrEnum):
    """What becomes of the others where some tasks can't be changed: none is changed, or all that can be."""

    ATOMIC = "atomic"
    PARTIAL = "partial"


class TaskError(Struct, frozen=True):
    """Why a task was not changed; `code` is that of the problem which refuses the same for one task alone."""

    code: str
    detail: str


class TaskResult(Struct, frozen=True):
    """What came of one task of many, and the version that it has now, null where there is no such task."""

    id: UUID
    outcome: Outcome
    version: int | None
    error: TaskError | None = None


class BulkChange(Struct, frozen=True):
    """Which tasks to change, what of each, and the versions that it is meant for, in the order of the tasks.

    Where `filter` is given, it says which, and there must be `expected_count` of them.
    """

    task_ids: Sequence[UUID]
    wanted: Mapping[str, Any]
    versions: Sequence[int] | None = None
    mode: Mode = Mode.ATOMIC
    filter: Condition | None = None
    expected_count: int = 0

    def precondition(self, place: int) -> Precondition:
        """What is asked of the task at this place."""
        if self.versions is None:
            return Precondition()
        return Precondition(frozenset((self.versions[place],)), is_given=True)


class Aim(Struct, frozen=True):
    """A checked filter, and the moment at which it is asked, however often."""

    condition: Condition
    moment: Moment


class Changing(Struct, frozen=True):
    """A locked task, and the fields of it that get new values."""

    project: ProjectState
    state: TaskState
    changes: dict[str, Any]


class Numbered(Struct, frozen=True):
    """A task that is about to be stored."""

    id: UUID
    number: int
    draft: TaskDraft


class Ancestry(Struct, frozen=True):
    """A task of a project that others are put below, and the ids from the top of its tree down to it."""

    project_id: UUID
    path: Sequence[UUID]
    ref: TaskRef


def refuse_impossible(change: BulkChange) -> None:
    """Guard that needs no look at any task.

    Raises:
        Invalid: `status` and `is_completed` contradict each other, or there is not one version for each task.
    """
    if change.versions is not None and len(change.versions) != len(change.task_ids):
        message = f"Send one version for each of the {len(change.task_ids)} task_ids, in their order."
        raise invalid("/versions", "wrong_length", message)
    try:
        status_from(change.wanted.get("status"), change.wanted.get("is_completed"), Status.TODO)
    except Invalid as refusal:
        raise Invalid(*below("/update_data", refusal)) from None


def refuse_miscounted(expected: int, locked: Sequence[UUID], again: Sequence[UUID]) -> None:
    """Guard of a change by filter: of the tasks that it means, by the locks and by one more look behind them.

    Raises:
        CountMismatch: they are not as many as expected, or came and went meanwhile.
    """
    if max(len(locked), len(again)) > MOST:
        message = f"The filter means more than {MOST} tasks; narrow it, and look how many they are."
        raise CountMismatch(message, expected_count=expected)
    if len(again) != expected:
        message = (
            f"The filter means {len(again)} tasks by now, not {expected}; look at them, and send expected_count {len(again)}."
        )
        raise CountMismatch(message, expected_count=expected, count=len(again))
    if set(again) != set(locked):
        message = "Tasks that the filter means were changed at this moment; look at them, and send this again."
        raise CountMismatch(message, expected_count=expected, count=len(again))


def error_of(refusal: Refusal) -> TaskError:
    """A refusal as one of many results tells it."""
    if isinstance(refusal, Invalid):
        return TaskError(refusal.errors[0].code, refusal.errors[0].message)
    return TaskError(refusal.code, refusal.detail)


def bad_ids(task_ids: Sequence[UUID], found: Container[UUID]) -> list[FieldError]:
    """What is wrong with a list of ids: one that stands twice, or names nothing that was found."""
    errors = []
    seen: set[UUID] = set()
    for place, id_ in enumerate(task_ids):
        if id_ in seen:
            errors.append(FieldError("body", f"/task_ids/{place}", "duplicate", "Name each task once."))
        elif id_ not in found:
            errors.append(FieldError("body", f"/task_ids/{place}", "not_found", "There is no such task."))
        seen.add(id_)
    return errors


def below(place: str, refusal: Invalid) -> list[FieldError]:
    """The errors of a refusal of one part, as the whole request sees them."""
    return [structs.replace(error, pointer=place + error.pointer) for error in refusal.errors]
