"""Accounts that admins make for others, who set the password by a mailed link."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import MailedLink, Role, User, UserNotFound, newcomer
from service.features.accounts.events import UserInvited
from service.features.accounts.use_cases import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.accounts.ports import OneTimeTokens
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor

# Nobody waits for this mail, so it lives as long as the link of a verification mail.
LINK_LIFETIME = timedelta(hours=24)


class UserInvitations:
    """Making the account, and the token of its mail."""

    def __init__(self, kit: Kit, tokens: OneTimeTokens, new_secret: Callable[[], str]) -> None:
        self._kit = kit
        self._tokens = tokens
        self._new_secret = new_secret

    async def invite(self, actor: Actor, email: str, full_name: str | None, role: Role) -> User:
        """Make an account without a password, whether or not people may register themselves.

        Raises:
            Invalid: that is no e-mail address.
            EmailTaken: the address has an account.
        """
        stored, canonical = canonical_email(email)
        kit = self._kit

        async def work() -> User:
            user = newcomer(kit.ids.new(), stored, full_name, role, kit.clock.now())
            await kit.users.add(user, canonical, None)
            invited = UserInvited(subject_id=user.id, subject_version=user.version, data={"role": user.role})
            await kit.outbox.publish(actor, invited)
            return user

        return await kit.unit_of_work.run(work)

    async def issue(self, user_id: UUID) -> MailedLink | None:
        """A new token in place of earlier ones, None where the account is gone, inactive or has a password meanwhile."""
        secret = self._new_secret()
        kit = self._kit

        async def work() -> MailedLink | None:
            now = kit.clock.now()
            try:
                state = await kit.users.lock(user_id)
            except UserNotFound:
                return None
            _, canonical = canonical_email(state.email)
            known = await kit.users.credentials(canonical)
            if not state.is_active or known is None or known.password_hash is not None:
                return None
            await self._tokens.void(state.id, PASSWORD)
            await self._tokens.add(secret, state.id, PASSWORD, now, now + LINK_LIFETIME)
            return MailedLink(state.email, state.locale, secret, LINK_LIFETIME)

        return await kit.unit_of_work.run(work)
