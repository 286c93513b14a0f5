"""Finds the actor behind a personal access token, anew on every request."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.personal_tokens.domain import PersonalTokenRefused, hash_of, is_whole
from service.kernel.actor import Actor, Scope, Trace
from service.kernel.audit import AuditEntry
from service.kernel.ports import Authenticator

if TYPE_CHECKING:
    from datetime import datetime

    from service.features.personal_tokens.domain import Bearer
    from service.features.personal_tokens.ports import PersonalTokens
    from service.kernel.ports import Clock, Outbox, UnitOfWork

# A forgotten script asks every minute with its expired token; the audit is told of it as often as this.
TOLD_EVERY = timedelta(hours=1)


class PersonalTokenAuthenticator(Authenticator):
    """Fills the kernel's Authenticator with personal access tokens."""

    def __init__(self, unit_of_work: UnitOfWork, tokens: PersonalTokens, outbox: Outbox, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._tokens = tokens
        self._outbox = outbox
        self._clock = clock

    async def authenticate(self, token: str, trace: Trace) -> Actor:
        """The owner of a good token, with what the token may do.

        Raises:
            PersonalTokenRefused: it was never given out, has expired or was revoked, or the account may not be used.
        """
        now = self._clock.now()
        bearer = await self._tokens.bearer(hash_of(token), now) if is_whole(token) else None
        if bearer is None:
            message = "This is no personal access token of this service, or not all of it."
            raise PersonalTokenRefused(message)
        fault = bearer.fault(now)
        if fault is not None:
            await self._tell(bearer, fault, trace, now)
            message = "This personal access token has expired or was revoked; its owner can make another."
            raise PersonalTokenRefused(message)
        # An admin's token acts as an admin only where it says so, and never where it is narrowed to projects.
        is_admin = bearer.is_admin and Scope.ADMIN in bearer.scopes and bearer.project_ids is None
        return Actor(
            "token", trace, bearer.user_id, None, is_admin, bearer.email, bearer.full_name,
            bearer.scopes, bearer.token_id, bearer.project_ids,
        )  # fmt: skip

    async def _tell(self, bearer: Bearer, fault: str, trace: Trace, now: datetime) -> None:
        before = now - TOLD_EVERY
        if bearer.refused_at is not None and bearer.refused_at > before:
            return

        async def work() -> None:
            if await self._tokens.note_refusal(bearer.token_id, now, before):
                entry = AuditEntry(
                    action="personal_token.refused", target_type="personal_token", target_id=bearer.token_id, reason=fault
                )  # fmt: skip
                # Whoever sent it is not signed in, so nobody is said to have done it.
                await self._outbox.record(Actor.anonymous(trace), entry)

        await self._unit_of_work.run(work)
