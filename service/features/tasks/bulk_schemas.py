"""Many tasks on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct

from service.features.tasks.bulk_domain import BulkChange, Mode, TaskResult
from service.features.tasks.schemas import TaskCreate, TaskFieldsPatch, TaskResponse
from service.http.decoding import given

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
    versions: (
        Annotated[
            list[Annotated[int, Meta(ge=1)]],
            Meta(
                max_length=MOST, description="The version of each task that the change is meant for, in the order of `task_ids`."
            ),
        ]
        | None
    ) = None
    mode: Annotated[
        Mode,
        Meta(description="`atomic`: all are changed or none; `partial`: all that can be, and each other one has its `error`."),
    ] = Mode.ATOMIC

    def change(self) -> BulkChange:
        """What the use cases take."""
        return BulkChange(self.task_ids, given(self.update_data), self.versions, self.mode)


class TasksUpdated(Struct, frozen=True):
    """How many tasks changed, how many did not, and what came of each, in the order of the request."""

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
