"""Changing many tasks at once, as one transaction: all of them or none, or all that can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from service.features.tasks.bulk_domain import (
    MOST,
    Changing,
    Mode,
    Outcome,
    TaskResult,
    bad_ids,
    error_of,
    refuse_impossible,
    refuse_miscounted,
)
from service.features.tasks.bulk_use_cases import require_member, role_of
from service.features.tasks.domain import TaskNotFound, changed
from service.features.tasks.use_cases import alteration, wishes
from service.kernel.errors import Invalid, PreconditionFailed, PreconditionRequired, Refusal, invalid
from service.kernel.preconditions import hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.tasks.bulk_domain import Aim, BulkChange
    from service.features.tasks.bulk_ports import BulkTasks
    from service.features.tasks.domain import TaskState
    from service.features.tasks.ports import Insider
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Outbox, UnitOfWork

NAME_VERSIONS = "A project of these takes conditional changes only: send task_ids, and the version of each in versions."


class _Locked(Struct):
    """The projects in which the actor sees anything, who may do what where, and the tasks that he sees, by their id."""

    visible: Sequence[UUID]
    insiders: Mapping[tuple[UUID, UUID], Insider]
    tasks: Mapping[UUID, tuple[ProjectState, TaskState]]

    @property
    def projects(self) -> list[ProjectState]:
        """Those that the tasks are in."""
        return list({project.id: project for project, _ in self.tasks.values()}.values())


class BulkUpdates:
    """Changing many tasks."""

    def __init__(self, unit_of_work: UnitOfWork, tasks: BulkTasks, outbox: Outbox, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._tasks = tasks
        self._outbox = outbox
        self._clock = clock

    async def update(self, actor: Actor, change: BulkChange) -> list[TaskResult]:
        """Give fields of tasks new values; what came of each, in their order.

        In partial mode whatever concerns one task is told in its result, and the first of these refusals does not come.

        Raises:
            Invalid: every id that stands twice or names no task of a project that the actor belongs to; or the assignee does
                not belong to each project; or status and is_completed contradict each other, or versions are missing.
            InsufficientRole: the actor only views one of the projects.
            PreconditionRequired: one of the projects takes conditional changes only, and no versions were sent.
            PreconditionFailed: a task is at another version than the one that was sent for it.
            ProjectArchived: one of the projects is read-only.
            CountMismatch: the filter means another number of tasks than expected, in either mode.
        """
        refuse_impossible(change)

        async def work() -> list[TaskResult]:
            chosen, locked, again = await self._locked(actor, change)
            if change.mode is Mode.ATOMIC:
                await self._refuse(actor, chosen, locked)
            if change.filter is not None:
                refuse_miscounted(change.expected_count, chosen.task_ids, again)
            outcomes = _judged(actor, chosen, locked, self._clock.now())
            rows = [row for row in outcomes if isinstance(row, Changing) and row.changes]
            if rows:
                await self._tasks.change(rows, change.wanted, self._clock.now())
                told = (alteration(row.state, row.changes, row.project.id, row.project.key) for row in rows)
                await self._outbox.publish(actor, *told)
            versions = {id_: state.version for id_, (_, state) in locked.tasks.items()}
            versions |= {row.state.id: row.state.version + 1 for row in rows}
            return [_result(id_, versions.get(id_), each) for id_, each in zip(chosen.task_ids, outcomes, strict=True)]

        return await self._unit_of_work.run(work)

    async def _locked(self, actor: Actor, change: BulkChange) -> tuple[BulkChange, _Locked, Sequence[UUID]]:
        """What is to be changed, by ids in any case; what is locked; and what a filter means behind the locks."""
        if change.filter is None:
            return change, await self._lock(actor, change, None), ()
        aim = await self._tasks.aim(actor, change.filter)
        locked = await self._lock(actor, change, aim)
        ids = list(locked.tasks)
        # Of more than may be, one more look would tell nothing new.
        again = await self._tasks.aimed(aim, locked.visible) if len(ids) <= MOST else ids
        return structs.replace(change, task_ids=ids), locked, again

    async def _lock(self, actor: Actor, change: BulkChange, aim: Aim | None) -> _Locked:
        projects = await (self._tasks.lock_aimed_projects(actor, aim) if aim else self._tasks.lock_projects(change.task_ids))
        people = {actor.id, change.wanted.get("assignee_id") or actor.id}
        insiders = await self._tasks.lock_members((project_id, user_id) for project_id in projects for user_id in people)
        visible = [project_id for project_id in projects if role_of(actor, project_id, insiders)]
        rows = await (self._tasks.lock_aimed(aim, visible) if aim else self._tasks.lock(change.task_ids, visible))
        return _Locked(visible, insiders, {state.id: (projects[project_id], state) for project_id, state in rows})

    async def _refuse(self, actor: Actor, change: BulkChange, locked: _Locked) -> None:
        if errors := bad_ids(change.task_ids, locked.tasks):
            raise Invalid(*errors)
        for project in locked.projects:
            require_member(actor, project, locked.insiders)
        _refuse_stranger(change, locked.projects, locked.insiders)
        if change.versions is None and any(project.require_if_match for project in locked.projects):
            raise PreconditionRequired(NAME_VERSIONS)
        for place, task_id in enumerate(change.task_ids):
            await self._refuse_stale(change, place, locked.tasks[task_id][1])
        for project in locked.projects:
            project.refuse_archived()

    async def _refuse_stale(self, change: BulkChange, place: int, state: TaskState) -> None:
        try:
            await hold(change.precondition(place), state, self._outbox, sent=wishes(state, change.wanted))
        except PreconditionFailed as refusal:
            message = f"The task at /task_ids/{place} is at version {state.version} by now; none was changed."
            conflicts = refusal.members["conflicts"]
            # Prefer: merge is for a PATCH; here partial mode is what goes on with the others.
            raise PreconditionFailed(message, mergeable=False, conflicts=conflicts, version=state.version, index=place) from None


def _judged(actor: Actor, change: BulkChange, locked: _Locked, now: datetime) -> list[Changing | Refusal]:
    """For each task what changes of it, or why nothing may."""
    outcomes: list[Changing | Refusal] = []
    seen: set[UUID] = set()
    for place, task_id in enumerate(change.task_ids):
        try:
            if task_id in seen:
                raise invalid(f"/task_ids/{place}", "duplicate", "Name each task once.")
            seen.add(task_id)
            project, state = _permitted(actor, change, place, locked)
            outcomes.append(Changing(project, state, changed(state, wishes(state, change.wanted), now)))
        except Refusal as refusal:
            outcomes.append(refusal)
    return outcomes


def _permitted(actor: Actor, change: BulkChange, place: int, locked: _Locked) -> tuple[ProjectState, TaskState]:
    found = locked.tasks.get(change.task_ids[place])
    if found is None:
        raise TaskNotFound
    project, state = found
    require_member(actor, project, locked.insiders)
    _refuse_stranger(change, [project], locked.insiders)
    precondition = change.precondition(place)
    if project.require_if_match and not precondition.is_given:
        raise PreconditionRequired(NAME_VERSIONS)
    if not precondition.holds(state.version):
        raise PreconditionFailed(f"The task is at version {state.version} by now.")
    project.refuse_archived()
    return project, state


def _result(task_id: UUID, version: int | None, outcome: Changing | Refusal) -> TaskResult:
    if isinstance(outcome, Refusal):
        return TaskResult(task_id, Outcome.FAILED, version, error_of(outcome))
    return TaskResult(task_id, Outcome.UPDATED if outcome.changes else Outcome.UNCHANGED, version)


def _refuse_stranger(change: BulkChange, projects: Iterable[ProjectState], insiders: Mapping[tuple[UUID, UUID], Insider]) -> None:
    assignee_id = change.wanted.get("assignee_id")
    if assignee_id is None:
        return
    lacking = sorted(project.key for project in projects if (project.id, assignee_id) not in insiders)
    if lacking:
        message = f"The assignee does not belong to {', '.join(lacking)}; invite them first."
        raise invalid("/update_data/assignee_id", "not_a_member", message)
