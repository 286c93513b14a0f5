"""One-time tokens in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.pruning import Pruning
from service.adapters.tokens import digest
from service.features.accounts.domain import UsedToken
from service.features.accounts.ports import OneTimeTokens
from service.features.accounts.repository import STATE, state_of
from service.features.accounts.tables import OneTimeTokenRow, UserRow

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.domain import UserState

ADD_TOKEN = Statement(
    lambda: OneTimeTokenRow.insert(
        OneTimeTokenRow(
            token_hash=Param(1), user_id=Param(2), purpose=Param(3), created_at=Param(4), expires_at=Param(5), new_email=Param(6)
        )
    )
)
_GOOD = "token_hash = {} AND purpose = {} AND expires_at > {}"
OWNER = Statement(
    lambda: UserRow.select(*STATE).where(
        UserRow.deleted_at.is_null(),
        QueryString(f"{{}} = (SELECT user_id FROM one_time_tokens WHERE {_GOOD})", UserRow.id, Param(1), Param(2), Param(3)),
    )
)
USE_TOKEN = Statement(
    lambda: QueryString(f"DELETE FROM one_time_tokens WHERE {_GOOD} RETURNING new_email", Param(1), Param(2), Param(3))
)
VOID_ONE_PURPOSE = Statement(
    lambda: OneTimeTokenRow.delete().where(OneTimeTokenRow.user_id == Param(1), OneTimeTokenRow.purpose == Param(2))
)
# A link that was asked for before must not come after.
VOID_ALL = Statement(
    lambda: QueryString(
        "WITH asked AS (DELETE FROM mail_requests WHERE user_id = {}) DELETE FROM one_time_tokens WHERE user_id = {}",
        Param(1), Param(1),
    )
)  # fmt: skip
PRUNE_TOKENS = Pruning(OneTimeTokenRow, lambda now: OneTimeTokenRow.expires_at <= now)


class PiccoloOneTimeTokens(OneTimeTokens):
    """Fills ports.OneTimeTokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, secret: str, user_id: UUID, purpose: str, now: datetime, expires_at: datetime, *, new_email: str | None = None
    ) -> None:
        """See ports.OneTimeTokens."""
        await self._database.fetch(ADD_TOKEN, digest(secret), user_id, purpose, now, expires_at, new_email)

    async def owner(self, secret: str, purpose: str, now: datetime) -> UserState | None:
        """See ports.OneTimeTokens."""
        row = await self._database.fetch_row(OWNER, digest(secret), purpose, now)
        return None if row is None else state_of(row)

    async def use(self, secret: str, purpose: str, now: datetime) -> UsedToken | None:
        """See ports.OneTimeTokens."""
        row = await self._database.fetch_row(USE_TOKEN, digest(secret), purpose, now)
        return None if row is None else UsedToken(*row)

    async def void(self, user_id: UUID, purpose: str | None = None) -> None:
        """See ports.OneTimeTokens."""
        if purpose is None:
            await self._database.fetch(VOID_ALL, user_id)
        else:
            await self._database.fetch(VOID_ONE_PURPOSE, user_id, purpose)

    async def prune(self, now: datetime) -> None:
        """See ports.OneTimeTokens."""
        await PRUNE_TOKENS.run(self._database, now)
