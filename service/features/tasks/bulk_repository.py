"""Many tasks at once in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from service.adapters.database import Database
from service.adapters.database.lists import Condition
from service.features.projects.domain import ProjectRole, ProjectState
from service.features.tasks import bulk_statements, filter_statements, list_statements
from service.features.tasks.bulk_domain import MOST, Aim, Ancestry, Changing, Numbered
from service.features.tasks.bulk_ports import BulkTasks
from service.features.tasks.domain import PersonRef, ProjectRef, TaskRef
from service.features.tasks.ports import Insider, TaskFilter
from service.features.tasks.repository import moment_of, new_row, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.tasks.domain import TaskState
    from service.kernel.actor import Actor
    from service.kernel.filter.tree import Condition as Tree
    from service.kernel.ports import Clock


class PiccoloBulkTasks(BulkTasks):
    """Fills bulk_ports.BulkTasks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def lock_projects(self, task_ids: Sequence[UUID]) -> dict[UUID, ProjectState]:
        """See bulk_ports.BulkTasks."""
        rows = await self._database.fetch(bulk_statements.LOCK_PROJECTS, list(task_ids))
        return {row[0]: ProjectState(*row) for row in rows}

    async def lock_members(self, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Insider]:
        """See bulk_ports.BulkTasks."""
        pairs = sorted(set(wanted))
        rows = await self._database.fetch(
            bulk_statements.LOCK_MEMBERS, [project_id for project_id, _ in pairs], [user_id for _, user_id in pairs]
        )
        return {
            (project_id, user_id): Insider(ProjectRole(role), PersonRef(user_id, full_name))
            for project_id, user_id, role, full_name in rows
        }

    async def lock(self, task_ids: Sequence[UUID], project_ids: Sequence[UUID]) -> list[tuple[UUID, TaskState]]:
        """See bulk_ports.BulkTasks."""
        rows = await self._database.fetch(bulk_statements.LOCK, list(task_ids), list(project_ids))
        return [(project_id, state_of(state)) for project_id, *state in rows]

    async def lock_open_of(self, project_id: UUID, user_id: UUID) -> list[TaskState]:
        """See bulk_ports.BulkTasks."""
        return [state_of(row) for row in await self._database.fetch(bulk_statements.LOCK_OPEN_OF, project_id, user_id)]

    async def aim(self, actor: Actor, condition: Tree) -> Aim:
        """See bulk_ports.BulkTasks."""
        return Aim(condition, await moment_of(self._database, actor, condition, self._clock.now()))

    async def lock_aimed_projects(self, actor: Actor, aim: Aim) -> dict[UUID, ProjectState]:
        """See bulk_ports.BulkTasks."""
        visible = list_statements.conditions(actor, TaskFilter(), aim.moment.now)
        rows = await list_statements.LIST.summary(
            self._database, [*visible, _meant(aim)], "lock projects", bulk_statements.lock_projects_of, MOST + 1
        )
        return {row[0]: ProjectState(*row) for row in rows}

    async def lock_aimed(self, aim: Aim, project_ids: Sequence[UUID]) -> list[tuple[UUID, TaskState]]:
        """See bulk_ports.BulkTasks."""
        rows = await list_statements.LIST.summary(
            self._database, _living(aim, project_ids), "lock", bulk_statements.lock_rows, MOST + 1
        )
        return [(project_id, state_of(state)) for _, project_id, *state in rows]

    async def aimed(self, aim: Aim, project_ids: Sequence[UUID]) -> list[UUID]:
        """See bulk_ports.BulkTasks."""
        return await list_statements.LIST.ids(self._database, _living(aim, project_ids), MOST + 1)

    async def lock_open_anywhere(self, user_id: UUID) -> list[tuple[ProjectState, TaskState]]:
        """See bulk_ports.BulkTasks."""
        rows = await self._database.fetch(bulk_statements.LOCK_OPEN_ANYWHERE, user_id)
        width = bulk_statements.PROJECT_WIDTH
        return [(ProjectState(*row[:width]), state_of(row[width:])) for row in map(tuple, rows)]

    async def change(self, rows: Sequence[Changing], shared: Mapping[str, Any], now: datetime) -> None:
        """See bulk_ports.BulkTasks."""
        own = [_own(row) for row in rows]
        given = [value for column in bulk_statements.SHARED for value in (column in shared, shared.get(column))]
        await self._database.fetch(bulk_statements.CHANGE, *_columns(own), now, *given)

    async def claim_numbers(self, wanted: Mapping[UUID, int]) -> dict[UUID, tuple[int, ProjectRef]]:
        """See bulk_ports.BulkTasks."""
        rows = await self._database.fetch(bulk_statements.CLAIM_NUMBERS, list(wanted), list(wanted.values()))
        return {id_: (first, ProjectRef(id_, key, name)) for id_, first, key, name in rows}

    async def projects(self, project_ids: Sequence[UUID]) -> dict[UUID, ProjectState]:
        """See bulk_ports.BulkTasks."""
        rows = await self._database.fetch(bulk_statements.PROJECTS, list(project_ids))
        return {row[0]: ProjectState(*row) for row in rows}

    async def ancestries(self, task_ids: Sequence[UUID]) -> dict[UUID, Ancestry]:
        """See bulk_ports.BulkTasks."""
        rows = await self._database.fetch(bulk_statements.ANCESTRIES, list(task_ids))
        return {
            id_: Ancestry(project_id, path, TaskRef(id_, f"{key}-{number}", title))
            for id_, project_id, path, key, number, title in rows
        }

    async def add(self, tasks: Sequence[Numbered], reporter_id: UUID, now: datetime) -> None:
        """See bulk_ports.BulkTasks."""
        # Both instants of a new row are the same.
        rows = [(*new_row(task.id, task.number, task.draft, reporter_id, now), now) for task in tasks]
        await self._database.fetch(bulk_statements.ADD, *_columns(rows))


def _meant(aim: Aim) -> Condition:
    return filter_statements.condition(aim.condition, aim.moment)


def _living(aim: Aim, project_ids: Sequence[UUID]) -> list[Condition]:
    within = Condition("in projects", bulk_statements.in_projects, [*project_ids])
    return [list_statements.ALIVE, within, _meant(aim)]


def _own(row: Changing) -> tuple[object, ...]:
    status = row.changes.get("status", row.state.status)
    completed_at = row.changes.get("completed_at", row.state.completed_at)
    stamped = msgspec.json.encode(dict.fromkeys(row.changes, row.state.version + 1)).decode()
    return row.state.id, status, completed_at, stamped


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
