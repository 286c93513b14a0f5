"""What people do with invitations, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import InvalidToken
from service.features.members.domain import AlreadyMember, require_grantor
from service.features.members.events import InvitationAccepted, InvitationCreated, InvitationDeclined, InvitationRevoked
from service.features.members.invitation_domain import (
    LIFETIME,
    AlreadyInvited,
    InvitationNotFound,
    NewInvitation,
    NotInvited,
    refuse_void,
)
from service.features.members.use_cases import enter, join
from service.features.projects.domain import ProjectNotFound, ProjectRole, TokenNarrowed, acting_role
from service.kernel.preconditions import ANY, hold_unversioned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from service.features.members.domain import Person, Seat
    from service.features.members.invitation_domain import Invitation, InvitationLink, Offer
    from service.features.members.invitation_ports import Invitations
    from service.features.members.use_cases import Kit
    from service.features.projects.domain import Project, ProjectState
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.preconditions import Precondition


class Standing(Struct, frozen=True):
    """How somebody stands to an invitation: the locked project, whether he is invited, and whether he may see who is."""

    state: ProjectState
    people: Mapping[UUID, Person]
    seats: Mapping[UUID, Seat]
    is_invited: bool
    is_maintainer: bool


class InvitationWrites:
    """Inviting, accepting, declining and revoking, and making the token of the mail."""

    def __init__(self, kit: Kit, invitations: Invitations, new_secret: Callable[[], str]) -> None:
        self._kit = kit
        self._invitations = invitations
        self._new_secret = new_secret

    async def invite(self, actor: Actor, reference: str, email: str, role: ProjectRole) -> Invitation:
        """Invite whoever reads what is mailed to the address, with an account or without.

        Raises:
            Invalid: that is no e-mail address.
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the role is at or above the actor's own.
            ProjectArchived: the project is read-only.
            AlreadyMember: somebody with this address belongs to it.
            AlreadyInvited: the address has an open invitation to it.
        """
        stored, canonical = canonical_email(email)
        kit = self._kit

        async def work() -> Invitation:
            house = await enter(kit, actor, reference)
            require_grantor(house.acting, role)
            house.state.refuse_archived()
            if await kit.members.has_address(house.state.id, canonical):
                message = "Somebody with this address belongs to the project; change the role there."
                raise AlreadyMember(message)
            now = kit.clock.now()
            new = NewInvitation(kit.ids.new(), house.state.id, stored, canonical, role, actor.id, now, now + LIFETIME)
            if not await self._invitations.add(new):
                message = "The address has an open invitation to this project; delete it to send another one."
                raise AlreadyInvited(message)
            await kit.outbox.publish(actor, _told(InvitationCreated, new.id, house.state, role))
            return await self._invitations.find(actor, str(new.id))

        return await kit.unit_of_work.run(work)

    async def accept(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> Project:
        """Become a member by an invitation for the actor's own, verified address.

        Raises:
            InvitationNotFound: there is none, or the actor may not see it.
            NotInvited: the actor sees it as a maintainer.
            PreconditionFailed: the request was made for a state of something else.
            ProjectArchived: the project is read-only.
            InvitationVoid: the inviter may not invite any more.
            AlreadyMember: the actor belongs to the project.
        """

        async def work() -> Project:
            offer = await self._invitations.offer(reference)
            standing = None if offer is None else await self._stand(actor, offer)
            if offer is None or standing is None or not (standing.is_invited or standing.is_maintainer):
                raise InvitationNotFound
            if not standing.is_invited:
                raise NotInvited(_OTHER_ADDRESS)
            hold_unversioned(precondition)
            return await self._take(actor, offer, standing, InvitationNotFound())

        return await self._kit.unit_of_work.run(work)

    async def accept_by_token(self, actor: Actor, token: str) -> Project:
        """Become a member by a mailed token, which proves that the actor reads what is sent to the address invited.

        Raises:
            InvalidToken: the token was never issued, is used, or is too old.
            TokenNarrowed: the actor's personal token is narrowed to other projects.
            NotInvited: the actor's account has another address.
            ProjectArchived: the project is read-only.
            InvitationVoid: the inviter may not invite any more.
            AlreadyMember: the actor belongs to the project.
        """

        async def work() -> Project:
            offer = await self._invitations.offer_by_token(token)
            if offer is None:
                raise InvalidToken(_UNUSABLE)
            if not actor.reaches(offer.project_id):
                message = "This personal token is narrowed to other projects; use one for all projects, or log in."
                raise TokenNarrowed(message)
            standing = await self._stand(actor, offer, proven=True)
            if standing is None:
                raise InvalidToken(_UNUSABLE)
            if not standing.is_invited:
                raise NotInvited(_OTHER_ADDRESS)
            return await self._take(actor, offer, standing, InvalidToken(_UNUSABLE))

        return await self._kit.unit_of_work.run(work)

    async def withdraw(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Decline an invitation, or revoke one as a maintainer.

        Raises:
            InvitationNotFound: there is none, or the actor may not see it.
            PreconditionFailed: the request was made for a state of something else.
            ProjectArchived: the project is read-only.
        """

        async def work() -> None:
            offer = await self._invitations.offer(reference)
            standing = None if offer is None else await self._stand(actor, offer)
            if offer is None or standing is None or not (standing.is_invited or standing.is_maintainer):
                raise InvitationNotFound
            hold_unversioned(precondition)
            standing.state.refuse_archived()
            if not await self._invitations.take(offer.id):
                raise InvitationNotFound
            ended = InvitationDeclined if standing.is_invited else InvitationRevoked
            await self._kit.outbox.publish(actor, _told(ended, offer.id, standing.state, offer.role))

        await self._kit.unit_of_work.run(work)

    async def issue(self, invitation_id: UUID) -> InvitationLink | None:
        """A new token in place of an earlier one, None where the invitation is over meanwhile."""
        secret = self._new_secret()

        async def work() -> InvitationLink | None:
            return await self._invitations.issue(invitation_id, secret)

        return await self._kit.unit_of_work.run(work)

    async def _stand(self, actor: Actor, offer: Offer, *, proven: bool = False) -> Standing | None:
        kit = self._kit
        people = await kit.members.lock_people(sorted({actor.id, offer.invited_by}))
        try:
            state = await kit.projects.lock(str(offer.project_id))
        except ProjectNotFound:
            return None
        seats = await kit.members.lock(state.id, sorted({actor.id, offer.invited_by}))
        own, person = seats.get(actor.id), people.get(actor.id)
        acting = acting_role(actor, state.id, own.member.role if own else None)
        is_addressee = person is not None and person.canonical_email == offer.canonical_email
        return Standing(
            state,
            people,
            seats,
            is_invited=is_addressee and (proven or people[actor.id].is_verified) and actor.reaches(state.id),
            is_maintainer=acting is not None and acting.covers(ProjectRole.MAINTAINER),
        )

    async def _take(self, actor: Actor, offer: Offer, standing: Standing, gone: InvitationNotFound | InvalidToken) -> Project:
        kit = self._kit
        standing.state.refuse_archived()
        # Whoever comes second finds it gone.
        if not await self._invitations.take(offer.id):
            raise gone
        seat = standing.seats.get(offer.invited_by)
        refuse_void(standing.people.get(offer.invited_by), seat.member.role if seat else None, offer.role)
        if actor.id in standing.seats:
            raise AlreadyMember
        await kit.outbox.publish(actor, _told(InvitationAccepted, offer.id, standing.state, offer.role))
        await join(kit, actor, standing.state, standing.people[actor.id], offer.role)
        return await kit.projects.find(actor, str(standing.state.id))


_OTHER_ADDRESS = "This invitation is for another address than that of your account; log in with the account that has it."
_UNUSABLE = "This link was used already, is too old, or never was one; ask who invited you for another invitation."


def _told(event: type[Event], invitation_id: UUID, state: ProjectState, role: ProjectRole) -> Event:
    version = 1 if event is InvitationCreated else 2
    return event(subject_id=invitation_id, subject_version=version, project_id=state.id, data={"role": role})
