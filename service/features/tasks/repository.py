"""Tasks in PostgreSQL."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from service.adapters.database import Database
from service.features.projects.domain import ProjectRole, ProjectState
from service.features.tasks import filter_statements, list_statements, search_statements, statements
from service.features.tasks.domain import (
    LabelRef,
    PersonRef,
    ProjectRef,
    Status,
    Task,
    TaskNotFound,
    TaskRef,
    TaskState,
    is_overdue,
    parse_key,
    person_ref,
)
from service.features.tasks.filter_domain import Moment, needs_zone
from service.features.tasks.labelling_repository import PiccoloTaskLabels
from service.features.tasks.ports import Insider, TaskFilter, Tasks
from service.features.tasks.tree_domain import MAX_DEPTH
from service.kernel.paging import Slice, Window
from service.kernel.retention import DELETED_KEPT, purge_at
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta, tzinfo
    from uuid import UUID

    from service.adapters.database import lists
    from service.features.tasks.domain import TaskDraft
    from service.kernel.actor import Actor
    from service.kernel.filter.tree import Condition
    from service.kernel.ports import Clock


class PiccoloTasks(Tasks):
    """Fills ports.Tasks."""

    def __init__(self, database: Database, clock: Clock, deleted_kept: timedelta = DELETED_KEPT) -> None:
        self._database = database
        self._clock = clock
        self._deleted_kept = deleted_kept
        self.labels = PiccoloTaskLabels(database)

    async def find(self, actor: Actor, reference: str) -> Task:
        """See ports.Tasks."""
        task_id = parse_id(reference)
        if task_id is not None:
            row = await self._database.fetch_row(statements.FIND_BY_ID, actor.id, actor.is_admin, task_id)
        elif key := parse_key(reference):
            row = await self._database.fetch_row(statements.FIND_BY_KEY, actor.id, actor.is_admin, *key)
        else:
            row = None
        # The row's third column is the project's id: a statement of its own for narrowed tokens would save nothing.
        if row is None or not actor.reaches(row[2]):
            raise TaskNotFound
        return _task(row, self._clock.now(), self._deleted_kept)

    async def page(self, actor: Actor, wanted: TaskFilter, window: Window) -> Slice[Task]:
        """See ports.Tasks."""
        now = self._clock.now()
        conditions = list_statements.conditions(actor, wanted, now)
        if wanted.filter is not None:
            conditions.append(await filtered(self._database, actor, wanted.filter, now))

        def build(row: Iterable[Any]) -> Task:
            return _task(row, now, self._deleted_kept)

        if wanted.search is not None:
            found = search_statements.ranking(actor, wanted.search, wanted.project_id)
            if not window.sort:
                return await list_statements.LIST.ranked(self._database, conditions, found, window, build)
            conditions.append(search_statements.condition(found))
            # No more than the first matches are looked at, so that nothing further can be counted.
            window = structs.replace(window, count="none" if window.count == "none" else "capped")
        return await list_statements.LIST.page(self._database, conditions, window, build)

    async def claim_number(self, project_id: UUID) -> tuple[int, ProjectRef] | None:
        """See ports.Tasks."""
        row = await self._database.fetch_row(statements.CLAIM_NUMBER, project_id)
        return (row[0], ProjectRef(project_id, row[1], row[2])) if row else None

    async def lock_project(self, reference: str, *, exclusively: bool) -> tuple[UUID, ProjectState]:
        """See ports.Tasks."""
        task_id = parse_id(reference)
        by_id, by_key = statements.LOCK_PROJECT[exclusively]
        if task_id is not None:
            row = await self._database.fetch_row(by_id, task_id)
        elif key := parse_key(reference):
            row = await self._database.fetch_row(by_key, *key)
        else:
            row = None
        if row is None:
            raise TaskNotFound
        return row[0], ProjectState(*row[1:])

    async def lock_members(self, project_id: UUID, user_ids: Sequence[UUID]) -> dict[UUID, Insider]:
        """See ports.Tasks."""
        rows = await self._database.fetch(statements.LOCK_MEMBERS, project_id, list(user_ids))
        return {user_id: Insider(ProjectRole(role), PersonRef(user_id, full_name)) for user_id, role, full_name in rows}

    async def lock(self, task_id: UUID) -> TaskState:
        """See ports.Tasks."""
        row = await self._database.fetch_row(statements.LOCK, task_id)
        if row is None:
            raise TaskNotFound
        return state_of(row)

    async def lock_tree(self, task_id: UUID) -> list[TaskState]:
        """See ports.Tasks."""
        return [state_of(row) for row in await self._database.fetch(statements.LOCK_TREE, task_id)]

    async def lineage(self, project_id: UUID, task_id: UUID) -> tuple[Sequence[UUID], TaskRef] | None:
        """See ports.Tasks."""
        rows = await self._database.fetch(statements.LINEAGE, project_id, task_id)
        if not rows:
            return None
        id_, key, number, title = rows[-1]
        return [row[0] for row in rows], TaskRef(id_, f"{key}-{number}", title)

    async def height(self, task_id: UUID) -> int:
        """See ports.Tasks."""
        levels: int = (await self._database.fetch(statements.HEIGHT, task_id))[0][0]
        return levels

    async def add(self, task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime) -> None:
        """See ports.Tasks."""
        await self._database.fetch(statements.ADD, *new_row(task_id, number, draft, reporter_id, now))

    async def add_below(
        self, task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime
    ) -> tuple[int, str] | None:
        """See ports.Tasks."""
        values = new_row(task_id, number, draft, reporter_id, now)
        row = await self._database.fetch_row(statements.ADD_BELOW, *values, MAX_DEPTH)
        return (row[0], row[1]) if row else None

    async def change(self, state: TaskState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Tasks."""
        version = state.version + 1
        values = [value for column in statements.CHANGEABLE for value in (column in changes, changes.get(column))]
        stamped = msgspec.json.encode(dict.fromkeys(changes, version)).decode()
        await self._database.fetch(statements.CHANGE, state.id, now, stamped, *values)
        return version

    async def delete(self, states: Sequence[TaskState], deleted_with: UUID, now: datetime) -> None:
        """See ports.Tasks."""
        await self._database.fetch(statements.DELETE, [state.id for state in states], deleted_with, now)


async def filtered(database: Database, actor: Actor, condition: Condition, now: datetime) -> lists.Condition:
    """A checked filter as a condition of a list, asked by the actor at this instant."""
    return filter_statements.condition(condition, await moment_of(database, actor, condition, now))


async def moment_of(database: Database, actor: Actor, condition: Condition, now: datetime) -> Moment:
    """The moment at which the actor asks a filter."""
    zone: tzinfo = UTC
    if needs_zone(condition):
        # Only such filters need it, so it is not worth a column in the look-up of every request's session.
        row = await database.fetch_row(filter_statements.ZONE, actor.id)
        zone = ZoneInfo(row[0]) if row else UTC
    return Moment(now, actor.id, zone)


def new_row(task_id: UUID, number: int, draft: TaskDraft, reporter_id: UUID, now: datetime) -> tuple[Any, ...]:
    """The columns of a task to be, in the order of `statements.NEW`, but its two instants told once."""
    return (
        task_id,
        draft.project_id,
        number,
        draft.title,
        draft.description,
        draft.status,
        now if draft.status is Status.DONE else None,
        draft.priority,
        draft.due_date,
        draft.assignee_id,
        reporter_id,
        draft.parent_id,
        now,
    )


def state_of(row: Iterable[Any]) -> TaskState:
    """The columns of `statements.STATE_COLUMNS` as the use cases take them."""
    id_, number, title, description, status, *rest, field_versions = row
    return TaskState(id_, number, title, description, Status(status), *[*rest, msgspec.json.decode(field_versions)])


_STATUS = {str(status): status for status in Status}
_labels = msgspec.json.Decoder(tuple[LabelRef, ...]).decode


def _task(row: Iterable[Any], now: datetime, deleted_kept: timedelta) -> Task:
    # Positional, from a tuple: keyword arguments and dicts cost a list of 50 a quarter of its speed (measured).
    (id_, number, project_id, project_key, project_name, title, description, status_text, completed_at, priority, due_date,
     assignee_id, assignee_name, assignee_deleted_at, reporter_id, reporter_name, reporter_deleted_at,
     parent_id, parent_number, parent_title, comment_count, labels, is_blocked,
     created_at, updated_at, deleted_at, version) = row  # fmt: skip
    status = _STATUS[status_text]
    return Task(
        id_,
        number,
        f"{project_key}-{number}",
        ProjectRef(project_id, project_key, project_name),
        title,
        description,
        status,
        status is Status.DONE,
        completed_at,
        priority,
        due_date,
        is_overdue(status, due_date, now),
        None if assignee_id is None else person_ref(assignee_id, assignee_name, assignee_deleted_at),
        person_ref(reporter_id, reporter_name, reporter_deleted_at),
        None if parent_id is None else TaskRef(parent_id, f"{project_key}-{parent_number}", parent_title),
        () if labels is None else _labels(labels),
        is_blocked,
        comment_count,
        created_at,
        updated_at,
        deleted_at,
        purge_at(deleted_at, deleted_kept),
        version,
    )
