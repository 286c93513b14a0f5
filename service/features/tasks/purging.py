"""Removing for good tasks that were deleted long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.tasks.deleted_ports import PurgedTask
from service.features.tasks.events import TaskPurged
from service.kernel.purging import Purges

if TYPE_CHECKING:
    from uuid import UUID


class TaskPurges(Purges[PurgedTask]):
    """Purging tasks: their rows, and their values in what was told of them."""

    def told(self, project_id: UUID, row: PurgedTask) -> TaskPurged:
        """See Purges."""
        return TaskPurged(subject_id=row.id, subject_key=row.key, subject_version=row.version + 1, project_id=project_id)
