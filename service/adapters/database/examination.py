"""What `worklane doctor` asks PostgreSQL: its version, schema, indexes, connections, durability, clock and encryption."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from service.adapters.database.failures import is_failure
from service.adapters.database.migrations import APP_NAME, modules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.settings import Database as DatabaseSettings

_SECONDS = 5.0
_OLDEST = 15
# Beside its pool, a process listens on one connection; one more migrates at the start.
_BESIDE_POOL = 2
# Within 10 s nothing suffers; what is out of step by 2 s has no time service.
_SKEW_WARNED, _SKEW_REFUSED = 2.0, 10.0

_CAPACITY = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
     - coalesce(current_setting('reserved_connections', true), '0')::int
"""
_INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"
_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
# Each process tells of the first such header after its start.
_IGNORED = "SELECT DISTINCT ip FROM audit_events WHERE action = 'forwarded_for.ignored' AND time > now() - interval '7 days'"


class Finding(NamedTuple):
    """One line of the checklist; `told` says how it is, and what to do where that isn't well."""

    level: Literal["ok", "warn", "fail"]
    what: str
    told: str


async def examine_database(settings: DatabaseSettings, workers: int, proxies: Sequence[str] = ()) -> list[Finding]:
    """What there is to say about the database that `workers` server processes and a relay are to use.

    What it has kept of headers that were ignored is held against the networks of the trusted `proxies`.
    """
    try:
        connection = await asyncpg.connect(
            settings.url, statement_cache_size=settings.statement_cache_size, timeout=_SECONDS, command_timeout=_SECONDS
        )
    except Exception as error:
        if not (is_failure(error) or isinstance(error, asyncpg.PostgresError)):
            raise
        reason = str(error) or type(error).__name__
        return [Finding("fail", "database", f"can't be reached ({reason}): start it, or correct DATABASE_URL")]
    try:
        return [
            _version(connection),
            await _migrations(connection),
            await _indexes(connection),
            await _connections(connection, settings.pool_size, workers),
            await _durability(connection),
            await _clock(connection),
            await _encryption(connection, settings.url or ""),
            await _forwarded(connection, proxies),
        ]
    finally:
        await connection.close(timeout=_SECONDS)


def _version(connection: asyncpg.Connection[Any]) -> Finding:
    major = connection.get_server_version().major
    if major < _OLDEST:
        return Finding("fail", "database", f"PostgreSQL {major} is too old: use {_OLDEST} or newer")
    return Finding("ok", "database", f"PostgreSQL {major}")


async def _migrations(connection: asyncpg.Connection[Any]) -> Finding:
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return Finding("fail", "migrations", "there is no schema: run `worklane migrate`")
    done = {row["name"] for row in await connection.fetch("SELECT name FROM migration WHERE app_name = $1", APP_NAME)}
    known = {module.ID for module in modules()}
    if missing := known - done:
        return Finding("fail", "migrations", f"{len(missing)} are missing: run `worklane migrate`")
    if done - known:
        return Finding("warn", "migrations", "the schema is of a newer Worklane: deploy that one here, too")
    return Finding("ok", "migrations", "the schema is the newest")


async def _indexes(connection: asyncpg.Connection[Any]) -> Finding:
    invalid = [row[0] for row in await connection.fetch(_INVALID)]
    if invalid:
        names = ", ".join(invalid)
        return Finding("fail", "indexes", f"{names}: not valid, so not used; `REINDEX INDEX CONCURRENTLY` each of them")
    return Finding("ok", "indexes", "all are valid")


async def _connections(connection: asyncpg.Connection[Any], pool_size: int, workers: int) -> Finding:
    wanted = (workers + 1) * (pool_size + _BESIDE_POOL)
    capacity: int = await connection.fetchval(_CAPACITY)
    told = f"this instance takes up to {wanted} of {capacity}"
    advice = "lower WORKLANE_DATABASE__POOL_SIZE, or raise max_connections"
    if wanted > capacity:
        return Finding("fail", "connections", f"{told}: {advice}")
    if 2 * wanted > capacity:
        return Finding("warn", "connections", f"{told}, and a rolling restart needs twice as many: {advice}")
    return Finding("ok", "connections", told)


async def _durability(connection: asyncpg.Connection[Any]) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if await connection.fetchval(f"SHOW {name}") == "off"]
    if off:
        return Finding("fail", "durability", f"{' and '.join(off)} off: a crash can destroy the database; switch on")
    if await connection.fetchval("SHOW synchronous_commit") == "off":
        return Finding("warn", "durability", "synchronous_commit is off: a crash can lose acknowledged writes; switch on")
    return Finding("ok", "durability", "a commit is on disk before it is acknowledged")


async def _clock(connection: asyncpg.Connection[Any]) -> Finding:
    before = datetime.now(UTC)
    theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
    skew = abs((theirs - (before + (datetime.now(UTC) - before) / 2)).total_seconds())
    if skew > _SKEW_WARNED:
        level: Literal["warn", "fail"] = "fail" if skew > _SKEW_REFUSED else "warn"
        return Finding(level, "clock", f"{skew:.1f} s between this machine and the database: synchronize both by NTP")
    return Finding("ok", "clock", "in step with the database")


async def _encryption(connection: asyncpg.Connection[Any], url: str) -> Finding:
    if await connection.fetchval(_ENCRYPTED):
        return Finding("ok", "database TLS", "the connection is encrypted")
    host = urlsplit(url).hostname
    if host in {None, "localhost", "127.0.0.1", "::1"}:
        return Finding("ok", "database TLS", "not needed: the database is on this machine")
    return Finding("warn", "database TLS", "not encrypted: add ?sslmode=verify-full to DATABASE_URL if others share that network")


async def _forwarded(connection: asyncpg.Connection[Any], proxies: Sequence[str]) -> Finding:
    what = "X-Forwarded-For"
    kept = await connection.fetchval("SELECT to_regclass('audit_events')") is not None
    peers = [row["ip"] for row in await connection.fetch(_IGNORED)] if kept else []
    trusted = [ip_network(proxy) for proxy in proxies]
    if strangers := sorted(peer for peer in peers if not any(ip_address(peer) in network for network in trusted)):
        told = f"ignored this week from {', '.join(strangers)}: if that is your proxy, add it to WORKLANE_TRUSTED_PROXIES"
        return Finding("fail", what, f"{told}; if not, let nobody reach the service past your proxy")
    return Finding("ok", what, "none was sent past the trusted proxies")
