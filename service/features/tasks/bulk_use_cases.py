"""Creating many tasks at once, as one transaction that does all of it or nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectRole, acting_role
from service.features.tasks.bulk_domain import Numbered
from service.features.tasks.domain import PersonRef, Placed, created, labels_for
from service.features.tasks.tree_domain import MAX_DEPTH
from service.features.tasks.use_cases import creation
from service.kernel.errors import FieldError, Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.bulk_domain import Ancestry
    from service.features.tasks.bulk_ports import BulkTasks
    from service.features.tasks.domain import LabelRef, ProjectRef, Task, TaskDraft
    from service.features.tasks.labelling_ports import TaskLabels
    from service.features.tasks.ports import Insider
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork


class _Surroundings(Struct):
    projects: Mapping[UUID, ProjectRef]
    insiders: Mapping[tuple[UUID, UUID], Insider]
    parents: Mapping[UUID, Ancestry]
    labels: Mapping[UUID, tuple[UUID, LabelRef]]


class BulkWrites:
    """Creating many tasks."""

    def __init__(
        self, unit_of_work: UnitOfWork, tasks: BulkTasks, outbox: Outbox, clock: Clock, ids: Ids, labels: TaskLabels
    ) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._labels = labels

    async def create(self, actor: Actor, drafts: Sequence[TaskDraft]) -> list[Task]:
        """Create tasks that the actor reports, numbered in their order.

        Raises:
            Invalid: every draft whose project the actor does not belong to; or whose assignee is no member, whose parent
                or a label of which is not in its project, or whose parent stands too deep.
            InsufficientRole: the actor only views one of the projects.
            ProjectArchived: one of the projects is read-only.
        """

        async def work() -> list[Task]:
            # Like for a single task, the counter comes first: its UPDATE locks the projects and finds the archived ones.
            claimed = await self._tasks.claim_numbers(Counter(draft.project_id for draft in drafts))
            insiders = await self._members(actor, drafts, claimed)
            parent_ids = sorted({draft.parent_id for draft in drafts if draft.parent_id})
            parents = await self._tasks.ancestries(parent_ids) if parent_ids else {}
            label_ids = sorted({label_id for draft in drafts for label_id in draft.label_ids})
            labels = await self._labels.known(label_ids) if label_ids else {}
            around = _Surroundings({id_: project for id_, (_, project) in claimed.items()}, insiders, parents, labels)
            _refuse_unfit(drafts, around)
            now = self._clock.now()
            numbered = self._numbered(drafts, claimed)
            await self._tasks.add(numbered, actor.id, now)
            if labels:
                await self._labels.put([(each.id, label_id) for each in numbered for label_id in each.draft.label_ids])
            reporter = PersonRef(actor.id, actor.full_name)
            tasks = [_task(each, around, reporter, now) for each in numbered]
            await self._outbox.publish(actor, *map(creation, tasks))
            return tasks

        return await self._unit_of_work.run(work)

    async def _members(
        self, actor: Actor, drafts: Sequence[TaskDraft], claimed: Mapping[UUID, tuple[int, ProjectRef]]
    ) -> Mapping[tuple[UUID, UUID], Insider]:
        left_out = {draft.project_id for draft in drafts} - claimed.keys()
        closed = await self._tasks.projects(sorted(left_out)) if left_out else {}
        people = {(draft.project_id, person) for draft in drafts for person in (actor.id, draft.assignee_id) if person}
        insiders = await self._tasks.lock_members(people)
        projects = {id_: project for id_, (_, project) in claimed.items()} | closed
        _refuse_unseen(drafts, {id_ for id_ in projects if role_of(actor, id_, insiders)})
        for project in projects.values():
            require_member(actor, project, insiders)
        for state in closed.values():
            state.refuse_archived()
            # Unarchived between the two looks: as if it had been archived a moment longer.
            message = f"Project {state.key} was archived a moment ago; try again."
            raise ProjectArchived(message)
        return insiders

    def _numbered(self, drafts: Iterable[TaskDraft], claimed: Mapping[UUID, tuple[int, ProjectRef]]) -> list[Numbered]:
        following = {project_id: first for project_id, (first, _) in claimed.items()}
        numbered = []
        for draft in drafts:
            numbered.append(Numbered(self._ids.new(), following[draft.project_id], draft))
            following[draft.project_id] += 1
        return numbered


def _task(numbered: Numbered, around: _Surroundings, reporter: PersonRef, now: datetime) -> Task:
    draft = numbered.draft
    project = around.projects[draft.project_id]
    assignee = around.insiders[draft.project_id, draft.assignee_id].person if draft.assignee_id else None
    parent = around.parents[draft.parent_id].ref if draft.parent_id else None
    return created(
        draft, Placed(numbered.id, numbered.number, project, assignee, reporter, parent, now, labels_for(draft, around.labels))
    )


def role_of(actor: Actor, project_id: UUID, insiders: Mapping[tuple[UUID, UUID], Insider]) -> ProjectRole | None:
    """As what the actor acts in a project."""
    insider = insiders.get((project_id, actor.id))
    return acting_role(actor, project_id, insider.role if insider else None)


def require_member(actor: Actor, project: ProjectState | ProjectRef, insiders: Mapping[tuple[UUID, UUID], Insider]) -> None:
    """Guard of writing in one of several projects that the actor belongs to.

    Raises:
        InsufficientRole: the actor only views the project.
    """
    role = role_of(actor, project.id, insiders)
    if role is None or not role.covers(ProjectRole.MEMBER):
        # One of several, so it is named; who has no role in it was told before that there is nothing.
        message = f"You are {role} in project {project.key}; this needs {ProjectRole.MEMBER} or above."
        raise InsufficientRole(message, required_role=ProjectRole.MEMBER, project=project.key)


def _refuse_unseen(drafts: Iterable[TaskDraft], visible: Collection[UUID]) -> None:
    message = "There is no such project."
    errors = [
        FieldError("body", f"/tasks/{place}/project_id", "not_found", message)
        for place, draft in enumerate(drafts)
        if draft.project_id not in visible
    ]
    if errors:
        raise Invalid(*errors)


def _refuse_unfit(drafts: Iterable[TaskDraft], around: _Surroundings) -> None:
    errors = [
        structs.replace(error, pointer=f"/tasks/{place}{error.pointer}")
        for place, draft in enumerate(drafts)
        for error in _unfit(draft, around)
    ]
    if errors:
        raise Invalid(*errors)


def _unfit(draft: TaskDraft, around: _Surroundings) -> list[FieldError]:
    errors = []
    if draft.assignee_id and (draft.project_id, draft.assignee_id) not in around.insiders:
        message = "The assignee does not belong to the project; invite them first."
        errors.append(FieldError("body", "/assignee_id", "not_a_member", message))
    if draft.parent_id:
        parent = around.parents.get(draft.parent_id)
        if parent is None or parent.project_id != draft.project_id:
            message = "There is no such task in this project."
            errors.append(FieldError("body", "/parent_id", "not_found", message))
        elif len(parent.path) >= MAX_DEPTH:
            errors.append(FieldError("body", "/parent_id", "too_deep", f"Subtasks go at most {MAX_DEPTH} levels deep."))
    try:
        labels_for(draft, around.labels)
    except Invalid as refusal:
        errors += refusal.errors
    return errors
