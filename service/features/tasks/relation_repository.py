"""Relations of tasks in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.features.tasks.domain import Status
from service.features.tasks.relation_domain import Link, Meeting, RelatedTask, Relation, RelationKind, seen
from service.features.tasks.relation_ports import Relations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

OF = Statement(
    lambda: QueryString(
        "SELECT r.kind, r.source_id = {}, o.id, p.key, o.number, o.title, o.status, r.created_at FROM task_relations r "
        "JOIN tasks o ON o.id = CASE WHEN r.source_id = {} THEN r.target_id ELSE r.source_id END "
        "JOIN projects p ON p.id = o.project_id "
        "WHERE (r.source_id = {} OR r.target_id = {}) AND o.deleted_at IS NULL ORDER BY o.number",
        *[Param(1)] * 4,
    )
)
_COUNT = "(SELECT count(*) FROM task_relations WHERE source_id = {} OR target_id = {})"
MEETING = Statement(
    lambda: QueryString(
        "SELECT EXISTS (SELECT FROM task_relations WHERE source_id = {} AND kind = {} AND target_id = {}), "
        f"greatest({_COUNT}, {_COUNT}) FROM tasks WHERE id = {{}} AND project_id = {{}} AND deleted_at IS NULL",
        *(Param(number) for number in (3, 4, 5, 3, 3, 5, 5, 2, 1)),
    )
)
# UNION, not UNION ALL: each task is come by once, however many ways lead to it.
WAY_BACK = Statement(
    lambda: QueryString(
        "WITH RECURSIVE reached (id) AS (SELECT {}::uuid UNION "
        "SELECT r.target_id FROM task_relations r JOIN reached ON r.source_id = reached.id WHERE r.kind = 'blocks') "
        "SELECT source_id, target_id FROM task_relations WHERE kind = 'blocks' AND source_id IN (SELECT id FROM reached) "
        "AND EXISTS (SELECT FROM reached WHERE id = {})",
        Param(1),
        Param(2),
    )
)
ADD = Statement(
    lambda: QueryString(
        "WITH added AS (INSERT INTO task_relations (id, project_id, source_id, kind, target_id, created_at) "
        "VALUES (gen_random_uuid(), {}, {}, {}::text, {}, {})) "
        "UPDATE tasks SET was_blocked = true WHERE id = {} AND {}::text = 'blocks' AND NOT was_blocked",
        *(Param(number) for number in (1, 2, 3, 4, 5, 4, 3)),
    )
)
REMOVE = Statement(
    lambda: QueryString(
        "DELETE FROM task_relations WHERE project_id = {} AND source_id = {} AND kind = {} AND target_id = {} RETURNING id",
        *(Param(number) for number in (1, 2, 3, 4)),
    )
)
_ORDER = list(RelationKind)


class PiccoloRelations(Relations):
    """Fills relation_ports.Relations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, task_id: UUID) -> list[Relation]:
        """See relation_ports.Relations."""
        found = [
            Relation(
                seen(RelationKind(kind), from_source=from_source),
                RelatedTask(id_, f"{key}-{number}", title, Status(status)),
                created_at,
            )
            for kind, from_source, id_, key, number, title, status, created_at in await self._database.fetch(OF, task_id)
        ]
        return sorted(found, key=lambda each: _ORDER.index(each.relation))

    async def meeting(self, project_id: UUID, other_id: UUID, link: Link) -> Meeting | None:
        """See relation_ports.Relations."""
        row = await self._database.fetch_row(MEETING, project_id, other_id, link.source_id, link.kind, link.target_id)
        return Meeting(row[0], row[1]) if row else None

    async def way_back(self, link: Link) -> Sequence[tuple[UUID, UUID]]:
        """See relation_ports.Relations."""
        return [(row[0], row[1]) for row in await self._database.fetch(WAY_BACK, link.target_id, link.source_id)]

    async def add(self, project_id: UUID, link: Link, now: datetime) -> None:
        """See relation_ports.Relations."""
        await self._database.fetch(ADD, project_id, link.source_id, link.kind, link.target_id, now)

    async def remove(self, project_id: UUID, link: Link) -> bool:
        """See relation_ports.Relations."""
        row = await self._database.fetch_row(REMOVE, project_id, link.source_id, link.kind, link.target_id)
        return row is not None
