"""Departures in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.failures import constraint_of
from service.features.accounts.domain import EmailTaken, Role, UserNotFound
from service.features.accounts.repository import STATE, state_of
from service.features.accounts.tables import UserRow
from service.features.departures.domain import Account, Place, Remains
from service.features.departures.ports import Departures
from service.features.projects.domain import ProjectRole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.domain import UserState

_U = UserRow

# One statement, and in the order of ids, like the one of accounts that leaves deleted ones out.
LOCK_WITH_ADMINS = Statement(
    lambda: QueryString(
        "{} WHERE ({} = {} AND purged_at IS NULL) OR ({} = 'admin' AND {} AND {} IS NULL) ORDER BY {} FOR NO KEY UPDATE",
        _U.select(*STATE, _U.deleted_at).querystrings[0],
        _U.id, Param(1), _U.role, _U.is_active, _U.deleted_at, _U.id,
    )
)  # fmt: skip

# Also deleted ones, which somebody may be restoring.
LOCK_OWNED = Statement(
    lambda: QueryString(
        "SELECT id FROM projects WHERE id IN (SELECT project_id FROM memberships WHERE user_id = {} AND role = 'owner') "
        "ORDER BY id FOR SHARE",
        Param(1),
    )
)

# In the order of Place's fields.
LOCK_PLACES = Statement(
    lambda: QueryString(
        "SELECT m.id, p.id, p.key, m.role, p.deleted_at IS NOT NULL, m.version "
        "FROM memberships m JOIN projects p ON p.id = m.project_id "
        "WHERE m.user_id = {} ORDER BY p.id FOR UPDATE OF m",
        Param(1),
    )
)

LEAVE = Statement(lambda: QueryString("DELETE FROM memberships WHERE id = ANY({}::uuid[])", Param(1)))

_NEXT = (
    "updated_at = {}, version = version + 1, "
    "field_versions = field_versions || jsonb_build_object('deleted_at', version + 1, 'mfa_enabled', version + 1) "
    "WHERE id = {} RETURNING version"
)
DELETE = Statement(
    lambda: QueryString(f"UPDATE users SET deleted_at = {{}}, mfa_enabled = false, {_NEXT}", Param(2), Param(2), Param(1))
)
RESTORE = Statement(lambda: QueryString(f"UPDATE users SET deleted_at = NULL, {_NEXT}", Param(2), Param(1)))

LOCK_REMAINS = Statement(
    lambda: QueryString(
        "SELECT id, version FROM users WHERE deleted_at <= {} AND purged_at IS NULL "
        "ORDER BY deleted_at LIMIT {} FOR NO KEY UPDATE SKIP LOCKED",
        Param(1), Param(2),
    )
)  # fmt: skip

# What refers to the account, as the reporter of a task does, keeps its id.
PURGE = Statement(
    lambda: QueryString(
        "WITH sessions_gone AS (DELETE FROM sessions WHERE user_id = ANY({}::uuid[])), "
        "tokens_gone AS (DELETE FROM personal_tokens WHERE user_id = ANY({}::uuid[])), "
        "requests_gone AS (DELETE FROM mail_requests WHERE user_id = ANY({}::uuid[])), "
        "emptied AS (UPDATE users SET email = '', canonical_email = '', full_name = NULL, password_hash = NULL, "
        "email_verified_at = NULL, timezone = 'UTC', locale = 'en', purged_at = {}, updated_at = {}, version = version + 1 "
        "WHERE id = ANY({}::uuid[])) "
        "DELETE FROM views WHERE owner_id = ANY({}::uuid[]) AND NOT shared RETURNING id",
        Param(1), Param(1), Param(1), Param(2), Param(2), Param(1), Param(1),
    )
)  # fmt: skip


class PiccoloDepartures(Departures):
    """Fills ports.Departures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock_with_admins(self, user_id: UUID) -> tuple[Account, frozenset[UUID]]:
        """See ports.Departures."""
        rows = await self._database.fetch(LOCK_WITH_ADMINS, user_id)
        accounts = {row[0]: Account(state_of(row[:-1]), row[-1]) for row in rows}
        if user_id not in accounts:
            raise UserNotFound
        admins = (id_ for id_, each in accounts.items() if _is_active_admin(each))
        return accounts[user_id], frozenset(admins)

    async def lock_places(self, user_id: UUID) -> list[Place]:
        """See ports.Departures."""
        # Ownership is read by the second statement: a project may have been handed over while the first one waited.
        await self._database.fetch(LOCK_OWNED, user_id)
        rows = await self._database.fetch(LOCK_PLACES, user_id)
        return [Place(row[0], row[1], row[2], ProjectRole(row[3]), *row[4:]) for row in rows]

    async def leave(self, places: Sequence[Place]) -> None:
        """See ports.Departures."""
        await self._database.fetch(LEAVE, [place.membership_id for place in places])

    async def delete(self, state: UserState, now: datetime) -> int:
        """See ports.Departures."""
        version: int = (await self._database.fetch(DELETE, state.id, now))[0][0]
        return version

    async def restore(self, state: UserState, now: datetime) -> int:
        """See ports.Departures."""
        try:
            version: int = (await self._database.fetch(RESTORE, state.id, now))[0][0]
        except asyncpg.UniqueViolationError as error:
            raise _email_taken(error) from error
        return version

    async def lock_remains(self, cutoff: datetime, most: int) -> list[Remains]:
        """See ports.Departures."""
        return [Remains(*row) for row in await self._database.fetch(LOCK_REMAINS, cutoff, most)]

    async def purge(self, user_ids: Sequence[UUID], now: datetime) -> list[UUID]:
        """See ports.Departures."""
        return [row[0] for row in await self._database.fetch(PURGE, list(user_ids), now)]


def _is_active_admin(account: Account) -> bool:
    return account.deleted_at is None and account.state.is_active and account.state.role is Role.ADMIN


def _email_taken(error: asyncpg.UniqueViolationError) -> Exception:
    message = "Another account has this address meanwhile: its owner must change it before this one can come back."
    return EmailTaken(message) if constraint_of(error) == "users_email_unique" else error
