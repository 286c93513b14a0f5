"""The hub that hears NOTIFY: who is woken, and that a lost connection loses nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.adapters.database import listen as module
from service.adapters.database.listen import NotificationHub
from service.settings import Database as DatabaseSettings
from tests.support.log_lines import logged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.settings import Settings

pytestmark = pytest.mark.anyio


class Ear:
    """Counts how often it was told to look."""

    def __init__(self) -> None:
        self.looks = 0
        self._looked = asyncio.Event()

    def __call__(self) -> None:
        self.looks += 1
        self._looked.set()

    async def next(self) -> None:
        """Wait for one more look than were awaited before."""
        await self._looked.wait()
        self._looked.clear()


@asynccontextmanager
async def hearing(settings: DatabaseSettings, **ears: Ear) -> AsyncIterator[None]:
    hub = NotificationHub(settings)
    for channel, ear in ears.items():
        hub.listen(channel, ear)
    task = asyncio.create_task(hub.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


OURS = "application_name = 'worklane-listen' AND datname = current_database()"


async def test_a_notification_wakes_those_who_listen_to_its_channel(
    settings: Settings, connection: asyncpg.Connection[Any]
) -> None:
    one, other = Ear(), Ear()
    async with hearing(settings.database, one=one, other=other):
        await one.next()
        await other.next()
        await connection.execute("NOTIFY one, 'whatever it says'")
        await one.next()
    assert (one.looks, other.looks) == (2, 1)


async def test_a_lost_connection_is_replaced_and_everybody_looks(settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    ear = Ear()
    async with hearing(settings.database, one=ear):
        for _ in range(3):
            await ear.next()
            await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")  # noqa: S608
        await ear.next()
        await connection.execute("NOTIFY one")
        await ear.next()
    assert ear.looks == 5


async def test_a_database_that_is_away_is_tried_again_and_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.02)
    tries: list[object] = []
    enough = asyncio.Event()
    connect = asyncpg.connect

    async def counted(*arguments: Any, **options: Any) -> Any:
        tries.append(arguments)
        if len(tries) == 4:
            enough.set()
        return await connect(*arguments, **options)

    monkeypatch.setattr(asyncpg, "connect", counted)
    # 1 is reserved (RFC 6335 tcpmux), so nobody listens there.
    with logged() as logs:
        async with hearing(DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none"), one=Ear()):
            await enough.wait()
    assert [line["event"] for line in logs] == ["listen_interrupted"]


async def test_a_silent_connection_is_asked_whether_it_is_there(
    settings: Settings, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PING_SECONDS", 0.01)
    ear, asked = Ear(), asyncio.Event()
    execute = asyncpg.Connection.execute

    async def observed(self: asyncpg.Connection[Any], query: str, *arguments: Any, **options: Any) -> str:
        answer = await execute(self, query, *arguments, **options)
        if query == "SELECT 1":
            asked.set()
        return answer

    monkeypatch.setattr(asyncpg.Connection, "execute", observed)
    async with hearing(settings.database, one=ear):
        await ear.next()
        await asked.wait()
        await connection.execute("NOTIFY one")
        await ear.next()
    assert ear.looks == 2


async def test_a_fault_of_ours_is_not_taken_for_a_lost_connection(settings: Settings) -> None:
    class Fault(Exception):
        pass

    def look() -> None:
        raise Fault

    hub = NotificationHub(settings.database)
    hub.listen("one", look)
    with pytest.raises(Fault):
        await hub.run()
