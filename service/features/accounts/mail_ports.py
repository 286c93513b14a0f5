"""What the accounts feature needs from storage for mails that somebody asks for by naming an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.domain import MailRequest


@runtime_checkable
class MailRequests(Protocol):
    """What was asked for and is not handled yet, and how many mails an address got lately."""

    async def add(self, request: MailRequest, now: datetime) -> None:
        """Store a new one."""
        ...

    async def find(self, request_id: UUID) -> MailRequest | None:
        """One that is not handled yet."""
        ...

    async def take(self, request_id: UUID) -> MailRequest | None:
        """As `find`, locked until the unit of work ends; the unit has something to commit by it, whatever it finds out."""
        ...

    async def forget(self, request_id: UUID) -> None:
        """It is handled."""
        ...

    async def admit(self, cause_id: UUID, address_digest: bytes, now: datetime, share: int) -> bool:
        """Count a mail to the address, unless it had its share of an hour; the same cause again is the same mail."""
        ...

    async def prune(self, now: datetime) -> None:
        """Take away what is too old to be handled or to count."""
        ...
