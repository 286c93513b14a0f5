"""What is mailed when something has happened."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from service.features.notifications.letters import Letters
    from service.features.notifications.ports import (
        InvitationTokens,
        LinkTokens,
        MailRequests,
        NoticeAllowance,
        Recipients,
        Registrations,
    )
    from service.kernel.events import Event, PublishedEvent
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
        """Send its link to whom the event is about, if anybody waits for one.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
        """
        link = await self._tokens.issue(event.subject_id)
        if link is None:
            return
        address = f"{self._base_url}/{self.page}?token={link.token}"
        minutes = int(link.lifetime.total_seconds()) // 60
        mail = self._letters.write(self.kind, link.locale, link.email, link=address, minutes=minutes, hours=minutes // 60)
        await self._mailer.send(mail)


class VerificationMails(LinkMails):
    """Sends the link that proves an address."""

    kind = "verify-email"
    page = "verify-email"

    async def __call__(self, event: PublishedEvent) -> None:
        """Tell the account that registered.

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


class ResetMails(LinkMails):
    """Sends the link by which who has forgotten a password sets another."""

    kind = "reset-password"
    page = "reset-password"


class EmailChangeMails(LinkMails):
    """Sends the link that makes an address the account's own, to that address."""

    kind = "confirm-email-change"
    page = "confirm-email-change"


class RegistrationAttemptMails:
    """Makes the accounts of registrations that are answered alike; tells who has one already that somebody tried."""

    def __init__(self, registrations: Registrations, letters: Letters, mailer: Mailer) -> None:
        self._registrations = registrations
        self._letters = letters
        self._mailer = mailer

    async def __call__(self, event: PublishedEvent) -> None:
        """Settle the registration that the event is about.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
            EmailTaken: somebody else got the address just now; the next try tells the owner.
        """
        notice = await self._registrations.settle(event.subject_id, event.request_id)
        if notice is not None:
            await self._mailer.send(self._letters.write("registration-attempt", notice.locale, notice.email))


class EmailChangedMails:
    """Tells the old address of an account that it has another one now."""

    def __init__(self, letters: Letters, mailer: Mailer) -> None:
        self._letters = letters
        self._mailer = mailer

    async def __call__(self, event: PublishedEvent) -> None:
        """Write to the address that the event says was left.

        Raises:
            Unavailable: the mail doesn't work just now.
        """
        await self._mailer.send(self._letters.write("email-changed", event.data["locale"], event.changes["email"].old))


class SecurityNotices:
    """Tells the owner of an account what happened to it, so that a stranger who did it is noticed."""

    def __init__(
        self,
        kinds: Mapping[type[Event], str],
        recipients: Recipients,
        allowance: NoticeAllowance,
        letters: Letters,
        mailer: Mailer,
    ) -> None:
        """`kinds` says which templates tell of an event."""
        self._kinds = {event.type: kind for event, kind in kinds.items()}
        self._recipients = recipients
        self._allowance = allowance
        self._letters = letters
        self._mailer = mailer

    async def __call__(self, event: PublishedEvent) -> None:
        """Write to the address that the account has by now: when it was, and from where; never what the client calls itself.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
        """
        # A login from a device that is known is nothing to tell.
        if event.data.get("new_device") is False:
            return
        to = await self._recipients.find(UUID(event.data.get("user_id") or str(event.subject_id)), event)
        if to is None or ("new_device" in event.data and to.is_first):
            return
        # Whoever registers with the address of somebody else must not fill that mailbox by logging in again and again.
        if not to.is_verified and not await self._allowance.admit_notice(event.id, to.email):
            return
        until = event.data.get("locked_until")
        values = {"until": _shown(datetime.fromisoformat(until))} if until else {"when": _shown(event.time), "ip": to.ip}
        await self._mailer.send(self._letters.write(self._kinds[event.type], to.locale, to.email, **values))


def _shown(time: datetime) -> str:
    # The same in every language.
    return f"{time:%Y-%m-%d %H:%M} UTC"


class OnRequest:
    """Has a request handled, and then forgets it, and the address with it."""

    def __init__(self, handler: Callable[[PublishedEvent], Awaitable[None]], requests: MailRequests) -> None:
        self._handler = handler
        self._requests = requests

    async def __call__(self, event: PublishedEvent) -> None:
        """Handle the request that the event is about.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now; the request stays.
        """
        await self._handler(event)
        await self._requests.forget(event.subject_id)


class ProjectInvitationMails:
    """Sends the link by which somebody accepts an invitation to a project; of that it tells the key, since anyone names one."""

    def __init__(self, tokens: InvitationTokens, letters: Letters, mailer: Mailer, base_url: str) -> None:
        self._tokens = tokens
        self._letters = letters
        self._mailer = mailer
        self._base_url = base_url

    async def __call__(self, event: PublishedEvent) -> None:
        """Send the address that the invitation is for its link, unless it is over meanwhile.

        Raises:
            Unavailable: the mail, or the database, doesn't work just now.
        """
        link = await self._tokens.issue(event.subject_id)
        if link is None:
            return
        address = f"{self._base_url}/accept-invitation?token={link.token}"
        until = f"{link.expires_at:%Y-%m-%d %H:%M} UTC"
        await self._mailer.send(
            self._letters.write(
                "project-invitation", link.locale, link.email, link=address, until=until, project_key=link.project_key
            )
        )
