"""What the counting of tries needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.throttle_domain import Notice, Slot, Throttle


@runtime_checkable
class Throttles(Protocol):
    """Stored counts of tries, for addresses that nobody has too."""

    async def charge(self, slot: Slot, lease: datetime, now: datetime) -> bool:
        """Book a try at once, whoever else does; False where the slot is locked, or full of failures and other tries."""
        ...

    async def find(self, slot: Slot) -> Throttle:
        """What is known of a slot."""
        ...

    async def lock(self, slot: Slot, now: datetime) -> Throttle:
        """What is known of a slot, locked until the unit of work ends."""
        ...

    async def save(self, slot: Slot, throttle: Throttle, notify: UUID | None = None) -> None:
        """Store what is known of a locked slot by now; `notify` is the account that is to be told of a lock."""
        ...

    async def lift(self, address: bytes, now: datetime) -> bool:
        """Forget all tries with an address, those of its devices too; whether one of them was locked."""
        ...

    async def claim_notices(self) -> Sequence[Notice]:
        """Whom to tell of a lock, each once."""
        ...

    async def prune(self, before: datetime) -> None:
        """Forget what nobody has tried since that instant."""
        ...


@runtime_checkable
class DeviceTokens(Protocol):
    """Devices that somebody has logged in from; storage knows their tokens by digest only."""

    async def find(self, secret: str, address: bytes, now: datetime) -> UUID | None:
        """The device, if the token is good for this address."""
        ...

    async def add(self, device_id: UUID, secret: str, address: bytes, now: datetime, expires_at: datetime) -> None:
        """Store a new one."""
        ...

    async def renew(self, device_id: UUID, now: datetime, expires_at: datetime) -> None:
        """Note that it was used, and let it live longer."""
        ...

    async def drop(self, address: bytes) -> None:
        """Forget all devices of an address."""
        ...

    async def prune(self, now: datetime) -> None:
        """Forget those that are too old."""
        ...
