"""PostgreSQL behind the repositories: the pool, the one unit of work, and the running of compiled statements."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg

from service.adapters.database.failures import RETRIED, DatabaseUnavailable, is_failure, refusal_for
from service.adapters.database.statements import Param, Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from asyncpg.pool import PoolConnectionProxy

    from service.settings import Database as DatabaseSettings

__all__ = ["Database", "DatabaseUnavailable", "Param", "Statement"]

T = TypeVar("T")

# A unit is tried this often in all when PostgreSQL says that it lost a race (40001, 40P01).
ATTEMPTS = 3


# What a pool hands out.
Pooled: TypeAlias = "PoolConnectionProxy[Any]"


class _Connection(asyncpg.Connection):
    """A connection that is not reset between uses: + 44 % on single reads (measured).

    So nothing may set a session's state: only SET LOCAL, transaction-level advisory locks, LISTEN elsewhere.
    """

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections, and the transaction that the current task is in."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool[Any] | None = None
        self._current: ContextVar[Pooled | None] = ContextVar("unit_of_work", default=None)
        # Called with the SQL of every statement; tests count with it.
        self.observer: Callable[[str], None] | None = None

    async def open(self) -> None:
        """Make the pool; it connects when it is first used, so a missing database doesn't stop a start."""
        settings = self._settings
        seconds = settings.statement_timeout.total_seconds()
        self._pool = await asyncpg.create_pool(
            settings.url,
            min_size=0,
            max_size=settings.pool_size,
            # asyncpg recycles a connection after 50 000 queries by default: every few seconds under load.
            max_queries=10_000_000,
            max_inactive_connection_lifetime=300,
            connection_class=_Connection,
            statement_cache_size=settings.statement_cache_size,
            timeout=2,
            # The server ends a slow statement itself; this is for a server that no longer answers at all.
            command_timeout=seconds + 1,
            server_settings={
                "application_name": "worklane",
                "timezone": "UTC",
                "statement_timeout": f"{int(seconds * 1000)}",
                "lock_timeout": f"{int(settings.lock_timeout.total_seconds() * 1000)}",
            },
        )

    async def close(self) -> None:
        """Give the connections back, those in use first asked and after 2 s cut."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), 2)
        except TimeoutError:
            self._pool.terminate()
        self._pool = None

    @property
    def pool(self) -> asyncpg.Pool[Any]:
        """The open pool.

        Raises:
            DatabaseUnavailable: the service is not started, or stopping.
        """
        if self._pool is None:
            raise DatabaseUnavailable
        return self._pool

    async def fetch(self, statement: Statement, *arguments: Any) -> list[asyncpg.Record]:
        """The rows, inside the open unit of work or outside of any.

        Raises:
            DatabaseUnavailable: outside of a unit of work; inside, the unit translates what the driver raised.
        """
        if self.observer is not None:
            self.observer(statement.sql)
        connection = self._current.get()
        if connection is not None:
            return await connection.fetch(statement.sql, *arguments)
        try:
            connection = await self._acquire()
            try:
                return await connection.fetch(statement.sql, *arguments)
            finally:
                await self.pool.release(connection)
        except Exception as error:
            if is_failure(error):
                raise refusal_for(error) from error
            raise

    async def fetch_row(self, statement: Statement, *arguments: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, committed: the only place where a transaction begins. See ports.UnitOfWork."""
        if self._current.get() is not None:
            return await work()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._transaction(work)
            except RETRIED as error:
                if attempt == ATTEMPTS:
                    raise refusal_for(error) from error
                # Losers that come back at the same moment meet again.
                await asyncio.sleep(random.uniform(0.005, 0.03) * attempt)  # noqa: S311  (jitter, not a secret)
        raise AssertionError

    def require_unit(self) -> None:
        """Guard for what must never be written outside a transaction.

        Raises:
            RuntimeError: no unit of work is open.
        """
        if self._current.get() is None:
            message = "this belongs into a unit of work"
            raise RuntimeError(message)

    async def _transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        commit_sent = False
        try:
            async with self._begun() as connection:
                result = await work()
                commit_sent = True
                await connection.execute("COMMIT")
                return result
        except RETRIED:
            raise
        except Exception as error:
            if is_failure(error):
                # A PostgresError on COMMIT is the server's answer that it rolled back; anything else left us without one.
                unanswered = commit_sent and not isinstance(error, asyncpg.PostgresError)
                raise refusal_for(error, commit_sent=unanswered) from error
            raise

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[Pooled]:
        connection = await self._acquire()
        token = None
        try:
            await connection.execute("BEGIN")
            token = self._current.set(connection)
            yield connection
        finally:
            if token is not None:
                self._current.reset(token)
            if connection.is_closed() or connection.is_in_transaction():
                # A client that hangs up cancels this task; the connection must come back whole all the same.
                await asyncio.shield(self._rolled_back(connection))
            else:
                await self.pool.release(connection)

    async def _acquire(self) -> Pooled:
        pool = self.pool
        if pool.get_idle_size():
            # An idle connection needs no timer (asyncio's costs a task).
            return await pool.acquire()
        return await pool.acquire(timeout=self._settings.acquire_timeout.total_seconds())

    async def _rolled_back(self, connection: Pooled) -> None:
        try:
            await connection.execute("ROLLBACK", timeout=1)
        except Exception:  # noqa: BLE001  (whatever went wrong, such a connection is of no use any more)
            connection.terminate()
        finally:
            await self.pool.release(connection)

    def sizes(self) -> tuple[int, int]:
        """Connections that are idle, and all that exist."""
        return self.pool.get_idle_size(), self.pool.get_size()
