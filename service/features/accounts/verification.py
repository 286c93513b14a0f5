"""Proving that an address is one's own, by a one-time token that is mailed there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import InvalidToken, MailedLink, UserNotFound
from service.features.accounts.events import EmailVerified, VerificationRequested
from service.kernel.events import Change

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.accounts.domain import UserState
    from service.features.accounts.ports import OneTimeTokens
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor

# The purpose of a token that proves an address.
VERIFY = "verify"
LINK_LIFETIME = timedelta(hours=24)


class EmailVerification:
    """Asking for the mail, making its token, and taking it."""

    def __init__(self, kit: Kit, tokens: OneTimeTokens, new_secret: Callable[[], str]) -> None:
        self._kit = kit
        self._tokens = tokens
        self._new_secret = new_secret

    async def request(self, actor: Actor, email: str) -> None:
        """Have a mail sent to the address, if there is an account that waits for it; nobody learns whether.

        Raises:
            Invalid: that is no e-mail address.
        """
        _, canonical = canonical_email(email)
        kit = self._kit
        # A trace of its own: the answer's change cursor would tell that there was something to write.
        actor = replace(actor, trace=replace(actor.trace))

        async def work() -> None:
            state = await kit.users.lock_by_email(canonical)
            if state is not None and _waits(state):
                await kit.outbox.publish(actor, VerificationRequested(subject_id=state.id, subject_version=state.version))

        await kit.unit_of_work.run(work)

    async def issue(self, user_id: UUID) -> MailedLink | None:
        """A new token in place of earlier ones, None where the account is gone, inactive or verified meanwhile."""
        secret = self._new_secret()
        kit = self._kit

        async def work() -> MailedLink | None:
            now = kit.clock.now()
            try:
                state = await kit.users.lock(user_id)
            except UserNotFound:
                return None
            if not _waits(state):
                return None
            await self._tokens.void(state.id, VERIFY)
            await self._tokens.add(secret, state.id, VERIFY, now, now + LINK_LIFETIME)
            return MailedLink(state.email, state.locale, secret, LINK_LIFETIME)

        return await kit.unit_of_work.run(work)

    async def confirm(self, actor: Actor, token: str) -> None:
        """Note that the token's owner reads what is mailed to the address.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
        """
        kit = self._kit

        async def work() -> None:
            now = kit.clock.now()
            owner = await self._tokens.owner(token, VERIFY, now)
            if owner is None:
                raise _unusable()
            # The account before its tokens, as in every unit, so that two of them never wait for each other.
            state = await kit.users.lock(owner.id)
            if not await self._tokens.use(token, VERIFY, now):
                raise _unusable()
            version = await kit.users.change(state, {"email_verified_at": now}, now)
            changes = {"email_verified_at": Change(state.email_verified_at, now)}
            await kit.outbox.publish(actor, EmailVerified(subject_id=state.id, subject_version=version, changes=changes))

        await kit.unit_of_work.run(work)


def _waits(state: UserState) -> bool:
    return state.is_active and state.email_verified_at is None


def _unusable() -> InvalidToken:
    return InvalidToken("This link was used already, is too old, or never was one; ask for a new verification mail.")
