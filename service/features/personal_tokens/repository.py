"""Personal access tokens in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.lists import Condition, Key, ListStatements
from service.adapters.database.pruning import Pruning
from service.features.accounts.domain import Role
from service.features.personal_tokens.domain import Bearer, PersonalToken, PersonalTokenNotFound
from service.features.personal_tokens.ports import PersonalTokens
from service.features.personal_tokens.tables import PersonalTokenRow
from service.kernel.actor import Scope
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window

_T = PersonalTokenRow
# The last use is told to the minute, so that a busy script writes a row per minute and not per request.
NOTED_EVERY = timedelta(minutes=1)


# In the order of PersonalToken's fields.
def _select() -> Any:
    return _T.select(_T.id, _T.name, _T.scopes, _T.project_ids, _T.created_at, _T.expires_at, _T.last_used_at).where(
        _T.revoked_at.is_null()
    )


FIND = Statement(lambda: _select().where(_T.user_id == Param(1)).where(_T.id == Param(2)))
LIST = ListStatements(
    _select,
    {
        "created_at": Key(_T.created_at, datetime),
        "expires_at": Key(_T.expires_at, datetime),
        "last_used_at": Key(_T.last_used_at, datetime, nullable=True),
    },
    _T.id,
    counted=lambda: _T.select(_T.id).where(_T.revoked_at.is_null()),
)

# Not Piccolo's insert, which takes a parameter in place of an array for one of its elements.
ADD = Statement(
    lambda: QueryString(
        "INSERT INTO personal_tokens (id, user_id, name, token_hash, scopes, project_ids, created_at, expires_at) "
        "VALUES ({}, {}, {}, {}, {}, {}, {}, {})",
        *(Param(number) for number in range(1, 9)),
    )
)

# In the order of Bearer's fields. SKIP LOCKED: of the requests that come first in their minute one notes the use, and none
# waits for another, or for a revocation that is not committed yet.
BEARER = Statement(
    lambda: QueryString(
        "WITH due AS (SELECT id FROM personal_tokens "
        "WHERE token_hash = {} AND revoked_at IS NULL AND expires_at > {} AND (last_used_at IS NULL OR last_used_at <= {}) "
        "FOR NO KEY UPDATE SKIP LOCKED), "
        "noted AS (UPDATE personal_tokens SET last_used_at = {} FROM due WHERE personal_tokens.id = due.id) "
        "SELECT t.id, t.user_id, t.scopes, t.project_ids, t.expires_at, t.revoked_at, t.refused_at, u.role, u.email, "
        "u.full_name, u.is_active AND u.deleted_at IS NULL "
        "FROM personal_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = {}",
        Param(1), Param(2), Param(3), Param(2), Param(1),
    )
)  # fmt: skip

NOTE_REFUSAL = Statement(
    lambda: QueryString(
        "UPDATE personal_tokens SET refused_at = {} WHERE id = {} AND (refused_at IS NULL OR refused_at <= {}) RETURNING id",
        Param(2), Param(1), Param(3),
    )
)  # fmt: skip

REVOKE = Statement(
    lambda: QueryString(
        "UPDATE personal_tokens SET revoked_at = {} WHERE user_id = {} AND id = {} AND revoked_at IS NULL RETURNING id",
        Param(3), Param(1), Param(2),
    )
)  # fmt: skip

# Projects belong to a feature above, so their tables go by their names here.
MEMBERSHIPS = Statement(
    lambda: QueryString(
        "SELECT p.id FROM projects p JOIN memberships m ON m.project_id = p.id "
        "WHERE m.user_id = {} AND p.id = ANY({}::uuid[]) AND p.deleted_at IS NULL",
        Param(1), Param(2),
    )
)  # fmt: skip

# In the words of its index; LEAST passes over NULLs.
PRUNE = Pruning(PersonalTokenRow, lambda now: QueryString("LEAST({}, {}) < {}", _T.revoked_at, _T.expires_at, now))


class PiccoloPersonalTokens(PersonalTokens):
    """Fills ports.PersonalTokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, actor: Actor, window: Window) -> Slice[PersonalToken]:
        """See ports.PersonalTokens."""
        conditions = [Condition("owner", lambda user: _T.user_id == user, actor.id)]
        return await LIST.page(self._database, conditions, window, _token)

    async def find(self, actor: Actor, reference: str) -> PersonalToken:
        """See ports.PersonalTokens."""
        token_id = parse_id(reference)
        row = None if token_id is None else await self._database.fetch_row(FIND, actor.id, token_id)
        if row is None:
            raise PersonalTokenNotFound
        return _token(row)

    async def add(self, token: PersonalToken, user_id: UUID, token_hash: str) -> None:
        """See ports.PersonalTokens."""
        await self._database.fetch(
            ADD, token.id, user_id, token.name, token_hash, list(token.scopes), token.project_ids, token.created_at,
            token.expires_at,
        )  # fmt: skip

    async def bearer(self, token_hash: str, now: datetime) -> Bearer | None:
        """See ports.PersonalTokens."""
        row = await self._database.fetch_row(BEARER, token_hash, now, now - NOTED_EVERY)
        return None if row is None else _bearer(row)

    async def note_refusal(self, token_id: UUID, now: datetime, before: datetime) -> bool:
        """See ports.PersonalTokens."""
        return await self._database.fetch_row(NOTE_REFUSAL, token_id, now, before) is not None

    async def revoke(self, user_id: UUID, token_id: UUID, now: datetime) -> bool:
        """See ports.PersonalTokens."""
        return await self._database.fetch_row(REVOKE, user_id, token_id, now) is not None

    async def memberships(self, user_id: UUID, project_ids: Sequence[UUID]) -> frozenset[UUID]:
        """See ports.PersonalTokens."""
        return frozenset(row[0] for row in await self._database.fetch(MEMBERSHIPS, user_id, list(project_ids)))

    async def prune(self, before: datetime) -> None:
        """See ports.PersonalTokens."""
        await PRUNE.run(self._database, before)


def _token(row: Iterable[Any]) -> PersonalToken:
    id_, name, scopes, project_ids, created_at, expires_at, last_used_at = row
    held = tuple(Scope(scope) for scope in scopes)
    within = None if project_ids is None else tuple(project_ids)
    return PersonalToken(id_, name, held, within, created_at, expires_at, last_used_at)


def _bearer(row: Iterable[Any]) -> Bearer:
    (token_id, user_id, scopes, project_ids, expires_at, revoked_at, refused_at, role, email, full_name, usable) = row
    return Bearer(
        token_id, user_id, frozenset(Scope(scope) for scope in scopes), None if project_ids is None else frozenset(project_ids),
        expires_at, revoked_at, refused_at, role == Role.ADMIN, email, full_name, usable,
    )  # fmt: skip
