"""The use cases of tasks on fakes, with one project and one person of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from service.features.tasks.use_cases import TaskWrites
from tests.support.factories import SOME_DAY, ProjectStateFactory, TaskDraftFactory, TaskStateFactory
from tests.support.fake_projects import FakeProjects
from tests.support.fake_tasks import FakeTasks
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor

if TYPE_CHECKING:
    from service.features.projects.domain import ProjectState
    from service.features.tasks.domain import TaskState
    from service.kernel.actor import Actor
    from service.kernel.events import Event

OWNER, MEMBER, VIEWER, OUTSIDER = (an_actor(number) for number in range(1, 5))
ADMIN = an_actor(5, is_admin=True)


class House:
    """The use cases on fakes, with one project in them."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.projects = FakeProjects()
        self.tasks = FakeTasks(self.projects)
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.writes = TaskWrites(self.unit_of_work, self.tasks, self.projects, self.outbox, self.clock, FakeIds())
        self.project = self.a_project()

    def a_project(self, **fields: Any) -> ProjectState:
        """A stored project with an owner, a member and a viewer."""
        return self.projects.put(ProjectStateFactory.build(**fields), owner=OWNER, member=MEMBER, viewer=VIEWER)

    def a_task(self, parent: TaskState | None = None, **fields: Any) -> TaskState:
        """A stored task of the project."""
        state = TaskStateFactory.build(parent_id=parent.id if parent else None, **fields)
        return self.tasks.put(state, self.project)

    def a_branch(self, levels: int) -> list[TaskState]:
        """Tasks, each below the one before."""
        branch = [self.a_task()]
        while len(branch) < levels:
            branch.append(self.a_task(branch[-1]))
        return branch

    def archive(self) -> None:
        """Make the project read-only."""
        self.projects.rows[self.project.id] = structs.replace(self.project, archived_at=SOME_DAY)

    def unarchive(self) -> None:
        """Make the project writable."""
        self.projects.rows[self.project.id] = self.project

    async def create(self, actor: Actor = MEMBER, **fields: Any) -> Any:
        """Create a task in the project."""
        return await self.writes.create(actor, TaskDraftFactory.build(**{"project_id": self.project.id, **fields}))

    @property
    def event(self) -> Event:
        """The one event that was published."""
        (event,) = self.outbox.events
        return event

    def untouched(self) -> bool:
        """Whether the last unit was undone and nothing told."""
        return self.unit_of_work.rolled_back == 1 and not self.unit_of_work.committed and not self.outbox.events
