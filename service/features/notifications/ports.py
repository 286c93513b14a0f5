"""What notifications need from the features below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import VerificationLink


@runtime_checkable
class Verifications(Protocol):
    """Makes the tokens of verification mails."""

    async def issue(self, user_id: UUID) -> VerificationLink | None:
        """A new token in place of earlier ones, None for an account that waits for none."""
        ...
