"""Removing for good what was deleted long ago."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from service.features.tasks.events import TaskPurged
from service.kernel.actor import Actor

if TYPE_CHECKING:
    from datetime import timedelta

    from service.features.tasks.deleted_ports import DeletedTasks
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork

# Deletions per transaction: a project stands still for it.
BATCH = 100


class TaskPurges:
    """Purging tasks: their rows, and their values in what was told of them."""

    def __init__(
        self, unit_of_work: UnitOfWork, deleted_tasks: DeletedTasks, outbox: Outbox, clock: Clock, ids: Ids, kept: timedelta
    ) -> None:
        self._unit_of_work = unit_of_work
        self._deleted_tasks = deleted_tasks
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._kept = kept

    async def run(self) -> None:
        """Purge what is due, project by project; one that somebody is changing right now waits for the next run."""
        after: UUID | None = UUID(int=0)
        while after is not None:
            after = await self._unit_of_work.run(partial(self._batch, after))

    async def _batch(self, after: UUID) -> UUID | None:
        cutoff = self._clock.now() - self._kept
        project = await self._deleted_tasks.lock_due_project(cutoff, after)
        if project is None:
            return None
        project_id, key = project
        purged = await self._deleted_tasks.purge(project_id, cutoff, BATCH)
        await self._outbox.forget([task.id for task in purged])
        told = (
            TaskPurged(
                subject_id=task.id, subject_key=f"{key}-{task.number}", subject_version=task.version + 1, project_id=project_id
            )
            for task in purged
        )
        await self._outbox.publish(Actor.system(f"job-{self._ids.new()}"), *told)
        return project_id
