"""Who is told of what happened to an account, in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.outbox import AuditRow
from service.features.accounts.tables import UserRow
from service.features.departures.events import UserDeleted
from service.features.notifications.ports import Recipient, Recipients
from service.features.sessions.tables import SessionRow

if TYPE_CHECKING:
    from uuid import UUID

    from service.kernel.events import PublishedEvent

# Sessions are forgotten a month after their end (sessions.feature.KEPT): of an account that is older than this nobody can
# say later whether a login is its first one, and its owner is rather told.
_NEW_FOR = timedelta(days=7)

_U, _S, _A = UserRow, SessionRow, AuditRow

# The address that somebody came from is kept with the audit only: events are shown to others.
FIND = Statement(
    lambda: QueryString(
        "SELECT {}, {}, {} IS NOT NULL, (SELECT {} FROM audit_events WHERE {} = {} AND {} = {} AND {} = {}), "
        "{} > {} AND NOT EXISTS (SELECT FROM sessions WHERE {} = {} AND {} < {}) "
        "FROM users WHERE {} = {} AND {} IS NULL AND ({} IS NULL OR {}::boolean)",
        _U.email, _U.locale, _U.email_verified_at, _A.ip, _A.target_id, Param(2), _A.time, Param(3), _A.event_id, Param(4),
        _U.created_at, Param(5), _S.user_id, Param(1), _S.id, Param(2),
        _U.id, Param(1), _U.purged_at, _U.deleted_at, Param(6),
    )
)  # fmt: skip


class PiccoloRecipients(Recipients):
    """Fills ports.Recipients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: UUID, event: PublishedEvent) -> Recipient | None:
        """See ports.Recipients."""
        new_since = event.time - _NEW_FOR
        # Of all notices only the one of the deletion itself is for an account that is deleted.
        deletes = event.type == UserDeleted.type
        row = await self._database.fetch_row(FIND, user_id, event.subject_id, event.time, event.id, new_since, deletes)
        return None if row is None else Recipient(*row)
