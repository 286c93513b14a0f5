"""The relay as it runs: what wakes it, how it ends, and that it waits for a database that is away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.adapters.clock import SystemClock
from service.adapters.database import Database
from service.adapters.database.listen import NotificationHub
from service.adapters.outbox import relay as module
from service.adapters.outbox.relay import Relay
from service.adapters.outbox.statements import CHANNEL
from service.kernel.errors import Unavailable
from service.kernel.events import PublishedEvent
from service.settings import Database as DatabaseSettings
from tests.support.log_lines import logged
from tests.support.street import Gate, Listener, Street

if TYPE_CHECKING:
    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def street(database: Database, clock: FakeClock) -> Street:
    return Street(database, clock)


@pytest.fixture
def keeper() -> Listener:
    return Listener()


async def deliveries(connection: asyncpg.Connection[Any]) -> list[asyncpg.Record]:
    return await connection.fetch("SELECT * FROM deliveries ORDER BY event_sequence, subscriber")


async def running(relay: Relay, hub: NotificationHub) -> asyncio.Task[None]:
    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            group.create_task(hub.run())

    return asyncio.create_task(both())


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_a_running_relay_is_woken_by_what_is_published(
    street: Street, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing but the notification can wake it in time.
    monkeypatch.setattr(module, "_LONGEST_WAIT", 3600)
    gate = Gate()
    relay = street.relay(gate, Listener())
    looked = asyncio.Event()

    def look() -> None:
        looked.set()
        relay.wake()

    hub = NotificationHub(settings.database)
    hub.listen(CHANNEL, look)
    task = await running(relay, hub)
    await looked.wait()
    await street.light(1)
    await gate.entered.wait()
    gate.open.set()
    await ended(task)


async def test_a_running_relay_tries_again_when_it_is_time(
    street: Street, keeper: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_WAIT", 3600)
    monkeypatch.setattr(module, "BACKOFF", (0.05, 0.05))
    keeper.failures = [RuntimeError()]
    again = asyncio.Event()

    async def tell(event: PublishedEvent) -> None:
        await keeper(event)
        again.set()

    await street.light(1)
    relay = Relay(street.database, SystemClock(), {"keeper": tell})
    task = asyncio.create_task(relay.run())
    await again.wait()
    assert keeper.numbers == [1, 1]
    await ended(task)


async def test_a_relay_that_ends_lets_its_deliveries_come_to_their_own(
    street: Street, connection: asyncpg.Connection[Any]
) -> None:
    gate = Gate()
    await street.light(1)
    task = asyncio.create_task(street.relay(gate).run())
    await gate.entered.wait()
    task.cancel()
    gate.open.set()
    await asyncio.wait([task])
    assert [row["subscriber"] for row in await deliveries(connection)] == ["poet"]


async def test_a_relay_that_ends_does_not_wait_for_ever(
    street: Street, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ENDING_SECONDS", 0.01)
    gate = Gate()
    await street.light(1)
    task = asyncio.create_task(street.relay(gate).run())
    await gate.entered.wait()
    await ended(task)
    assert [row["subscriber"] for row in await deliveries(connection)] == ["keeper", "poet"]


async def test_a_database_that_is_away_is_waited_for_and_told_of_once(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    often = asyncio.Event()
    # 1 is reserved (RFC 6335 tcpmux), so nobody listens there.
    gone = Database(DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none"))
    seen: list[str] = []

    def observe(sql: str) -> None:
        seen.append(sql)
        if len(seen) == 3:
            often.set()

    gone.observer = observe
    await gone.open()
    relay = Relay(gone, clock, {"keeper": Listener()})
    with logged() as logs:
        task = asyncio.create_task(relay.run())
        await often.wait()
        await ended(task)
    assert [line["event"] for line in logs] == ["relay_postponed"]
    with pytest.raises(Unavailable):
        await relay.run_due()
    await gone.close()
