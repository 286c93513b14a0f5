"""Bringing deleted tasks back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.projects.domain import ProjectRole, require_role
from service.features.tasks.domain import TaskNotFound
from service.features.tasks.events import TaskRestored
from service.features.tasks.membership import role_beside
from service.features.tasks.tree_domain import levels, refuse_unfitting
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.features.projects.domain import ProjectState
    from service.features.tasks.deleted_ports import DeletedTasks
    from service.features.tasks.domain import DeletedTask, Task
    from service.features.tasks.ports import Tasks
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class TaskRestores:
    """Restoring tasks."""

    def __init__(self, unit_of_work: UnitOfWork, tasks: Tasks, deleted_tasks: DeletedTasks, outbox: Outbox, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._deleted_tasks = deleted_tasks
        self._outbox = outbox
        self._clock = clock

    async def restore(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> Task:
        """Bring a deleted task back with what its deletion took along; one that is not deleted stays as it is.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project, or that is deleted.
            InsufficientRole: the actor is no maintainer.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
            ParentDeleted: the task above is deleted, maybe by the deletion that took this one along.
            ParentTooDeep: the task above was moved down meanwhile.
        """

        async def work() -> Task:
            task_id, project = await self._deleted_tasks.lock_project(reference)
            require_role(await role_beside(self._tasks, actor, project.id), ProjectRole.MAINTAINER)
            tasks = await self._deleted_tasks.lock_taken_along(task_id)
            top = next((task for task in tasks if task.state.id == task_id), None)
            if top is None:
                raise TaskNotFound
            await hold(precondition, top.state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            if top.deleted_at is not None:
                await self._bring_back(actor, project, top, tasks)
            return await self._tasks.find(actor, str(task_id))

        return await self._unit_of_work.run(work)

    async def _bring_back(self, actor: Actor, project: ProjectState, top: DeletedTask, tasks: Sequence[DeletedTask]) -> None:
        if top.state.parent_id is not None:
            found = await self._tasks.lineage(project.id, top.state.parent_id)
            refuse_unfitting(found[0] if found else None, levels(top.state.id, [task.state for task in tasks]))
        await self._deleted_tasks.restore(tasks, self._clock.now())
        await self._outbox.publish(actor, *(_restoration(task, project) for task in tasks))


def _restoration(task: DeletedTask, project: ProjectState) -> TaskRestored:
    return TaskRestored(
        subject_id=task.state.id,
        subject_key=f"{project.key}-{task.state.number}",
        subject_version=task.state.version + 1,
        project_id=project.id,
        changes={"deleted_at": Change(task.deleted_at, None)},
    )
