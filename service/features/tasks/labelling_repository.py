"""The labels of tasks in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.features.tasks.domain import LabelRef
from service.features.tasks.labelling_ports import TaskLabels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

KNOWN = Statement(lambda: QueryString("SELECT project_id, id, name, color FROM labels WHERE id = ANY({}::uuid[])", Param(1)))
OF = Statement(
    lambda: QueryString(
        "SELECT l.id, l.name, l.color FROM task_labels tl JOIN labels l ON l.id = tl.label_id "
        "WHERE tl.task_id = {} ORDER BY l.name",
        Param(1),
    )
)
PUT = Statement(
    lambda: QueryString(
        "WITH put AS (INSERT INTO task_labels (id, project_id, task_id, label_id) "
        "SELECT gen_random_uuid(), t.project_id, t.id, l.id FROM unnest({}::uuid[], {}::uuid[]) AS given (task_id, label_id) "
        "JOIN tasks t ON t.id = given.task_id JOIN labels l ON l.id = given.label_id AND l.project_id = t.project_id "
        "ON CONFLICT (task_id, label_id) DO NOTHING) "
        "UPDATE tasks SET was_labelled = true WHERE id = ANY({}::uuid[]) AND NOT was_labelled",
        Param(1), Param(2), Param(1),
    )
)  # fmt: skip
REMOVE = Statement(lambda: QueryString("DELETE FROM task_labels WHERE task_id = {} AND label_id = {}", Param(1), Param(2)))


class PiccoloTaskLabels(TaskLabels):
    """Fills labelling_ports.TaskLabels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, label_ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, LabelRef]]:
        """See labelling_ports.TaskLabels."""
        rows = await self._database.fetch(KNOWN, list(label_ids))
        return {row[1]: (row[0], LabelRef(*row[1:])) for row in map(tuple, rows)}

    async def of(self, task_id: UUID) -> list[LabelRef]:
        """See labelling_ports.TaskLabels."""
        return [LabelRef(*row) for row in await self._database.fetch(OF, task_id)]

    async def put(self, pairs: Sequence[tuple[UUID, UUID]]) -> None:
        """See labelling_ports.TaskLabels."""
        await self._database.fetch(PUT, [task_id for task_id, _ in pairs], [label_id for _, label_id in pairs])

    async def remove(self, task_id: UUID, label_id: UUID) -> None:
        """See labelling_ports.TaskLabels."""
        await self._database.fetch(REMOVE, task_id, label_id)
