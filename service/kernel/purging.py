"""Removing for good what was deleted in projects long ago."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from service.kernel.actor import Actor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

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

    async def due(self, cutoff: datetime, but: Collection[UUID], most: int) -> Mapping[UUID, Sequence[UUID]]:
        """Some deletions of before the cutoff, by their project, outside of those that are named."""
        ...

    async def lock_idle_project(self, project_id: UUID) -> bool:
        """Lock a project's row until the unit of work ends; False where somebody else has locked it, or it is gone."""
        ...

    async def purge(self, ids: Sequence[UUID], cutoff: datetime) -> Sequence[T_co]:
        """Remove what went by these deletions in a locked project, unless it came back meanwhile."""
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
        cutoff = self._clock.now() - self._kept
        waiting: set[UUID] = set()
        while due := await self._deleted_rows.due(cutoff, waiting, BATCH):
            for project_id, ids in due.items():
                if not await self._unit_of_work.run(partial(self._batch, project_id, ids, cutoff)):
                    waiting.add(project_id)

    async def _batch(self, project_id: UUID, ids: Sequence[UUID], cutoff: datetime) -> bool:
        if not await self._deleted_rows.lock_idle_project(project_id):
            return False
        purged = await self._deleted_rows.purge(ids, cutoff)
        await self._outbox.forget([row.id for row in purged])
        events = (self.told(project_id, row) for row in purged)
        await self._outbox.publish(Actor.system(f"job-{self._ids.new()}"), *events)
        return bool(purged)
