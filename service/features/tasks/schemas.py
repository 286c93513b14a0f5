"""Tasks on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.features.tasks.domain import MOST_LABELS, Status, Task, TaskDraft, status_from
from service.kernel.text import Instant, many_lines, one_line

# What a reader may know of a task is what the domain's Task holds: no second Struct to copy every row of a list into.
TaskResponse = Task

Title = Annotated[str, Meta(min_length=1, max_length=200, description="A line of text.", extra={"check": one_line})]
Description = Annotated[str, Meta(max_length=20_000, description="Markdown.", extra={"check": many_lines})]
Priority = Annotated[int, Meta(ge=1, le=5, description="1 is the lowest, 5 the highest.")]


class TaskCreate(Struct, forbid_unknown_fields=True):
    """A task to create."""

    project_id: UUID
    title: Title
    description: Description | None = None
    status: Status | None = None
    is_completed: bool | None = None
    priority: Priority = 3
    due_date: Instant | None = None
    assignee_id: UUID | None = None
    parent_id: UUID | None = None
    label_ids: Annotated[list[UUID], Meta(max_length=MOST_LABELS, description="Labels of the project; none without it.")] = []

    def draft(self) -> TaskDraft:
        """The task as the use cases take it, its status said one way.

        Raises:
            Invalid: `status` and `is_completed` contradict each other.
        """
        return TaskDraft(
            project_id=self.project_id,
            title=self.title,
            description=self.description,
            status=status_from(self.status, self.is_completed, Status.TODO),
            priority=self.priority,
            due_date=self.due_date,
            assignee_id=self.assignee_id,
            parent_id=self.parent_id,
            label_ids=tuple(self.label_ids),
        )


class TaskFieldsPatch(Struct, forbid_unknown_fields=True):
    """What to change of each of many tasks; what is absent stays, what is null is cleared."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    is_completed: bool | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    due_date: Instant | UnsetType | None = UNSET
    assignee_id: UUID | UnsetType | None = UNSET


class TaskPatch(TaskFieldsPatch, forbid_unknown_fields=True):
    """What to change of a task; what is absent stays, what is null is cleared."""

    parent_id: UUID | UnsetType | None = UNSET
