"""What notifications need from the features below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import MailedLink, MailedNotice
    from service.features.members.invitation_domain import InvitationLink
    from service.kernel.events import PublishedEvent


class Recipient(Struct, frozen=True):
    """Whom a notice goes to, and what it says beside what happened."""

    email: str
    locale: str
    # Whether the owner has proven to read what is mailed to the address.
    is_verified: bool
    # Whoever acted came from there; None where that was the service itself.
    ip: str | None
    # Of a login: whether the account had none before.
    is_first: bool


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


@runtime_checkable
class Recipients(Protocol):
    """The owners of accounts."""

    async def find(self, user_id: UUID, event: PublishedEvent) -> Recipient | None:
        """Who is told of the event; None where the account is gone, or deleted and the event tells of something else."""
        ...


@runtime_checkable
class NoticeAllowance(Protocol):
    """How many notices go to an address that nobody has proven to be the account's."""

    async def admit_notice(self, cause_id: UUID, address: str) -> bool:
        """Count one, unless the address had its share; the same cause again is the same notice."""
        ...
