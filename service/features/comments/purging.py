"""Removing for good what was deleted long ago."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from service.features.comments.events import CommentPurged
from service.kernel.actor import Actor

if TYPE_CHECKING:
    from datetime import timedelta

    from service.features.comments.deleted_ports import DeletedComments
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork

# Comments per transaction: a project stands still for it.
BATCH = 100


class CommentPurges:
    """Purging comments: their rows, and what they said in what was told of them."""

    def __init__(
        self, unit_of_work: UnitOfWork, deleted_comments: DeletedComments, outbox: Outbox, clock: Clock, ids: Ids, kept: timedelta
    ) -> None:
        self._unit_of_work = unit_of_work
        self._deleted_comments = deleted_comments
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
        project_id = await self._deleted_comments.lock_due_project(cutoff, after)
        if project_id is None:
            return None
        purged = await self._deleted_comments.purge(project_id, cutoff, BATCH)
        await self._outbox.forget([comment.id for comment in purged])
        told = (
            CommentPurged(
                subject_id=comment.id, subject_version=comment.version + 1, project_id=project_id, about_id=comment.task_id
            )
            for comment in purged
        )
        await self._outbox.publish(Actor.system(f"job-{self._ids.new()}"), *told)
        return project_id
