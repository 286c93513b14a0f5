"""Sessions in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.lists import Condition, Key, ListStatements
from service.adapters.database.pruning import Pruning
from service.features.accounts.tables import UserRow
from service.features.sessions.domain import Holder, LiveSession, Presented, Session, SessionNotFound
from service.features.sessions.ports import Sessions
from service.features.sessions.tables import SessionRow
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from service.features.sessions.refresh_tokens import RefreshToken
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window
    from service.kernel.ports import Clock

_S = SessionRow

ADD = Statement(
    lambda: SessionRow.insert(
        SessionRow(
            id=Param(1), user_id=Param(2), created_at=Param(3), last_used_at=Param(3), expires_at=Param(4),
            idle_expires_at=Param(5), ended_at=Param(6), ip=Param(7), user_agent=Param(8), nonce=Param(9), refresh_hash=Param(10),
            previous_refresh_hash=Param(11), reuse_detected_at=Param(6),
        )
    )
)  # fmt: skip


def _lives(now: Param) -> QueryString:
    # The time is an argument, so that one clock decides about tokens and sessions.
    return QueryString("{} IS NULL AND {} > {} AND {} > {}", _S.ended_at, _S.expires_at, now, _S.idle_expires_at, now)


def _may_be_used() -> QueryString:
    return QueryString("{} AND {} IS NULL", UserRow.is_active, UserRow.deleted_at)


# In the order of Holder's fields.
HOLDER = Statement(
    lambda: QueryString(
        "SELECT {}, {}, {}, {} FROM users JOIN sessions ON {} = {} WHERE {} = {} AND {} = {} AND {} AND {}",
        UserRow.id, UserRow.role, UserRow.email, UserRow.full_name, _S.user_id, UserRow.id,
        _S.id, Param(1), _S.user_id, Param(2), _lives(Param(3)), _may_be_used(),
    )
)  # fmt: skip


# In the order of LiveSession's fields, without the last.
def _select() -> Any:
    expires_at = QueryString("LEAST({}, {})", _S.expires_at, _S.idle_expires_at).as_alias("expires_at")
    return SessionRow.select(_S.id, _S.user_agent, _S.ip, _S.created_at, _S.last_used_at, expires_at)


FIND = Statement(lambda: _select().where(_S.user_id == Param(1)).where(_S.id == Param(2)).where(_lives(Param(3))))
LIST = ListStatements(
    _select,
    {
        "created_at": Key(_S.created_at, datetime),
        "last_used_at": Key(_S.last_used_at, datetime),
        "expires_at": Key(QueryString("LEAST({}, {})", _S.expires_at, _S.idle_expires_at), datetime),
    },
    _S.id,
    counted=lambda: SessionRow.select(_S.id),
)

NONCE = Statement(lambda: SessionRow.select(_S.nonce).where(_S.id == Param(1)))

ROTATE = Statement(
    lambda: QueryString(
        "UPDATE sessions SET refresh_hash = {}, previous_refresh_hash = refresh_hash, last_used_at = {}, idle_expires_at = {} "
        "FROM users WHERE {} = {} AND {} = {} AND {} = {} AND {} AND {} RETURNING {}",
        Param(3), Param(4), Param(5), UserRow.id, _S.user_id, _S.id, Param(1), _S.refresh_hash, Param(2),
        _lives(Param(4)), _may_be_used(), _S.user_id,
    )
)  # fmt: skip

# In the order of Presented's fields.
LOCK = Statement(
    lambda: QueryString(
        "SELECT {}, {} = {}, {} IS NOT DISTINCT FROM {}, {}, {}, {} AND {}, {} IS NOT NULL, {} IS NOT NULL "
        "FROM sessions JOIN users ON {} = {} WHERE {} = {} FOR NO KEY UPDATE OF sessions",
        _S.user_id, _S.refresh_hash, Param(2), _S.previous_refresh_hash, Param(2), _S.refresh_hash, _S.last_used_at,
        _lives(Param(3)), _may_be_used(), _S.ended_at, _S.reuse_detected_at,
        UserRow.id, _S.user_id, _S.id, Param(1),
    )
)  # fmt: skip

END_FOR_REUSE = Statement(
    lambda: QueryString(
        "UPDATE sessions SET ended_at = COALESCE(ended_at, {}), reuse_detected_at = {} WHERE id = {}",
        Param(2), Param(2), Param(1),
    )
)  # fmt: skip

LOG_OUT = Statement(
    lambda: QueryString(
        "UPDATE sessions SET ended_at = {}, refresh_hash = '' WHERE id = {} AND ended_at IS NULL RETURNING id",
        Param(2), Param(1),
    )
)  # fmt: skip

END = Statement(
    lambda: (
        SessionRow.update({_S.ended_at: Param(3)})
        .where(_S.user_id == Param(1))
        .where(_S.id == Param(2))
        .where(_lives(Param(3)))
        .returning(_S.id)
    )
)

END_ALL = Statement(
    lambda: SessionRow.update({_S.ended_at: Param(2)}).where(_S.user_id == Param(1)).where(_lives(Param(2))).returning(_S.id)
)

# In the words of its index; LEAST passes over NULLs.
PRUNE = Pruning(
    SessionRow, lambda now: QueryString("LEAST({}, {}, {}) < {}", _S.ended_at, _S.expires_at, _S.idle_expires_at, now)
)


class PiccoloSessions(Sessions):
    """Fills ports.Sessions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, actor: Actor, window: Window) -> Slice[LiveSession]:
        """See ports.Sessions."""
        conditions = [
            Condition("owner", lambda user: _S.user_id == user, actor.id),
            Condition("live", _lives, self._clock.now()),
        ]
        return await LIST.page(self._database, conditions, window, lambda row: _session(row, actor))

    async def find(self, actor: Actor, reference: str) -> LiveSession:
        """See ports.Sessions."""
        session_id = parse_id(reference)
        if session_id is None:
            raise SessionNotFound
        row = await self._database.fetch_row(FIND, actor.id, session_id, self._clock.now())
        if row is None:
            raise SessionNotFound
        return _session(row, actor)

    async def add(self, session: Session, first: RefreshToken) -> None:
        """See ports.Sessions."""
        await self._database.fetch(
            ADD, session.id, session.user_id, session.created_at, session.expires_at, session.idle_expires_at, None,
            session.ip, session.user_agent, session.nonce, first.hash, None,
        )  # fmt: skip

    async def holder(self, session_id: UUID, user_id: UUID, now: datetime) -> Holder | None:
        """See ports.Sessions."""
        row = await self._database.fetch_row(HOLDER, session_id, user_id, now)
        return None if row is None else Holder(*row)

    async def nonce(self, session_id: UUID) -> bytes | None:
        """See ports.Sessions."""
        row = await self._database.fetch_row(NONCE, session_id)
        return None if row is None else row[0]

    async def rotate(self, newest: RefreshToken, child: RefreshToken, now: datetime, idle_expires_at: datetime) -> UUID | None:
        """See ports.Sessions."""
        row = await self._database.fetch_row(ROTATE, newest.session_id, newest.hash, child.hash, now, idle_expires_at)
        return None if row is None else row[0]

    async def lock(self, token: RefreshToken, now: datetime) -> Presented | None:
        """See ports.Sessions."""
        row = await self._database.fetch_row(LOCK, token.session_id, token.hash, now)
        return None if row is None else Presented(*row)

    async def end_for_reuse(self, session_id: UUID, now: datetime) -> None:
        """See ports.Sessions."""
        await self._database.fetch(END_FOR_REUSE, session_id, now)

    async def log_out(self, session_id: UUID, now: datetime) -> bool:
        """See ports.Sessions."""
        return await self._database.fetch_row(LOG_OUT, session_id, now) is not None

    async def end(self, user_id: UUID, session_id: UUID, now: datetime) -> bool:
        """See ports.Sessions."""
        return await self._database.fetch_row(END, user_id, session_id, now) is not None

    async def end_all(self, user_id: UUID, now: datetime) -> Sequence[UUID]:
        """See ports.Sessions."""
        return [row[0] for row in await self._database.fetch(END_ALL, user_id, now)]

    async def prune(self, before: datetime) -> None:
        """See ports.Sessions."""
        await PRUNE.run(self._database, before)


def _session(row: Iterable[Any], actor: Actor) -> LiveSession:
    session_id, device, ip, created_at, last_used_at, expires_at = row
    current = session_id == actor.session_id
    return LiveSession(session_id, device, ip, created_at, last_used_at, expires_at, current)
