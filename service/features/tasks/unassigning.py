"""Taking somebody off the open tasks of a project, in the unit of work that ends the membership."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.tasks.bulk_domain import Changing
from service.features.tasks.use_cases import alteration

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.bulk_ports import BulkTasks
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox


class Unassigning:
    """What features above tasks have done to the tasks of who leaves."""

    def __init__(self, tasks: BulkTasks, outbox: Outbox, clock: Clock) -> None:
        self._tasks = tasks
        self._outbox = outbox
        self._clock = clock

    async def unassign(self, actor: Actor, project: ProjectState, user_id: UUID) -> None:
        """Leave the person's open tasks in the locked project to nobody; finished ones still tell whose they were."""
        states = await self._tasks.lock_open_of(project.id, user_id)
        if not states:
            return
        changes: dict[str, Any] = {"assignee_id": None}
        await self._tasks.change([Changing(project, state, changes) for state in states], changes, self._clock.now())
        await self._outbox.publish(actor, *(alteration(state, changes, project.id, project.key) for state in states))
