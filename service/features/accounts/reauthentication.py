"""Asking who is signed in for the password again, before something that must not be done with a stolen token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import PasswordRequired
from service.features.accounts.password_rules import normalized

if TYPE_CHECKING:
    from service.features.accounts.domain import Credentials
    from service.features.accounts.ports import Passwords, Users
    from service.kernel.actor import Actor


class Reauthentication:
    """Verifying the password of the actor's own account; slow, so never inside a unit of work."""

    def __init__(self, users: Users, passwords: Passwords) -> None:
        self._users = users
        self._passwords = passwords

    async def confirm(self, actor: Actor, password: str | None) -> Credentials:
        """What was verified; whoever acts on it holds it in the unit of work (`hold`), since it may have changed meanwhile.

        Raises:
            PasswordRequired: the password is missing or wrong.
            Unavailable: too many passwords wait to be hashed.
        """
        if password is None:
            raise PasswordRequired(EXPECTED)
        _, canonical = canonical_email(actor.email or "")
        known = await self._users.credentials(canonical)
        right = await self._passwords.verify(known.password_hash if known else None, normalized(password))
        # The address may be another person's by now.
        if known is None or known.user_id != actor.id or not right:
            raise PasswordRequired(EXPECTED)
        return known

    async def hold(self, confirmed: Credentials) -> None:
        """In the unit of work: keep the account and its password as they were confirmed, until it ends.

        Raises:
            PasswordRequired: the password was changed a moment ago.
        """
        if not await self._users.hold(confirmed):
            raise PasswordRequired(EXPECTED)


EXPECTED = "Send the password of your account as `password` to do this."
