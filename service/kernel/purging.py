"""Removing for good what was deleted in projects long ago."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from uuid import UUID

from service.kernel.actor import Actor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from service.kernel.events import Event
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork

# Deletions per transaction: a project stands still for it.
BATCH = 100


class Purged(Protocol):
    """What is left of a row that was removed."""

    @property
    def id(self) -> UUID:
        """What it was known by."""
        ...


T = TypeVar("T", bound=Purged)
T_co = TypeVar("T_co", bound=Purged, covariant=True)


class DeletedRows(Protocol[T_co]):
    """What purging needs from storage."""

    async def lock_due_project(self, cutoff: datetime, after: UUID) -> UUID | None:
        """The next project by id from `after` on with rows deleted before the cutoff; its own row locked.

        Those whose row somebody else has locked are left out.
        """
        ...

    async def purge(self, project_id: UUID, cutoff: datetime, most: int) -> Sequence[T_co]:
        """Remove what was deleted in a locked project before the cutoff, by at most so many deletions."""
        ...


class Purges(ABC, Generic[T]):
    """Purging rows of projects, and their values in what was told of them."""

    def __init__(
        self, unit_of_work: UnitOfWork, deleted_rows: DeletedRows[T], outbox: Outbox, clock: Clock, ids: Ids, kept: timedelta
    ) -> None:
        self._unit_of_work = unit_of_work
        self._deleted_rows = deleted_rows
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._kept = kept

    @abstractmethod
    def told(self, project_id: UUID, row: T) -> Event:
        """What is said of a row that was removed."""

    async def run(self) -> None:
        """Purge what is due, project by project; one that somebody is changing right now waits for the next run."""
        after: UUID | None = UUID(int=0)
        while after is not None:
            after = await self._unit_of_work.run(partial(self._batch, after))

    async def _batch(self, after: UUID) -> UUID | None:
        cutoff = self._clock.now() - self._kept
        project_id = await self._deleted_rows.lock_due_project(cutoff, after)
        if project_id is None:
            return None
        purged = await self._deleted_rows.purge(project_id, cutoff, BATCH)
        await self._outbox.forget([row.id for row in purged])
        events = (self.told(project_id, row) for row in purged)
        await self._outbox.publish(Actor.system(f"job-{self._ids.new()}"), *events)
        return project_id
