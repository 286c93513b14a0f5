"""Sessions in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.tokens import digest
from service.features.accounts.tables import UserRow
from service.features.sessions.domain import Holder, Session
from service.features.sessions.ports import Sessions
from service.features.sessions.tables import SessionRow

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

ADD = Statement(
    lambda: SessionRow.insert(
        SessionRow(
            id=Param(1), user_id=Param(2), created_at=Param(3), last_used_at=Param(3), expires_at=Param(4),
            idle_expires_at=Param(5), ended_at=Param(6), ip=Param(7), user_agent=Param(8), nonce=Param(9), refresh_hash=Param(10),
        )
    )
)  # fmt: skip

# In the order of Holder's fields. The time is an argument, so that one clock decides about tokens and sessions.
HOLDER = Statement(
    lambda: QueryString(
        "SELECT {}, {}, {}, {} FROM users JOIN sessions ON {} = {} WHERE {} = {} AND {} = {} AND {} IS NULL "
        "AND {} > {} AND {} > {} AND {} AND {} IS NULL",
        UserRow.id, UserRow.role, UserRow.email, UserRow.full_name, SessionRow.user_id, UserRow.id,
        SessionRow.id, Param(1), SessionRow.user_id, Param(2), SessionRow.ended_at,
        SessionRow.expires_at, Param(3), SessionRow.idle_expires_at, Param(3), UserRow.is_active, UserRow.deleted_at,
    )
)  # fmt: skip

END = Statement(
    lambda: (
        SessionRow.update({SessionRow.ended_at: Param(2)})
        .where(SessionRow.id == Param(1), SessionRow.ended_at.is_null())
        .returning(SessionRow.id)
    )
)


class PiccoloSessions(Sessions):
    """Fills ports.Sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: Session, refresh_secret: str) -> None:
        """See ports.Sessions."""
        await self._database.fetch(
            ADD, session.id, session.user_id, session.created_at, session.expires_at, session.idle_expires_at, None,
            session.ip, session.user_agent, session.nonce, digest(refresh_secret),
        )  # fmt: skip

    async def holder(self, session_id: UUID, user_id: UUID, now: datetime) -> Holder | None:
        """See ports.Sessions."""
        row = await self._database.fetch_row(HOLDER, session_id, user_id, now)
        return None if row is None else Holder(*row)

    async def end(self, session_id: UUID, now: datetime) -> bool:
        """See ports.Sessions."""
        return await self._database.fetch_row(END, session_id, now) is not None
