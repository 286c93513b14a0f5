"""Deleted comments in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.features.comments.deleted_ports import DeletedComments, PurgedComment

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

# Whoever writes in the project waits, or is not waited for: restores lock its row first, and so do purges of its tasks.
LOCK_DUE_PROJECT = Statement(
    lambda: QueryString(
        "SELECT id FROM projects WHERE id >= {} "
        "AND id IN (SELECT t.project_id FROM comments c JOIN tasks t ON t.id = c.task_id WHERE c.deleted_at <= {}) "
        "ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
        Param(1),
        Param(2),
    )
)

PURGE = Statement(
    lambda: QueryString(
        "WITH doomed AS (SELECT c.id FROM comments c JOIN tasks t ON t.id = c.task_id "
        "WHERE t.project_id = {} AND c.deleted_at <= {} ORDER BY c.deleted_at, c.id LIMIT {}) "
        "DELETE FROM comments c USING doomed WHERE c.id = doomed.id RETURNING c.id, c.task_id, c.version",
        Param(1),
        Param(2),
        Param(3),
    )
)


class PiccoloDeletedComments(DeletedComments):
    """Fills deleted_ports.DeletedComments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock_due_project(self, cutoff: datetime, after: UUID) -> UUID | None:
        """See deleted_ports.DeletedComments."""
        row = await self._database.fetch_row(LOCK_DUE_PROJECT, after, cutoff)
        return row[0] if row else None

    async def purge(self, project_id: UUID, cutoff: datetime, most: int) -> list[PurgedComment]:
        """See deleted_ports.DeletedComments."""
        rows = await self._database.fetch(PURGE, project_id, cutoff, most)
        return [PurgedComment(*row) for row in rows]
