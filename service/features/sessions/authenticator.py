"""Finds the actor behind a token, anew on every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.domain import Role
from service.features.personal_tokens.domain import PREFIX
from service.features.sessions.domain import SessionEnded
from service.kernel.actor import Actor, Trace
from service.kernel.ports import Authenticator

if TYPE_CHECKING:
    from service.features.sessions.ports import AccessTokens, Sessions
    from service.kernel.ports import Clock


class SessionAuthenticator(Authenticator):
    """Fills the kernel's Authenticator with sessions, and passes personal access tokens on."""

    def __init__(self, access_tokens: AccessTokens, sessions: Sessions, clock: Clock, personal_tokens: Authenticator) -> None:
        self._access_tokens = access_tokens
        self._sessions = sessions
        self._clock = clock
        self._personal_tokens = personal_tokens

    async def authenticate(self, token: str, trace: Trace) -> Actor:
        """The actor of a live session, or of a good personal access token.

        Raises:
            Unauthenticated: the token is wrong, too old or revoked.
            SessionEnded: its session has ended, or its account is deactivated or gone.
        """
        if token.startswith(PREFIX):
            return await self._personal_tokens.authenticate(token, trace)
        now = self._clock.now()
        claims = self._access_tokens.verify(token, now)
        holder = await self._sessions.holder(claims.session_id, claims.user_id, now)
        if holder is None:
            message = "The session of this token has ended; log in again."
            raise SessionEnded(message)
        is_admin = holder.role == Role.ADMIN
        return Actor("user", trace, holder.user_id, claims.session_id, is_admin, holder.email, holder.full_name)
