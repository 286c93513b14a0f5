"""What is mailed when something has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from service.features.notifications.letters import Letters
    from service.features.notifications.ports import LinkTokens
    from service.kernel.events import PublishedEvent
    from service.kernel.mail import Mailer


class LinkMails:
    """Sends one-time links; a token is made here, so that none waits in a delivery."""

    # The templates, and the page of a front end that the link opens.
    kind: ClassVar[str]
    page: ClassVar[str]

    def __init__(self, tokens: LinkTokens, letters: Letters, mailer: Mailer, base_url: str) -> None:
        self._tokens = tokens
        self._letters = letters
        self._mailer = mailer
        self._base_url = base_url

    async def __call__(self, event: PublishedEvent) -> None:
        """Send the account that the event tells of its link, if it waits for one.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
        """
        link = await self._tokens.issue(event.subject_id)
        if link is None:
            return
        address = f"{self._base_url}/{self.page}?token={link.token}"
        hours = int(link.lifetime.total_seconds()) // 3600
        await self._mailer.send(self._letters.write(self.kind, link.locale, link.email, link=address, hours=hours))


class VerificationMails(LinkMails):
    """Sends the link that proves an address."""

    kind = "verify-email"
    page = "verify-email"

    async def __call__(self, event: PublishedEvent) -> None:
        """Tell the account that registered, or asked again.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
        """
        # The operator hands a link over that sets the password, and that proves the address too.
        if event.actor_kind != "system":
            await super().__call__(event)


class InvitationMails(LinkMails):
    """Sends the link by which the owner of an account that an admin made sets its password."""

    kind = "set-password"
    page = "reset-password"
