"""Accounts in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.failures import constraint_of
from service.adapters.database.lists import Condition, Key, ListStatements, like
from service.features.accounts.domain import Credentials, EmailTaken, PublicUser, Role, User, UserNotFound, UserState
from service.features.accounts.ports import UserFilter, Users
from service.features.accounts.tables import UserRow
from service.kernel.paging import Slice, Window
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from piccolo.query import Select

    from service.kernel.actor import Actor

_U = UserRow
# In the order of User's fields.
_WHOLE = (
    _U.id, _U.email, _U.full_name, _U.role, _U.is_active, _U.email_verified_at, _U.timezone, _U.locale,
    _U.mfa_enabled, _U.created_at, _U.updated_at, _U.version,
)  # fmt: skip
_PUBLIC = (_U.id, _U.full_name, _U.email, _U.is_active)
# In the order of UserState's fields.
STATE = (
    _U.id, _U.email, _U.full_name, _U.role, _U.is_active, _U.email_verified_at, _U.timezone, _U.locale, _U.mfa_enabled,
    _U.version, _U.field_versions,
)  # fmt: skip


def _select(columns: Sequence[Any]) -> Select[Any]:
    return UserRow.select(*columns).where(UserRow.deleted_at.is_null())


def _visible(caller: Param, within: Param | None = None) -> QueryString:
    # Membership belongs to the feature above, which imports this one, so its tables go by their names here.
    return QueryString(
        "{} IN (SELECT {}::uuid UNION ALL SELECT theirs.user_id FROM memberships mine "
        "JOIN memberships theirs ON theirs.project_id = mine.project_id "
        "JOIN projects shared ON shared.id = mine.project_id AND shared.deleted_at IS NULL WHERE mine.user_id = {}"
        # Through a token that is narrowed, only people of its projects.
        + (" AND mine.project_id = ANY({}::uuid[]))" if within else ")"),
        _U.id, caller, caller, *([within] if within else ()),
    )  # fmt: skip


FIND = Statement(lambda: _select(_WHOLE).where(_U.id == Param(1)))
FIND_PUBLIC = Statement(lambda: _select(_PUBLIC).where(_U.id == Param(1)).where(_visible(Param(2))))
FIND_PUBLIC_WITHIN = Statement(lambda: _select(_PUBLIC).where(_U.id == Param(1)).where(_visible(Param(2), Param(3))))

_SORT = {
    "created_at": Key(_U.created_at, datetime),
    "updated_at": Key(_U.updated_at, datetime),
    "email": Key(_U.canonical_email, str),
    "full_name": Key(QueryString('{} COLLATE "C"', _U.full_name), str, nullable=True),
}
LIST = ListStatements(lambda: _select(_WHOLE), _SORT, _U.id, counted=lambda: _select([_U.id]))
LIST_PUBLIC = ListStatements(lambda: _select(_PUBLIC), _SORT, _U.id, counted=lambda: _select([_U.id]))


def _lock(column: Any) -> Statement:
    return Statement(lambda: QueryString("{} FOR NO KEY UPDATE", _select(STATE).where(column == Param(1)).querystrings[0]))


LOCK = _lock(_U.id)
LOCK_BY_EMAIL = _lock(_U.canonical_email)
# One statement, and in the order of ids, so that two units which want the same rows never wait for each other.
LOCK_WITH_ADMINS = Statement(
    lambda: QueryString(
        "{} AND ({} = {} OR ({} = 'admin' AND {})) ORDER BY {} FOR NO KEY UPDATE",
        _select(STATE).querystrings[0], _U.id, Param(1), _U.role, _U.is_active, _U.id,
    )
)  # fmt: skip

ADD = Statement(
    lambda: UserRow.insert(
        UserRow(
            id=Param(1), email=Param(2), canonical_email=Param(3), password_hash=Param(4), full_name=Param(5),
            role=Param(6), is_active=Param(7), timezone=Param(8), locale=Param(9), created_at=Param(10),
            updated_at=Param(10), version=Param(11), field_versions=Param(12), email_verified_at=Param(13),
            deleted_at=Param(14), purged_at=Param(14), mfa_enabled=Param(15),
        )
    )
)  # fmt: skip

_CHANGEABLE = ("full_name", "timezone", "locale", "role", "is_active", "email_verified_at", "password_hash", "mfa_enabled")


def _change() -> QueryString:
    # One statement whichever fields change: a flag per field says whether its new value counts.
    sets = ", ".join(f"{column} = CASE WHEN {{}} THEN {{}} ELSE {column} END" for column in _CHANGEABLE)
    values = [Param(number) for number in range(4, 4 + 2 * len(_CHANGEABLE))]
    return QueryString(
        f"UPDATE users SET {sets}, updated_at = {{}}, version = version + 1, field_versions = field_versions || {{}}::jsonb "
        "WHERE id = {}",
        *values, Param(2), Param(3), Param(1),
    )  # fmt: skip


CHANGE = Statement(_change)

# Sessions and tokens belong to features above, but must end in the very transaction that sets a password or a role.
END_SESSIONS = Statement(
    lambda: QueryString(
        "UPDATE sessions SET ended_at = {} WHERE user_id = {} AND ended_at IS NULL AND id IS DISTINCT FROM {}::uuid",
        Param(2), Param(1), Param(3),
    )
)  # fmt: skip

REVOKE_TOKENS = Statement(
    lambda: QueryString(
        "UPDATE personal_tokens SET revoked_at = {} WHERE user_id = {} AND revoked_at IS NULL", Param(2), Param(1)
    )
)
# Likewise second factors.
DROP_SECOND_FACTOR = Statement(
    lambda: QueryString(
        "WITH codes AS (DELETE FROM recovery_codes WHERE user_id = {}), "
        "logins AS (DELETE FROM mfa_challenges WHERE user_id = {}) DELETE FROM second_factors WHERE user_id = {}",
        Param(1), Param(1), Param(1),
    )
)  # fmt: skip

CHANGE_EMAIL = Statement(
    lambda: QueryString(
        "UPDATE users SET email = {}, canonical_email = {}, email_verified_at = {}, updated_at = {}, version = version + 1, "
        "field_versions = field_versions || jsonb_build_object('email', version + 1, 'email_verified_at', version + 1) "
        "WHERE id = {} RETURNING version",
        Param(2), Param(3), Param(4), Param(4), Param(1),
    )
)  # fmt: skip

# In the order of Credentials' fields.
CREDENTIALS = Statement(
    lambda: _select((_U.id, _U.password_hash, _U.is_active, QueryString("{} IS NOT NULL", _U.email_verified_at))).where(
        _U.canonical_email == Param(1)
    )
)


def _still_good() -> Select[Any]:
    return _select((_U.id,)).where(_U.id == Param(1), _U.password_hash == Param(2), QueryString("{}", _U.is_active))


HOLD = Statement(lambda: QueryString("{} FOR SHARE", _still_good().querystrings[0]))
REPLACE_HASH = Statement(
    lambda: QueryString(
        "UPDATE users SET password_hash = {} WHERE id = {} AND password_hash = {} AND is_active AND deleted_at IS NULL "
        "RETURNING id",
        Param(3), Param(1), Param(2),
    )
)  # fmt: skip


class PiccoloUsers(Users):
    """Fills ports.Users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def whole(self, user_id: UUID) -> User:
        """See ports.Users."""
        row = await self._database.fetch_row(FIND, user_id)
        if row is None:
            raise UserNotFound
        return _user(row)

    async def find(self, actor: Actor, reference: str) -> User | PublicUser:
        """See ports.Users."""
        user_id = parse_id(reference)
        if user_id is None:
            raise UserNotFound
        if actor.is_admin or user_id == actor.user_id:
            return await self.whole(user_id)
        if actor.project_ids is None:
            row = await self._database.fetch_row(FIND_PUBLIC, user_id, actor.id)
        else:
            row = await self._database.fetch_row(FIND_PUBLIC_WITHIN, user_id, actor.id, list(actor.project_ids))
        if row is None:
            raise UserNotFound
        return PublicUser(*row)

    async def page(self, actor: Actor, wanted: UserFilter, window: Window) -> Slice[User | PublicUser]:
        """See ports.Users."""
        conditions = [] if actor.is_admin else [Condition("visible", _visible, actor.id)]
        if actor.project_ids is not None and not actor.is_admin:
            conditions.append(Condition("within", lambda ids: _visible(Param(1), ids), list(actor.project_ids)))
        if wanted.search:
            conditions.append(Condition("search", _matches, like(wanted.search)))
        if wanted.role is not None:
            conditions.append(Condition("role", lambda role: QueryString("{} = {}", _U.role, role), wanted.role))
            if not actor.is_admin:
                # Others' roles are not theirs to know, and a filter by one would tell.
                conditions.append(Condition("own", lambda own: QueryString("{} = {}", _U.id, own), actor.id))
        if wanted.is_active is not None:
            conditions.append(Condition("active", lambda active: QueryString("{} = {}", _U.is_active, active), wanted.is_active))
        statements = LIST if actor.is_admin else LIST_PUBLIC
        build = _user if actor.is_admin else _public_user
        return await statements.page(self._database, conditions, window, build)

    async def add(self, user: User, canonical_email: str, password_hash: str | None) -> None:
        """See ports.Users."""
        try:
            await self._database.fetch(
                ADD, user.id, user.email, canonical_email, password_hash, user.full_name, user.role, user.is_active,
                user.timezone, user.locale, user.created_at, user.version, "{}", user.email_verified_at, None,
                user.mfa_enabled,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise _email_taken(error) from error

    async def lock(self, user_id: UUID) -> UserState:
        """See ports.Users."""
        row = await self._database.fetch_row(LOCK, user_id)
        if row is None:
            raise UserNotFound
        return state_of(row)

    async def lock_with_admins(self, user_id: UUID) -> tuple[UserState, frozenset[UUID]]:
        """See ports.Users."""
        states = {row[0]: state_of(row) for row in await self._database.fetch(LOCK_WITH_ADMINS, user_id)}
        if user_id not in states:
            raise UserNotFound
        admins = (id_ for id_, state in states.items() if state.is_active and state.role is Role.ADMIN)
        return states[user_id], frozenset(admins)

    async def lock_by_email(self, canonical_email: str) -> UserState | None:
        """See ports.Users."""
        row = await self._database.fetch_row(LOCK_BY_EMAIL, canonical_email)
        return None if row is None else state_of(row)

    async def change(self, state: UserState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Users."""
        version = state.version + 1
        values = [value for column in _CHANGEABLE for value in (column in changes, changes.get(column))]
        stamped = {column: version for column in changes if column != "password_hash"}
        await self._database.fetch(CHANGE, state.id, now, msgspec.json.encode(stamped).decode(), *values)
        return version

    async def change_email(self, state: UserState, email: str, canonical_email: str, now: datetime) -> int:
        """See ports.Users."""
        try:
            version: int = (await self._database.fetch(CHANGE_EMAIL, state.id, email, canonical_email, now))[0][0]
        except asyncpg.UniqueViolationError as error:
            raise _email_taken(error) from error
        return version

    async def end_sessions(self, user_id: UUID, now: datetime, but: UUID | None = None) -> None:
        """See ports.Users."""
        await self._database.fetch(END_SESSIONS, user_id, now, but)

    async def revoke_tokens(self, user_id: UUID, now: datetime) -> None:
        """See ports.Users."""
        await self._database.fetch(REVOKE_TOKENS, user_id, now)

    async def drop_second_factor(self, user_id: UUID) -> None:
        """See ports.Users."""
        await self._database.fetch(DROP_SECOND_FACTOR, user_id)

    async def credentials(self, canonical_email: str) -> Credentials | None:
        """See ports.Users."""
        row = await self._database.fetch_row(CREDENTIALS, canonical_email)
        return None if row is None else Credentials(*row)

    async def hold(self, credentials: Credentials) -> bool:
        """See ports.Users."""
        return await self._database.fetch_row(HOLD, credentials.user_id, credentials.password_hash) is not None

    async def replace_hash(self, credentials: Credentials, password_hash: str) -> bool:
        """See ports.Users."""
        known = (credentials.user_id, credentials.password_hash)
        return await self._database.fetch_row(REPLACE_HASH, *known, password_hash) is not None


def _matches(pattern: Param) -> QueryString:
    return QueryString("({} ILIKE {} OR {} ILIKE {})", _U.full_name, pattern, _U.email, pattern)


def _public_user(row: Iterable[Any]) -> PublicUser:
    return PublicUser(*row)


def _user(row: Iterable[Any]) -> User:
    user_id, email, full_name, role, *rest = row
    return User(user_id, email, full_name, Role(role), *rest)


def state_of(row: Iterable[Any]) -> UserState:
    """The account of a row of STATE."""
    user_id, email, full_name, role, *rest, field_versions = row
    return UserState(user_id, email, full_name, Role(role), *[*rest, msgspec.json.decode(field_versions)])


def _email_taken(error: asyncpg.UniqueViolationError) -> Exception:
    return EmailTaken() if constraint_of(error) == "users_email_unique" else error
