"""Sessions stored by the repository itself, with the people and the refresh tokens that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from service.features.accounts.domain import Role, newcomer
from service.features.accounts.repository import PiccoloUsers
from service.features.sessions.domain import Session
from service.features.sessions.refresh_tokens import RefreshToken
from service.kernel.actor import Actor, Trace

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.adapters.database import Database
    from service.features.sessions.repository import PiccoloSessions

KEY, NONCE = b"k" * 32, b"n" * 32


@dataclass
class Stored:
    """A session, its owner as an actor in it, and its refresh tokens."""

    session: Session
    actor: Actor
    first: RefreshToken

    @property
    def child(self) -> RefreshToken:
        """The token after the first."""
        return self.first.child(KEY, NONCE)


async def a_session(sessions: PiccoloSessions, user_id: UUID, now: datetime) -> Stored:
    """One more session of somebody's."""
    session = Session(uuid4(), user_id, now, now + timedelta(days=30), now + timedelta(days=14), "192.0.2.7", "Firefox", NONCE)
    first = RefreshToken.first(session.id, b"s" * 32, NONCE)
    await sessions.add(session, first)
    return Stored(session, Actor("user", Trace("request-0001"), user_id, session.id), first)


async def a_session_of(name: str, role: Role, database: Database, sessions: PiccoloSessions, now: datetime) -> Stored:
    """The first session of somebody new."""
    email = f"{name.lower()}@example.com"
    user = newcomer(uuid4(), email, name, role, now)
    await PiccoloUsers(database).add(user, email, "hash")
    return await a_session(sessions, user.id, now)
