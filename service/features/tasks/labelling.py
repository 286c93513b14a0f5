"""Putting labels on a task and taking them off, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.labels.domain import LabelNotFound, TooManyLabels
from service.features.projects.domain import ProjectRole, require_role
from service.features.tasks.domain import MOST_LABELS
from service.features.tasks.events import TaskUpdated
from service.features.tasks.membership import role_beside
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from service.features.projects.domain import ProjectState
    from service.features.tasks.domain import LabelRef, TaskState
    from service.features.tasks.ports import Tasks
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class Labelling:
    """The labels of one task."""

    def __init__(self, unit_of_work: UnitOfWork, tasks: Tasks, outbox: Outbox, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._labels = tasks.labels
        self._outbox = outbox
        self._clock = clock

    async def put(self, actor: Actor, reference: str, label_reference: str, precondition: Precondition = ANY) -> None:
        """Put a label on a task; one that it has already changes nothing.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            LabelNotFound: the task's project has no such label.
            InsufficientRole: the actor only views the project.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
            TooManyLabels: the task has as many as it may.
        """

        async def change(state: TaskState, label: LabelRef, before: Sequence[LabelRef]) -> Sequence[LabelRef]:
            if label in before:
                return before
            if len(before) >= MOST_LABELS:
                message = f"The task has {MOST_LABELS} labels, the most there may be; take one off first."
                raise TooManyLabels(message)
            await self._labels.put([(state.id, label.id)])
            return sorted([*before, label], key=lambda each: each.name)

        await self._change(actor, reference, label_reference, precondition, change)

    async def remove(self, actor: Actor, reference: str, label_reference: str, precondition: Precondition = ANY) -> None:
        """Take a label off a task; one that it has not changes nothing.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            LabelNotFound: the task's project has no such label.
            InsufficientRole: the actor only views the project.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def change(state: TaskState, label: LabelRef, before: Sequence[LabelRef]) -> Sequence[LabelRef]:
            if label in before:
                await self._labels.remove(state.id, label.id)
            return [each for each in before if each != label]

        await self._change(actor, reference, label_reference, precondition, change)

    async def _change(
        self,
        actor: Actor,
        reference: str,
        label_reference: str,
        precondition: Precondition,
        change: Callable[[TaskState, LabelRef, Sequence[LabelRef]], Awaitable[Sequence[LabelRef]]],
    ) -> None:
        async def work() -> None:
            # Shared with other changes of tasks; whoever changes labels of the project takes it alone.
            task_id, project = await self._tasks.lock_project(reference, exclusively=False)
            role = await role_beside(self._tasks, actor, project.id)
            label = await self._label(project, label_reference)
            require_role(role, ProjectRole.MEMBER)
            state = await self._tasks.lock(task_id)
            await hold(precondition, state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            before = await self._labels.of(task_id)
            after = await change(state, label, before)
            if after != before:
                await self._tell(actor, project, state, Change(_names(before), _names(after)))

        await self._unit_of_work.run(work)

    async def _label(self, project: ProjectState, reference: str) -> LabelRef:
        label_id = parse_id(reference)
        project_id, label = (await self._labels.known([label_id])).get(label_id, (None, None)) if label_id else (None, None)
        if label is None or project_id != project.id:
            raise LabelNotFound
        return label

    async def _tell(self, actor: Actor, project: ProjectState, state: TaskState, names: Change) -> None:
        changes = {"labels": names}
        version = await self._tasks.change(state, changes, self._clock.now())
        await self._outbox.publish(
            actor,
            TaskUpdated(
                subject_id=state.id,
                subject_key=f"{project.key}-{state.number}",
                subject_version=version,
                project_id=project.id,
                changes=changes,
            ),
        )


def _names(labels: Sequence[LabelRef]) -> list[str]:
    return [label.name for label in labels]
