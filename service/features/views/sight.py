"""Which private views somebody may still see, asked before an earlier answer about them is given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.kernel.ports import Sight

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from service.kernel.actor import Actor

# How many there are, and how many of these the caller sees; $4 are the projects that a token is narrowed to, if it is.
SEEN = Statement(
    lambda: QueryString(
        "SELECT count(*), count(*) FILTER (WHERE (v.owner_id = {} OR v.shared) "
        "AND (v.project_id IS NULL OR (p.deleted_at IS NULL AND ({}::boolean OR EXISTS ("
        "SELECT FROM memberships mine WHERE mine.project_id = p.id AND mine.user_id = {})))) "
        "AND ({}::uuid[] IS NULL OR v.project_id = ANY({}::uuid[]))) "
        "FROM views v LEFT JOIN projects p ON p.id = v.project_id WHERE v.id = ANY({}::uuid[])",
        Param(2), Param(3), Param(2), Param(4), Param(4), Param(1),
    )
)  # fmt: skip


class ViewSight(Sight):
    """Fills ports.Sight for views that no project is told of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sees(self, actor: Actor, ids: Collection[UUID], *, deleted: bool) -> bool:
        """See ports.Sight; of one that is gone only its owner holds a key."""
        narrowed = None if actor.project_ids is None else [*actor.project_ids]
        ((stored, seen),) = await self._database.fetch(SEEN, list(ids), actor.id, actor.is_admin, narrowed)
        return bool(seen == stored and (deleted or stored == len(ids)))
