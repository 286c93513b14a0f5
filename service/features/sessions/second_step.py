"""Completing a login by a code, where the password alone is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.throttle_domain import LOCKED_DETAIL, Locked
from service.features.second_factors.domain import MfaFailed, Verdict
from service.features.sessions.domain import LoginLocked

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.throttle_domain import Attempt
    from service.features.accounts.throttling import LoginThrottle
    from service.features.second_factors.challenges import Challenges
    from service.features.sessions.domain import Tokens
    from service.features.sessions.use_cases import Kit, Logins
    from service.kernel.actor import Actor

REFUSED = "The code is wrong or was used already, or this login took too long or too many tries; log in again."


class SecondStep:
    """Taking the code, and starting the session in the same unit of work, so that a code starts one at most."""

    def __init__(self, kit: Kit, throttle: LoginThrottle, challenges: Challenges, logins: Logins) -> None:
        self._kit = kit
        self._throttle = throttle
        self._challenges = challenges
        self._logins = logins

    async def verify(self, actor: Actor, mfa_token: str, code: str) -> Tokens:
        """Start the session that the login asked for; a wrong code counts where a wrong password of that login did.

        Raises:
            MfaFailed: the code is wrong or was used, or the token is too old, tried too often, used or void.
            LoginLocked: too many tries with the address, or from this device, have failed.
            Unavailable: too many tries with the address wait to be checked.
        """
        waiting = await self._challenges.find(mfa_token)
        if waiting is None:
            raise MfaFailed(REFUSED)
        attempt = await self._throttle.readmit(actor, waiting.canonical_email, waiting.device_id)
        if isinstance(attempt, Locked):
            raise LoginLocked(LOCKED_DETAIL, retry_after=attempt.retry_after)
        user_id = waiting.user_id
        tokens = await self._kit.unit_of_work.run(lambda: self._take(actor, user_id, attempt, mfa_token, code))
        # Only now: the try has to stay counted.
        if tokens is None:
            raise MfaFailed(REFUSED)
        return tokens

    async def _take(self, actor: Actor, user_id: UUID, attempt: Attempt, mfa_token: str, code: str) -> Tokens | None:
        verdict = await self._challenges.meet(actor, mfa_token, code)
        if verdict is Verdict.RIGHT:
            return await self._logins.start(actor, user_id, attempt)
        # Nobody learns anything about a code that was not looked at: it is no wrong one.
        settle = self._throttle.fail if verdict is Verdict.WRONG else self._throttle.refuse
        await settle(actor, attempt, user_id, MfaFailed.code, action="mfa.failed")
        return None
