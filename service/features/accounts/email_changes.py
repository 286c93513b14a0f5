"""Another e-mail address for an account: it becomes the account's once its owner opens a link that was mailed there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import MailedLink
from service.features.accounts.events import EmailChangeRequested, UserEmailChanged
from service.kernel.events import Change

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.accounts.mail_requests import MailDesk
    from service.features.accounts.one_time_links import OneTimeLinks, Spent
    from service.features.accounts.ports import OneTimeTokens
    from service.features.accounts.reauthentication import Reauthentication
    from service.features.accounts.throttling import LoginThrottle
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor

# The purpose of a token that proves a new address.
EMAIL = "email"
LINK_LIFETIME = timedelta(hours=24)


class EmailChanges:
    """What leads to a link: asking for the mail, and making its token.

    Whether another account has the address is found out by who reads its mail, and by nobody else.
    """

    def __init__(
        self,
        kit: Kit,
        tokens: OneTimeTokens,
        desk: MailDesk,
        reauthentication: Reauthentication,
        new_secret: Callable[[], str],
    ) -> None:
        self._kit = kit
        self._tokens = tokens
        self._desk = desk
        self._reauthentication = reauthentication
        self._new_secret = new_secret

    async def request(self, actor: Actor, new_email: str, password: str | None) -> None:
        """Have a link mailed to the new address.

        Raises:
            PasswordRequired: the password is missing or wrong.
            Invalid: that is no e-mail address.
            Unavailable: too many passwords wait to be hashed.
        """
        confirmed = await self._reauthentication.confirm(actor, password)

        async def work() -> None:
            await self._reauthentication.hold(confirmed)
            await self._desk.file(actor, EmailChangeRequested, new_email, user_id=actor.id)

        await self._kit.unit_of_work.run(work)

    async def issue(self, request_id: UUID) -> MailedLink | None:
        """A new token in place of earlier ones, None where the account is gone, inactive, or has another password meanwhile."""
        kit = self._kit

        async def work() -> MailedLink | None:
            request = await self._desk.find(request_id)
            state = None if request is None else await self._desk.owner(request)
            if request is None or state is None or not await self._desk.admit(request_id, request.address):
                return None
            secret, now = self._new_secret(), kit.clock.now()
            await self._tokens.void(state.id, EMAIL)
            await self._tokens.add(secret, state.id, EMAIL, now, now + LINK_LIFETIME, new_email=request.address)
            return MailedLink(request.address, state.locale, secret, LINK_LIFETIME)

        return await kit.unit_of_work.run(work)


class EmailLinks:
    """Making an address the account's own by a one-time token."""

    def __init__(self, kit: Kit, tokens: OneTimeTokens, links: OneTimeLinks, throttle: LoginThrottle) -> None:
        self._kit = kit
        self._tokens = tokens
        self._links = links
        self._throttle = throttle

    async def confirm(self, actor: Actor, token: str) -> None:
        """Make the address that the token was mailed to the account's own; voids all links, since they went to the old one.

        Nor are the devices known any more, since they were known for the old one.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
            EmailTaken: another account has the address; the token stays good.
        """
        kit = self._kit

        async def changed(spent: Spent) -> None:
            state, now = spent.account, spent.now
            email, canonical = canonical_email(spent.new_email or "")
            version = await kit.users.change_email(state, email, canonical, now)
            await self._tokens.void(state.id)
            _, former = canonical_email(state.email)
            await self._throttle.forget_devices(former)
            changes = {"email": Change(state.email, email), "email_verified_at": Change(state.email_verified_at, now)}
            event = UserEmailChanged(
                subject_id=state.id, subject_version=version, changes=changes, data={"locale": state.locale}
            )  # fmt: skip
            await kit.outbox.publish(actor, event)

        await self._links.spend(actor, token, EMAIL, changed)
