"""What people do with many tasks at once, each as one transaction that does all of it or nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectRole, acting_role
from service.features.tasks.bulk_domain import Changing, Numbered, Outcome, TaskResult, bad_ids, below
from service.features.tasks.domain import MAX_DEPTH, PersonRef, Placed, Status, created, status_from
from service.features.tasks.use_cases import alteration, alterations, creation
from service.kernel.errors import FieldError, Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.bulk_domain import Ancestry
    from service.features.tasks.bulk_ports import BulkTasks
    from service.features.tasks.domain import ProjectRef, Task, TaskDraft, TaskState
    from service.features.tasks.ports import Insider
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork


class _Surroundings(Struct):
    projects: Mapping[UUID, ProjectRef]
    insiders: Mapping[tuple[UUID, UUID], Insider]
    parents: Mapping[UUID, Ancestry]


class BulkWrites:
    """Changing and creating many tasks."""

    def __init__(self, unit_of_work: UnitOfWork, tasks: BulkTasks, outbox: Outbox, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def update(self, actor: Actor, task_ids: Sequence[UUID], wanted: Mapping[str, Any]) -> list[TaskResult]:
        """Give fields of tasks new values; what came of each, in their order.

        Raises:
            Invalid: every id that stands twice or names no task of a project that the actor belongs to; or the assignee does
                not belong to each project; or status and is_completed contradict each other.
            InsufficientRole: the actor only views one of the projects.
            ProjectArchived: one of the projects is read-only.
        """
        _refuse_contradiction(wanted)

        async def work() -> list[TaskResult]:
            found = await self._writable(actor, task_ids, wanted.get("assignee_id"))
            now = self._clock.now()
            rows = [Changing(project, state, alterations(state, wanted, now)) for project, state in found]
            changing = [row for row in rows if row.changes]
            if changing:
                await self._tasks.change(changing, wanted, now)
                told = (alteration(row.state, row.changes, row.project.id, row.project.key) for row in changing)
                await self._outbox.publish(actor, *told)
            return [_result(row) for row in rows]

        return await self._unit_of_work.run(work)

    async def create(self, actor: Actor, drafts: Sequence[TaskDraft]) -> list[Task]:
        """Create tasks that the actor reports, numbered in their order.

        Raises:
            Invalid: every draft whose project the actor does not belong to; or whose assignee is no member, whose parent is
                not in its project, or stands too deep.
            InsufficientRole: the actor only views one of the projects.
            ProjectArchived: one of the projects is read-only.
        """

        async def work() -> list[Task]:
            # Like for a single task, the counter comes first: its UPDATE locks the projects and finds the archived ones.
            claimed = await self._tasks.claim_numbers(Counter(draft.project_id for draft in drafts))
            insiders = await self._members(actor, drafts, claimed)
            parent_ids = sorted({draft.parent_id for draft in drafts if draft.parent_id})
            parents = await self._tasks.ancestries(parent_ids) if parent_ids else {}
            _refuse_unfit(drafts, insiders, parents)
            now = self._clock.now()
            numbered = self._numbered(drafts, claimed)
            await self._tasks.add(numbered, actor.id, now)
            reporter = PersonRef(actor.id, actor.full_name)
            around = _Surroundings({id_: project for id_, (_, project) in claimed.items()}, insiders, parents)
            tasks = [_task(each, around, reporter, now) for each in numbered]
            await self._outbox.publish(actor, *map(creation, tasks))
            return tasks

        return await self._unit_of_work.run(work)

    async def _writable(
        self, actor: Actor, task_ids: Sequence[UUID], assignee_id: UUID | None
    ) -> list[tuple[ProjectState, TaskState]]:
        projects = await self._tasks.lock_projects(task_ids)
        people = {actor.id, assignee_id or actor.id}
        insiders = await self._tasks.lock_members((project_id, user_id) for project_id in projects for user_id in people)
        visible = [project_id for project_id in projects if _role(actor, project_id, insiders)]
        found = {state.id: (projects[project_id], state) for project_id, state in await self._tasks.lock(task_ids, visible)}
        if errors := bad_ids(task_ids, found):
            raise Invalid(*errors)
        concerned = {project.id: project for project, _ in found.values()}
        for project in concerned.values():
            _require_member(actor, project, insiders)
        if assignee_id is not None:
            _refuse_stranger(assignee_id, concerned.values(), insiders)
        for project in concerned.values():
            project.refuse_archived()
        return [found[task_id] for task_id in task_ids]

    async def _members(
        self, actor: Actor, drafts: Sequence[TaskDraft], claimed: Mapping[UUID, tuple[int, ProjectRef]]
    ) -> Mapping[tuple[UUID, UUID], Insider]:
        left_out = {draft.project_id for draft in drafts} - claimed.keys()
        closed = await self._tasks.projects(sorted(left_out)) if left_out else {}
        people = {(draft.project_id, person) for draft in drafts for person in (actor.id, draft.assignee_id) if person}
        insiders = await self._tasks.lock_members(people)
        projects = {id_: project for id_, (_, project) in claimed.items()} | closed
        _refuse_unseen(drafts, {id_ for id_ in projects if _role(actor, id_, insiders)})
        for project in projects.values():
            _require_member(actor, project, insiders)
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
    return created(draft, Placed(numbered.id, numbered.number, project, assignee, reporter, parent, now))


def _result(row: Changing) -> TaskResult:
    if row.changes:
        return TaskResult(row.state.id, Outcome.UPDATED, row.state.version + 1)
    return TaskResult(row.state.id, Outcome.UNCHANGED, row.state.version)


def _role(actor: Actor, project_id: UUID, insiders: Mapping[tuple[UUID, UUID], Insider]) -> ProjectRole | None:
    insider = insiders.get((project_id, actor.id))
    return acting_role(actor, project_id, insider.role if insider else None)


def _require_member(actor: Actor, project: ProjectState | ProjectRef, insiders: Mapping[tuple[UUID, UUID], Insider]) -> None:
    role = _role(actor, project.id, insiders)
    if role is None or not role.covers(ProjectRole.MEMBER):
        # One of several, so it is named; who has no role in it was told before that there is nothing.
        message = f"You are {role} in project {project.key}; this needs {ProjectRole.MEMBER} or above."
        raise InsufficientRole(message, required_role=ProjectRole.MEMBER, project=project.key)


def _refuse_contradiction(wanted: Mapping[str, Any]) -> None:
    try:
        status_from(wanted.get("status"), wanted.get("is_completed"), Status.TODO)
    except Invalid as refusal:
        raise Invalid(*below("/update_data", refusal)) from None


def _refuse_stranger(assignee_id: UUID, projects: Iterable[ProjectState], insiders: Mapping[tuple[UUID, UUID], Insider]) -> None:
    lacking = sorted(project.key for project in projects if (project.id, assignee_id) not in insiders)
    if lacking:
        message = f"The assignee does not belong to {', '.join(lacking)}; invite them first."
        raise invalid("/update_data/assignee_id", "not_a_member", message)


def _refuse_unseen(drafts: Iterable[TaskDraft], visible: Collection[UUID]) -> None:
    message = "There is no such project."
    errors = [
        FieldError("body", f"/tasks/{place}/project_id", "not_found", message)
        for place, draft in enumerate(drafts)
        if draft.project_id not in visible
    ]
    if errors:
        raise Invalid(*errors)


def _refuse_unfit(
    drafts: Iterable[TaskDraft], insiders: Mapping[tuple[UUID, UUID], Insider], parents: Mapping[UUID, Ancestry]
) -> None:
    errors = [
        structs.replace(error, pointer=f"/tasks/{place}{error.pointer}")
        for place, draft in enumerate(drafts)
        for error in _unfit(draft, insiders, parents)
    ]
    if errors:
        raise Invalid(*errors)


def _unfit(draft: TaskDraft, insiders: Mapping[tuple[UUID, UUID], Insider], parents: Mapping[UUID, Ancestry]) -> list[FieldError]:
    errors = []
    if draft.assignee_id and (draft.project_id, draft.assignee_id) not in insiders:
        message = "The assignee does not belong to the project; invite them first."
        errors.append(FieldError("body", "/assignee_id", "not_a_member", message))
    if draft.parent_id:
        parent = parents.get(draft.parent_id)
        if parent is None or parent.project_id != draft.project_id:
            message = "There is no such task in this project."
            errors.append(FieldError("body", "/parent_id", "not_found", message))
        elif len(parent.path) >= MAX_DEPTH:
            errors.append(FieldError("body", "/parent_id", "too_deep", f"Subtasks go at most {MAX_DEPTH} levels deep."))
    return errors
