"""What the tasks feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectRole, ProjectState
    from service.features.tasks.domain import PersonRef, ProjectRef, Task, TaskDraft, TaskRef, TaskState
    from service.features.tasks.labelling_ports import TaskLabels
    from service.kernel.actor import Actor
    from service.kernel.filter.tree import Condition
    from service.kernel.paging import Slice, Window


class TaskFilter(Struct, frozen=True):
    """Which of the visible tasks a list shows; what is None does not narrow it.

    `status` is a status or one of `pending`, `overdue`, `completed`; `assignee` is an id or `none`; `label` is an id or what
    `name_key` makes of a name; `filter` is a checked filter; `search` is words or their beginnings, or a key.
    """

    project_id: UUID | None = None
    status: str | None = None
    assignee: UUID | str | None = None
    priority: int | None = None
    priority_gte: int | None = None
    due_before: datetime | None = None
    due_after: datetime | None = None
    parent_id: UUID | None = None
    label: UUID | str | None = None
    filter: Condition | None = None
    # Those too that are deleted, in projects where the actor is maintainer or above.
    deleted: bool = False
    search: str | None = None


class Insider(Struct, frozen=True):
    """A member of a project, whose row is locked."""

    role: ProjectRole
    person: PersonRef


@runtime_checkable
class Tasks(Protocol):
    """Stored tasks."""

    # Of the same storage, since a task is stored with its labels.
    labels: TaskLabels

    async def find(self, actor: Actor, reference: str) -> Task:
        """The task with this id or key (`WEB-12`).

        Raises:
            TaskNotFound: there is none, or the actor may not see it.
        """
        ...

    async def page(self, actor: Actor, wanted: TaskFilter, window: Window) -> Slice[Task]:
        """A part of the tasks that the actor may see; without sort keys, those that match the search best, best first."""
        ...

    async def claim_number(self, project_id: UUID) -> tuple[int, ProjectRef] | None:
        """The next number of a project, its row locked; None where the project is archived or not there."""
        ...

    async def lock_project(self, reference: str, *, exclusively: bool) -> tuple[UUID, ProjectState]:
        """The id of the task with this reference, and its project's row, locked: shared with other changes of tasks, or not.

        Raises:
            TaskNotFound: there is none.
        """
        ...

    async def lock_members(self, project_id: UUID, user_ids: Sequence[UUID]) -> dict[UUID, Insider]:
        """Those of the people who belong to the project, their membership locked against removal."""
        ...

    async def lock(self, task_id: UUID) -> TaskState:
        """The task's row, locked until the unit of work ends.

        Raises:
            TaskNotFound: it was deleted meanwhile.
        """
        ...

    async def lock_tree(self, task_id: UUID) -> list[TaskState]:
        """The task and everything below it that is not deleted, locked."""
        ...

    async def lineage(self, project_id: UUID, task_id: UUID) -> tuple[Sequence[UUID], TaskRef] | None:
        """The ids from the top of its tree down to this task of the project, and the task itself."""
        ...

    async def height(self, task_id: UUID) -> int:
        """The levels of the tree below a task, the task itself counted."""
        ...

    async def add(self, task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime) -> None:
        """Store a new task."""
        ...

    async def add_below(
        self, task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime
    ) -> tuple[int, str] | None:
        """Store a new task below the draft's parent, and tell the parent's number and title.

        None, and nothing stored, where the parent is not in the project or stands too deep; `lineage` tells which.
        """
        ...

    async def change(self, state: TaskState, changes: Mapping[str, Any], now: datetime) -> int:
        """Store new values of a locked task's fields; the new version."""
        ...

    async def delete(self, states: Sequence[TaskState], deleted_with: UUID, now: datetime) -> None:
        """Mark locked tasks as deleted, all by the deletion of one of them."""
        ...
