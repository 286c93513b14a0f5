"""Many tasks on the wire."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct

from service.features.tasks.bulk_domain import MOST, BulkChange, Mode, TaskResult
from service.features.tasks.filter_domain import task_filter
from service.features.tasks.filter_schemas import Filter
from service.features.tasks.schemas import TaskCreate, TaskFieldsPatch, TaskResponse
from service.http.decoding import given
from service.kernel.errors import FieldError, Invalid


def some_change(patch: TaskFieldsPatch) -> str | None:
    """What is wrong with a patch for many tasks."""
    named = any(getattr(patch, field) is not UNSET for field in patch.__struct_fields__)
    return None if named else "Name at least one field to change."


class TasksUpdate(Struct, forbid_unknown_fields=True):
    """Which tasks to change, by their ids or by a filter with their number, and what in each of them."""

    update_data: Annotated[TaskFieldsPatch, Meta(extra={"check": some_change})]
    task_ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST, description="Each task once.")] | None = None
    filter: Filter | None = None
    expected_count: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=MOST,
                description="How many tasks the `filter` means; where they are more or fewer by now, none is changed (409).",
            ),
        ]
        | None
    ) = None
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
        """What the use cases take.

        Raises:
            Invalid: not exactly one of `task_ids` and `filter` says which tasks, or what belongs to it is missing.
        """
        if errors := [FieldError("body", *error) for error in self._misfits()]:
            raise Invalid(*errors)
        condition = None if self.filter is None else task_filter(self.filter)
        return BulkChange(
            self.task_ids or (), given(self.update_data), self.versions, self.mode, condition, self.expected_count or 0
        )

    def _misfits(self) -> Iterator[tuple[str, str, str]]:
        if self.filter is None:
            if self.task_ids is None:
                yield "/task_ids", "missing", "Send task_ids, or filter and expected_count."
            if self.expected_count is not None:
                yield "/expected_count", "not_allowed", "This goes with filter: leave it out beside task_ids."
            return
        if self.task_ids is not None:
            yield "/filter", "contradiction", "Send task_ids or filter, not both."
        if self.versions is not None:
            yield "/versions", "not_allowed", "These go with task_ids: a filter's tasks have no order."
        if self.expected_count is None:
            yield "/expected_count", "missing", "Send how many tasks the filter means."


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
