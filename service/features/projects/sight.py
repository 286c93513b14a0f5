"""Which projects somebody may still see, asked before an earlier answer about them is given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.kernel.ports import Sight

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from service.kernel.actor import Actor

# An admin ($3) sees each, others those that they belong to; deleted ones only where they are asked for ($4).
SEEN = Statement(
    lambda: QueryString(
        "SELECT count(*) FROM projects WHERE id = ANY ({}::uuid[]) AND ({} OR deleted_at IS NULL) AND ({} OR EXISTS ("
        "SELECT FROM memberships mine WHERE mine.project_id = projects.id AND mine.user_id = {}))",
        Param(1), Param(4), Param(3), Param(2),
    )
)  # fmt: skip


class ProjectSight(Sight):
    """Fills ports.Sight for projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sees(self, actor: Actor, ids: Collection[UUID], *, deleted: bool) -> bool:
        """See ports.Sight."""
        if actor.project_ids is not None and not actor.project_ids.issuperset(ids):
            return False
        (row,) = await self._database.fetch(SEEN, list(ids), actor.id, actor.is_admin, deleted)
        return bool(row[0] == len(ids))
