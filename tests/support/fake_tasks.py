"""Tasks in memory, for tests of use cases: it refuses a write whose row was not locked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from service.features.projects.domain import ProjectRole, ProjectState
from service.features.tasks.domain import (
    PersonRef,
    Placed,
    ProjectRef,
    Task,
    TaskDraft,
    TaskNotFound,
    TaskRef,
    TaskState,
    created,
)
from service.features.tasks.ports import Insider, TaskFilter, Tasks
from service.features.tasks.tree_domain import MAX_DEPTH
from service.kernel.paging import Slice, Window
from tests.support.factories import SOME_DAY
from tests.support.fake_labels import FakeTaskLabels
from tests.support.fakes import stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.kernel.actor import Actor
    from tests.support.fake_projects import FakeProjects


class FakeTasks(Tasks):
    """Fills ports.Tasks, beside a FakeProjects."""

    def __init__(self, projects: FakeProjects) -> None:
        self.rows: dict[UUID, TaskState] = {}
        self.deleted: set[UUID] = set()
        # What somebody else does in the moment between the look at the project and the next statement.
        self.meanwhile: Callable[[], None] = lambda: None
        # "shared" or "exclusive", as the last change asked for.
        self.project_lock: str | None = None
        self._projects = projects
        self._project_of: dict[UUID, UUID] = {}
        self._numbers: dict[UUID, int] = {}
        self._locked: set[UUID] = set()
        self.labels: FakeTaskLabels = FakeTaskLabels()

    def put(self, state: TaskState, project: ProjectState) -> TaskState:
        """Store a task of the project."""
        self.rows[state.id] = state
        self._project_of[state.id] = project.id
        return state

    def project_of(self, task_id: UUID) -> UUID:
        """The id of the project that a stored task is in."""
        return self._project_of[task_id]

    def is_locked(self, task_id: UUID) -> bool:
        """Whether somebody has asked for the task's lock."""
        return task_id in self._locked

    async def find(self, actor: Actor, reference: str) -> Task:
        """See ports.Tasks."""
        row = self._row(reference)
        project = self._projects.rows[self._project_of[row.id]]
        if not actor.is_admin and actor.id not in self._projects.roles[project.id]:
            raise TaskNotFound
        return structs.replace(self._built(actor, row, project), version=row.version, completed_at=row.completed_at)

    async def page(self, actor: Actor, wanted: TaskFilter, window: Window) -> Slice[Task]:
        """See ports.Tasks; no use case reads lists, so neither filter nor order is here."""
        visible = [await self.find(actor, str(id_)) for id_ in self.rows if id_ not in self.deleted]
        return Slice(visible, len(visible), total_is_exact=True)

    async def claim_number(self, project_id: UUID) -> tuple[int, ProjectRef] | None:
        """See ports.Tasks."""
        project = self._projects.rows.get(project_id)
        writable = project is not None and project.archived_at is None and project_id not in self._projects.deleted
        if project is None or not writable:
            self.meanwhile()
            return None
        self._projects.locked.add(project_id)
        self._numbers[project_id] = self._numbers.get(project_id, 0) + 1
        return self._numbers[project_id], ProjectRef(project_id, project.key, project.name)

    async def lock_project(self, reference: str, *, exclusively: bool) -> tuple[UUID, ProjectState]:
        """See ports.Tasks."""
        row = self._row(reference)
        project_id = self._project_of[row.id]
        if project_id in self._projects.deleted:
            raise TaskNotFound
        self._projects.locked.add(project_id)
        self.project_lock = "exclusive" if exclusively else "shared"
        self.meanwhile()
        return row.id, self._projects.rows[project_id]

    async def lock_members(self, project_id: UUID, user_ids: Sequence[UUID]) -> dict[UUID, Insider]:
        """See ports.Tasks."""
        assert project_id in self._projects.locked, "the project is locked before the memberships"
        assert list(user_ids) == sorted(user_ids), "memberships are locked in one order"
        roles = self._projects.roles[project_id]
        return {id_: Insider(ProjectRole(roles[id_]), PersonRef(id_, f"Person {id_}")) for id_ in user_ids if id_ in roles}

    async def lock(self, task_id: UUID) -> TaskState:
        """See ports.Tasks."""
        row = self._row(str(task_id))
        self._locked.add(task_id)
        return row

    async def lock_tree(self, task_id: UUID) -> list[TaskState]:
        """See ports.Tasks."""
        tree = [row for level in self._levels(task_id) for row in level]
        self._locked |= {row.id for row in tree}
        return tree

    async def lineage(self, project_id: UUID, task_id: UUID) -> tuple[Sequence[UUID], TaskRef] | None:
        """See ports.Tasks."""
        if task_id in self.deleted or self._project_of.get(task_id) != project_id:
            return None
        path: list[UUID] = []
        above: UUID | None = task_id
        while above is not None:
            path.insert(0, above)
            above = self.rows[above].parent_id
        row = self.rows[task_id]
        return path, TaskRef(task_id, f"{self._projects.rows[project_id].key}-{row.number}", row.title)

    async def height(self, task_id: UUID) -> int:
        """See ports.Tasks."""
        return len(self._levels(task_id))

    async def add(self, task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime) -> None:
        """See ports.Tasks."""
        completed_at = now if draft.status == "done" else None
        self.rows[task_id] = TaskState(
            task_id, number, draft.title, draft.description, draft.status, completed_at,
            draft.priority, draft.due_date, draft.assignee_id, draft.parent_id, 1,
        )  # fmt: skip
        self._project_of[task_id] = draft.project_id

    async def add_below(
        self, task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime
    ) -> tuple[int, str] | None:
        """See ports.Tasks."""
        found = await self.lineage(draft.project_id, draft.parent_id) if draft.parent_id else None
        if found is None or len(found[0]) >= MAX_DEPTH:
            return None
        await self.add(task_id, number, draft, reporter_id, now)
        parent = self.rows[found[1].id]
        return parent.number, parent.title

    async def change(self, state: TaskState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Tasks."""
        assert state.id in self._locked, "a task is changed after it was locked"
        columns = {field: value for field, value in changes.items() if field != "labels"}
        self.rows[state.id] = structs.replace(state, **columns, **stamped(state, changes))
        return state.version + 1

    async def delete(self, states: Sequence[TaskState], deleted_with: UUID, now: datetime) -> None:
        """See ports.Tasks."""
        assert {state.id for state in states} <= self._locked, "tasks are deleted after they were locked"
        assert deleted_with in {state.id for state in states}, "the one that takes the others along is one of them"
        self.deleted |= {state.id for state in states}

    def _row(self, reference: str) -> TaskState:
        for row in self.rows.values():
            key = f"{self._projects.rows[self._project_of[row.id]].key}-{row.number}"
            if reference in (str(row.id), key) and row.id not in self.deleted:
                return row
        raise TaskNotFound

    def _levels(self, task_id: UUID) -> list[list[TaskState]]:
        levels = [[row for row in self.rows.values() if row.id == task_id and row.id not in self.deleted]]
        while levels[-1]:
            above = {row.id for row in levels[-1]}
            levels.append([row for row in self.rows.values() if row.parent_id in above and row.id not in self.deleted])
        return levels[:-1]

    @staticmethod
    def _built(actor: Actor, row: TaskState, project: ProjectState) -> Task:
        draft = TaskDraft(
            project.id, row.title, row.description, row.status, row.priority, row.due_date, row.assignee_id, row.parent_id
        )
        assignee = PersonRef(row.assignee_id, None) if row.assignee_id else None
        parent = TaskRef(row.parent_id, "", "") if row.parent_id else None
        ref = ProjectRef(project.id, project.key, project.name)
        return created(draft, Placed(row.id, row.number, ref, assignee, PersonRef(actor.id, None), parent, SOME_DAY))
