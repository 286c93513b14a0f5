"""Tasks: what they are, the rules, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from service.kernel.errors import FieldError, Invalid, NotFound, invalid

# The most labels of one task.
MOST_LABELS = 50
# A number past PostgreSQL's integer names no task.
_KEY = re.compile(r"([A-Z0-9]{2,10})-([1-9][0-9]{0,8})")


class Status(StrEnum):
    """Where a task stands; lists sort by this order."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN = (Status.TODO, Status.IN_PROGRESS)


class TaskNotFound(NotFound):
    """There is no such task, or none in a project that the caller belongs to."""

    code = "task_not_found"
    title = "There is no such task"


class ProjectRef(Struct, frozen=True):
    """The project of a task."""

    id: UUID
    key: str
    name: str


class PersonRef(Struct, frozen=True):
    """A person beside a task; `deleted` is there only where the account was deleted, whose name nobody is told any more."""

    id: UUID
    full_name: str | None
    deleted: bool | UnsetType = UNSET


class TaskRef(Struct, frozen=True):
    """Another task, beside this one."""

    id: UUID
    key: str
    title: str


class LabelRef(Struct, frozen=True):
    """A label of a task."""

    id: UUID
    name: str
    color: str


class Task(Struct, frozen=True):
    """A task as its readers see it."""

    id: UUID
    number: int
    key: str
    project: ProjectRef
    title: str
    description: str | None
    status: Status
    is_completed: bool
    completed_at: datetime | None
    priority: int
    due_date: datetime | None
    is_overdue: bool
    assignee: PersonRef | None
    reporter: PersonRef
    parent: TaskRef | None
    labels: tuple[LabelRef, ...]
    is_blocked: bool
    comment_count: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purge_at: datetime | None
    version: int


class TaskDraft(Struct, frozen=True):
    """A task that is about to be created."""

    project_id: UUID
    title: str
    description: str | None
    status: Status
    priority: int
    due_date: datetime | None
    assignee_id: UUID | None
    parent_id: UUID | None
    label_ids: tuple[UUID, ...] = ()


class Placed(Struct, frozen=True):
    """What a draft gets when it becomes a task."""

    id: UUID
    number: int
    project: ProjectRef
    assignee: PersonRef | None
    reporter: PersonRef
    parent: TaskRef | None
    at: datetime
    labels: tuple[LabelRef, ...] = ()


class TaskState(Struct, frozen=True):
    """The locked row that a write decides on."""

    id: UUID
    number: int
    title: str
    description: str | None
    status: Status
    completed_at: datetime | None
    priority: int
    due_date: datetime | None
    assignee_id: UUID | None
    parent_id: UUID | None
    version: int
    field_versions: Mapping[str, int] = {}


class DeletedTask(Struct, frozen=True):
    """A locked row that may be restored; both are None where it is not deleted."""

    state: TaskState
    deleted_at: datetime | None
    # The task whose deletion took this one along, itself where it was the one.
    deleted_with: UUID | None


def parse_key(reference: str) -> tuple[str, int] | None:
    """The project's key and the number that `WEB-12` is made of, None if the reference is no key."""
    match = _KEY.fullmatch(reference)
    return (match[1], int(match[2])) if match else None


def person_ref(user_id: UUID, full_name: str | None, deleted_at: datetime | None) -> PersonRef:
    """A person as shown beside a task."""
    return PersonRef(user_id, full_name) if deleted_at is None else PersonRef(user_id, None, deleted=True)


def is_overdue(status: Status, due_date: datetime | None, now: datetime) -> bool:
    """Whether a task should have been finished by now."""
    return due_date is not None and due_date < now and status in OPEN


def created(draft: TaskDraft, placed: Placed) -> Task:
    """The task that a draft becomes."""
    done = draft.status is Status.DONE
    return Task(
        id=placed.id,
        number=placed.number,
        key=f"{placed.project.key}-{placed.number}",
        project=placed.project,
        title=draft.title,
        description=draft.description,
        status=draft.status,
        is_completed=done,
        completed_at=placed.at if done else None,
        priority=draft.priority,
        due_date=draft.due_date,
        is_overdue=is_overdue(draft.status, draft.due_date, placed.at),
        assignee=placed.assignee,
        reporter=placed.reporter,
        parent=placed.parent,
        labels=placed.labels,
        is_blocked=False,
        comment_count=0,
        created_at=placed.at,
        updated_at=placed.at,
        deleted_at=None,
        purge_at=None,
        version=1,
    )


def status_from(status: Status | None, is_completed: bool | None, current: Status) -> Status:  # noqa: FBT001
    """The status that a request asks for, whichever way it says so.

    Raises:
        Invalid: `status` and `is_completed` contradict each other.
    """
    if is_completed is None:
        return status or current
    if status is not None:
        if is_completed != (status is Status.DONE):
            raise invalid("/is_completed", "contradiction", f"This contradicts status {status}: send one of the two.")
        return status
    if is_completed:
        return Status.DONE
    return Status.TODO if current is Status.DONE else current


def labels_for(draft: TaskDraft, known: Mapping[UUID, tuple[UUID, LabelRef]]) -> tuple[LabelRef, ...]:
    """The labels that a draft names, by name; `known` are the stored ones among them, each with the id of its project.

    Raises:
        Invalid: at every id that is no label of the draft's project.
    """
    found: dict[UUID, LabelRef] = {}
    errors = []
    for place, label_id in enumerate(draft.label_ids):
        project_id, label = known.get(label_id, (None, None))
        if label is None or project_id != draft.project_id:
            message = "There is no such label in this project."
            errors.append(FieldError("body", f"/label_ids/{place}", "not_found", message))
        else:
            found[label_id] = label
    if errors:
        raise Invalid(*errors)
    return tuple(sorted(found.values(), key=lambda label: label.name))


def changed(state: TaskState, wanted: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields of a task whose values `wanted` would change; completing and reopening date the completion."""
    changes = {field: value for field, value in wanted.items() if getattr(state, field) != value}
    if "status" in changes:
        completed_at = now if changes["status"] is Status.DONE else None
        if completed_at != state.completed_at:
            changes["completed_at"] = completed_at
    return changes
