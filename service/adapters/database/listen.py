"""The hub that hears PostgreSQL's NOTIFY, on a connection of its own that is replaced when it is lost.

A notification only says "look": whoever is woken reads rows. So it doesn't matter that one is lost together with its
connection, since everybody is told to look once there is a new one.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from service.adapters.database.failures import is_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.settings import Database as DatabaseSettings

log = structlog.get_logger("listen")

# Between two tries to connect, doubled each time; a database that returns is heard again within 3 s.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_CONNECT_SECONDS = 5.0
# A connection that a firewall forgot says nothing for ever, so it is asked now and then.
_PING_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
# Where nothing can be heard, everybody looks so often.
_DEAF_SECONDS = 2.0


class NotificationHub:
    """Wakes those who listen to a channel."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._listeners: dict[str, Callable[[], None]] = {}

    def listen(self, channel: str, look: Callable[[], None]) -> None:
        """Call `look` at every notification, and whenever some may have been lost; to be said before `run`."""
        self._listeners[channel] = look

    async def run(self) -> None:
        """Listen until cancelled."""
        while self._settings.statement_cache_size == 0:
            # pgbouncer in transaction mode passes no notification on, and drops a server's connection that gets one.
            for look in self._listeners.values():
                look()
            await asyncio.sleep(_DEAF_SECONDS)
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = await asyncpg.connect(
                    self._settings.url, timeout=_CONNECT_SECONDS, server_settings={"application_name": "worklane-listen"}
                )
                pause = _FIRST_PAUSE
                await self._hear(connection)
            except Exception as error:
                if not is_failure(error):
                    raise
                if pause == _FIRST_PAUSE:
                    log.warning("listen_interrupted", reason=type(error).__name__)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  (jitter, not a secret)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _hear(self, connection: asyncpg.Connection[Any]) -> None:
        """Listen until the connection is lost.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: that is how the loss showed.
        """
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for channel, look in self._listeners.items():
                await connection.add_listener(channel, _ignoring_payload(look))
            for look in self._listeners.values():
                look()
            while not lost.is_set():
                try:
                    async with asyncio.timeout(_PING_SECONDS):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=_ANSWER_SECONDS)
        finally:
            # It cuts what can't be closed; why that was says nothing more.
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=1)


def _ignoring_payload(look: Callable[[], None]) -> Callable[..., None]:
    return lambda *_: look()
