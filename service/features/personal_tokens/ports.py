"""What the personal tokens feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.personal_tokens.domain import Bearer, PersonalToken
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


@runtime_checkable
class PersonalTokens(Protocol):
    """Stored tokens, known by their hash only."""

    async def page(self, actor: Actor, window: Window) -> Slice[PersonalToken]:
        """A part of the actor's tokens that are not revoked; expired ones tell why a script stopped working."""
        ...

    async def find(self, actor: Actor, reference: str) -> PersonalToken:
        """The actor's token with this id.

        Raises:
            PersonalTokenNotFound: there is none, or it was revoked.
        """
        ...

    async def add(self, token: PersonalToken, user_id: UUID, token_hash: str) -> None:
        """Store a new one."""
        ...

    async def bearer(self, token_hash: str, now: datetime) -> Bearer | None:
        """What is known of a token, good or not; asked on every request that it makes, and noted at most once a minute."""
        ...

    async def note_refusal(self, token_id: UUID, now: datetime, before: datetime) -> bool:
        """Keep when a use was refused, unless one was after `before`; whether this one is the first since."""
        ...

    async def revoke(self, user_id: UUID, token_id: UUID, now: datetime) -> bool:
        """Revoke a token of the user's; False where there is none."""
        ...

    async def memberships(self, user_id: UUID, project_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of the projects that the user belongs to."""
        ...

    async def prune(self, before: datetime) -> None:
        """Forget those that expired or were revoked before that instant."""
        ...
