"""What people do with tasks, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.projects.domain import ProjectArchived, ProjectNotFound, ProjectRole, acting_role, require_role
from service.features.tasks.domain import (
    PersonRef,
    Placed,
    Status,
    Task,
    TaskNotFound,
    TaskRef,
    changed,
    created,
    labels_for,
    status_from,
)
from service.features.tasks.events import TaskCompleted, TaskCreated, TaskDeleted, TaskUpdated
from service.features.tasks.tree_domain import refuse_misplaced
from service.kernel.errors import invalid
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.projects.ports import Projects
    from service.features.tasks.domain import LabelRef, ProjectRef, TaskDraft, TaskState
    from service.features.tasks.ports import Insider, Tasks
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class TaskWrites:
    """Creating, changing and deleting tasks."""

    def __init__(
        self, unit_of_work: UnitOfWork, tasks: Tasks, projects: Projects, outbox: Outbox, clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._projects = projects
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def create(self, actor: Actor, draft: TaskDraft) -> Task:
        """Create a task that the actor reports.

        Raises:
            ProjectNotFound: there is no such project, or the actor does not belong to it.
            InsufficientRole: the actor only views the project.
            ProjectArchived: the project is read-only.
            Invalid: the assignee is no member, the parent or a label is not in the project, or the parent stands too deep.
        """

        async def work() -> Task:
            # The counter's UPDATE locks the project and checks that it can be written to: a share lock first would deadlock.
            number, project = await self._claim_number(actor, draft.project_id)
            insiders = await self._insiders(actor, draft.project_id, draft.assignee_id)
            now = self._clock.now()
            task_id = self._ids.new()
            labels = await self._chosen(draft)
            parent = await self._add(task_id, number, project, draft, actor.id, now)
            if labels:
                await self._tasks.labels.put([(task_id, label.id) for label in labels])
            assignee = insiders[draft.assignee_id].person if draft.assignee_id else None
            reporter = PersonRef(actor.id, actor.full_name)
            task = created(draft, Placed(task_id, number, project, assignee, reporter, parent, now, labels))
            await self._outbox.publish(actor, creation(task))
            return task

        return await self._unit_of_work.run(work)

    async def update(self, actor: Actor, reference: str, wanted: Mapping[str, Any], precondition: Precondition = ANY) -> Task:
        """Give fields of a task new values; values that it has already change nothing.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            InsufficientRole: the actor only views the project.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
            ParentCycle: the new parent stands below the task.
            Invalid: the assignee is no member, the parent does not fit, or status and is_completed contradict each other.
        """
        # Refused before anything stored is looked at; which of the two was sent decides later.
        status_from(wanted.get("status"), wanted.get("is_completed"), Status.TODO)

        async def work() -> Task:
            # A change of the tree must see the tree stand still.
            task_id, project = await self._tasks.lock_project(reference, exclusively="parent_id" in wanted)
            await self._member(actor, project.id, wanted.get("assignee_id"))
            state = await self._tasks.lock(task_id)
            fields = wishes(state, wanted)
            await hold(precondition, state, self._outbox, sent=fields, required=project.require_if_match)
            project.refuse_archived()
            if wanted.get("parent_id"):
                height = await self._tasks.height(state.id)
                await self._parent(project.id, wanted["parent_id"], height=height, task_id=state.id)
            await self._apply(actor, project, state, fields)
            return await self._tasks.find(actor, str(task_id))

        return await self._unit_of_work.run(work)

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Delete a task softly, and its subtasks with it, at whatever version those are.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            InsufficientRole: the actor only views the project.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the task has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> None:
            task_id, project = await self._tasks.lock_project(reference, exclusively=False)
            await self._member(actor, project.id, None)
            states = await self._tasks.lock_tree(task_id)
            if not states:
                raise TaskNotFound
            top = next(state for state in states if state.id == task_id)
            await hold(precondition, top, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            now = self._clock.now()
            await self._tasks.delete(states, task_id, now)
            await self._outbox.publish(actor, *(_deletion(state, project.id, project.key, now) for state in states))

        await self._unit_of_work.run(work)

    async def _claim_number(self, actor: Actor, project_id: UUID) -> tuple[int, ProjectRef]:
        claimed = await self._tasks.claim_number(project_id)
        if claimed is not None:
            return claimed
        state = await self._projects.lock(str(project_id))
        require_role(await self._projects.lock_role(actor, state.id), ProjectRole.MEMBER)
        state.refuse_archived()
        # Unarchived between the two looks: as if it had been archived a moment longer.
        message = f"Project {state.key} was archived a moment ago; try again."
        raise ProjectArchived(message)

    async def _insiders(self, actor: Actor, project_id: UUID, assignee_id: UUID | None) -> Mapping[UUID, Insider]:
        insiders = await self._tasks.lock_members(project_id, sorted({actor.id, assignee_id or actor.id}))
        own = insiders.get(actor.id)
        require_role(acting_role(actor, project_id, own.role if own else None), ProjectRole.MEMBER)
        if assignee_id is not None and assignee_id not in insiders:
            raise invalid("/assignee_id", "not_a_member", "The assignee does not belong to the project; invite them first.")
        return insiders

    async def _member(self, actor: Actor, project_id: UUID, assignee_id: UUID | None) -> None:
        try:
            await self._insiders(actor, project_id, assignee_id)
        except ProjectNotFound:
            # The request names a task, so that is what there is not.
            raise TaskNotFound from None

    async def _chosen(self, draft: TaskDraft) -> tuple[LabelRef, ...]:
        # The project's row is locked, so that they stay.
        return labels_for(draft, await self._tasks.labels.known(draft.label_ids)) if draft.label_ids else ()

    async def _add(
        self, task_id: UUID, number: int, project: ProjectRef, draft: TaskDraft, reporter_id: UUID, now: datetime
    ) -> TaskRef | None:
        if draft.parent_id is None:
            await self._tasks.add(task_id, number, draft, reporter_id, now)
            return None
        parent = await self._tasks.add_below(task_id, number, draft, reporter_id, now)
        if parent is None:
            # One more look only to say why not.
            return await self._parent(project.id, draft.parent_id, height=1)
        return TaskRef(draft.parent_id, f"{project.key}-{parent[0]}", parent[1])

    async def _parent(self, project_id: UUID, parent_id: UUID, *, height: int, task_id: UUID | None = None) -> TaskRef:
        found = await self._tasks.lineage(project_id, parent_id)
        if found is None:
            raise invalid("/parent_id", "not_found", "There is no such task in this project.")
        lineage, parent = found
        refuse_misplaced(lineage, height, task_id)
        return parent

    async def _apply(self, actor: Actor, project: ProjectState, state: TaskState, fields: Mapping[str, Any]) -> None:
        now = self._clock.now()
        changes = changed(state, fields, now)
        if not changes:
            return
        await self._tasks.change(state, changes, now)
        await self._outbox.publish(actor, alteration(state, changes, project.id, project.key))


def wishes(state: TaskState, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a request would have the fields of a task be, whichever way it says the status.

    Raises:
        Invalid: `status` and `is_completed` contradict each other.
    """
    fields = {field: value for field, value in wanted.items() if field != "is_completed"}
    fields["status"] = status_from(wanted.get("status"), wanted.get("is_completed"), state.status)
    return fields


def alteration(state: TaskState, changes: Mapping[str, Any], project_id: UUID, project_key: str) -> TaskUpdated | TaskCompleted:
    """What is told of a change, by the row as it was before."""
    return (TaskCompleted if changes.get("status") is Status.DONE else TaskUpdated)(
        subject_id=state.id,
        subject_key=f"{project_key}-{state.number}",
        subject_version=state.version + 1,
        project_id=project_id,
        changes={field: Change(getattr(state, field), value) for field, value in changes.items()},
    )


def creation(task: Task) -> TaskCreated:
    """What is told of a new task; its labels by their names, where it has any."""
    labels = {"labels": [label.name for label in task.labels]} if task.labels else {}
    return TaskCreated(
        subject_id=task.id,
        subject_key=task.key,
        subject_version=1,
        project_id=task.project.id,
        data={"title": task.title, "status": task.status, "priority": task.priority} | labels,
    )


def _deletion(state: TaskState, project_id: UUID, key: str, now: datetime) -> TaskDeleted:
    return TaskDeleted(
        subject_id=state.id,
        subject_key=f"{key}-{state.number}",
        subject_version=state.version + 1,
        project_id=project_id,
        changes={"deleted_at": Change(None, now)},
    )
