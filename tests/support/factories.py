"""Payloads and domain objects of which a test names only what it is about; polyfactory fills in the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from polyfactory import Use
from polyfactory.factories.msgspec_factory import MsgspecFactory

from service.features.projects.domain import ProjectState
from service.features.projects.schemas import ProjectCreate
from service.features.tasks.domain import PersonRef, Placed, ProjectRef, Status, TaskDraft, TaskState
from service.features.tasks.schemas import TaskCreate

# Any instant will do that is no edge case: the tests of time name theirs.
SOME_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def some_instant() -> datetime:
    """An instant of the year after SOME_DAY, in UTC; polyfactory would make one without an offset."""
    return SOME_DAY + timedelta(minutes=MsgspecFactory.__random__.randrange(525_600))


class ProjectCreateFactory(MsgspecFactory[ProjectCreate]):
    """Bodies for POST /projects; the service makes the key."""

    key = None

    @classmethod
    def description(cls) -> str | None:
        return cls.__random__.choice([None, "# Plan\n\nOne line.\tAnother."])


class TaskCreateFactory(MsgspecFactory[TaskCreate]):
    """Bodies for POST /tasks, which need a project and say the status one way."""

    description = "- [ ] write\n- [x] think"
    status = Use(MsgspecFactory.__random__.choice, list(Status))
    is_completed = None
    due_date = Use(some_instant)
    assignee_id = None
    parent_id = None
    label_ids = Use(list[UUID])


class ProjectStateFactory(MsgspecFactory[ProjectState]):
    """Locked rows of writable projects."""

    key = "WEB"
    require_if_match = False
    archived_at = None
    deleted_at = None
    version = 1
    field_versions = Use(dict[str, int])


class TaskDraftFactory(MsgspecFactory[TaskDraft]):
    """Drafts of open tasks."""

    status = Status.TODO
    priority = 3
    due_date = None
    assignee_id = None
    parent_id = None
    label_ids = ()


class TaskStateFactory(MsgspecFactory[TaskState]):
    """Locked rows of open tasks."""

    status = Status.TODO
    completed_at = None
    priority = 3
    due_date = None
    assignee_id = None
    parent_id = None
    version = 1
    field_versions = Use(dict[str, int])


class ProjectRefFactory(MsgspecFactory[ProjectRef]):
    """Projects beside a task."""

    key = "WEB"


class PersonRefFactory(MsgspecFactory[PersonRef]):
    """People beside a task."""


class PlacedFactory(MsgspecFactory[Placed]):
    """What a draft gets: the number 12 in the project WEB."""

    number = 12
    project = Use(ProjectRefFactory.build)
    assignee = None
    parent = None
    at = SOME_DAY
    labels = ()


def project_body(**fields: Any) -> dict[str, Any]:
    """A body for POST /projects, with these fields."""
    return wire(ProjectCreateFactory.build(), fields)


def task_body(project: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A body for POST /tasks in the project, with these fields."""
    return wire(TaskCreateFactory.build(project_id=project["id"]), fields)


def wire(payload: msgspec.Struct, fields: dict[str, Any]) -> dict[str, Any]:
    """The payload as JSON has it, changed by `fields` as they stand: a test may send what no Struct would hold."""
    body: dict[str, Any] = msgspec.to_builtins(payload)
    return body | fields
