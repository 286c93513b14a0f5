"""What departures need from storage, beside what accounts have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.domain import UserState
    from service.features.departures.domain import Account, Place, Remains


@runtime_checkable
class Departures(Protocol):
    """Accounts as far as they come and go."""

    async def lock_with_admins(self, user_id: UUID) -> tuple[Account, frozenset[UUID]]:
        """The account, deleted or not, and who is an active admin: all of these rows are locked until the unit of work ends.

        Raises:
            UserNotFound: there is no such account, or none any more.
        """
        ...

    async def lock_places(self, user_id: UUID) -> list[Place]:
        """What a locked account's person is in projects, deleted ones included; locked, with the projects that it owns."""
        ...

    async def leave(self, places: Sequence[Place]) -> None:
        """End these memberships."""
        ...

    async def delete(self, state: UserState, now: datetime) -> int:
        """Mark a locked account as deleted and without a second factor; the new version."""
        ...

    async def restore(self, state: UserState, now: datetime) -> int:
        """Let a locked account live again; the new version.

        Raises:
            EmailTaken: another account has the address meanwhile.
        """
        ...

    async def lock_remains(self, cutoff: datetime, most: int) -> list[Remains]:
        """Some of the accounts that were deleted by then and not purged yet, locked, past those that somebody else has locked."""
        ...

    async def purge(self, user_ids: Sequence[UUID], now: datetime) -> list[UUID]:
        """Empty these locked accounts of all that tells of a person, and drop their sessions and tokens; the ids stay.

        The views that nobody else saw go too; their ids, since something was told of them.
        """
        ...
