"""What people and operators do with accounts, each as one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from service.features.accounts.addresses import address_digest, canonical_email
from service.features.accounts.domain import (
    EmailTaken,
    NotYourProfile,
    RegistrationClosed,
    Role,
    User,
    UserNotFound,
    UserState,
    newcomer,
)
from service.features.accounts.events import AdminAppointed, PasswordSet, UserRegistered, UserUpdated
from service.features.accounts.ports import Registrar
from service.kernel.audit import AuditEntry
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from service.features.accounts.one_time_links import OneTimeLinks, Spent
    from service.features.accounts.password_rules import PasswordRules
    from service.features.accounts.ports import OneTimeTokens, Passwords, Users
    from service.features.accounts.throttling import LoginThrottle
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork, Vault
    from service.kernel.preconditions import Precondition

# The purpose of a link that sets a password.
PASSWORD = "password"  # noqa: S105  (a word, not a secret)
# An operator may hand the link over by hand; one that is mailed lives 30 minutes.
ADMIN_LINK_LIFETIME = timedelta(hours=24)


class Kit(Struct, frozen=True):
    """What every write here works with."""

    unit_of_work: UnitOfWork
    users: Users
    outbox: Outbox
    clock: Clock
    ids: Ids


class UserWrites(Registrar):
    """Registering, and changing a profile."""

    def __init__(self, kit: Kit, passwords: Passwords, rules: PasswordRules, vault: Vault, *, registration_is_open: bool) -> None:
        self._kit = kit
        self._passwords = passwords
        self._rules = rules
        self._vault = vault
        self._is_open = registration_is_open

    async def register(self, actor: Actor, email: str, password: str, full_name: str | None) -> User:
        """Make an account for whoever asks.

        Raises:
            RegistrationClosed: only admins make accounts here.
            Invalid: the address or the password is not acceptable.
            EmailTaken: the address has an account.
            Unavailable: too many passwords wait to be hashed.
        """
        kit = self._kit
        stored, canonical = canonical_email(email)
        if not self._is_open:
            await kit.unit_of_work.run(lambda: self._turned_away(actor, canonical))
            message = "Registration is closed on this instance; ask an admin for an account."
            raise RegistrationClosed(message)
        hashed = await self._passwords.hash(self._rules.accept(password, stored, full_name))

        async def work() -> User:
            user = newcomer(kit.ids.new(), stored, full_name, Role.USER, kit.clock.now())
            await kit.users.add(user, canonical, hashed)
            await kit.outbox.publish(actor, registered(user))
            return user

        try:
            return await kit.unit_of_work.run(work)
        except EmailTaken:
            # In a unit of its own, since the refusal undid the first. Whoever tries addresses here learns who has an account.
            await kit.unit_of_work.run(lambda: self._refused(actor, canonical))
            raise

    async def _turned_away(self, actor: Actor, canonical: str) -> None:
        # By the digest, whether or not somebody has the address: who may register does not depend on it.
        digest = address_digest(self._vault, canonical)
        reason = RegistrationClosed.code
        entry = AuditEntry(action="registration.refused", target_type="user", target_digest=digest, reason=reason)
        await self._kit.outbox.record(actor, entry)

    async def _refused(self, actor: Actor, canonical: str) -> None:
        owner = await self._kit.users.credentials(canonical)
        target_id = None if owner is None else owner.user_id
        entry = AuditEntry(action="registration.refused", target_type="user", target_id=target_id, reason=EmailTaken.code)
        await self._kit.outbox.record(actor, entry)

    async def update(self, actor: Actor, reference: str, wanted: Mapping[str, Any], precondition: Precondition = ANY) -> User:
        """Give fields of a profile new values; values that it has already change nothing.

        Raises:
            UserNotFound: there is no such account, or none that the actor may see.
            NotYourProfile: the actor sees somebody else there, and is no admin.
            PreconditionFailed: the account has changed since the client read it.
        """
        kit = self._kit

        async def work() -> User:
            user_id = parse_id(reference)
            if user_id is None:
                raise UserNotFound
            if user_id != actor.user_id and not actor.is_admin:
                await kit.users.find(actor, reference)
                message = "Only the person and admins change a profile."
                raise NotYourProfile(message, required_role="admin")
            state = await kit.users.lock(user_id)
            await hold(precondition, state, kit.outbox, sent=wanted)
            await apply_changes(kit, actor, state, wanted, UserUpdated)
            return await kit.users.whole(user_id)

        return await kit.unit_of_work.run(work)


class PasswordLinks:
    """Setting a password by a one-time token."""

    def __init__(
        self,
        kit: Kit,
        tokens: OneTimeTokens,
        links: OneTimeLinks,
        passwords: Passwords,
        rules: PasswordRules,
        throttle: LoginThrottle,
    ) -> None:
        self._kit = kit
        self._tokens = tokens
        self._links = links
        self._passwords = passwords
        self._rules = rules
        self._throttle = throttle

    async def confirm(self, actor: Actor, token: str, new_password: str) -> None:
        """Set the password of the token's owner, verifying and unlocking the address; sessions, personal tokens and links end.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
            Invalid: the password is not acceptable; the token stays good.
            Unavailable: too many passwords wait to be hashed.
        """
        kit = self._kit
        owner = await self._links.owner(actor, token, PASSWORD)
        accepted = self._rules.accept(new_password, owner.email, owner.full_name, pointer="/new_password")
        hashed = await self._passwords.hash(accepted)

        async def password_set(spent: Spent) -> None:
            state, now = spent.account, spent.now
            # Also what somebody left who registered the address and never proved it: nothing of that opens the account now, or
            # keeps its owner out.
            await self._tokens.void(state.id)
            await kit.users.end_sessions(state.id, now)
            await kit.users.revoke_tokens(state.id, now)
            changes = {"password_hash": hashed, "email_verified_at": state.email_verified_at or now}
            if state.email_verified_at is None:
                await kit.users.drop_second_factor(state.id)
                changes["mfa_enabled"] = False
            await apply_changes(kit, actor, state, changes, PasswordSet)
            _, canonical = canonical_email(state.email)
            await self._throttle.lift(canonical)
            await self._throttle.forget_devices(canonical)

        await self._links.spend(actor, token, PASSWORD, password_set)


class Administrators:
    """Making admins from the command line."""

    def __init__(self, kit: Kit, tokens: OneTimeTokens, new_secret: Callable[[], str], base_url: str) -> None:
        self._kit = kit
        self._tokens = tokens
        self._new_secret = new_secret
        self._base_url = base_url

    async def create(self, actor: Actor, email: str, *, promote: bool) -> str:
        """A link by which an admin sets a password; for an address without an account, one is made.

        `promote` is what an existing account needs: its sessions, personal tokens, password and second factor end, and it
        is active again.

        Raises:
            Invalid: that is no e-mail address.
            EmailTaken: the address has an account and `promote` is not said.
        """
        stored, canonical = canonical_email(email)
        secret = self._new_secret()
        kit = self._kit

        async def work() -> str:
            now = kit.clock.now()
            state = await kit.users.lock_by_email(canonical)
            if state is None:
                user = newcomer(kit.ids.new(), stored, None, Role.ADMIN, now)
                await kit.users.add(user, canonical, None)
                await kit.outbox.publish(actor, registered(user))
                user_id = user.id
            else:
                await self._appoint(actor, state, now, promote=promote)
                user_id = state.id
            await self._tokens.add(secret, user_id, PASSWORD, now, now + ADMIN_LINK_LIFETIME)
            return f"{self._base_url}/reset-password?token={secret}"

        return await kit.unit_of_work.run(work)

    async def _appoint(self, actor: Actor, state: UserState, now: datetime, *, promote: bool) -> None:
        if not promote:
            message = f"{state.email} has an account; say --promote to end its sessions and make it an admin's."
            raise EmailTaken(message)
        await self._kit.users.end_sessions(state.id, now)
        await self._kit.users.revoke_tokens(state.id, now)
        await self._tokens.void(state.id)
        # Whoever registered the address first may not be its owner: only the link's reader sets the password.
        await self._kit.users.drop_second_factor(state.id)
        wanted = {"role": Role.ADMIN, "is_active": True, "password_hash": None, "mfa_enabled": False}
        await apply_changes(self._kit, actor, state, wanted, AdminAppointed)


def registered(user: User) -> UserRegistered:
    """What is told of a new account."""
    return UserRegistered(subject_id=user.id, subject_version=user.version, data={"role": user.role})


async def apply_changes(kit: Kit, actor: Actor, state: UserState, wanted: Mapping[str, Any], event: type[Event]) -> None:
    """Store what differs from the locked row and tell of it; where nothing does, version and events stay."""
    # A hash differs from the one before, and neither is anything to tell.
    shown = {name: value for name, value in wanted.items() if name != "password_hash"}
    changes = {name: Change(getattr(state, name), value) for name, value in shown.items() if getattr(state, name) != value}
    stored = {name: value for name, value in wanted.items() if name in changes or name not in shown}
    if not stored:
        return
    version = await kit.users.change(state, stored, kit.clock.now())
    await kit.outbox.publish(actor, event(subject_id=state.id, subject_version=version, changes=changes))
