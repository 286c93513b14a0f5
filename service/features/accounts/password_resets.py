"""A new password for who has forgotten it: asking for the mail, and making its one-time token."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.domain import MailedLink
from service.features.accounts.events import PasswordResetRequested
from service.features.accounts.use_cases import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.accounts.mail_requests import MailDesk
    from service.features.accounts.ports import OneTimeTokens
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor

# ASVS 5.0 leaves it to us; who asks is waiting for the mail.
LINK_LIFETIME = timedelta(minutes=30)


class PasswordResets:
    """What leads to a link; using it is `use_cases.PasswordLinks`."""

    def __init__(self, kit: Kit, tokens: OneTimeTokens, desk: MailDesk, new_secret: Callable[[], str]) -> None:
        self._kit = kit
        self._tokens = tokens
        self._desk = desk
        self._new_secret = new_secret

    async def request(self, actor: Actor, email: str) -> None:
        """Have a link mailed to the address, if it has an active account; nobody learns whether.

        Raises:
            Invalid: that is no e-mail address.
        """
        await self._desk.file(actor, PasswordResetRequested, email)

    async def issue(self, request_id: UUID) -> MailedLink | None:
        """A new token, None where there is no active account or the address had its share of mails.

        Earlier ones stay good for their half hour, and a link of an operator or admin for its day: strangers, who can
        ask for this as well, would take them away.
        """
        kit = self._kit

        async def work() -> MailedLink | None:
            state = await self._desk.account(request_id)
            if state is None or not await self._desk.admit(request_id, state.email):
                return None
            secret, now = self._new_secret(), kit.clock.now()
            await self._tokens.add(secret, state.id, PASSWORD, now, now + LINK_LIFETIME)
            return MailedLink(state.email, state.locale, secret, LINK_LIFETIME)

        return await kit.unit_of_work.run(work)
