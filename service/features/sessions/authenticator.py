"""Finds the actor behind an access token, anew on every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.domain import Role
from service.features.sessions.domain import SessionEnded
from service.kernel.actor import Actor, Trace
from service.kernel.ports import Authenticator

if TYPE_CHECKING:
    from service.features.sessions.ports import AccessTokens, Sessions
    from service.kernel.ports import Clock


class SessionAuthenticator(Authenticator):
    """Fills the kernel's Authenticator with sessions."""

    def __init__(self, access_tokens: AccessTokens, sessions: Sessions, clock: Clock) -> None:
        self._access_tokens = access_tokens
        self._sessions = sessions
        self._clock = clock

    async def authenticate(self, token: str, trace: Trace) -> Actor:
        """The actor of a live session.

        Raises:
            Unauthenticated: the token is wrong or too old.
            SessionEnded: its session has ended, or its account is deactivated or gone.
        """
        now = self._clock.now()
        claims = self._access_tokens.verify(token, now)
        holder = await self._sessions.holder(claims.session_id, claims.user_id, now)
        if holder is None:
            message = "The session of this token has ended; log in again."
            raise SessionEnded(message)
        is_admin = holder.role == Role.ADMIN
        return Actor("user", trace, holder.user_id, claims.session_id, is_admin, holder.email, holder.full_name)
