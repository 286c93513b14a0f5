"""Deleted comments in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.features.comments.deleted_ports import DeletedComments, PurgedComment
from service.features.projects.deleted_repository import by_project, lock_idle_project

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

DUE = Statement(
    lambda: QueryString(
        "SELECT t.project_id, c.id FROM comments c JOIN tasks t ON t.id = c.task_id "
        "WHERE c.deleted_at <= {} AND t.project_id <> ALL({}::uuid[]) ORDER BY c.deleted_at LIMIT {}",
        *map(Param, (1, 2, 3)),
    )
)

PURGE = Statement(
    lambda: QueryString(
        "DELETE FROM comments WHERE id = ANY({}::uuid[]) AND deleted_at <= {} RETURNING id, task_id, version", Param(1), Param(2)
    )
)


class PiccoloDeletedComments(DeletedComments):
    """Fills deleted_ports.DeletedComments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, cutoff: datetime, but: Collection[UUID], most: int) -> dict[UUID, list[UUID]]:
        """See purging.DeletedRows."""
        return by_project(await self._database.fetch(DUE, cutoff, list(but), most))

    async def lock_idle_project(self, project_id: UUID) -> bool:
        """See purging.DeletedRows."""
        return await lock_idle_project(self._database, project_id)

    async def purge(self, ids: Sequence[UUID], cutoff: datetime) -> list[PurgedComment]:
        """See purging.DeletedRows."""
        return [PurgedComment(*row) for row in await self._database.fetch(PURGE, list(ids), cutoff)]
