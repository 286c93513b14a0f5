"""The pool of connections: taken and given back without a task, a lock or a query.

asyncpg's own pool runs a shielded task per release, timers, proxies and a reset query (ARCHITECTURE.md has the figures).
Here giving back is an ordinary call, so that nothing can go wrong, or be cancelled, on the way. Connections are not reset
between uses, so nothing may leave state in one: only SET LOCAL and transaction-level advisory locks; LISTEN has a connection
of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Connection: TypeAlias = "asyncpg.Connection[Any]"


class PoolClosed(asyncpg.InterfaceError):
    """The service is not started, or stopping."""

    def __init__(self) -> None:
        super().__init__("the pool is closed")


class Pool:
    """At most `size` connections, made when they are needed; the one used last is used next."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int, patience: float) -> None:
        """`patience` is how long `acquire` waits for a connection, in seconds."""
        self._connect = connect
        self._size = size
        self._patience = patience
        self._free: list[Connection] = []
        self._all: set[Connection] = set()
        self._expired: set[Connection] = set()
        # Connections that exist, are being made, or whose place a waiter has been given.
        self._places = 0
        # Each gets a connection, or None: a place to make one.
        self._waiting: deque[tuple[float, asyncio.Future[Connection | None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._making: set[asyncio.Future[Connection]] = set()
        self._closed = False
        self._quiet = asyncio.Event()

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return len(self._free)

    @property
    def size(self) -> int:
        """Connections that there are."""
        return len(self._all)

    async def acquire(self) -> Connection:
        """A connection, to be given back by `release` whatever happens.

        Raises:
            PoolClosed: there is no pool any more.
            TimeoutError: none came free in time.
            OSError, asyncpg.PostgresError: a new one could not be made.
        """
        if self._closed:
            raise PoolClosed
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._forget(connection)
        if self._places < self._size:
            self._places += 1
            return await self._make()
        return await self._wait() or await self._make()

    def release(self, connection: Connection) -> None:
        """Give a connection back; one that is closed, or still in a transaction, is thrown away."""
        if connection.is_closed() or self._closed or connection in self._expired or connection.is_in_transaction():
            self._discard(connection)
            if self._closed and not self._in_use():
                self._quiet.set()
            return
        waiter = self._next_waiter()
        if waiter is None:
            self._free.append(connection)
        else:
            waiter.set_result(connection)

    def expire(self) -> None:
        """Give none of the present connections out again; who uses one now may finish."""
        self._expired |= self._all
        while self._free:
            self._discard(self._free.pop())

    def cut(self) -> None:
        """End every connection at once, also under those who use one: the server does not answer any more."""
        for connection in self._all:
            connection.terminate()
        while self._free:
            self._forget(self._free.pop())

    async def close(self, patience: float = 2.0) -> None:
        """Refuse new users, wait a moment for the present ones, then cut what is left."""
        self._closed = True
        while (waiter := self._next_waiter()) is not None:
            waiter.set_exception(PoolClosed())
        if self._timer is not None:
            self._timer.cancel()
        if self._in_use():
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._quiet.wait()
        for connection in self._free:
            try:
                await connection.close(timeout=1)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
        for connection in self._all:
            if not connection.is_closed():
                connection.terminate()
        self._free.clear()
        self._all.clear()
        self._places = 0

    def _in_use(self) -> int:
        return len(self._all) - len(self._free)

    async def _make(self) -> Connection:
        """A new connection in a place that is counted already."""
        making = asyncio.ensure_future(self._connect())
        try:
            connection = await asyncio.shield(making)
        except asyncio.CancelledError:
            # Cut off in the middle, asyncpg leaves an error that nobody reads; so it is finished, for whoever comes next.
            self._making.add(making)
            making.add_done_callback(self._adopt)
            raise
        except BaseException:
            self._leave_place()
            raise
        self._all.add(connection)
        return connection

    def _adopt(self, making: asyncio.Future[Connection]) -> None:
        self._making.discard(making)
        if making.cancelled() or making.exception() is not None:
            self._leave_place()
        else:
            self._all.add(making.result())
            self.release(making.result())

    async def _wait(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiting.append((loop.time() + self._patience, waiter))
        if self._timer is None:
            self._timer = loop.call_later(self._patience, self._expire)
        try:
            return await waiter
        except asyncio.CancelledError:
            # In the very moment in which something was handed over: pass it on.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            raise

    def _pass_on(self, connection: Connection | None) -> None:
        if connection is None:
            self._leave_place()
        else:
            self.release(connection)

    def _expire(self) -> None:
        # All wait equally long, so the first one's timer serves all (a timer each was 24 µs of a read under the profiler).
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting:
            deadline, waiter = self._waiting[0]
            if waiter.done():
                self._waiting.popleft()
            elif deadline <= loop.time():
                self._waiting.popleft()
                waiter.set_exception(TimeoutError())
            else:
                self._timer = loop.call_at(deadline, self._expire)
                return

    def _discard(self, connection: Connection) -> None:
        if not connection.is_closed():
            connection.terminate()
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._expired.discard(connection)
            self._leave_place()

    def _leave_place(self) -> None:
        waiter = self._next_waiter()
        if waiter is None:
            self._places -= 1
        else:
            waiter.set_result(None)

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None
