"""Taking somebody off the open tasks of a project, or of all, in the unit of work that ends the membership."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.tasks.bulk_domain import Changing
from service.features.tasks.use_cases import alteration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.bulk_ports import BulkTasks
    from service.features.tasks.domain import TaskState
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox


class Unassigning:
    """What features above tasks have done to the tasks of who leaves."""

    def __init__(self, tasks: BulkTasks, outbox: Outbox, clock: Clock) -> None:
        self._tasks = tasks
        self._outbox = outbox
        self._clock = clock

    async def unassign(self, actor: Actor, project: ProjectState, user_id: UUID) -> None:
        """Leave the person's open tasks in the locked project to nobody, deleted ones too; finished ones tell whose they were."""
        states = await self._tasks.lock_open_of(project.id, user_id)
        await self._leave(actor, [(project, state) for state in states])

    async def unassign_everywhere(self, actor: Actor, user_id: UUID) -> None:
        """The same for every project, once the person is locked out of all: nobody can assign a task to who is no member."""
        await self._leave(actor, await self._tasks.lock_open_anywhere(user_id))

    async def _leave(self, actor: Actor, tasks: Sequence[tuple[ProjectState, TaskState]]) -> None:
        if not tasks:
            return
        changes: dict[str, Any] = {"assignee_id": None}
        await self._tasks.change([Changing(project, state, changes) for project, state in tasks], changes, self._clock.now())
        told = (alteration(state, changes, project.id, project.key) for project, state in tasks)
        await self._outbox.publish(actor, *told)
