"""Logging in, and ending sessions."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.accounts.addresses import canonical_email
from service.features.accounts.password_rules import normalized
from service.features.accounts.throttle_domain import LOCKED_DETAIL, Locked
from service.features.sessions.domain import (
    AccountInactive,
    EmailNotVerified,
    LoginFailed,
    LoginLocked,
    LoginTerms,
    Session,
    SessionNotFound,
    Tokens,
    Unverified,
)
from service.features.sessions.events import SessionClosed, SessionStarted
from service.features.sessions.refresh_tokens import SECRET_BYTES, RefreshToken
from service.kernel.errors import Unavailable
from service.kernel.preconditions import ANY, hold_unversioned
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.domain import Credentials
    from service.features.accounts.password_checks import PasswordChecks, Verified
    from service.features.accounts.ports import Passwords, Users
    from service.features.accounts.reauthentication import Reauthentication
    from service.features.accounts.throttle_domain import Attempt
    from service.features.accounts.throttling import LoginThrottle
    from service.features.second_factors.challenges import Challenges
    from service.features.second_factors.domain import MfaRequired
    from service.features.sessions.ports import AccessTokens, Sessions
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition

# 256 bits, like the tokens that are derived with it.
_NONCE_BYTES = 32


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

    def tokens(self, user_id: UUID, refresh_token: RefreshToken, now: datetime, device_token: str | None = None) -> Tokens:
        """The answer to a login, which also knows the device, or to a refresh, with a new access token."""
        access_token = self.access_tokens.issue(user_id, refresh_token.session_id, now)
        expires_in = int(self.access_tokens.lifetime.total_seconds())
        return Tokens(access_token, refresh_token.text, device_token, "bearer", expires_in)


class Logins:
    """Starting a session with a password."""

    def __init__(
        self, kit: Kit, checks: PasswordChecks, throttle: LoginThrottle, challenges: Challenges, terms: LoginTerms
    ) -> None:
        self._kit = kit
        self._checks = checks
        self._throttle = throttle
        self._challenges = challenges
        self._terms = terms

    async def login(self, actor: Actor, email: str, password: str, device_token: str | None = None) -> Tokens | MfaRequired:
        """Start a session, or ask for a code where the account has a second factor.

        Raises:
            Invalid: that is no e-mail address.
            LoginLocked: too many logins with the address, or from this device, have failed.
            LoginFailed: nobody has the address, or the password is another.
            AccountInactive: the password is right, the account deactivated.
            EmailNotVerified: the password is right, and the address must be verified first.
            Unavailable: too many passwords wait to be hashed.
        """
        # A storm of logins must not stand in the way of others at the pool only to be refused behind it.
        self._kit.passwords.require_room()
        _, canonical = canonical_email(email)
        verified = await self._verify(actor, canonical, password, device_token)
        await self._require_usable(actor, verified)
        rehashed = await self._rehashed(verified.credentials, password)
        answer = await self._kit.unit_of_work.run(lambda: self._let_in(actor, verified, rehashed, device_token))
        if answer is None:
            # While the password was verified it may have been changed and every session ended: a new one must not outlive that.
            raise await self._failed(actor, verified)
        return answer

    async def _verify(self, actor: Actor, canonical: str, password: str, device_token: str | None) -> Verified:
        checked = await self._checks.check(actor, canonical, password, reason=LoginFailed.code, device_token=device_token)
        if isinstance(checked, Locked):
            raise LoginLocked(LOCKED_DETAIL, retry_after=checked.retry_after)
        if checked is None:
            raise LoginFailed
        if self._terms.unverified is Unverified.CONCEALED and not checked.credentials.is_verified:
            # As with a wrong password in everything that can be seen, or the right one would tell who made the account.
            raise await self._failed(actor, checked)
        return checked

    async def _failed(self, actor: Actor, verified: Verified) -> LoginFailed:
        await self._throttle.fail(actor, verified.attempt, verified.credentials.user_id, LoginFailed.code)
        return LoginFailed()

    async def _require_usable(self, actor: Actor, verified: Verified) -> None:
        known = verified.credentials
        if not known.is_active:
            await self._throttle.refuse(actor, verified.attempt, known.user_id, AccountInactive.code)
            message = "This account is deactivated; an admin can activate it again."
            raise AccountInactive(message)
        if self._terms.unverified is Unverified.REFUSED and not known.is_verified:
            await self._throttle.refuse(actor, verified.attempt, known.user_id, EmailNotVerified.code)
            message = "Open the link in the verification mail first; POST /auth/verify-email/resend sends another one."
            raise EmailNotVerified(message)

    async def _rehashed(self, known: Credentials, password: str) -> str | None:
        passwords = self._kit.passwords
        if known.password_hash is None or not passwords.needs_rehash(known.password_hash):
            return None
        try:
            return await passwords.hash(normalized(password))
        except Unavailable:
            # The next login does it.
            return None

    async def _let_in(
        self, actor: Actor, verified: Verified, rehashed: str | None, device_token: str | None
    ) -> Tokens | MfaRequired | None:
        kit = self._kit
        known = verified.credentials
        if not await (kit.users.hold(known) if rehashed is None else kit.users.replace_hash(known, rehashed)):
            return None
        required = await self._challenges.pose(known.user_id, rehashed or known.password_hash or "", verified.attempt.device_id)
        if required is not None:
            # Not `succeed`: who knows the password only could try codes without end.
            await self._throttle.release(verified.attempt)
            return required
        return await self.start(actor, known.user_id, verified.attempt, device_token)

    async def start(self, actor: Actor, user_id: UUID, attempt: Attempt, device_token: str | None = None) -> Tokens:
        """Start a session, in the unit of work in which everything that its account asks for was found right."""
        kit = self._kit
        device_token = await self._throttle.remember_device(attempt, device_token)
        await self._throttle.succeed(attempt)
        now = kit.clock.now()
        session = self._session(actor, user_id, now)
        refresh_token = RefreshToken.first(session.id, secrets.token_bytes(SECRET_BYTES), session.nonce)
        await kit.sessions.add(session, refresh_token)
        data = {"user_id": str(user_id), "new_device": attempt.device_id is None}
        await kit.outbox.publish(actor, SessionStarted(subject_id=session.id, subject_version=1, data=data))
        return kit.tokens(user_id, refresh_token, now, device_token)

    def _session(self, actor: Actor, user_id: UUID, now: datetime) -> Session:
        return Session(
            id=self._kit.ids.new(),
            user_id=user_id,
            created_at=now,
            expires_at=now + self._terms.lifetime,
            idle_expires_at=now + self._terms.idle_lifetime,
            ip=actor.trace.ip,
            user_agent=actor.trace.user_agent,
            nonce=secrets.token_bytes(_NONCE_BYTES),
        )


class Logouts:
    """Ending sessions of one's own; their tokens are refused from the next request on."""

    def __init__(self, kit: Kit, reauthentication: Reauthentication) -> None:
        self._kit = kit
        self._reauthentication = reauthentication

    async def logout(self, actor: Actor) -> None:
        """End the session that the actor speaks in."""
        kit = self._kit
        session_id = actor.session_id

        async def work() -> None:
            if session_id is not None and await kit.sessions.log_out(session_id, kit.clock.now()):
                await kit.outbox.publish(actor, _closed(actor, session_id))

        await kit.unit_of_work.run(work)

    async def end(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """End one of the actor's sessions, of another device perhaps.

        Raises:
            SessionNotFound: the actor has no such session that lives.
            PreconditionFailed: it is asked for a version, and not by the session's tag.
        """
        kit = self._kit

        async def work() -> None:
            session_id = parse_id(reference)
            if session_id is None or not await kit.sessions.end(actor.id, session_id, kit.clock.now()):
                raise SessionNotFound
            hold_unversioned(precondition)
            await kit.outbox.publish(actor, _closed(actor, session_id))

        await kit.unit_of_work.run(work)

    async def logout_all(self, actor: Actor, password: str | None) -> None:
        """End every session of the actor's, this one too.

        Raises:
            PasswordRequired: the password is missing or wrong.
            Unavailable: too many passwords wait to be hashed.
        """
        kit = self._kit
        confirmed = await self._reauthentication.confirm(actor, password)

        async def work() -> None:
            # The account before its sessions, as in every unit.
            await self._reauthentication.hold(confirmed)
            ended = await kit.sessions.end_all(actor.id, kit.clock.now())
            await kit.outbox.publish(actor, *(_closed(actor, session_id) for session_id in ended))

        await kit.unit_of_work.run(work)


class PublicKeys:
    """What others verify access tokens with."""

    def __init__(self, access_tokens: AccessTokens, clock: Clock) -> None:
        self._access_tokens = access_tokens
        self._clock = clock

    def now_good(self) -> Sequence[tuple[str, bytes]]:
        """Kid and public Ed25519 key of each, the newest first; none where the ring's keys are secret ones."""
        return self._access_tokens.public_keys(self._clock.now())


def _closed(actor: Actor, session_id: UUID) -> SessionClosed:
    return SessionClosed(subject_id=session_id, subject_version=2, data={"user_id": str(actor.id)})
