"""Many tasks on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct

from service.features.tasks.bulk_domain import TaskResult
from service.features.tasks.schemas import TaskCreate, TaskFieldsPatch, TaskResponse

# The most tasks of one request: what a statement and its locks may hold for a moment.
MOST = 1000


def some_change(patch: TaskFieldsPatch) -> str | None:
    """What is wrong with a patch for many tasks."""
    named = any(getattr(patch, field) is not UNSET for field in patch.__struct_fields__)
    return None if named else "Name at least one field to change."


class TasksUpdate(Struct, forbid_unknown_fields=True):
    """Which tasks to change, and what in each of them."""

    task_ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST, description="Each task once.")]
    update_data: Annotated[TaskFieldsPatch, Meta(extra={"check": some_change})]


class TasksUpdated(Struct, frozen=True):
    """How many tasks changed, how many were so already, and what came of each, in the order of the request."""

    updated_count: int
    skipped_count: int
    results: list[TaskResult]


class TasksCreate(Struct, forbid_unknown_fields=True):
    """Tasks to create, in the order in which they get their numbers."""

    tasks: Annotated[list[TaskCreate], Meta(min_length=1, max_length=MOST)]


class TasksCreated(Struct, frozen=True):
    """The tasks that were created, in the order of the request."""

    created_count: int
    items: list[TaskResponse]
