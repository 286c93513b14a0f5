"""The use cases of members and invitations on fakes, with one project and one person of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from service.features.members.invitation_use_cases import InvitationWrites
from service.features.members.use_cases import Kit, MemberWrites
from service.features.tasks.unassigning import Unassigning
from tests.support.factories import SOME_DAY, ProjectStateFactory, TaskStateFactory
from tests.support.fake_bulk_tasks import FakeBulkTasks
from tests.support.fake_members import FakeInvitations, FakeMembers
from tests.support.fake_projects import FakeProjects
from tests.support.fake_tasks import FakeTasks
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.projects.domain import ProjectRole
    from service.features.tasks.domain import TaskState
    from service.kernel.actor import Actor
    from service.kernel.events import Event

OWNER, MAINTAINER, MEMBER, VIEWER, OUTSIDER, OTHER = (an_actor(number) for number in range(1, 7))
ADMIN = an_actor(7, is_admin=True)


class House:
    """The use cases on fakes, with one project in them."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.projects = FakeProjects()
        self.members = FakeMembers(self.projects)
        self.tasks = FakeTasks(self.projects)
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.invitations = FakeInvitations(self.projects, self.clock)
        unassigning = Unassigning(FakeBulkTasks(self.tasks, self.projects), self.outbox, self.clock)
        kit = Kit(self.unit_of_work, self.projects, self.members, self.outbox, self.clock, FakeIds())
        self.writes = MemberWrites(kit, unassigning)
        self.inviting = InvitationWrites(kit, self.invitations, lambda: f"secret-{len(self.invitations.tokens)}")
        self.members.put(OWNER, MAINTAINER, MEMBER, VIEWER, OUTSIDER, OTHER, ADMIN)
        self.project = self.projects.put(
            ProjectStateFactory.build(), owner=OWNER, maintainer=MAINTAINER, member=MEMBER, viewer=VIEWER
        )

    @property
    def key(self) -> str:
        """The project's."""
        return self.project.key

    @property
    def roles(self) -> dict[UUID, ProjectRole]:
        """Who is what in the project."""
        return self.projects.roles[self.project.id]

    def archive(self) -> None:
        """Make the project read-only."""
        self.projects.rows[self.project.id] = replace(self.project, archived_at=SOME_DAY)

    def forget_locks(self) -> None:
        """As at the end of a unit."""
        self.projects.locked.clear()

    def a_task(self, assignee: Actor | None, **fields: Any) -> TaskState:
        """A stored task of the project."""
        state = TaskStateFactory.build(**{"assignee_id": assignee.id if assignee else None, **fields})
        return self.tasks.put(state, self.project)

    @property
    def event(self) -> Event:
        """The one event that was published."""
        (event,) = self.outbox.events
        return event
