"""The SQL of lists of tasks: their orders, and the filters that narrow them, visibility first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from piccolo.querystring import QueryString

from service.adapters.database.lists import Condition, Either, Key, ListStatements, Within
from service.features.projects.tables import MembershipRow, ProjectRow
from service.features.tasks.filter_domain import is_of_one
from service.features.tasks.statements import belongs, mine, whole, within_living_projects
from service.features.tasks.tables import TaskRow

if TYPE_CHECKING:
    from service.features.tasks.ports import TaskFilter
    from service.kernel.actor import Actor

_T = TaskRow


def _belongs_each(user: Any) -> QueryString:
    """As `belongs`, asked of one task after the other: joined, a person's tasks would be looked for once per project."""
    return QueryString("(SELECT true FROM memberships mine WHERE mine.project_id = {} AND mine.user_id = {})", _T.project, user)


def _mine_alive(user: Any) -> QueryString:
    """As `mine`, but the deleted ones: of such a project, a list would look at every task, to show none."""
    own = MembershipRow.select(MembershipRow.project).where(MembershipRow.user == user)
    return own.where(MembershipRow.project.deleted_at.is_null()).querystrings[0]


def _every_project() -> QueryString:
    return ProjectRow.select(ProjectRow.id).where(ProjectRow.deleted_at.is_null()).querystrings[0]


LIST = ListStatements(
    whole,
    {
        "created_at": Key(_T.created_at, datetime),
        "updated_at": Key(_T.updated_at, datetime),
        "priority": Key(_T.priority, int),
        "due_date": Key(_T.due_date, datetime, nullable=True),
        "title": Key(_T.title, str),
        "number": Key(_T.number, int),
        # The column that PostgreSQL keeps beside `status`, so that lists sort in its order and not by the alphabet.
        "status": Key(QueryString('"tasks"."status_rank"'), int),
    },
    _T.id,
    counted=lambda: within_living_projects(_T.select(_T.id)),
)


# A condition, and not of every list: some show what was deleted, too. Who asks LIST without `conditions` says it.
ALIVE = Condition("alive", lambda _: _T.deleted_at.is_null(), None)


def conditions(actor: Actor, wanted: TaskFilter, now: datetime) -> list[Condition]:
    """The filters of a list, visibility first; a search has looked at projects before."""
    found = [_restorable(actor) if wanted.deleted else ALIVE]
    if wanted.search is None:
        found += _reached(actor, wanted)
    found += [
        Condition(name, build, value)
        for name, build, value in (
            ("priority", lambda p: _T.priority == p, wanted.priority),
            ("priority_gte", lambda p: _T.priority >= p, wanted.priority_gte),
            ("due_before", lambda p: _T.due_date < p, wanted.due_before),
            ("due_after", lambda p: _T.due_date > p, wanted.due_after),
        )
        if value is not None
    ]
    if wanted.parent_id is not None:
        found.append(Condition("parent", lambda p: _T.parent == p, wanted.parent_id, generic=True))
    if isinstance(wanted.assignee, UUID):
        # In a project it depends on how much is whose what is read: all of one's tasks, or all of the project's.
        generic = wanted.project_id is None
        found.append(Condition("assignee", lambda p: _T.assignee == p, wanted.assignee, generic=generic))
    elif wanted.assignee is not None:
        found.append(Condition("unassigned", lambda _: _T.assignee.is_null(), None))
    if wanted.label is not None:
        found.append(_labelled(actor, wanted.label))
    if wanted.status is not None:
        found.append(_status(wanted.status, now))
    return found


def _reached(actor: Actor, wanted: TaskFilter) -> list[Condition]:
    """Visibility, as narrow as project and token have it."""
    found: list[Condition] = []
    of_one = isinstance(wanted.assignee, UUID) or (wanted.filter is not None and is_of_one(wanted.filter))
    if wanted.label is not None or (wanted.project_id is None and of_one):
        # What has a label, or is one person's, has its own index, and each task that this finds is looked at.
        if not actor.is_admin:
            found.append(Condition("visible each", _belongs_each, actor.id, generic=True))
    elif wanted.project_id is not None or wanted.parent_id is not None:
        if not actor.is_admin:
            found.append(Condition("visible", belongs, actor.id, generic=True))
    elif actor.is_admin:
        found.append(Within("in any project", _T.project, _every_project))
    else:
        found.append(Within("in own projects", _T.project, _mine_alive, actor.id))
    if actor.project_ids is not None:
        # Of tokens that are narrowed only: sessions have a statement without it.
        found.append(Condition("within", lambda ids: QueryString("{} = ANY({}::uuid[])", _T.project, ids), [*actor.project_ids]))
    if wanted.project_id is not None:
        found.append(Condition("project", lambda p: _T.project == p, wanted.project_id, generic=True))
    return found


def _restorable(actor: Actor) -> Condition:
    def alive(_: Any) -> QueryString:
        return QueryString("{} IS NULL", _T.deleted_at)

    def deleted(_: Any) -> QueryString:
        return QueryString("{} IS NOT NULL", _T.deleted_at)

    def own(user: Any) -> QueryString:
        mine = "SELECT project_id FROM memberships WHERE role IN ('maintainer', 'owner') AND user_id = {}"
        return QueryString(f"{{}} AND {{}} IN ({mine})", deleted(user), _T.project, user)

    return Either("kept", (alive, deleted), None) if actor.is_admin else Either("restorable", (alive, own), actor.id)


# The ids of tasks that have labels; the condition on those follows.
LABELLED = "SELECT tl.task_id FROM task_labels tl JOIN labels l ON l.id = tl.label_id WHERE "


def _labelled(actor: Actor, label: UUID | str) -> Condition:
    # An array, and what is found is as much as is read: for a join PostgreSQL may read all tasks that the caller sees, 6 s of a
    # million, since it can't know how many have the label. Of labels in others' projects none is looked at.
    name, text = ("label", "tl.label_id = {}") if isinstance(label, UUID) else ("named", "l.name_key = {}")
    found = "{} = ANY(ARRAY(" + LABELLED + text
    if actor.is_admin:
        return Condition(name, lambda p: QueryString(found + "))", _T.id, p), label)
    within = found + " AND l.project_id IN ({})))"
    return Condition(f"{name} in own projects", lambda p, user: QueryString(within, _T.id, p, mine(user)), label, actor.id)


_OPEN = "{} IN ('todo', 'in_progress')"


def _status(status: str, now: datetime) -> Condition:
    if status == "pending":
        text = _OPEN + " AND ({} IS NULL OR {} >= {})"
        return Condition("pending", lambda p: QueryString(text, _T.status, _T.due_date, _T.due_date, p), now)
    if status == "overdue":
        return Condition("overdue", lambda p: QueryString(_OPEN + " AND {} < {}", _T.status, _T.due_date, p), now)
    return Condition("status", lambda p: _T.status == p, "done" if status == "completed" else status)
