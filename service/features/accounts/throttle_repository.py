"""Counts of tries and device tokens in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.pruning import Pruning
from service.adapters.tokens import digest
from service.features.accounts.tables import DeviceTokenRow, LoginThrottleRow
from service.features.accounts.throttle_domain import MOST_FAILURES, WINDOW, Notice, Slot, Throttle
from service.features.accounts.throttle_ports import DeviceTokens, Throttles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_NONE = "ARRAY[]::timestamptz[]"
_LIVE = "FROM unnest(known.pending) lease WHERE lease > {}"
# One statement that looks at its own row only: whoever waits for the row decides on what the winner left there.
CHARGE = Statement(
    lambda: QueryString(
        "INSERT INTO login_throttles AS known (key, address, failed_at, pending, locks, touched_at) "
        f"VALUES ({{}}, {{}}, {_NONE}, ARRAY[{{}}::timestamptz], 0, {{}}) ON CONFLICT (key) DO UPDATE "
        f"SET pending = ARRAY(SELECT lease {_LIVE}) || EXCLUDED.pending, touched_at = EXCLUDED.touched_at "
        "WHERE (known.locked_until IS NULL OR known.locked_until <= {}) "
        f"AND (SELECT count(*) {_LIVE}) + (SELECT count(*) FROM unnest(known.failed_at) failed WHERE failed > {{}}) < {{}}::int "
        "RETURNING key",
        Param(1), Param(2), Param(3), Param(4), Param(4), Param(4), Param(4), Param(5), Param(6),
    )
)  # fmt: skip

# In the order of Throttle's fields.
_KNOWN = "failed_at, pending, locks, last_failed_at, locked_until"
FIND = Statement(lambda: QueryString(f"SELECT {_KNOWN} FROM login_throttles WHERE key = {{}}", Param(1)))
# The row may have gone since the charge: a success, a mailed link or an admin takes it away.
LOCK = Statement(
    lambda: QueryString(
        "INSERT INTO login_throttles (key, address, failed_at, pending, locks, touched_at) "
        f"VALUES ({{}}, {{}}, {_NONE}, {_NONE}, 0, {{}}) ON CONFLICT (key) DO UPDATE SET touched_at = EXCLUDED.touched_at "
        f"RETURNING {', '.join(f'login_throttles.{column}' for column in _KNOWN.split(', '))}",
        Param(1), Param(2), Param(3),
    )
)  # fmt: skip
SAVE = Statement(
    lambda: QueryString(
        "UPDATE login_throttles SET failed_at = {}, pending = {}, locks = {}, last_failed_at = {}, locked_until = {}, "
        "notify = COALESCE({}, notify) WHERE key = {}",
        Param(2), Param(3), Param(4), Param(5), Param(6), Param(7), Param(1),
    )
)  # fmt: skip
DROP = Statement(lambda: QueryString("DELETE FROM login_throttles WHERE key = {}", Param(1)))
LIFT = Statement(lambda: QueryString("DELETE FROM login_throttles WHERE address = {} RETURNING locked_until", Param(1)))
CLAIM_NOTICES = Statement(
    lambda: QueryString(
        "UPDATE login_throttles SET notify = NULL FROM users WHERE notify IS NOT NULL AND users.id = notify "
        "RETURNING users.id, users.version, locked_until"
    )
)
PRUNE = Pruning(LoginThrottleRow, lambda before: LoginThrottleRow.touched_at < before)


class PiccoloThrottles(Throttles):
    """Fills throttle_ports.Throttles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def charge(self, slot: Slot, lease: datetime, now: datetime) -> bool:
        """See throttle_ports.Throttles."""
        row = await self._database.fetch_row(CHARGE, slot.key, slot.address, lease, now, now - WINDOW, MOST_FAILURES)
        return row is not None

    async def find(self, slot: Slot) -> Throttle:
        """See throttle_ports.Throttles."""
        return _throttle(await self._database.fetch_row(FIND, slot.key))

    async def lock(self, slot: Slot, now: datetime) -> Throttle:
        """See throttle_ports.Throttles."""
        return _throttle(await self._database.fetch_row(LOCK, slot.key, slot.address, now))

    async def save(self, slot: Slot, throttle: Throttle, notify: UUID | None = None) -> None:
        """See throttle_ports.Throttles."""
        if throttle == Throttle():
            await self._database.fetch(DROP, slot.key)
            return
        lists = (list(throttle.failed_at), list(throttle.pending))
        await self._database.fetch(
            SAVE, slot.key, *lists, throttle.locks, throttle.last_failed_at, throttle.locked_until, notify
        )  # fmt: skip

    async def lift(self, address: bytes, now: datetime) -> bool:
        """See throttle_ports.Throttles."""
        ends = [row[0] for row in await self._database.fetch(LIFT, address)]
        return any(end is not None and end > now for end in ends)

    async def claim_notices(self) -> Sequence[Notice]:
        """See throttle_ports.Throttles."""
        return [Notice(*row) for row in await self._database.fetch(CLAIM_NOTICES)]

    async def prune(self, before: datetime) -> None:
        """See throttle_ports.Throttles."""
        await PRUNE.run(self._database, before)


_D = DeviceTokenRow
FIND_DEVICE = Statement(
    lambda: _D.select(_D.id).where(_D.token_hash == Param(1)).where(_D.address == Param(2)).where(_D.expires_at > Param(3))
)
ADD_DEVICE = Statement(
    lambda: _D.insert(
        _D(
            id=Param(1), token_hash=Param(2), address=Param(3), created_at=Param(4), last_used_at=Param(4), expires_at=Param(5)
        )
    )
)  # fmt: skip
RENEW_DEVICE = Statement(
    lambda: _D.update({_D.last_used_at: Param(2), _D.expires_at: Param(3)}).where(_D.id == Param(1)),
)
DROP_DEVICES = Statement(lambda: _D.delete().where(_D.address == Param(1)))
PRUNE_DEVICES = Pruning(DeviceTokenRow, lambda now: _D.expires_at <= now)


class PiccoloDeviceTokens(DeviceTokens):
    """Fills throttle_ports.DeviceTokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, secret: str, address: bytes, now: datetime) -> UUID | None:
        """See throttle_ports.DeviceTokens."""
        row = await self._database.fetch_row(FIND_DEVICE, digest(secret), address, now)
        return None if row is None else row[0]

    async def add(self, device_id: UUID, secret: str, address: bytes, now: datetime, expires_at: datetime) -> None:
        """See throttle_ports.DeviceTokens."""
        await self._database.fetch(ADD_DEVICE, device_id, digest(secret), address, now, expires_at)

    async def renew(self, device_id: UUID, now: datetime, expires_at: datetime) -> None:
        """See throttle_ports.DeviceTokens."""
        await self._database.fetch(RENEW_DEVICE, device_id, now, expires_at)

    async def drop(self, address: bytes) -> None:
        """See throttle_ports.DeviceTokens."""
        await self._database.fetch(DROP_DEVICES, address)

    async def prune(self, now: datetime) -> None:
        """See throttle_ports.DeviceTokens."""
        await PRUNE_DEVICES.run(self._database, now)


def _throttle(row: asyncpg.Record | None) -> Throttle:
    if row is None:
        return Throttle()
    failed_at, pending, *rest = row
    return Throttle(tuple(failed_at), tuple(pending), *rest)
