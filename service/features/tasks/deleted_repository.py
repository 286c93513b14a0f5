"""Deleted tasks in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.adapters.database import Database
from service.features.projects.deleted_repository import by_project, lock_idle_project
from service.features.projects.domain import ProjectState
from service.features.tasks import deleted_statements
from service.features.tasks.deleted_ports import DeletedTasks, PurgedTask
from service.features.tasks.domain import DeletedTask, TaskNotFound, parse_key
from service.features.tasks.repository import state_of
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID


class PiccoloDeletedTasks(DeletedTasks):
    """Fills deleted_ports.DeletedTasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock_project(self, reference: str) -> tuple[UUID, ProjectState]:
        """See deleted_ports.DeletedTasks."""
        task_id = parse_id(reference)
        if task_id is not None:
            row = await self._database.fetch_row(deleted_statements.LOCK_PROJECT_BY_ID, task_id)
        elif key := parse_key(reference):
            row = await self._database.fetch_row(deleted_statements.LOCK_PROJECT_BY_KEY, *key)
        else:
            row = None
        if row is None:
            raise TaskNotFound
        return row[0], ProjectState(*row[1:])

    async def lock_taken_along(self, task_id: UUID) -> list[DeletedTask]:
        """See deleted_ports.DeletedTasks."""
        rows = await self._database.fetch(deleted_statements.LOCK_TAKEN_ALONG, task_id)
        return [DeletedTask(state_of(state), deleted_at, deleted_with) for *state, deleted_at, deleted_with in rows]

    async def restore(self, tasks: Sequence[DeletedTask], now: datetime) -> None:
        """See deleted_ports.DeletedTasks."""
        await self._database.fetch(deleted_statements.RESTORE, [task.state.id for task in tasks], now)

    async def due(self, cutoff: datetime, but: Collection[UUID], most: int) -> dict[UUID, list[UUID]]:
        """See purging.DeletedRows."""
        return by_project(await self._database.fetch(deleted_statements.DUE, cutoff, list(but), most))

    async def lock_idle_project(self, project_id: UUID) -> bool:
        """See purging.DeletedRows."""
        return await lock_idle_project(self._database, project_id)

    async def purge(self, ids: Sequence[UUID], cutoff: datetime) -> list[PurgedTask]:
        """See purging.DeletedRows."""
        rows = await self._database.fetch(deleted_statements.PURGE, list(ids), cutoff)
        return [PurgedTask(*row) for row in rows]
