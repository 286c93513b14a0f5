"""Many tasks at once: what comes of each, and how refusals point at those that are wrong."""

from __future__ import annotations

from collections.abc import Container, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from service.features.projects.domain import ProjectState
from service.features.tasks.domain import TaskDraft, TaskRef, TaskState
from service.kernel.errors import FieldError, Invalid


class Outcome(StrEnum):
    """What came of one task of many."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"


class TaskResult(Struct, frozen=True):
    """What came of one task of many, and the version that it has now; all or none change, so no task has an error of its own."""

    id: UUID
    outcome: Outcome
    version: int
    error: None = None


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
