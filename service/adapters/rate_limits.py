"""Counts requests in PostgreSQL: one statement per request, exact over all processes, without a write to the WAL."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from piccolo.columns import Integer, Text, Timestamptz
from piccolo.querystring import QueryString
from piccolo.table import Table

from service.adapters.database import Database, Param, Statement
from service.adapters.database.engine import ENGINE
from service.adapters.database.pruning import Pruning
from service.kernel.ports import RateLimiter
from service.kernel.rates import Count, Standing

if TYPE_CHECKING:
    from datetime import datetime

    from service.kernel.ports import Clock
    from service.kernel.rates import Rate


class RateLimitRow(Table, tablename="rate_limits", db=ENGINE):
    """What one key has taken in its window; UNLOGGED, since a crash may well forgive it."""

    key = Text(primary_key=True, default=None)
    ends_at = Timestamptz(default=None)
    taken = Integer(default=None)


# Only the locked row itself decides, so parallel requests of any process are counted one after the other.
_ONE_MORE = (
    "ON CONFLICT (key) DO UPDATE SET taken = CASE WHEN held.ends_at > {} THEN held.taken + 1 ELSE 1 END, "
    "ends_at = CASE WHEN held.ends_at > {} THEN held.ends_at ELSE excluded.ends_at END RETURNING taken, ends_at"
)
# Key of the caller, key of everyone, now, end of a window that begins now, limit of the caller. The caller's row is always
# locked before everyone's.
TAKE = Statement(
    lambda: QueryString(
        "WITH caller AS (INSERT INTO rate_limits AS held (key, ends_at, taken) "
        "VALUES ({}::text, {}::timestamptz, 1) " + _ONE_MORE + "), "
        "everyone AS (INSERT INTO rate_limits AS held (key, ends_at, taken) "
        "SELECT {}::text, {}::timestamptz, 1 FROM caller WHERE caller.taken <= {}::integer " + _ONE_MORE + ") "
        "SELECT caller.taken AS taken, caller.ends_at AS ends_at, everyone.taken AS all_taken, everyone.ends_at AS all_ends_at "
        "FROM caller LEFT JOIN everyone ON true",
        Param(1), Param(4), Param(3), Param(3), Param(2), Param(4), Param(5), Param(3), Param(3),
    )
)  # fmt: skip

# It waits for nobody: who holds a caller's row may be waiting for everyone's.
PRUNE = Pruning(RateLimitRow, lambda now: RateLimitRow.ends_at <= now)


class PostgresRateLimits(RateLimiter):
    """Fills ports.RateLimiter; a window begins with the first request after the last one ended."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, caller: str, everyone: str, rate: Rate) -> Standing:
        """See ports.RateLimiter."""
        now = self._clock.now()
        ends_at = now + timedelta(seconds=rate.seconds)
        (row,) = await self._database.fetch(TAKE, caller, everyone, now, ends_at, rate.per_caller)
        taken, ends_at, all_taken, all_ends_at = row
        return Standing(_count(taken, ends_at, now), None if all_taken is None else _count(all_taken, all_ends_at, now))

    async def prune(self) -> None:
        """See ports.RateLimiter."""
        await PRUNE.run(self._database, self._clock.now())


def _count(taken: int, ends_at: datetime, now: datetime) -> Count:
    return Count(taken, math.ceil((ends_at - now).total_seconds()))
