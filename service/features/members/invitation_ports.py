"""What invitations need from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.features.members.invitation_domain import Invitation, InvitationLink, NewInvitation, Offer
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


@runtime_checkable
class Invitations(Protocol):
    """Stored invitations; one that is past its time is none any more."""

    async def page(self, actor: Actor, reference: str, window: Window) -> Slice[Invitation]:
        """A part of the invitations to the project with this id or key.

        Raises:
            ProjectNotFound: there is none, or the actor may not see it.
            InsufficientRole: the actor is no maintainer.
        """
        ...

    async def page_of_invited(self, actor: Actor, window: Window) -> Slice[Invitation]:
        """A part of the invitations for the actor's address; none as long as that is not verified."""
        ...

    async def find(self, actor: Actor, reference: str) -> Invitation:
        """The invitation with this id, for the person invited (once the address is verified) and for maintainers.

        Raises:
            InvitationNotFound: there is none, or the actor may not see it.
        """
        ...

    async def offer(self, reference: str) -> Offer | None:
        """The invitation with this id, whoever asks and without a lock."""
        ...

    async def offer_by_token(self, secret: str) -> Offer | None:
        """The invitation with this token, whoever asks and without a lock."""
        ...

    async def add(self, invitation: NewInvitation) -> bool:
        """Store a new one; False where the address has an open invitation to the project."""
        ...

    async def take(self, invitation_id: UUID) -> bool:
        """Take it away; False where it is gone already, or too old."""
        ...

    async def issue(self, invitation_id: UUID, secret: str) -> InvitationLink | None:
        """What its mail needs, the secret stored in place of an earlier one; None where it is gone already, or too old."""
        ...

    async def prune(self, now: datetime) -> None:
        """Take away all that are too old."""
        ...
