"""The relay: hands committed events to their subscribers, each at least once, and tries again what fails.

A claim is one statement that also books the next attempt, so that no transaction is open while a subscriber works, and
a process that is killed at any line has its rows claimed by another one when that time has come.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import structlog
from msgspec import Struct

from service.adapters.outbox.statements import CLAIM, DONE, FAILED, NEXT_DUE
from service.kernel.errors import Refusal, Unavailable
from service.kernel.events import Change, PublishedEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from service.adapters.database import Database
    from service.kernel.ports import Clock

log = structlog.get_logger("relay")

Handler: TypeAlias = "Callable[[PublishedEvent], Awaitable[None]]"

# Seconds from each failed attempt to the next one, ± 20 %; about 69 hours in all, then a delivery is dead.
BACKOFF = (5, 30, 120, 600, 3_600, 10_800, 28_800, 72_000, 129_600)
ATTEMPTS = len(BACKOFF) + 1
_JITTER = 0.2
# How long a subscriber may work, and how long its claim keeps others away: longer, or two would work at once.
HANDLER_SECONDS = 20.0
LEASE_SECONDS = 30.0
_LEASES = [max(seconds, LEASE_SECONDS) for seconds in (*BACKOFF, BACKOFF[-1])]
_CONCURRENCY = 8
# A notification may be lost with its connection, or never come (pgbouncer in transaction mode): look at least so often.
_LONGEST_WAIT = 10.0
# What is due and can't be claimed is just being claimed by another process.
_SHORTEST_WAIT = 0.05
# A database that is away is tried again so often.
_RETRY_SECONDS = 2.0
# What is being delivered at the end has this long to come to its own.
_ENDING_SECONDS = 5.0
# Of an unexpected failure's way, the last so many places are kept.
_PLACES = 6

_CHANGES = msgspec.json.Decoder(dict[str, Change])


class _Delivery(Struct, frozen=True):
    id: UUID
    attempt: int
    subscriber: str
    event: PublishedEvent


class Relay:
    """Delivers what is due to the subscribers of this process; any number of processes may do so at once."""

    def __init__(self, database: Database, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        """`handlers` are the subscribers by name; each must bear to be told the same thing twice."""
        self._database = database
        self._clock = clock
        self._handlers = handlers
        self._woken = asyncio.Event()
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        self._running: set[asyncio.Task[None]] = set()
        # So that an outage is told of once.
        self._postponed = False

    def wake(self) -> None:
        """Make `run` look now; there may be something new."""
        self._woken.set()

    async def run_due(self) -> int:
        """Deliver, or try to, everything that is due now; how many that was.

        Raises:
            Unavailable: the database is away.
        """
        started = await self._start_due()
        if self._running:
            await asyncio.wait(self._running)
        return started

    async def run(self) -> None:
        """Deliver everything as it falls due, until cancelled; a database that is away is waited for."""
        try:
            while True:
                self._woken.clear()
                seconds = await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._woken.wait()
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=_ENDING_SECONDS)
            for task in self._running:
                task.cancel()

    async def _look(self) -> float:
        """Start what is due; the seconds until there may be more."""
        try:
            await self._start_due()
            due = (await self._database.fetch(NEXT_DUE, list(self._handlers)))[0][0]
        except Unavailable as refusal:
            if not self._postponed:
                log.warning("relay_postponed", reason=refusal.detail)
            self._postponed = True
            return _RETRY_SECONDS
        self._postponed = False
        if due is None:
            return _LONGEST_WAIT
        seconds: float = (due - self._clock.now()).total_seconds()
        return min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)

    async def _start_due(self) -> int:
        started = 0
        while True:
            await self._slots.acquire()
            try:
                delivery = await self._claim()
            except BaseException:
                self._slots.release()
                raise
            if delivery is None:
                self._slots.release()
                return started
            task = asyncio.create_task(self._deliver(delivery))
            self._running.add(task)
            task.add_done_callback(self._ended)
            started += 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _claim(self) -> _Delivery | None:
        row = await self._database.fetch_row(CLAIM, self._clock.now(), list(self._handlers), _LEASES)
        if row is None:
            return None
        delivery_id, attempt, subscriber, *told, changes, data, request_id = row
        values = (*told, _CHANGES.decode(changes), msgspec.json.decode(data), request_id)
        return _Delivery(delivery_id, attempt, subscriber, PublishedEvent(*values))

    async def _deliver(self, delivery: _Delivery) -> None:
        try:
            failure = await self._attempt(delivery)
            if failure is None:
                await self._database.fetch(DONE, delivery.id)
            else:
                await self._book(delivery, failure)
        except Unavailable as refusal:
            # Its claim runs out, and it is delivered once more.
            log.warning("delivery_unsettled", **_named(delivery), reason=refusal.detail)

    async def _attempt(self, delivery: _Delivery) -> Exception | None:
        try:
            async with asyncio.timeout(HANDLER_SECONDS):
                await self._handlers[delivery.subscriber](delivery.event)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is tried again)
            return error
        return None

    async def _book(self, delivery: _Delivery, failure: Exception) -> None:
        now = self._clock.now()
        reason = described(failure)
        if delivery.attempt >= ATTEMPTS:
            await self._database.fetch(FAILED, delivery.id, delivery.attempt, now, reason, now)
            log.error("delivery_dead", **_named(delivery), reason=reason)
            return
        pause = BACKOFF[delivery.attempt - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  (jitter, not a secret)
        next_attempt_at = now + timedelta(seconds=pause)
        await self._database.fetch(FAILED, delivery.id, delivery.attempt, next_attempt_at, reason, None)
        # `run` may be waiting for the end of the claim, which is later.
        self.wake()
        log.warning("delivery_failed", **_named(delivery), reason=reason, next_attempt_at=next_attempt_at)


def described(failure: Exception) -> str:
    """What went wrong, without what an unknown message may hold: only refusals are worded to be read by others."""
    if isinstance(failure, Refusal):
        return failure.detail
    trace = traceback.extract_tb(failure.__traceback__)[-_PLACES:]
    places = (f"{Path(place.filename).name}:{place.lineno}" for place in reversed(trace))
    return f"{type(failure).__name__} at {', '.join(places)}"


def _named(delivery: _Delivery) -> dict[str, object]:
    return {
        "subscriber": delivery.subscriber,
        "event_type": delivery.event.type,
        "event_id": delivery.event.id,
        "attempt": delivery.attempt,
    }
