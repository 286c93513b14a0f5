"""Proving that an address is one's own, by a one-time token that is mailed there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.domain import MailedLink, UserNotFound
from service.features.accounts.events import EmailVerified, VerificationRequested
from service.kernel.events import Change

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.accounts.domain import UserState
    from service.features.accounts.mail_requests import MailDesk
    from service.features.accounts.one_time_links import OneTimeLinks, Spent
    from service.features.accounts.ports import OneTimeTokens
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor

# The purpose of a token that proves an address.
VERIFY = "verify"
LINK_LIFETIME = timedelta(hours=24)


class EmailVerification:
    """Making the token of the mail that follows a registration, and taking it."""

    def __init__(
        self, kit: Kit, tokens: OneTimeTokens, links: OneTimeLinks, desk: MailDesk, new_secret: Callable[[], str]
    ) -> None:
        self._kit = kit
        self._tokens = tokens
        self._links = links
        self._desk = desk
        self._new_secret = new_secret

    async def issue(self, user_id: UUID) -> MailedLink | None:
        """A new token in place of earlier ones, None where the account is gone, inactive or verified meanwhile."""
        kit = self._kit

        async def work() -> MailedLink | None:
            try:
                state = await kit.users.lock(user_id)
            except UserNotFound:
                return None
            return await self.issue_to(state, user_id)

        return await kit.unit_of_work.run(work)

    async def issue_to(self, state: UserState, cause_id: UUID) -> MailedLink | None:
        """As `issue`, in a unit of work that has locked the account; None also where the address had its share of mails."""
        if not state.is_active or state.email_verified_at is not None or not await self._desk.admit(cause_id, state.email):
            return None
        secret, now = self._new_secret(), self._kit.clock.now()
        await self._tokens.void(state.id, VERIFY)
        await self._tokens.add(secret, state.id, VERIFY, now, now + LINK_LIFETIME)
        return MailedLink(state.email, state.locale, secret, LINK_LIFETIME)

    async def confirm(self, actor: Actor, token: str) -> None:
        """Note that the token's owner reads what is mailed to the address.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
        """
        kit = self._kit

        async def verified(spent: Spent) -> None:
            state = spent.account
            version = await kit.users.change(state, {"email_verified_at": spent.now}, spent.now)
            changes = {"email_verified_at": Change(state.email_verified_at, spent.now)}
            await kit.outbox.publish(actor, EmailVerified(subject_id=state.id, subject_version=version, changes=changes))

        await self._links.spend(actor, token, VERIFY, verified)


class VerificationRequests:
    """Asking for another mail, by naming an address."""

    def __init__(self, kit: Kit, desk: MailDesk, verification: EmailVerification) -> None:
        self._kit = kit
        self._desk = desk
        self._verification = verification

    async def request(self, actor: Actor, email: str) -> None:
        """Have a mail sent to the address, if there is an account that waits for it; nobody learns whether.

        Raises:
            Invalid: that is no e-mail address.
        """
        await self._desk.file(actor, VerificationRequested, email)

    async def issue(self, request_id: UUID) -> MailedLink | None:
        """A new token in place of earlier ones, None where nobody waits for one."""

        async def work() -> MailedLink | None:
            state = await self._desk.account(request_id)
            return None if state is None else await self._verification.issue_to(state, request_id)

        return await self._kit.unit_of_work.run(work)
