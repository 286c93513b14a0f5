"""What changing and creating many tasks at once needs from storage, each call one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.bulk_domain import Aim, Ancestry, Changing, Numbered
    from service.features.tasks.domain import ProjectRef, TaskState
    from service.features.tasks.ports import Insider
    from service.kernel.actor import Actor
    from service.kernel.filter.tree import Condition


@runtime_checkable
class BulkTasks(Protocol):
    """Stored tasks, many at a time."""

    async def lock_projects(self, task_ids: Sequence[UUID]) -> dict[UUID, ProjectState]:
        """The projects of the tasks by their id, their rows locked: shared with other changes of tasks."""
        ...

    async def lock_members(self, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Insider]:
        """Who of these belongs where, as pairs of a project and a person, their memberships locked against removal."""
        ...

    async def lock(self, task_ids: Sequence[UUID], project_ids: Sequence[UUID]) -> list[tuple[UUID, TaskState]]:
        """Those of the tasks that are in the projects and not deleted, locked, each after the id of its project."""
        ...

    async def lock_open_of(self, project_id: UUID, user_id: UUID) -> list[TaskState]:
        """The tasks of the project that the person should still finish, locked; deleted ones too, which may be restored."""
        ...

    async def aim(self, actor: Actor, condition: Condition) -> Aim:
        """What the filter means to the actor now."""
        ...

    async def lock_aimed_projects(self, actor: Actor, aim: Aim) -> dict[UUID, ProjectState]:
        """The projects of the tasks that the actor sees and the filter means, like `lock_projects`.

        Of the first `MOST` tasks and one more, which tells that they are too many.
        """
        ...

    async def lock_aimed(self, aim: Aim, project_ids: Sequence[UUID]) -> list[tuple[UUID, TaskState]]:
        """The tasks of the projects that the filter means, like `lock`: at most `MOST` and one more."""
        ...

    async def aimed(self, aim: Aim, project_ids: Sequence[UUID]) -> list[UUID]:
        """The ids of what `lock_aimed` would lock now: behind its locks, what came and went while it waited shows."""
        ...

    async def lock_open_anywhere(self, user_id: UUID) -> list[tuple[ProjectState, TaskState]]:
        """The same in whatever project, deleted and archived ones included."""
        ...

    async def change(self, rows: Sequence[Changing], shared: Mapping[str, Any], now: datetime) -> None:
        """Store new values of locked tasks: for every row those in `shared`, status and completion by the row's own changes."""
        ...

    async def claim_numbers(self, wanted: Mapping[UUID, int]) -> dict[UUID, tuple[int, ProjectRef]]:
        """The first of that many next numbers by project, their rows locked; archived and missing ones are left out."""
        ...

    async def projects(self, project_ids: Sequence[UUID]) -> dict[UUID, ProjectState]:
        """Those of the projects that there are, unlocked, to tell why they were left out."""
        ...

    async def ancestries(self, task_ids: Sequence[UUID]) -> dict[UUID, Ancestry]:
        """Those of the tasks that are not deleted, by their id."""
        ...

    async def add(self, tasks: Sequence[Numbered], reporter_id: UUID, now: datetime) -> None:
        """Store new tasks."""
        ...
