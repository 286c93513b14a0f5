"""Sessions and access tokens in memory: fakes of the ports, for tests of use cases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from service.features.sessions.domain import Holder, LiveSession, Presented, Session, SessionNotFound
from service.features.sessions.ports import AccessTokens, Sessions
from service.kernel.actor import Actor, Trace
from service.kernel.errors import Unauthenticated
from service.kernel.paging import Slice, Window
from service.kernel.ports import Authenticator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from service.features.sessions.refresh_tokens import RefreshToken


class FakeSessions(Sessions):
    """Sessions by their id, who holds the live ones, and what is known of their refresh tokens."""

    def __init__(self) -> None:
        self.sessions: dict[UUID, Session] = {}
        # The newest hash, the one before it, and when that was replaced.
        self.hashes: dict[UUID, tuple[str, str | None, datetime]] = {}
        self.idle_expires_at: dict[UUID, datetime] = {}
        self.holders: dict[tuple[UUID, UUID], Holder] = {}
        self.ended: dict[UUID, datetime] = {}
        self.reuse_detected_at: dict[UUID, datetime] = {}

    async def page(self, actor: Actor, window: Window) -> Slice[LiveSession]:
        return Slice([])

    async def find(self, actor: Actor, reference: str) -> LiveSession:
        raise SessionNotFound

    async def add(self, session: Session, first: RefreshToken) -> None:
        self.sessions[session.id] = session
        self.hashes[session.id] = first.hash, None, session.created_at
        self.idle_expires_at[session.id] = session.idle_expires_at

    async def holder(self, session_id: UUID, user_id: UUID, now: datetime) -> Holder | None:
        return None if session_id in self.ended else self.holders.get((session_id, user_id))

    async def nonce(self, session_id: UUID) -> bytes | None:
        session = self.sessions.get(session_id)
        return None if session is None else session.nonce

    async def rotate(self, newest: RefreshToken, child: RefreshToken, now: datetime, idle_expires_at: datetime) -> UUID | None:
        session_id = newest.session_id
        if self.hashes[session_id][0] != newest.hash or not self._lives(session_id, now):
            return None
        self.hashes[session_id] = child.hash, newest.hash, now
        self.idle_expires_at[session_id] = idle_expires_at
        return self.sessions[session_id].user_id

    async def lock(self, token: RefreshToken, now: datetime) -> Presented | None:
        session = self.sessions.get(token.session_id)
        if session is None:
            return None
        newest, parent, rotated_at = self.hashes[session.id]
        return Presented(
            session.user_id, token.hash == newest, token.hash == parent, newest, rotated_at,
            self._lives(session.id, now), session.id in self.ended, session.id in self.reuse_detected_at,
        )  # fmt: skip

    async def end_for_reuse(self, session_id: UUID, now: datetime) -> None:
        self.ended.setdefault(session_id, now)
        self.reuse_detected_at[session_id] = now

    async def log_out(self, session_id: UUID, now: datetime) -> bool:
        if session_id in self.ended:
            return False
        self.ended[session_id] = now
        if session_id in self.hashes:
            self.hashes[session_id] = "", *self.hashes[session_id][1:]
        return True

    async def end(self, user_id: UUID, session_id: UUID, now: datetime) -> bool:
        session = self.sessions.get(session_id)
        if session is None or session.user_id != user_id or not self._lives(session_id, now):
            return False
        self.ended[session_id] = now
        return True

    async def end_all(self, user_id: UUID, now: datetime) -> Sequence[UUID]:
        return [session_id for session_id in self.sessions if await self.end(user_id, session_id, now)]

    async def prune(self, before: datetime) -> None:
        for session_id in [id_ for id_, ended in self.ended.items() if ended < before]:
            del self.sessions[session_id]

    def _lives(self, session_id: UUID, now: datetime) -> bool:
        last = min(self.sessions[session_id].expires_at, self.idle_expires_at[session_id])
        return session_id not in self.ended and now < last


class FakeClaims:
    """Whom a token stands for."""

    def __init__(self, user_id: UUID, session_id: UUID) -> None:
        self.user_id = user_id
        self.session_id = session_id


class FakeAccessTokens(AccessTokens):
    """A token is both ids, readable; the newest key stands first."""

    lifetime = timedelta(minutes=10)

    def __init__(self) -> None:
        self.keys = [b"k" * 32]

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> str:
        return f"{user_id} {session_id}"

    def verify(self, token: str, now: datetime) -> FakeClaims:
        user_id, separator, session_id = token.partition(" ")
        if not separator:
            raise Unauthenticated
        return FakeClaims(UUID(user_id), UUID(session_id))

    def refresh_keys(self) -> Sequence[bytes]:
        return list(self.keys)

    def public_keys(self, now: datetime) -> Sequence[tuple[str, bytes]]:
        return [(now.isoformat(), key) for key in self.keys]


class FakeAuthenticator(Authenticator):
    """Knows every token, and nobody behind it but a kind."""

    async def authenticate(self, token: str, trace: Trace) -> Actor:
        return Actor("token", trace)
