"""Logging in and out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.accounts.addresses import canonical_email
from service.features.accounts.password_rules import normalized
from service.features.sessions.domain import AccountInactive, LoginFailed, Session, Tokens
from service.features.sessions.events import SessionClosed, SessionStarted

if TYPE_CHECKING:
    from datetime import timedelta

    from service.features.accounts.domain import Credentials
    from service.features.accounts.ports import Passwords, Users
    from service.features.sessions.ports import AccessTokens, Sessions
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork

# 256 bits, like the tokens that are derived with it.
_RANDOM_BYTES = 32


class Kit(Struct, frozen=True):
    """What logins work with."""

    unit_of_work: UnitOfWork
    users: Users
    sessions: Sessions
    passwords: Passwords
    access_tokens: AccessTokens
    outbox: Outbox
    clock: Clock
    ids: Ids


class Logins:
    """Starting a session with a password, and ending it."""

    def __init__(self, kit: Kit, lifetime: timedelta, idle_lifetime: timedelta) -> None:
        self._kit = kit
        self._lifetime = lifetime
        self._idle_lifetime = idle_lifetime

    async def login(self, actor: Actor, email: str, password: str) -> Tokens:
        """Start a session.

        Raises:
            Invalid: that is no e-mail address.
            LoginFailed: nobody has the address, or the password is another.
            AccountInactive: the password is right, the account deactivated.
            Unavailable: too many passwords wait to be hashed.
        """
        kit = self._kit
        _, canonical = canonical_email(email)
        password = normalized(password)
        known = await kit.users.credentials(canonical)
        right = await kit.passwords.verify(known.password_hash if known else None, password)
        if known is None or known.password_hash is None or not right:
            raise LoginFailed
        if not known.is_active:
            message = "This account is deactivated; an admin can activate it again."
            raise AccountInactive(message)
        rehashed = await kit.passwords.hash(password) if kit.passwords.needs_rehash(known.password_hash) else None
        return await kit.unit_of_work.run(lambda: self._start(actor, known, rehashed))

    async def logout(self, actor: Actor) -> None:
        """End the actor's session; its tokens are refused from the next request on."""
        kit = self._kit
        session_id = actor.session_id

        async def work() -> None:
            if session_id is not None and await kit.sessions.end(session_id, kit.clock.now()):
                ended = SessionClosed(subject_id=session_id, subject_version=2, data={"user_id": str(actor.id)})
                await kit.outbox.publish(actor, ended)

        await kit.unit_of_work.run(work)

    async def _start(self, actor: Actor, known: Credentials, rehashed: str | None) -> Tokens:
        kit = self._kit
        # While the password was verified it may have been changed and every session ended: this one must not outlive that.
        held = await (kit.users.hold(known) if rehashed is None else kit.users.replace_hash(known, rehashed))
        if not held:
            raise LoginFailed
        now = kit.clock.now()
        trace = actor.trace
        session = Session(
            id=kit.ids.new(),
            user_id=known.user_id,
            created_at=now,
            expires_at=now + self._lifetime,
            idle_expires_at=now + self._idle_lifetime,
            ip=trace.ip,
            user_agent=trace.user_agent,
            nonce=secrets.token_bytes(_RANDOM_BYTES),
        )
        refresh_secret = secrets.token_urlsafe(_RANDOM_BYTES)
        await kit.sessions.add(session, refresh_secret)
        started = SessionStarted(subject_id=session.id, subject_version=1, data={"user_id": str(known.user_id)})
        await kit.outbox.publish(actor, started)
        access_token = kit.access_tokens.issue(known.user_id, session.id, now)
        return Tokens(access_token, refresh_secret, None, "bearer", int(kit.access_tokens.lifetime.total_seconds()))
