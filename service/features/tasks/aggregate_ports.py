"""What figures about tasks need from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.tasks.aggregate_domain import Dimension, Metric, ProjectStats, TaskGroup
    from service.features.tasks.ports import TaskFilter
    from service.kernel.actor import Actor


@runtime_checkable
class Aggregates(Protocol):
    """Figures about stored tasks, each call one look at the database."""

    async def groups(
        self, actor: Actor, wanted: TaskFilter, group_by: Sequence[Dimension], metrics: Sequence[Metric]
    ) -> list[TaskGroup]:
        """The metrics of each group of the tasks that the actor may see, in the order of `group_by`; of all, where that is empty.

        Raises:
            Invalid: there are too many groups.
        """
        ...

    async def count(self, actor: Actor, wanted: TaskFilter) -> int:
        """How many of the tasks that the actor may see are wanted."""
        ...

    async def stats(self, project_id: UUID, since: datetime | None, until: datetime | None) -> ProjectStats:
        """How a project that the actor was found to see is doing; `until` itself does not count."""
        ...
