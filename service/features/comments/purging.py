"""Removing for good comments that were deleted long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.comments.deleted_ports import PurgedComment
from service.features.comments.events import CommentPurged
from service.kernel.purging import Purges

if TYPE_CHECKING:
    from uuid import UUID


class CommentPurges(Purges[PurgedComment]):
    """Purging comments: their rows, and what they said in what was told of them."""

    def told(self, project_id: UUID, row: PurgedComment) -> CommentPurged:
        """See Purges."""
        return CommentPurged(subject_id=row.id, subject_version=row.version + 1, project_id=project_id, about_id=row.task_id)
