"""Asking who is signed in for the password again, before something that must not be done with a stolen token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import PasswordRequired
from service.features.accounts.throttle_domain import LOCKED_DETAIL, Locked

if TYPE_CHECKING:
    from service.features.accounts.domain import Credentials
    from service.features.accounts.password_checks import PasswordChecks
    from service.features.accounts.ports import Users
    from service.features.accounts.throttle_domain import Attempt
    from service.features.accounts.throttling import LoginThrottle
    from service.kernel.actor import Actor


class Reauthentication:
    """Verifying the password of the actor's own account; slow, so never inside a unit of work."""

    def __init__(self, users: Users, checks: PasswordChecks, throttle: LoginThrottle) -> None:
        self._users = users
        self._checks = checks
        self._throttle = throttle

    async def confirm(self, actor: Actor, password: str | None) -> Credentials:
        """What was verified; whoever acts on it holds it in the unit of work (`hold`), since it may have changed meanwhile.

        A wrong password counts among the failed logins of the account's address, a missing one does not.

        Raises:
            PasswordRequired: the password is missing or wrong, or the address is locked.
            Unavailable: too many passwords wait to be hashed.
        """
        if password is None:
            raise PasswordRequired(EXPECTED)
        _, canonical = canonical_email(actor.email or "")
        checked = await self._checks.check(actor, canonical, password, reason=PasswordRequired.code, owner=actor.id)
        if isinstance(checked, Locked):
            raise PasswordRequired(LOCKED_DETAIL, retry_after=checked.retry_after)
        if checked is None:
            raise PasswordRequired(EXPECTED)
        await self._throttle.succeed(checked.attempt)
        return checked.credentials

    async def admit(self, actor: Actor) -> Attempt:
        """A try at a code of the actor's own, one of those that the account's address has; whoever made it settles it.

        Raises:
            PasswordRequired: the address is locked.
            Unavailable: too many tries with this address wait to be checked.
        """
        _, canonical = canonical_email(actor.email or "")
        admitted = await self._throttle.admit(actor, canonical)
        if isinstance(admitted, Locked):
            raise PasswordRequired(LOCKED_DETAIL, retry_after=admitted.retry_after)
        return admitted

    async def hold(self, confirmed: Credentials) -> None:
        """In the unit of work: keep the account and its password as they were confirmed, until it ends.

        Raises:
            PasswordRequired: the password was changed a moment ago.
        """
        if not await self._users.hold(confirmed):
            raise PasswordRequired(EXPECTED)


EXPECTED = "Send the present password of your account with this; it is missing or wrong."
