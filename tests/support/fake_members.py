"""Memberships and invitations in memory, for tests of use cases: they refuse a write whose row was not locked first."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from msgspec.structs import replace

from service.features.members.domain import Person, ProjectMember, Seat
from service.features.members.invitation_domain import Invitation, InvitationLink, InvitationNotFound, NewInvitation, Offer
from service.features.members.invitation_ports import Invitations
from service.features.members.ports import Members
from service.features.tasks.domain import PersonRef, ProjectRef
from service.kernel.paging import Slice
from tests.support.factories import SOME_DAY

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from service.features.projects.domain import ProjectRole
    from service.kernel.actor import Actor
    from service.kernel.paging import Window
    from tests.support.fake_projects import FakeProjects
    from tests.support.fakes import FakeClock


class FakeMembers(Members):
    """Fills ports.Members, on the roles of a FakeProjects."""

    def __init__(self, projects: FakeProjects) -> None:
        self.people: dict[UUID, Person] = {}
        self.changes: dict[UUID, int] = {}
        self._projects = projects
        self._locked: dict[UUID, tuple[UUID, UUID]] = {}

    def put(self, *actors: Actor) -> None:
        """Accounts of these people, their addresses verified."""
        for actor in actors:
            assert actor.email is not None
            self.people[actor.id] = Person(
                actor.id, actor.full_name, actor.email, actor.email, is_active=True, is_admin=actor.is_admin, is_verified=True
            )

    async def page(self, actor: Actor, reference: str, window: Window) -> Slice[ProjectMember]:
        """See ports.Members; no use case reads lists."""
        raise NotImplementedError

    async def lock_people(self, user_ids: Collection[UUID]) -> dict[UUID, Person]:
        """See ports.Members."""
        assert not self._projects.locked, "accounts are locked before projects"
        return {id_: self.people[id_] for id_ in user_ids if id_ in self.people}

    async def lock(self, project_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Seat]:
        """See ports.Members."""
        assert project_id in self._projects.locked, "the project is locked before the memberships"
        roles = self._projects.roles[project_id]
        wanted = {id_ for id_, role in roles.items() if id_ in user_ids or role == "owner"}
        return {id_: self._seat(project_id, id_, roles[id_]) for id_ in sorted(wanted)}

    async def has_address(self, project_id: UUID, canonical_email: str) -> bool:
        """See ports.Members."""
        return any(self.people[id_].canonical_email == canonical_email for id_ in self._projects.roles[project_id])

    async def change_role(self, seat: Seat, role: ProjectRole) -> None:
        """See ports.Members."""
        project_id, user_id = self._locked[seat.id]
        owners = [id_ for id_, each in self._projects.roles[project_id].items() if each == "owner"]
        assert role != "owner" or not owners, "there are never two owners"
        self._projects.roles[project_id][user_id] = role
        self.changes[seat.id] = self.changes.get(seat.id, 1) + 1

    async def remove(self, seat: Seat) -> None:
        """See ports.Members."""
        project_id, user_id = self._locked[seat.id]
        del self._projects.roles[project_id][user_id]

    def _seat(self, project_id: UUID, user_id: UUID, role: ProjectRole) -> Seat:
        seat_id = UUID(int=project_id.int ^ user_id.int)
        self._locked[seat_id] = (project_id, user_id)
        person = self.people[user_id]
        version = self.changes.get(seat_id, 1)
        return Seat(
            seat_id, ProjectMember(user_id, person.full_name, person.email, person.is_active, role, SOME_DAY, version)
        )  # fmt: skip


class FakeInvitations(Invitations):
    """Fills invitation_ports.Invitations."""

    def __init__(self, projects: FakeProjects, clock: FakeClock) -> None:
        self.rows: dict[UUID, NewInvitation] = {}
        self.tokens: dict[str, UUID] = {}
        # What somebody else does between the look at an invitation and the taking of it.
        self.taken_meanwhile = False
        self._projects = projects
        self._clock = clock

    async def page(self, actor: Actor, reference: str, window: Window) -> Slice[Invitation]:
        """See invitation_ports.Invitations; no use case reads lists."""
        raise NotImplementedError

    async def page_of_invited(self, actor: Actor, window: Window) -> Slice[Invitation]:
        """See invitation_ports.Invitations; no use case reads lists."""
        raise NotImplementedError

    async def find(self, actor: Actor, reference: str) -> Invitation:
        """See invitation_ports.Invitations."""
        row = self.rows.get(UUID(reference))
        if row is None:
            raise InvitationNotFound
        project = self._projects.rows[row.project_id]
        return Invitation(
            row.id, ProjectRef(project.id, project.key, project.name), row.email, row.role, PersonRef(row.invited_by, None),
            row.created_at, row.expires_at,
        )  # fmt: skip

    async def offer(self, reference: str) -> Offer | None:
        """See invitation_ports.Invitations."""
        row = self.rows.get(UUID(reference))
        return None if row is None or not self._is_open(row) else self._offer(row)

    async def offer_by_token(self, secret: str) -> Offer | None:
        """See invitation_ports.Invitations."""
        return await self.offer(str(self.tokens.get(secret, UUID(int=0))))

    async def add(self, invitation: NewInvitation) -> bool:
        """See invitation_ports.Invitations."""
        for row in [*self.rows.values()]:
            if (row.project_id, row.canonical_email) == (invitation.project_id, invitation.canonical_email):
                if self._is_open(row):
                    return False
                del self.rows[row.id]
        self.rows[invitation.id] = invitation
        return True

    async def take(self, invitation_id: UUID) -> bool:
        """See invitation_ports.Invitations."""
        return not self.taken_meanwhile and self.rows.pop(invitation_id, None) is not None

    async def issue(self, invitation_id: UUID, secret: str) -> InvitationLink | None:
        """See invitation_ports.Invitations."""
        row = self.rows.get(invitation_id)
        if row is None or not self._is_open(row):
            return None
        self.tokens = {token: id_ for token, id_ in self.tokens.items() if id_ != invitation_id} | {secret: invitation_id}
        return InvitationLink(row.email, "en", self._projects.rows[row.project_id].key, secret, row.expires_at)

    async def prune(self, now: datetime) -> None:
        """See invitation_ports.Invitations."""
        self.rows = {id_: row for id_, row in self.rows.items() if row.expires_at > now}

    def _is_open(self, row: NewInvitation) -> bool:
        return row.expires_at > self._clock.now()

    @staticmethod
    def _offer(row: NewInvitation) -> Offer:
        return Offer(row.id, row.project_id, row.canonical_email, row.role, row.invited_by)


def changed(person: Person, **fields: bool) -> Person:
    """The same account, other in some respect."""
    return replace(person, **fields)
