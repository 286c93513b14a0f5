"""Completing a login by a code, where the password alone is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.second_factors.domain import MfaFailed

if TYPE_CHECKING:
    from service.features.second_factors.challenges import Challenges
    from service.features.sessions.domain import Tokens
    from service.features.sessions.use_cases import Kit, Logins
    from service.kernel.actor import Actor


class SecondStep:
    """Taking the code, and starting the session in the same unit of work, so that a code starts one at most."""

    def __init__(self, kit: Kit, challenges: Challenges, logins: Logins) -> None:
        self._kit = kit
        self._challenges = challenges
        self._logins = logins

    async def verify(self, actor: Actor, mfa_token: str, code: str) -> Tokens:
        """Start the session that the login asked for.

        Raises:
            MfaFailed: the code is wrong or was used, or the token is too old, tried too often, used or void.
        """

        async def work() -> Tokens | None:
            user_id = await self._challenges.meet(actor, mfa_token, code)
            return None if user_id is None else await self._logins.start(actor, user_id)

        tokens = await self._kit.unit_of_work.run(work)
        # Only now: the try has to stay counted.
        if tokens is None:
            message = "The code is wrong or was used already, or this login took too long or too many tries; log in again."
            raise MfaFailed(message)
        return tokens
