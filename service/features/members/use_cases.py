"""What people do with memberships, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from service.features.members.domain import MemberNotFound, ProjectMember, Seat, refuse_owner, require_grantor
from service.features.members.events import MemberLeft, MemberRemoved, MemberRoleChanged, ProjectTransferred
from service.features.projects.domain import ProjectNotFound, ProjectRole, acting_role, require_role
from service.features.projects.events import MemberAdded
from service.kernel.errors import PreconditionFailed, invalid
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from service.features.members.domain import Person
    from service.features.members.ports import Members
    from service.features.projects.domain import Project, ProjectState
    from service.features.projects.ports import Projects
    from service.features.tasks.unassigning import Unassigning
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class Kit(Struct, frozen=True):
    """What every write here works with."""

    unit_of_work: UnitOfWork
    projects: Projects
    members: Members
    outbox: Outbox
    clock: Clock
    ids: Ids


class House(Struct, frozen=True):
    """A locked project as its caller finds it: as what he acts, and the locked memberships, his own and the owner's included."""

    state: ProjectState
    acting: ProjectRole
    seats: Mapping[UUID, Seat]

    def seat(self, user_id: UUID | None) -> Seat | None:
        """The membership of one of those who were asked for, if there is one."""
        return None if user_id is None else self.seats.get(user_id)


class MemberWrites:
    """Giving roles, removing members, leaving, and handing a project over."""

    def __init__(self, kit: Kit, unassigning: Unassigning) -> None:
        self._kit = kit
        self._unassigning = unassigning

    async def set_role(
        self, actor: Actor, reference: str, user: str, role: ProjectRole, precondition: Precondition = ANY
    ) -> ProjectMember:
        """Give a member another role; an instance admin makes a member of whom is none.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            MemberNotFound: the person does not belong to it, or for an admin: there is no such person.
            InsufficientRole: the role of before or the one to give is at or above the actor's own.
            PreconditionFailed: the membership has changed since the client read it, or is not there.
            ProjectArchived: the project is read-only.
            OwnerMustTransfer: the person is the owner.
        """
        user_id = parse_id(user)
        kit = self._kit

        async def work() -> ProjectMember:
            # Accounts before projects: whoever is deleted at this moment must not become a member.
            people = await kit.members.lock_people([user_id]) if actor.is_admin and user_id else {}
            house = await enter(kit, actor, reference, user_id)
            seat = house.seat(user_id)
            if seat is None:
                return await self._add(actor, house.state, next(iter(people.values()), None), role, precondition)
            require_grantor(house.acting, seat.member.role, role)
            await hold(precondition, seat, kit.outbox)
            house.state.refuse_archived()
            refuse_owner(seat.member.role)
            if seat.member.role is role:
                return seat.member
            return await self._change(actor, house.state, seat, role)

        return await kit.unit_of_work.run(work)

    async def remove(self, actor: Actor, reference: str, user: str, precondition: Precondition = ANY) -> None:
        """End a membership, one's own or another's; its open tasks are left to nobody.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            MemberNotFound: the person does not belong to it.
            InsufficientRole: somebody else's role is at or above the actor's own.
            PreconditionFailed: the membership has changed since the client read it.
            ProjectArchived: the project is read-only.
            OwnerMustTransfer: the person is the owner.
        """
        user_id = parse_id(user)
        kit = self._kit

        async def work() -> None:
            house = await enter(kit, actor, reference, user_id)
            seat = house.seat(user_id)
            if seat is None:
                raise MemberNotFound(_NOBODY)
            leaves = seat.member.id == actor.id
            if not leaves:
                require_grantor(house.acting, seat.member.role)
            await hold(precondition, seat, kit.outbox)
            house.state.refuse_archived()
            refuse_owner(seat.member.role)
            await kit.members.remove(seat)
            ended = (MemberLeft if leaves else MemberRemoved)(
                subject_id=seat.id,
                subject_version=seat.member.version + 1,
                project_id=house.state.id,
                data={"user_id": str(seat.member.id), "role": seat.member.role},
            )
            await kit.outbox.publish(actor, ended)
            await self._unassigning.unassign(actor, house.state, seat.member.id)

        await kit.unit_of_work.run(work)

    async def transfer(self, actor: Actor, reference: str, user_id: UUID, precondition: Precondition = ANY) -> Project:
        """Make another member the owner; the old one becomes maintainer. To the owner itself, it changes nothing.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the actor is not the owner.
            Invalid: the person is no member, or may not log in.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: it has changed since the client read it.
            ProjectArchived: the project is read-only.
        """
        kit = self._kit

        async def work() -> Project:
            house = await enter(kit, actor, reference, user_id)
            require_role(house.acting, ProjectRole.OWNER)
            seat = house.seat(user_id)
            if seat is None:
                raise invalid("/user_id", "not_a_member", "The new owner must belong to the project; invite them first.")
            if not seat.member.is_active:
                raise invalid("/user_id", "inactive", "The new owner's account is deactivated; name somebody who can log in.")
            await hold(precondition, house.state, kit.outbox, required=house.state.require_if_match)
            house.state.refuse_archived()
            if seat.member.role is not ProjectRole.OWNER:
                await self._hand_over(actor, house, seat)
            return await kit.projects.find(actor, str(house.state.id))

        return await kit.unit_of_work.run(work)

    async def _hand_over(self, actor: Actor, house: House, heir: Seat) -> None:
        kit = self._kit
        owner = next(seat for seat in house.seats.values() if seat.member.role is ProjectRole.OWNER)
        # In this order: there are never two owners.
        await kit.members.change_role(owner, ProjectRole.MAINTAINER)
        await kit.members.change_role(heir, ProjectRole.OWNER)
        version = await kit.projects.change(house.state, {}, kit.clock.now())
        transferred = ProjectTransferred(
            subject_id=house.state.id,
            subject_key=house.state.key,
            subject_version=version,
            project_id=house.state.id,
            changes={"owner_id": Change(str(owner.member.id), str(heir.member.id))},
        )
        resigned = role_change(house.state, owner, ProjectRole.MAINTAINER)
        await kit.outbox.publish(actor, transferred, resigned, role_change(house.state, heir, ProjectRole.OWNER))

    async def _add(
        self, actor: Actor, state: ProjectState, person: Person | None, role: ProjectRole, precondition: Precondition
    ) -> ProjectMember:
        if person is None:
            raise MemberNotFound(_NOBODY)
        if precondition.is_given:
            message = "If-Match names a membership, and there is none: send no If-Match to add somebody."
            raise PreconditionFailed(message, mergeable=False, conflicts=())
        state.refuse_archived()
        return await join(self._kit, actor, state, person, role)

    async def _change(self, actor: Actor, state: ProjectState, seat: Seat, role: ProjectRole) -> ProjectMember:
        await self._kit.members.change_role(seat, role)
        await self._kit.outbox.publish(actor, role_change(state, seat, role))
        return replace(seat.member, role=role, version=seat.member.version + 1)


_NOBODY = "Nobody of this id belongs to the project; send an invitation to who should."


async def enter(kit: Kit, actor: Actor, reference: str, *user_ids: UUID | None) -> House:
    """Lock a project, and in it the memberships of the actor, the owner and these people.

    Raises:
        ProjectNotFound: there is none, or the actor does not belong to it.
    """
    state = await kit.projects.lock(reference)
    seats = await kit.members.lock(state.id, sorted({actor.id, *filter(None, user_ids)}))
    own = seats.get(actor.id)
    acting = acting_role(actor, state.id, own.member.role if own else None)
    if acting is None:
        raise ProjectNotFound
    return House(state, acting, seats)


async def join(kit: Kit, actor: Actor, state: ProjectState, person: Person, role: ProjectRole) -> ProjectMember:
    """Make somebody a member of a locked project, inside the caller's unit of work."""
    now = kit.clock.now()
    seat_id = kit.ids.new()
    await kit.projects.add_member(seat_id, state.id, person.id, role, now)
    await kit.outbox.publish(
        actor,
        MemberAdded(
            subject_id=seat_id,
            subject_version=1,
            project_id=state.id,
            data={"user_id": str(person.id), "role": role},
        ),
    )
    return ProjectMember(person.id, person.full_name, person.email, person.is_active, role, now, 1)


def role_change(state: ProjectState, seat: Seat, role: ProjectRole) -> MemberRoleChanged:
    """What is told of another role, by the membership as it was before."""
    return MemberRoleChanged(
        subject_id=seat.id,
        subject_version=seat.member.version + 1,
        project_id=state.id,
        changes={"role": Change(seat.member.role, role)},
        data={"user_id": str(seat.member.id)},
    )
