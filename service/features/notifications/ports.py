"""What notifications need from the features below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import MailedLink


@runtime_checkable
class LinkTokens(Protocol):
    """Makes the tokens of one kind of mail."""

    async def issue(self, user_id: UUID) -> MailedLink | None:
        """A new token in place of earlier ones, None for an account that waits for none."""
        ...
