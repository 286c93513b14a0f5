"""Events with subscribers: an outbox and relays on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from service.adapters.ids import UuidIds
from service.adapters.outbox import PostgresOutbox
from service.adapters.outbox.relay import Relay
from service.kernel.events import Event
from tests.support.fakes import an_actor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.adapters.database import Database
    from service.kernel.events import PublishedEvent
    from tests.support.fakes import FakeClock

    Handler = Callable[[PublishedEvent], Awaitable[None]]


class LampLit(Event, frozen=True):
    """Somebody wants to know."""

    type = "lamp.lit"


class LampCleaned(Event, frozen=True):
    """Nobody wants to know."""

    type = "lamp.cleaned"


class Street:
    """Where lamps are lit, and who is told of it."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.outbox = PostgresOutbox(database, clock, UuidIds(), {"lamp.lit": ("keeper", "poet")})
        self.actor = an_actor()

    async def publish(self, *events: Event) -> None:
        """Commit the events."""

        async def work() -> None:
            await self.outbox.publish(self.actor, *events)

        await self.database.run(work)

    async def light(self, *numbers: int) -> None:
        """Light lamps."""
        await self.publish(*(LampLit(subject_id=UUID(int=number), subject_version=1) for number in numbers))

    def relay(self, keeper: Handler | None = None, poet: Handler | None = None) -> Relay:
        """A process that tells those who are given."""
        handlers = {"keeper": keeper, "poet": poet}
        return Relay(self.database, self.clock, {name: each for name, each in handlers.items() if each is not None})


class Listener:
    """Keeps what it is told; fails where a test says so."""

    def __init__(self) -> None:
        self.told: list[PublishedEvent] = []
        self.failures: list[Exception] = []

    @property
    def numbers(self) -> list[int]:
        """Of the lamps."""
        return [event.subject_id.int for event in self.told]

    async def __call__(self, event: PublishedEvent) -> None:
        self.told.append(event)
        if self.failures:
            raise self.failures.pop(0)


class Gate:
    """A subscriber that waits until a test lets it go on."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, event: PublishedEvent) -> None:
        self.entered.set()
        await self.open.wait()
