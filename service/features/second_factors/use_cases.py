"""Turning second factors on and off, and the codes that they take."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from service.features.accounts.domain import PasswordRequired, UserNotFound, require_admin
from service.features.accounts.use_cases import apply_changes
from service.features.second_factors.domain import (
    SEED_BYTES,
    NothingToConfirm,
    RecoveryCodes,
    SecondFactorOff,
    SecondFactorOn,
    TotpSeed,
    WrongCode,
    as_read,
    matching_step,
    new_recovery_codes,
    totp_seed,
)
from service.features.second_factors.events import (
    RecoveryCodesMade,
    SecondFactorDisabled,
    SecondFactorEnabled,
    SecondFactorReset,
)
from service.kernel.errors import Refusal
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import Credentials, User, UserState
    from service.features.accounts.reauthentication import Reauthentication
    from service.features.accounts.throttle_domain import Attempt
    from service.features.accounts.throttling import LoginThrottle
    from service.features.accounts.use_cases import Kit
    from service.features.second_factors.ports import SecondFactors
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Vault
    from service.kernel.preconditions import Precondition


class Codes:
    """What is stored of an account's codes, and taking one; always in a unit of work that has locked the account."""

    def __init__(self, factors: SecondFactors, vault: Vault, clock: Clock) -> None:
        self._factors = factors
        self._vault = vault
        self._clock = clock

    async def begin(self, user_id: UUID, seed: bytes) -> None:
        """Store a seed that a code of the app has still to confirm."""
        await self._factors.begin(user_id, self._vault.seal(seed, _place(user_id)), self._clock.now())

    async def take_totp(self, user_id: UUID, code: str) -> bool:
        """Whether the app shows this code about now, and none of its time step or a later one was taken before.

        Raises:
            NothingToConfirm: there is no seed.
        """
        sealed = await self._factors.seed(user_id)
        if sealed is None:
            message = "Ask for a secret first, by POST /auth/mfa/totp."
            raise NothingToConfirm(message)
        step = matching_step(self._vault.open(sealed, _place(user_id)), code, self._clock.now())
        return step is not None and await self._factors.advance(user_id, step)

    async def take_recovery_code(self, user_id: UUID, code: str) -> bool:
        """Whether it is one of the account's that was not used before."""
        return await self._factors.use_recovery_code(user_id, self._digest(user_id, code))

    async def renew_recovery_codes(self, user_id: UUID) -> RecoveryCodes:
        """New ones, which void all earlier ones."""
        made = new_recovery_codes()
        digests = [self._digest(user_id, as_read(code)) for code in made.recovery_codes]
        await self._factors.set_recovery_codes(user_id, digests, self._clock.now())
        return made

    def _digest(self, user_id: UUID, code: str) -> bytes:
        # Keyed: 60 bits alone could be found by trying, in a dump of the database.
        return self._vault.digest("recovery code", f"{user_id}:{code}")


class OwnSecondFactor:
    """What people do about their own second factor."""

    def __init__(self, kit: Kit, codes: Codes, reauthentication: Reauthentication, throttle: LoginThrottle) -> None:
        self._kit = kit
        self._codes = codes
        self._reauthentication = reauthentication
        self._throttle = throttle

    async def begin(self, actor: Actor, password: str | None) -> TotpSeed:
        """A new secret for the authenticator app, in place of one that was never confirmed.

        Raises:
            PasswordRequired: the password is missing or wrong.
            SecondFactorOn: there is one already.
            Unavailable: too many passwords wait to be hashed.
        """
        confirmed = await self._reauthentication.confirm(actor, password)
        seed = secrets.token_bytes(SEED_BYTES)

        async def work() -> TotpSeed:
            state = await self._lock(actor, confirmed)
            _require_off(state)
            await self._codes.begin(state.id, seed)
            return totp_seed(seed, state.email)

        return await self._kit.unit_of_work.run(work)

    async def confirm(self, actor: Actor, code: str) -> RecoveryCodes:
        """Turn the second factor on, by a code that shows that the app has the secret.

        A wrong code counts among the failed logins of the account's address.

        Raises:
            WrongCode: the app shows another one right now.
            PasswordRequired: the address is locked.
            SecondFactorOn: it is on already.
            NothingToConfirm: there is no secret.
            Unavailable: too many tries with the address wait to be checked.
        """
        attempt = await self._reauthentication.admit(actor)
        try:
            made = await self._kit.unit_of_work.run(lambda: self._turn_on(actor, attempt, code))
        except Refusal:
            await self._throttle.release(attempt)
            raise
        if made is None:
            message = "Send the six digits that the authenticator app shows right now; check the clock of its device."
            raise WrongCode(message)
        return made

    async def _turn_on(self, actor: Actor, attempt: Attempt, code: str) -> RecoveryCodes | None:
        kit = self._kit
        state = await kit.users.lock(actor.id)
        _require_off(state)
        if not await self._codes.take_totp(state.id, as_read(code)):
            await self._throttle.fail(actor, attempt, state.id, WrongCode.code, action="mfa.failed")
            return None
        await self._throttle.succeed(attempt)
        made = await self._codes.renew_recovery_codes(state.id)
        await apply_changes(kit, actor, state, {"mfa_enabled": True}, SecondFactorEnabled)
        return made

    async def remove(self, actor: Actor, password: str | None) -> None:
        """Turn the second factor off, recovery codes included; where it is off already nothing happens.

        Raises:
            PasswordRequired: the password is missing or wrong.
            Unavailable: too many passwords wait to be hashed.
        """
        kit = self._kit
        confirmed = await self._reauthentication.confirm(actor, password)

        async def work() -> None:
            state = await self._lock(actor, confirmed)
            await kit.users.drop_second_factor(state.id)
            await apply_changes(kit, actor, state, {"mfa_enabled": False}, SecondFactorDisabled)

        await kit.unit_of_work.run(work)

    async def renew_recovery_codes(self, actor: Actor, password: str | None) -> RecoveryCodes:
        """New recovery codes, which void all earlier ones.

        Raises:
            PasswordRequired: the password is missing or wrong.
            SecondFactorOff: there is no second factor.
            Unavailable: too many passwords wait to be hashed.
        """
        kit = self._kit
        confirmed = await self._reauthentication.confirm(actor, password)

        async def work() -> RecoveryCodes:
            state = await self._lock(actor, confirmed)
            if not state.mfa_enabled:
                message = "Turn a second factor on first, by POST /auth/mfa/totp."
                raise SecondFactorOff(message)
            made = await self._codes.renew_recovery_codes(state.id)
            await kit.outbox.publish(actor, RecoveryCodesMade(subject_id=state.id, subject_version=state.version))
            return made

        return await kit.unit_of_work.run(work)

    async def _lock(self, actor: Actor, confirmed: Credentials) -> UserState:
        # The lock before the hold: two that hold the row would wait for each other when they lock it.
        state = await self._kit.users.lock(actor.id)
        await self._reauthentication.hold(confirmed)
        return state


class SecondFactorResets:
    """What admins do for somebody who has lost app and codes."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def reset(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> User:
        """Turn somebody's second factor off; where it is off already nothing happens.

        Raises:
            UserNotFound: there is no such account.
            PasswordRequired: it is the actor's own, which takes the password.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
        """
        user_id = parse_id(reference)
        if user_id is None:
            raise UserNotFound
        if user_id == actor.user_id:
            message = "Turn your own second factor off by POST /auth/mfa/totp/remove, with your password."
            raise PasswordRequired(message)
        kit = self._kit

        async def work() -> User:
            state, admins = await kit.users.lock_with_admins(user_id)
            require_admin(actor.user_id, admins)
            await hold(precondition, state, kit.outbox)
            await kit.users.drop_second_factor(user_id)
            await apply_changes(kit, actor, state, {"mfa_enabled": False}, SecondFactorReset)
            return await kit.users.whole(user_id)

        return await kit.unit_of_work.run(work)


def _require_off(state: UserState) -> None:
    if state.mfa_enabled:
        message = "Turn the present second factor off first, by POST /auth/mfa/totp/remove."
        raise SecondFactorOn(message)


def _place(user_id: UUID) -> str:
    return f"second_factors:{user_id}:seed"
