"""Checking the password that somebody sends for an address, as one of the tries that the address has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.accounts.domain import Credentials
from service.features.accounts.password_rules import normalized
from service.features.accounts.throttle_domain import Attempt, Locked
from service.kernel.errors import Unavailable

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.ports import Passwords, Users
    from service.features.accounts.throttling import LoginThrottle
    from service.kernel.actor import Actor


class Verified(Struct, frozen=True):
    """A right password, and the try that is still to be settled."""

    credentials: Credentials
    attempt: Attempt


class PasswordChecks:
    """Admits, verifies and counts; slow, so never inside a unit of work."""

    def __init__(self, users: Users, passwords: Passwords, throttle: LoginThrottle) -> None:
        self._users = users
        self._passwords = passwords
        self._throttle = throttle

    async def check(
        self,
        actor: Actor,
        canonical_email: str,
        password: str,
        *,
        reason: str,
        device_token: str | None = None,
        owner: UUID | None = None,
    ) -> Verified | Locked | None:
        """What was verified, None where the password is wrong; `reason` is the code that a wrong one is refused with.

        An address that nobody has, and an account without a password, take the same work and the same statements.
        Where `owner` is given, the password is wrong unless the address is that account's by now.

        Raises:
            Unavailable: too many passwords, or tries with this address, wait to be checked.
        """
        attempt = await self._throttle.admit(actor, canonical_email, device_token)
        if isinstance(attempt, Locked):
            return attempt
        try:
            known = await self._users.credentials(canonical_email)
            right = await self._passwords.verify(known.password_hash if known else None, normalized(password))
        except Unavailable:
            await self._throttle.release(attempt)
            raise
        if known is not None and right and owner in (None, known.user_id):
            return Verified(known, attempt)
        await self._throttle.fail(actor, attempt, _owner(known), reason)
        return None


def _owner(known: Credentials | None) -> UUID | None:
    return None if known is None else known.user_id
