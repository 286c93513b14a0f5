"""Runs the migrations: any number of processes may do so at once, each migration is committed together with its mark.

Piccolo 1.38's own runner takes no lock and commits the mark apart from the change, so that of eight starting
replicas three crashed; its migration files and its `migration` table are kept.
"""

from __future__ import annotations

import asyncio
import importlib.util
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import asyncpg

from service.adapters.database.engine import bound
from service.adapters.database.failures import DatabaseUnavailable, is_failure
from service.adapters.outbox import OPEN_EPOCH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from service.settings import Database as DatabaseSettings

APP_NAME = "worklane"
FOLDER = Path(__file__).parents[3] / "piccolo_migrations"
# Any fixed number: the key of the advisory lock that one migrating process holds.
_LOCK = 7_305_991_205
_PATIENCE = 300.0
_ASKED = {"timezone": "UTC"}

_MARKS = """
CREATE TABLE IF NOT EXISTS migration (
    id SERIAL PRIMARY KEY, name VARCHAR(200) NOT NULL DEFAULT '', app_name VARCHAR(200) NOT NULL DEFAULT '',
    ran_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)
"""


def modules() -> list[ModuleType]:
    """The migration files, in their order."""
    found = []
    for path in FOLDER.glob("worklane_*.py"):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append(module)
    return sorted(found, key=lambda module: cast("str", module.ID))


def head() -> str:
    """The id of the newest migration of this code."""
    return cast("str", modules()[-1].ID)


async def migrate(settings: DatabaseSettings) -> list[str]:
    """Bring the schema to this code's head and name the migrations that ran; other processes wait meanwhile.

    Data that came here from another cluster by a dump also gets a new epoch, see adapters/outbox.

    Raises:
        DatabaseUnavailable: PostgreSQL can't be reached, or another process has been migrating for five minutes, or migrations
            are missing and pgbouncer is in between.
    """
    kept = settings.statement_cache_size
    try:
        connection = await asyncpg.connect(settings.url, statement_cache_size=kept, timeout=5, server_settings=_ASKED)
    except Exception as error:
        if is_failure(error):
            reason = f"The database can't be reached: {str(error) or type(error).__name__}"
            raise DatabaseUnavailable(reason) from error
        raise
    try:
        # A session behind pgbouncer is told another process id than that of the server's process.
        if kept == 0 and await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid():
            await _require_head(connection)
            await connection.execute(OPEN_EPOCH.sql)
            return []
        await connection.execute("SET lock_timeout = '5s'")
        async with _locked(connection):
            ran = await _run_missing(connection)
            await connection.execute(OPEN_EPOCH.sql)
            return ran
    finally:
        await connection.close(timeout=5)


async def _require_head(connection: asyncpg.Connection[Any]) -> None:
    """Guard for pgbouncer in transaction mode, behind which no session has a connection, and so a lock, of its own.

    Raises:
        DatabaseUnavailable: something is to be migrated.
    """
    begun = await connection.fetchval("SELECT to_regclass('migration')") is not None
    done = await _done(connection) if begun else set()
    if missing := {module.ID for module in modules()} - done:
        way = "run `worklane migrate` with a DATABASE_URL that leads to PostgreSQL itself"
        message = f"{len(missing)} migrations are missing, and pgbouncer is in between: {way}."
        raise DatabaseUnavailable(message)


async def _done(connection: asyncpg.Connection[Any]) -> set[str]:
    return {row["name"] for row in await connection.fetch("SELECT name FROM migration WHERE app_name = $1", APP_NAME)}


@asynccontextmanager
async def _locked(connection: asyncpg.Connection[Any]) -> AsyncIterator[None]:
    # Polled: who waits inside pg_advisory_lock holds a snapshot, and CREATE INDEX CONCURRENTLY waits for that snapshot.
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        if asyncio.get_running_loop().time() > deadline:
            message = "Another process has been migrating this database for five minutes; end it and try again."
            raise DatabaseUnavailable(message)
        await asyncio.sleep(0.1)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _run_missing(connection: asyncpg.Connection[Any]) -> list[str]:
    await connection.execute(_MARKS)
    done = await _done(connection)
    ran = []
    for module in modules():
        if module.ID in done:
            continue
        if getattr(module, "CONCURRENT", False):
            # CREATE INDEX CONCURRENTLY can't be in a transaction: such a migration must bear to run twice.
            await _run_one(connection, module)
        else:
            async with connection.transaction():
                await _run_one(connection, module)
        ran.append(module.ID)
    return ran


async def _run_one(connection: asyncpg.Connection[Any], module: ModuleType) -> None:
    with bound(connection):
        manager = await module.forwards()
        # Not `manager.run()`: it looks for a piccolo_conf.py wherever we were started, and imports black for that. Our migrations
        # are SQL; one that isn't makes no table, which `just migration-drift` tells.
        for run in manager.raw if manager is not None else ():
            await run()
    await connection.execute("INSERT INTO migration (name, app_name) VALUES ($1, $2)", module.ID, APP_NAME)
