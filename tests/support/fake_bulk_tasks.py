"""Many tasks at once in memory, beside the other fakes: it refuses a write whose rows were not locked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from service.features.projects.domain import ProjectState
from service.features.tasks.bulk_domain import MOST, Aim, Ancestry, Changing, Numbered
from service.features.tasks.bulk_ports import BulkTasks
from service.features.tasks.domain import OPEN, ProjectRef, TaskState
from service.features.tasks.filter_domain import Moment
from service.features.tasks.ports import Insider
from tests.support.factories import SOME_DAY
from tests.support.fakes import stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.kernel.actor import Actor
    from service.kernel.filter.tree import Condition
    from tests.support.fake_projects import FakeProjects
    from tests.support.fake_tasks import FakeTasks


class FakeBulkTasks(BulkTasks):
    """Fills bulk_ports.BulkTasks, on the rows of a FakeTasks."""

    def __init__(self, tasks: FakeTasks, projects: FakeProjects) -> None:
        # What somebody else does after the projects were locked, or found to be closed.
        self.meanwhile: Callable[[], None] = lambda: None
        # What every filter means here, and what somebody else does while a filter's tasks are locked.
        self.means: Callable[[TaskState], bool] = lambda _: True
        self.while_locking: Callable[[], None] = lambda: None
        self._tasks = tasks
        self._projects = projects
        self._locked: set[UUID] = set()

    async def lock_projects(self, task_ids: Sequence[UUID]) -> dict[UUID, ProjectState]:
        """See bulk_ports.BulkTasks."""
        found = await self.projects([self._tasks.project_of(id_) for id_ in task_ids if id_ in self._alive()])
        self._projects.locked |= found.keys()
        self.meanwhile()
        return found

    async def lock_members(self, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Insider]:
        """See bulk_ports.BulkTasks."""
        found = {}
        for project_id, user_id in wanted:
            if project_id in self._projects.locked:
                for id_, insider in (await self._tasks.lock_members(project_id, [user_id])).items():
                    found[project_id, id_] = insider
        return found

    async def lock(self, task_ids: Sequence[UUID], project_ids: Sequence[UUID]) -> list[tuple[UUID, TaskState]]:
        """See bulk_ports.BulkTasks."""
        assert set(project_ids) <= self._projects.locked, "the projects are locked before the tasks"
        found = {id_: self._tasks.project_of(id_) for id_ in sorted(set(task_ids) & self._alive())}
        self._locked |= {id_ for id_, project_id in found.items() if project_id in project_ids}
        return [(project_id, self._tasks.rows[id_]) for id_, project_id in found.items() if id_ in self._locked]

    async def lock_open_of(self, project_id: UUID, user_id: UUID) -> list[TaskState]:
        """See bulk_ports.BulkTasks."""
        assert project_id in self._projects.locked, "the project is locked before the tasks"
        rows = [self._tasks.rows[id_] for id_ in sorted(self._tasks.rows) if self._tasks.project_of(id_) == project_id]
        found = [row for row in rows if row.assignee_id == user_id and row.status in OPEN]
        self._locked |= {row.id for row in found}
        return found

    async def aim(self, actor: Actor, condition: Condition) -> Aim:
        """See bulk_ports.BulkTasks."""
        return Aim(condition, Moment(SOME_DAY, actor.id))

    async def lock_aimed_projects(self, actor: Actor, aim: Aim) -> dict[UUID, ProjectState]:
        """See bulk_ports.BulkTasks."""
        assert aim.moment.user_id == actor.id
        return await self.lock_projects([id_ for id_ in self._alive() if self.means(self._tasks.rows[id_])])

    async def lock_aimed(self, aim: Aim, project_ids: Sequence[UUID]) -> list[tuple[UUID, TaskState]]:
        """See bulk_ports.BulkTasks."""
        locked = await self.lock(await self.aimed(aim, project_ids), project_ids)
        self.while_locking()
        return locked

    async def aimed(self, aim: Aim, project_ids: Sequence[UUID]) -> list[UUID]:
        """See bulk_ports.BulkTasks."""
        found = sorted(id_ for id_ in self._alive() if self.means(self._tasks.rows[id_]))
        return [id_ for id_ in found if self._tasks.project_of(id_) in project_ids][: MOST + 1]

    async def lock_open_anywhere(self, user_id: UUID) -> list[tuple[ProjectState, TaskState]]:
        """See bulk_ports.BulkTasks."""
        rows = [self._tasks.rows[id_] for id_ in sorted(self._tasks.rows)]
        found = [row for row in rows if row.assignee_id == user_id and row.status in OPEN]
        self._locked |= {row.id for row in found}
        return [(self._projects.rows[self._tasks.project_of(row.id)], row) for row in found]

    async def change(self, rows: Sequence[Changing], shared: Mapping[str, Any], now: datetime) -> None:
        """See bulk_ports.BulkTasks."""
        for row in rows:
            assert row.state.id in self._locked, "tasks are changed after they were locked"
            self._tasks.rows[row.state.id] = structs.replace(row.state, **row.changes, **stamped(row.state, row.changes))

    async def claim_numbers(self, wanted: Mapping[UUID, int]) -> dict[UUID, tuple[int, ProjectRef]]:
        """See bulk_ports.BulkTasks."""
        claimed = {}
        for project_id, count in wanted.items():
            numbers = [await self._tasks.claim_number(project_id) for _ in range(count)]
            if numbers[0] is not None:
                claimed[project_id] = numbers[0]
        self.meanwhile()
        return claimed

    async def projects(self, project_ids: Sequence[UUID]) -> dict[UUID, ProjectState]:
        """See bulk_ports.BulkTasks."""
        there = self._projects.rows.keys() - self._projects.deleted
        found = {id_: self._projects.rows[id_] for id_ in project_ids if id_ in there}
        self._projects.locked |= found.keys()
        return found

    async def ancestries(self, task_ids: Sequence[UUID]) -> dict[UUID, Ancestry]:
        """See bulk_ports.BulkTasks."""
        found = {}
        for id_ in set(task_ids) & self._alive():
            project_id = self._tasks.project_of(id_)
            lineage = await self._tasks.lineage(project_id, id_)
            assert lineage is not None
            found[id_] = Ancestry(project_id, *lineage)
        return found

    async def add(self, tasks: Sequence[Numbered], reporter_id: UUID, now: datetime) -> None:
        """See bulk_ports.BulkTasks."""
        for task in tasks:
            await self._tasks.add(task.id, task.number, task.draft, reporter_id, now)

    def _alive(self) -> set[UUID]:
        return self._tasks.rows.keys() - self._tasks.deleted
