"""Relating tasks of a project and parting them again, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.projects.domain import ProjectRole, require_role
from service.features.tasks.events import TaskRelated, TaskUnrelated
from service.features.tasks.membership import role_beside
from service.features.tasks.relation_domain import MOST_RELATIONS, RelationKind, TooManyRelations, link, refuse_cycle
from service.kernel.errors import invalid
from service.kernel.preconditions import ANY, hold

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.domain import TaskState
    from service.features.tasks.ports import Tasks
    from service.features.tasks.relation_domain import Link
    from service.features.tasks.relation_ports import Relations
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class Relating:
    """The relations of one task."""

    def __init__(self, unit_of_work: UnitOfWork, tasks: Tasks, relations: Relations, outbox: Outbox, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._relations = relations
        self._outbox = outbox
        self._clock = clock

    async def put(
        self, actor: Actor, reference: str, kind: RelationKind, other_id: UUID, precondition: Precondition = ANY
    ) -> None:
        """Relate a task to another; where it is so already nothing changes.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            Invalid: the other task is not in the project, or is the task itself.
            InsufficientRole: the actor only views the project.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
            TooManyRelations: one of the two has as many as it may.
            DependencyCycle: the one that would be blocked blocks the other already, by way of others too.
        """

        async def work() -> None:
            # The project's row alone: two blocks that close a circle only together must not both be looked at before either is.
            task_id, project = await self._tasks.lock_project(reference, exclusively=True)
            role = await role_beside(self._tasks, actor, project.id)
            if other_id == task_id:
                raise invalid("/other", "not_allowed", "A task is not related to itself; name another one.", "path")
            wanted = link(kind, task_id, other_id)
            meeting = await self._relations.meeting(project.id, other_id, wanted)
            if meeting is None:
                raise invalid("/other", "not_found", "There is no such task in this project.", "path")
            require_role(role, ProjectRole.MEMBER)
            state = await self._tasks.lock(task_id)
            await hold(precondition, state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            if meeting.is_linked:
                return
            _refuse_crowd(meeting.most)
            await self._refuse_cycle(wanted)
            await self._relations.add(project.id, wanted, self._clock.now())
            await self._tell(actor, TaskRelated, project, state, kind, other_id)

        await self._unit_of_work.run(work)

    async def remove(
        self, actor: Actor, reference: str, kind: RelationKind, other_id: UUID, precondition: Precondition = ANY
    ) -> None:
        """Part a task from another, which may be deleted; where nothing relates them nothing changes.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            InsufficientRole: the actor only views the project.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> None:
            # Alone too: the other task's row is not locked, and it may be what a change by a filter (`is_blocked`) is about.
            task_id, project = await self._tasks.lock_project(reference, exclusively=True)
            require_role(await role_beside(self._tasks, actor, project.id), ProjectRole.MEMBER)
            state = await self._tasks.lock(task_id)
            await hold(precondition, state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            if await self._relations.remove(project.id, link(kind, task_id, other_id)):
                await self._tell(actor, TaskUnrelated, project, state, kind, other_id)

        await self._unit_of_work.run(work)

    async def _refuse_cycle(self, wanted: Link) -> None:
        if wanted.kind is RelationKind.BLOCKS:
            refuse_cycle(wanted, await self._relations.way_back(wanted))

    async def _tell(
        self,
        actor: Actor,
        event: type[TaskRelated | TaskUnrelated],
        project: ProjectState,
        state: TaskState,
        kind: RelationKind,
        other_id: UUID,
    ) -> None:
        told = event(
            subject_id=state.id,
            subject_key=f"{project.key}-{state.number}",
            subject_version=state.version,
            project_id=project.id,
            data={"relation": kind, "task_id": str(other_id)},
        )
        await self._outbox.publish(actor, told)


def _refuse_crowd(most: int) -> None:
    if most >= MOST_RELATIONS:
        message = f"One of the two tasks has {MOST_RELATIONS} relations, the most there may be; remove one first."
        raise TooManyRelations(message)
