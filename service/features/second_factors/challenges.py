"""Logins that wait for a code: a token stands for the password that was right, and a code completes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.second_factors.domain import (
    CHALLENGE_LIFETIME,
    CHALLENGE_TRIES,
    MfaFailed,
    MfaRequired,
    as_read,
    is_totp,
)
from service.features.second_factors.events import RecoveryCodeUsed
from service.kernel.audit import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.second_factors.domain import Challenged
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

    async def pose(self, user_id: UUID, password_hash: str) -> MfaRequired | None:
        """What a login with the right password is answered instead of tokens; None where the second factor is off.

        The unit of work holds the account, so that nobody turns the factor on meanwhile.
        """
        token = self._new_secret()
        now = self._clock.now()
        posed = await self._challenges.add(token, user_id, password_hash, now, now + CHALLENGE_LIFETIME)
        return MfaRequired(token) if posed else None

    async def meet(self, actor: Actor, token: str, code: str) -> UUID | None:
        """Whose login the code completes, with the account locked; None where it does not.

        A try counts, and a failure is kept in the audit, only if the unit of work is committed: nothing is raised here.
        """
        challenged = await self._challenges.lock(token)
        # A token that was never given out, or is used: nobody's account to tell of.
        if challenged is None:
            return None
        counted = await self._challenges.count(token, CHALLENGE_TRIES, self._clock.now())
        if not (counted and challenged.stands and await self._accept(actor, challenged, as_read(code))):
            failed = AuditEntry(action="mfa.failed", target_type="user", target_id=challenged.user_id, reason=MfaFailed.code)
            await self._outbox.record(actor, failed)
            return None
        await self._challenges.end(token)
        return challenged.user_id

    async def _accept(self, actor: Actor, challenged: Challenged, code: str) -> bool:
        if is_totp(code):
            return await self._codes.take_totp(challenged.user_id, code)
        if not await self._codes.take_recovery_code(challenged.user_id, code):
            return False
        used = RecoveryCodeUsed(subject_id=challenged.user_id, subject_version=challenged.version)
        await self._outbox.publish(actor, used)
        return True
