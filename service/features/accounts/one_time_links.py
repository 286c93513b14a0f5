"""Using up a one-time token: once, by one of all who try, in the transaction of what it does; a refused try leaves its trace."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.accounts.domain import InvalidToken, UserNotFound, UserState
from service.kernel.audit import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.features.accounts.ports import OneTimeTokens, Users
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox, UnitOfWork


class Spent(Struct, frozen=True):
    """A token that was just used up: the account that it belonged to, locked, and the address that it proves, if it is one."""

    account: UserState
    now: datetime
    new_email: str | None


class OneTimeLinks:
    """Finds and uses up tokens."""

    def __init__(self, unit_of_work: UnitOfWork, users: Users, tokens: OneTimeTokens, outbox: Outbox, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._users = users
        self._tokens = tokens
        self._outbox = outbox
        self._clock = clock

    async def owner(self, actor: Actor, token: str, purpose: str) -> UserState:
        """Whose token it is, before anything costly is done for it.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
        """
        owner = await self._tokens.owner(token, purpose, self._clock.now())
        if owner is None:
            raise await self._unit_of_work.run(lambda: self._refused(actor, None))
        return owner

    async def spend(self, actor: Actor, token: str, purpose: str, effect: Callable[[Spent], Awaitable[None]]) -> None:
        """Use the token up, and do what it is for.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
        """

        async def work() -> InvalidToken | None:
            now = self._clock.now()
            owner = await self._tokens.owner(token, purpose, now)
            # The account before its tokens, as in every unit, so that two of them never wait for each other.
            state = None if owner is None else await self._locked(owner)
            used = None if state is None else await self._tokens.use(token, purpose, now)
            if state is None or used is None:
                return await self._refused(actor, owner)
            await effect(Spent(state, now, used.new_email))
            return None

        # Returned and raised only here, so that the trace of it is committed.
        refusal = await self._unit_of_work.run(work)
        if refusal is not None:
            raise refusal

    async def _locked(self, owner: UserState) -> UserState | None:
        try:
            return await self._users.lock(owner.id)
        except UserNotFound:
            return None

    async def _refused(self, actor: Actor, owner: UserState | None) -> InvalidToken:
        kind, user_id = (None, None) if owner is None else ("user", owner.id)
        entry = AuditEntry(action="one_time_token.refused", reason=InvalidToken.code, target_type=kind, target_id=user_id)
        await self._outbox.record(actor, entry)
        return InvalidToken("This link was used already, is too old, or never was one; ask for a new one.")
