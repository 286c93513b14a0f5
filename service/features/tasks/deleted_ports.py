"""What restoring and purging tasks need from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

from service.kernel.purging import DeletedRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.domain import DeletedTask


class PurgedTask(Struct, frozen=True):
    """What is left of a task that was removed."""

    id: UUID
    key: str
    version: int


@runtime_checkable
class DeletedTasks(DeletedRows[PurgedTask], Protocol):
    """Stored tasks that are deleted."""

    async def lock_project(self, reference: str) -> tuple[UUID, ProjectState]:
        """The id of the task with this reference, deleted or not, and its project's row, locked for a change of the tree.

        Raises:
            TaskNotFound: there is none, or its project is deleted.
        """
        ...

    async def lock_taken_along(self, task_id: UUID) -> list[DeletedTask]:
        """The task, deleted or not, and everything that its deletion took along, locked."""
        ...

    async def restore(self, tasks: Sequence[DeletedTask], now: datetime) -> None:
        """Make locked tasks what they were before their deletion."""
        ...
