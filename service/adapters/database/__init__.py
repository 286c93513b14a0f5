"""PostgreSQL behind the repositories: the pool, the one unit of work, and the running of compiled statements."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from service.adapters.database.failures import RETRIED, DatabaseUnavailable, is_failure, refusal_for
from service.adapters.database.pool import Connection, Pool
from service.adapters.database.statements import Param, Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from service.settings import Database as DatabaseSettings

__all__ = ["Database", "DatabaseUnavailable", "Param", "Statement"]

T = TypeVar("T")

# A unit is tried this often in all for what is in RETRIED.
ATTEMPTS = 3
# With the wait for a place in the pool, a request is refused within 3 s where no server answers.
CONNECT_SECONDS = 1.5
# The server ends a slow statement itself. Who has not heard of that so much later talks to a server that is frozen; with
# the default of 5 s for a statement every request is then answered within 6 s.
FROZEN_SECONDS = 0.5
# For undoing what was left in the middle.
SETTLE_SECONDS = 1.0


class Database:
    """A pool of connections, and the transaction that the current task is in."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: Pool | None = None
        self._current: ContextVar[Connection | None] = ContextVar("unit_of_work", default=None)
        # See `_connect`.
        self._pooled = settings.statement_cache_size == 0
        self._begin = "BEGIN"
        if self._pooled:
            self._begin = "; ".join(["BEGIN", *(f"SET LOCAL {name} = '{value}'" for name, value in self._limits().items())])
        # Called with the SQL of every statement; tests count with it.
        self.observer: Callable[[str], None] | None = None

    async def open(self) -> None:
        """Make the pool; it connects when it is first used, so a missing database doesn't stop a start."""
        self._pool = Pool(self._connect, self._settings.pool_size, self._settings.acquire_timeout.total_seconds())

    async def close(self) -> None:
        """Wait a moment for what is running, then cut every connection."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @property
    def pool(self) -> Pool:
        """The open pool.

        Raises:
            DatabaseUnavailable: the service is not started, or stopping.
        """
        if self._pool is None:
            raise DatabaseUnavailable
        return self._pool

    async def _connect(self) -> Connection:
        settings = self._settings
        asked = {"application_name": "worklane", "timezone": "UTC"}
        if not self._pooled:
            # pgbouncer refuses a start with any of these (1.18: "unsupported startup parameter"), and hands the server's
            # connection on after each transaction: behind it every statement is in one, which begins by setting them.
            asked |= self._limits()
        return await asyncpg.connect(
            settings.url,
            statement_cache_size=settings.statement_cache_size,
            timeout=CONNECT_SECONDS,
            command_timeout=settings.statement_timeout.total_seconds() + FROZEN_SECONDS,
            server_settings=asked,
        )

    def _limits(self) -> dict[str, str]:
        settings = self._settings
        return {
            # Its compiler starts by what the planner fears, which for a search is far from what happens: some 100 ms each.
            "jit": "off",
            "statement_timeout": f"{int(settings.statement_timeout.total_seconds() * 1000)}",
            "lock_timeout": f"{int(settings.lock_timeout.total_seconds() * 1000)}",
        }

    async def fetch(self, statement: Statement, *arguments: Any) -> list[asyncpg.Record]:
        """The rows, inside the open unit of work or outside of any.

        Raises:
            DatabaseUnavailable: outside of a unit of work; inside, the unit translates what the driver raised.
        """
        connection = self._current.get()
        if connection is None and self._pooled:
            return await self.run(lambda: self.fetch(statement, *arguments))
        if self.observer is not None:
            self.observer(statement.sql)
        if connection is not None:
            return await self._fetch(connection, statement.sql, arguments)
        try:
            try:
                return await self._fetch_alone(statement.sql, arguments)
            except asyncpg.ReadOnlySQLTransactionError:
                # A primary that became a standby: whoever connects anew comes to the new primary.
                self.pool.expire()
                return await self._fetch_alone(statement.sql, arguments)
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
            except asyncpg.ReadOnlySQLTransactionError as error:
                # See fetch; once, since a cluster without a primary stays so for longer than anybody waits.
                if attempt > 1:
                    raise refusal_for(error) from error
                self.pool.expire()
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

    async def _fetch_alone(self, sql: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        # No BEGIN and COMMIT around a single statement: reading is a third faster without.
        connection = await self.pool.acquire()
        try:
            rows = await self._fetch(connection, sql, arguments)
        except BaseException:
            await asyncio.shield(self._settle(connection))
            raise
        self.pool.release(connection)
        return rows

    async def _fetch(self, connection: Connection, sql: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        try:
            return await connection.fetch(sql, *arguments)
        except TimeoutError:
            self.pool.cut()
            raise

    async def _execute(self, connection: Connection, sql: str) -> str:
        try:
            return await connection.execute(sql)
        except TimeoutError:
            self.pool.cut()
            raise

    async def _commit(self, connection: Connection) -> None:
        if await self._execute(connection, "COMMIT") != "COMMIT":
            # PostgreSQL rolls back, and says no more of it than this, where an error was raised before and swallowed.
            message = "a unit of work swallowed an error of the database, so nothing of it was stored"
            raise RuntimeError(message)

    async def _transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        commit_sent = False
        try:
            async with self._begun() as connection:
                result = await work()
                commit_sent = True
                await self._commit(connection)
                return result
        except (*RETRIED, asyncpg.ReadOnlySQLTransactionError):
            raise
        except Exception as error:
            if is_failure(error):
                raise refusal_for(error, commit_sent=commit_sent) from error
            raise

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[Connection]:
        connection = await self.pool.acquire()
        try:
            await self._execute(connection, self._begin)
            token = self._current.set(connection)
            try:
                yield connection
            finally:
                self._current.reset(token)
        except BaseException:
            # Whoever hangs up cancels this task, perhaps in BEGIN itself: the connection must come back clean all the same.
            await asyncio.shield(self._settle(connection))
            raise
        self.pool.release(connection)

    async def _settle(self, connection: Connection) -> None:
        try:
            # Also waits until the server has dealt with the cancelling of a statement, for which asyncpg knows no limit.
            async with asyncio.timeout(SETTLE_SECONDS):
                await connection.execute("ROLLBACK")
        except Exception:  # noqa: BLE001  (whatever went wrong, such a connection is of no use any more)
            connection.terminate()
        finally:
            self.pool.release(connection)

    def sizes(self) -> tuple[int, int]:
        """Connections that are idle, and all that exist."""
        return self.pool.idle, self.pool.size
