"""Another password for who is signed in and knows the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.events import UserPasswordChanged
from service.features.accounts.use_cases import apply_changes

if TYPE_CHECKING:
    from service.features.accounts.domain import UserState
    from service.features.accounts.password_rules import PasswordRules
    from service.features.accounts.ports import OneTimeTokens, Passwords
    from service.features.accounts.reauthentication import Reauthentication
    from service.features.accounts.throttling import LoginThrottle
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor


class PasswordChanges:
    """Verifies, hashes, and then changes the password in one transaction with what ends by it."""

    def __init__(
        self,
        kit: Kit,
        tokens: OneTimeTokens,
        passwords: Passwords,
        rules: PasswordRules,
        reauthentication: Reauthentication,
        throttle: LoginThrottle,
    ) -> None:
        self._kit = kit
        self._tokens = tokens
        self._passwords = passwords
        self._rules = rules
        self._reauthentication = reauthentication
        self._throttle = throttle

    async def change(self, actor: Actor, current_password: str | None, new_password: str, *, revoke_tokens: bool = False) -> None:
        """Set another password; ends the actor's other sessions, voids all links, and leaves this session alone.

        No device is known any more, this one neither. Personal tokens end where that is wished: they know no password.

        Raises:
            Invalid: the new password is not acceptable.
            PasswordRequired: the present one is missing or wrong, or was changed a moment ago.
            Unavailable: too many passwords wait to be hashed.
        """
        accepted = self._rules.accept(new_password, actor.email or "", actor.full_name, pointer="/new_password")
        confirmed = await self._reauthentication.confirm(actor, current_password)
        hashed = await self._passwords.hash(accepted)
        kit = self._kit

        async def work() -> None:
            # In the strength of the change: a weaker lock that is made stronger later makes two of us wait for each other.
            state = await kit.users.lock(actor.id)
            await self._reauthentication.hold(confirmed)
            await self._end_what_knew_the_old_one(actor, state, revoke_tokens=revoke_tokens)
            await apply_changes(kit, actor, state, {"password_hash": hashed}, UserPasswordChanged)

        await kit.unit_of_work.run(work)

    async def _end_what_knew_the_old_one(self, actor: Actor, state: UserState, *, revoke_tokens: bool) -> None:
        users, now = self._kit.users, self._kit.clock.now()
        await users.end_sessions(state.id, now, but=actor.session_id)
        await self._tokens.void(state.id)
        if revoke_tokens:
            await users.revoke_tokens(state.id, now)
        _, canonical = canonical_email(state.email)
        await self._throttle.forget_devices(canonical)
