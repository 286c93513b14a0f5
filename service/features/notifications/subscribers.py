"""What is mailed when something has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.features.notifications.letters import Letters
    from service.features.notifications.ports import Verifications
    from service.kernel.events import PublishedEvent
    from service.kernel.mail import Mailer


class VerificationMails:
    """Sends the link that proves an address; its token is made here, so that none waits in a delivery."""

    def __init__(self, verifications: Verifications, letters: Letters, mailer: Mailer, base_url: str) -> None:
        self._verifications = verifications
        self._letters = letters
        self._mailer = mailer
        self._base_url = base_url

    async def __call__(self, event: PublishedEvent) -> None:
        """Tell the account that registered, or asked again.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
        """
        if event.actor_kind == "system":
            # The operator hands a link over that sets the password, and that proves the address too.
            return
        link = await self._verifications.issue(event.subject_id)
        if link is None:
            return
        address = f"{self._base_url}/verify-email?token={link.token}"
        hours = int(link.lifetime.total_seconds()) // 3600
        await self._mailer.send(self._letters.write("verify-email", link.locale, link.email, link=address, hours=hours))
