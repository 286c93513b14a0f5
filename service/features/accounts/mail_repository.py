"""Requests for mail, and the mails that were counted, in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.pruning import Pruning
from service.features.accounts.domain import MailRequest
from service.features.accounts.mail_ports import MailRequests
from service.features.accounts.tables import MailAllowanceRow, MailRequestRow

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

_HOUR = timedelta(hours=1)
# Longer than the relay tries (see adapters.outbox.relay.BACKOFF: 69 hours, ± 20 %).
_KEPT = timedelta(days=4)

_R, _A = MailRequestRow, MailAllowanceRow

ADD = Statement(
    lambda: MailRequestRow.insert(
        MailRequestRow(
            id=Param(1), address=Param(2), user_id=Param(3), password_hash=Param(4), full_name=Param(5), created_at=Param(6),
            attempts=Param(7),
        )
    )
)  # fmt: skip
FIND = Statement(
    lambda: MailRequestRow.select(_R.id, _R.address, _R.user_id, _R.password_hash, _R.full_name).where(_R.id == Param(1))
)
TAKE = Statement(
    lambda: QueryString(
        "UPDATE mail_requests SET attempts = attempts + 1 WHERE id = {} RETURNING id, address, user_id, password_hash, full_name",
        Param(1),
    )
)
FORGET = Statement(lambda: MailRequestRow.delete().where(_R.id == Param(1)))
# Of two workers that count for one address at once, the second waits and sees what the first has counted.
SETTLE_ORDER = Statement(
    lambda: QueryString("SELECT pg_advisory_xact_lock(hashtextextended('mail ' || encode({}::bytea, 'hex'), 0))", Param(1))
)
ADMIT = Statement(
    lambda: QueryString(
        "INSERT INTO mail_allowances (cause_id, address_digest, taken_at) SELECT {}::uuid, {}::bytea, {}::timestamptz "
        "WHERE (SELECT count(*) FROM mail_allowances "
        "WHERE address_digest = {}::bytea AND taken_at > {}::timestamptz AND cause_id <> {}::uuid) < {}::integer "
        "ON CONFLICT (cause_id) DO UPDATE SET taken_at = excluded.taken_at RETURNING cause_id",
        Param(1), Param(2), Param(3), Param(2), Param(4), Param(1), Param(5),
    )
)  # fmt: skip
PRUNE_REQUESTS = Pruning(MailRequestRow, lambda before: _R.created_at <= before)
PRUNE_ALLOWANCES = Pruning(MailAllowanceRow, lambda before: _A.taken_at <= before)


class PiccoloMailRequests(MailRequests):
    """Fills mail_ports.MailRequests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, request: MailRequest, now: datetime) -> None:
        """See mail_ports.MailRequests."""
        await self._database.fetch(
            ADD, request.id, request.address, request.user_id, request.password_hash, request.full_name, now, 0
        )  # fmt: skip

    async def find(self, request_id: UUID) -> MailRequest | None:
        """See mail_ports.MailRequests."""
        row = await self._database.fetch_row(FIND, request_id)
        return None if row is None else MailRequest(*row)

    async def take(self, request_id: UUID) -> MailRequest | None:
        """See mail_ports.MailRequests."""
        row = await self._database.fetch_row(TAKE, request_id)
        return None if row is None else MailRequest(*row)

    async def forget(self, request_id: UUID) -> None:
        """See mail_ports.MailRequests."""
        await self._database.fetch(FORGET, request_id)

    async def admit(self, cause_id: UUID, address_digest: bytes, now: datetime, share: int) -> bool:
        """See mail_ports.MailRequests."""
        await self._database.fetch(SETTLE_ORDER, address_digest)
        return await self._database.fetch_row(ADMIT, cause_id, address_digest, now, now - _HOUR, share) is not None

    async def prune(self, now: datetime) -> None:
        """See mail_ports.MailRequests."""
        await PRUNE_REQUESTS.run(self._database, now - _KEPT)
        await PRUNE_ALLOWANCES.run(self._database, now - _HOUR)
