"""Figures about tasks from PostgreSQL."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from service.adapters.database import Database
from service.features.tasks import aggregate_statements, list_statements
from service.features.tasks.aggregate_domain import (
    MOST_GROUPS,
    AssigneeCount,
    CycleTime,
    DayCounts,
    Dimension,
    Metric,
    PriorityCounts,
    ProjectStats,
    StatusCounts,
    TaskGroup,
)
from service.features.tasks.aggregate_ports import Aggregates
from service.features.tasks.domain import PersonRef, Status
from service.features.tasks.repository import filtered
from service.kernel.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.adapters.database.lists import Condition
    from service.features.tasks.ports import TaskFilter
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock


class PiccoloAggregates(Aggregates):
    """Fills aggregate_ports.Aggregates."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def groups(
        self, actor: Actor, wanted: TaskFilter, group_by: Sequence[Dimension], metrics: Sequence[Metric]
    ) -> list[TaskGroup]:
        """See aggregate_ports.Aggregates."""
        build = aggregate_statements.grouped(group_by, metrics)
        rows = await list_statements.LIST.summary(
            self._database,
            await self._conditions(actor, wanted),
            f"{','.join(group_by)} {','.join(metrics)}",
            build,
            actor.id,
            MOST_GROUPS + 1,
        )
        if len(rows) > MOST_GROUPS:
            message = f"These are more than {MOST_GROUPS} groups; narrow the filter, or group by less."
            raise invalid("/group_by", "too_many", message, "query")
        return [_group(iter(row), group_by, metrics) for row in rows]

    async def count(self, actor: Actor, wanted: TaskFilter) -> int:
        """See aggregate_ports.Aggregates."""
        (group,) = await self.groups(actor, wanted, (), (Metric.COUNT,))
        return int(group.count or 0)

    async def stats(self, project_id: UUID, since: datetime | None, until: datetime | None) -> ProjectStats:
        """See aggregate_ports.Aggregates."""
        rows = await self._database.fetch(aggregate_statements.STATS, project_id, since, until)
        found: dict[str, list[Any]] = {figure: [] for figure in ("status", "priority", "assignee", "day", "cycle_time")}
        for figure, *row in rows:
            found[figure].append(row)
        ((_, _, median, ninth),) = found["cycle_time"]
        return ProjectStats(
            StatusCounts(**{status: int(count) for status, _, count, _ in found["status"]}),
            [AssigneeCount(_person(id_, name, deleted_at), int(count)) for name, id_, count, deleted_at in found["assignee"]],
            PriorityCounts(**{f"p{priority}": int(count) for priority, _, count, _ in found["priority"]}),
            [DayCounts(date.fromisoformat(day), int(created), int(done)) for day, _, created, done in found["day"]],
            CycleTime(median, ninth),
        )

    async def _conditions(self, actor: Actor, wanted: TaskFilter) -> list[Condition]:
        now = self._clock.now()
        conditions = list_statements.conditions(actor, wanted, now)
        if wanted.filter is not None:
            conditions.append(await filtered(self._database, actor, wanted.filter, now))
        return conditions


_METRICS = {
    Metric.COUNT: "count",
    Metric.CYCLE_TIME_P50: "cycle_time_p50",
    Metric.CYCLE_TIME_P90: "cycle_time_p90",
}


def _group(columns: Iterator[Any], group_by: Iterable[Dimension], metrics: Iterable[Metric]) -> TaskGroup:
    group = TaskGroup()
    for dimension in group_by:
        found = [next(columns) for _ in range(aggregate_statements.width(dimension))]
        if dimension is Dimension.STATUS:
            group.status = Status(found[1])
        elif dimension is Dimension.ASSIGNEE:
            group.assignee = _person(found[1], found[0], found[2])
        elif dimension is Dimension.LABEL:
            group.label = found[0]
        elif dimension is Dimension.PRIORITY:
            group.priority = found[0]
        else:
            group.due_week = found[0]
    for metric in metrics:
        setattr(group, _METRICS[metric], next(columns))
    return group


def _person(id_: UUID | None, full_name: str | None, deleted_at: object) -> PersonRef | None:
    if id_ is None:
        return None
    return PersonRef(id_, full_name) if deleted_at is None else PersonRef(id_, None, deleted=True)
