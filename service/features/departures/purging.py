"""Taking away for good what tells of people who were deleted long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.departures.events import UserPurged
from service.kernel.actor import Actor

if TYPE_CHECKING:
    from datetime import timedelta

    from service.features.departures.ports import Departures
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork

# Accounts per transaction, which hold some thousand events at most.
BATCH = 50


class UserPurges:
    """Purging accounts: their values, and those in what was told of them. The audit holds none."""

    def __init__(
        self, unit_of_work: UnitOfWork, departures: Departures, outbox: Outbox, clock: Clock, ids: Ids, kept: timedelta
    ) -> None:
        self._unit_of_work = unit_of_work
        self._departures = departures
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._kept = kept

    async def run(self) -> None:
        """Purge every account that is due; one that somebody holds right now waits for the next run."""
        while await self._unit_of_work.run(self._batch) == BATCH:
            pass

    async def _batch(self) -> int:
        now = self._clock.now()
        remains = await self._departures.lock_remains(now - self._kept, BATCH)
        ids = [each.user_id for each in remains]
        if ids:
            views = await self._departures.purge(ids, now)
            await self._outbox.forget([*ids, *views])
            told = (UserPurged(subject_id=each.user_id, subject_version=each.version + 1) for each in remains)
            await self._outbox.publish(Actor.system(f"job-{self._ids.new()}"), *told)
        return len(remains)
