"""What second factors need from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.second_factors.domain import Challenged, Waiting


@runtime_checkable
class SecondFactors(Protocol):
    """Stored seeds, recovery codes and challenges; whoever writes one has locked the account's row before."""

    async def begin(self, user_id: UUID, sealed_seed: bytes, now: datetime) -> None:
        """Store a seed, in place of one that was begun before."""
        ...

    async def seed(self, user_id: UUID) -> bytes | None:
        """The account's sealed seed, whether or not it is in use."""
        ...

    async def advance(self, user_id: UUID, step: int) -> bool:
        """Note that a code of this time step was taken; False where one of it, or of a later one, was taken before."""
        ...

    async def set_recovery_codes(self, user_id: UUID, digests: Sequence[bytes], now: datetime) -> None:
        """Store the account's recovery codes, in place of all earlier ones."""
        ...

    async def use_recovery_code(self, user_id: UUID, digest: bytes) -> bool:
        """Take it away; False where there is none, or it is gone already."""
        ...


@runtime_checkable
class MfaChallenges(Protocol):
    """Stored logins that wait for a code; storage knows their tokens by their digest only."""

    async def add(
        self, token: str, user_id: UUID, password_hash: str, device_id: UUID | None, now: datetime, expires_at: datetime
    ) -> bool:
        """Store one for an account that is held; False where its second factor is off."""
        ...

    async def find(self, token: str) -> Waiting | None:
        """Whose it is, whether or not it is still good; None where it is gone."""
        ...

    async def lock(self, token: str) -> Challenged | None:
        """Whose it is, with the account's row locked until the unit of work ends; None where it is gone."""
        ...

    async def count(self, token: str, tries: int, now: datetime) -> bool:
        """Count a try; False where it is gone, too old, or has been tried so often."""
        ...

    async def end(self, token: str) -> None:
        """Take it away."""
        ...

    async def prune(self, now: datetime) -> None:
        """Take away, whosever they are, all that are too old."""
        ...
