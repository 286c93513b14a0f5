"""Indexes built and dropped while the table is written to, by migrations that say `CONCURRENT`."""

from __future__ import annotations

from piccolo.querystring import QueryString

from service.adapters.database.engine import ENGINE


async def build_concurrently(indexes: dict[str, str]) -> None:
    """Build those of the indexes, by name what follows CREATE INDEX name, that are not there and whole.

    It may run twice: a build that was cut off leaves an invalid index, which is dropped first. Nobody waits for a build, so it
    may wait for everybody: a `lock_timeout` would end it at the first long transaction.
    """
    await ENGINE.run_ddl("SET lock_timeout = 0")
    for name, definition in indexes.items():
        cut_off = QueryString("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass({}) AND NOT indisvalid", name)
        if await ENGINE.run_querystring(cut_off):
            await ENGINE.run_ddl(f"DROP INDEX CONCURRENTLY {name}")
        await ENGINE.run_ddl(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} {definition}")
    await ENGINE.run_ddl("RESET lock_timeout")


async def drop_concurrently(*names: str) -> None:
    """Drop those of the indexes that are there; as patient as a build."""
    await ENGINE.run_ddl("SET lock_timeout = 0")
    for name in names:
        await ENGINE.run_ddl(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    await ENGINE.run_ddl("RESET lock_timeout")
