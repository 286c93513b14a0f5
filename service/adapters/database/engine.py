"""The Piccolo engine that all tables share: it speaks PostgreSQL's SQL and never opens a connection of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from piccolo.engine.postgres import PostgresEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from asyncpg import Connection
    from piccolo.querystring import QueryString

_bound: ContextVar[Connection[Any] | None] = ContextVar("piccolo_connection", default=None)


class SQL(PostgresEngine):
    """Writes statements for `Database` to run; runs Piccolo's own only on a connection that is bound (migrations).

    Piccolo 1.38 connects in the constructor, and its transactions don't give the connection back when COMMIT,
    ROLLBACK or a cancelled BEGIN fails; so neither is used.
    """

    def __init__(self) -> None:
        super().__init__(config={})

    async def check_version(self) -> None:
        """Nothing: Piccolo would connect here."""

    async def prep_database(self) -> None:
        """Nothing: Piccolo would connect here."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Rows of the statement, run on the bound connection."""
        sql, arguments = querystring.compile_string()
        return await self._connection().fetch(sql, *arguments)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Run definition statements, one or many, on the bound connection."""
        return await self._connection().execute(ddl)

    async def _run_in_new_connection(self, query: str, args: Sequence[Any] | None = None) -> Any:
        return await self._connection().fetch(query, *(args or ()))

    @asynccontextmanager
    async def transaction(self, allow_nested: bool = True) -> AsyncIterator[None]:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002
        """Nothing: whoever bound the connection has opened the transaction."""
        yield

    @staticmethod
    def _connection() -> Connection[Any]:
        connection = _bound.get()
        if connection is None:
            message = "no connection is bound: repositories run statements through Database, migrations through migrate()"
            raise RuntimeError(message)
        return connection


@contextmanager
def bound(connection: Connection[Any]) -> Iterator[None]:
    """Let Piccolo's own queries run on this connection."""
    token = _bound.set(connection)
    try:
        yield
    finally:
        _bound.reset(token)


ENGINE = SQL()
