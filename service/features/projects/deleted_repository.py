"""Deleted projects in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.features.projects.deleted_ports import DeletedProjects, DoomedProject
from service.features.projects.tables import ProjectRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

DOOM = Statement(
    lambda: QueryString(
        "UPDATE projects SET purging_at = coalesce(purging_at, {}) WHERE id = ("
        "SELECT id FROM projects WHERE deleted_at <= {} AND id > {} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) "
        "RETURNING id, key, version",
        Param(3), Param(1), Param(2),
    )
)  # fmt: skip

HOLD = Statement(lambda: QueryString("SELECT id FROM projects WHERE id = {} FOR UPDATE", Param(1)))

# For what is purged in a project: whoever writes there waits, or is not waited for.
LOCK_IDLE = Statement(lambda: QueryString("SELECT id FROM projects WHERE id = {} FOR NO KEY UPDATE SKIP LOCKED", Param(1)))

# Tasks and views belong to features above, so their tables go by their names here. The last numbers first: what goes with a task
# above it is not counted, and most tasks are older than those below them.
PURGE_TASKS = Statement(
    lambda: QueryString(
        "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE project_id = {} ORDER BY number DESC LIMIT {}) RETURNING id",
        Param(1),
        Param(2),
    )
)

PURGE_VIEWS = Statement(
    lambda: QueryString(
        "DELETE FROM views WHERE id IN (SELECT id FROM views WHERE project_id = {} LIMIT {}) RETURNING id", Param(1), Param(2)
    )
)

PURGE = Statement(lambda: ProjectRow.delete().where(ProjectRow.id == Param(1)))


async def lock_idle_project(database: Database, project_id: UUID) -> bool:
    """See purging.DeletedRows."""
    return await database.fetch_row(LOCK_IDLE, project_id) is not None


def by_project(rows: Iterable[Iterable[UUID]]) -> dict[UUID, list[UUID]]:
    """The ids of rows by the id of their project, which stands first."""
    found: dict[UUID, list[UUID]] = {}
    for project_id, id_ in rows:
        found.setdefault(project_id, []).append(id_)
    return found


class PiccoloDeletedProjects(DeletedProjects):
    """Fills deleted_ports.DeletedProjects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def doom(self, cutoff: datetime, after: UUID, now: datetime) -> DoomedProject | None:
        """See deleted_ports.DeletedProjects."""
        row = await self._database.fetch_row(DOOM, cutoff, after, now)
        return DoomedProject(*row) if row else None

    async def hold(self, project_id: UUID) -> bool:
        """See deleted_ports.DeletedProjects."""
        return await self._database.fetch_row(HOLD, project_id) is not None

    async def purge_tasks(self, project_id: UUID, most: int) -> int:
        """See deleted_ports.DeletedProjects."""
        return len(await self._database.fetch(PURGE_TASKS, project_id, most))

    async def purge_views(self, project_id: UUID, most: int) -> list[UUID]:
        """See deleted_ports.DeletedProjects."""
        return [row[0] for row in await self._database.fetch(PURGE_VIEWS, project_id, most)]

    async def purge(self, project_id: UUID) -> None:
        """See deleted_ports.DeletedProjects."""
        await self._database.fetch(PURGE, project_id)
