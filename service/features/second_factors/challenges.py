"""Logins that wait for a code: a token stands for the password that was right, and a code completes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.second_factors.domain import (
    CHALLENGE_LIFETIME,
    CHALLENGE_TRIES,
    MfaRequired,
    Verdict,
    as_read,
    is_totp,
)
from service.features.second_factors.events import RecoveryCodeUsed

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.second_factors.domain import Challenged, Waiting
    from service.features.second_factors.ports import MfaChallenges
    from service.features.second_factors.use_cases import Codes
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox


class Challenges:
    """Posing and meeting them, each in the unit of work of the login."""

    def __init__(
        self, challenges: MfaChallenges, codes: Codes, outbox: Outbox, clock: Clock, new_secret: Callable[[], str]
    ) -> None:
        self._challenges = challenges
        self._codes = codes
        self._outbox = outbox
        self._clock = clock
        self._new_secret = new_secret

    async def pose(self, user_id: UUID, password_hash: str, device_id: UUID | None) -> MfaRequired | None:
        """What a login with the right password is answered instead of tokens; None where the second factor is off.

        `device_id` is the known device that the login comes from. The unit of work holds the account, so that nobody turns
        the factor on meanwhile.
        """
        token = self._new_secret()
        now = self._clock.now()
        posed = await self._challenges.add(token, user_id, password_hash, device_id, now, now + CHALLENGE_LIFETIME)
        return MfaRequired(token) if posed else None

    async def find(self, token: str) -> Waiting | None:
        """Whose login waits with this token; None where it was never given out, or is used."""
        return await self._challenges.find(token)

    async def meet(self, actor: Actor, token: str, code: str) -> Verdict:
        """Whether the code completes the login, with the account locked.

        A try counts only if the unit of work is committed: nothing is raised here.
        """
        challenged = await self._challenges.lock(token)
        if challenged is None:
            return Verdict.VOID
        counted = await self._challenges.count(token, CHALLENGE_TRIES, self._clock.now())
        if not (counted and challenged.stands):
            return Verdict.VOID
        if not await self._accept(actor, challenged, as_read(code)):
            return Verdict.WRONG
        await self._challenges.end(token)
        return Verdict.RIGHT

    async def _accept(self, actor: Actor, challenged: Challenged, code: str) -> bool:
        if is_totp(code):
            return await self._codes.take_totp(challenged.user_id, code)
        if not await self._codes.take_recovery_code(challenged.user_id, code):
            return False
        used = RecoveryCodeUsed(subject_id=challenged.user_id, subject_version=challenged.version)
        await self._outbox.publish(actor, used)
        return True
