"""What notifications need from the features below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import MailedLink, MailedNotice
    from service.features.members.invitation_domain import InvitationLink


@runtime_checkable
class LinkTokens(Protocol):
    """Makes the tokens of one kind of mail."""

    async def issue(self, subject_id: UUID) -> MailedLink | None:
        """A new token for the account, or the request, that an event is about; None where nobody waits for one."""
        ...


@runtime_checkable
class MailRequests(Protocol):
    """What was asked for by naming an address."""

    async def forget(self, request_id: UUID) -> None:
        """It is handled."""
        ...


@runtime_checkable
class Registrations(Protocol):
    """Registrations whose answer tells nobody whether there is an account."""

    async def settle(self, request_id: UUID, http_request_id: str) -> MailedNotice | None:
        """Make the account; where there is one, whom to tell."""
        ...


@runtime_checkable
class InvitationTokens(Protocol):
    """Makes the tokens of invitations to projects."""

    async def issue(self, invitation_id: UUID) -> InvitationLink | None:
        """A new token in place of an earlier one, None for an invitation that is over."""
        ...
