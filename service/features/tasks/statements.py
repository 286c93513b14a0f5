"""The SQL of the tasks feature, written by Piccolo where it can, each statement compiled once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from piccolo.columns.combination import And
from piccolo.querystring import QueryString

from service.adapters.database.lists import Condition, Either, Key, ListStatements, Within
from service.adapters.database.statements import Param, Statement
from service.features.projects.tables import PROJECT_COLUMNS, MembershipRow, ProjectRow
from service.features.tasks.filter_domain import is_of_one
from service.features.tasks.tables import TaskRow

if TYPE_CHECKING:
    from piccolo.query import Select

    from service.features.tasks.ports import TaskFilter
    from service.kernel.actor import Actor

_T = TaskRow


# Both look only at tasks of which it was ever true. By functions, which the migration of task_labels makes: sub-selects
# are planned for every list (0.2 ms, measured), and an EXISTS was hashed over all blocks that there are.
_LABELS = '(CASE WHEN "tasks"."was_labelled" THEN labels_of_task("tasks"."id") END)'
BLOCKED = '(CASE WHEN "tasks"."was_blocked" THEN task_is_blocked("tasks"."id") ELSE false END)'


# What is in a deleted project comes back with that, and is seen by nobody until then.
def _within_living_projects(query: Select[Any]) -> Select[Any]:
    return query.where(_T.project.deleted_at.is_null())


def _all() -> Select[Any]:
    columns = _T.select(
        _T.id, _T.number, _T.project.id, _T.project.key, _T.project.name, _T.title, _T.description, _T.status,
        _T.completed_at, _T.priority, _T.due_date, _T.assignee.id, _T.assignee.full_name, _T.assignee.deleted_at,
        _T.reporter.id, _T.reporter.full_name, _T.reporter.deleted_at, _T.parent.id, _T.parent.number, _T.parent.title,
        _T.comment_count, QueryString(_LABELS).as_alias("labels"), QueryString(BLOCKED).as_alias("is_blocked"),
        _T.created_at, _T.updated_at, _T.deleted_at, _T.version,
    )  # fmt: skip
    return _within_living_projects(columns)


def _select() -> Select[Any]:
    return _all().where(_T.deleted_at.is_null())


def _mine(user: Any) -> QueryString:
    """Visibility, the one place where it is written: the projects that have the caller as a member."""
    return MembershipRow.select(MembershipRow.project).where(MembershipRow.user == user).querystrings[0]


def _belongs(user: Any) -> QueryString:
    return QueryString("{} IN ({})", _T.project, _mine(user))


def _belongs_each(user: Any) -> QueryString:
    """The same, asked of one task after the other: joined, a person's tasks would be looked for once per project."""
    return QueryString("(SELECT true FROM memberships mine WHERE mine.project_id = {} AND mine.user_id = {})", _T.project, user)


def _mine_alive(user: Any) -> QueryString:
    """Those that are not deleted: of one that is, a list would look at every task, to show none."""
    mine = MembershipRow.select(MembershipRow.project).where(MembershipRow.user == user)
    return mine.where(MembershipRow.project.deleted_at.is_null()).querystrings[0]


def _every_project() -> QueryString:
    return ProjectRow.select(ProjectRow.id).where(ProjectRow.deleted_at.is_null()).querystrings[0]


def _visible() -> QueryString:
    return QueryString("({}::boolean OR {})", Param(2), _belongs(Param(1)))


FIND_BY_ID = Statement(lambda: _select().where(_T.id == Param(3)).where(_visible()))
FIND_BY_KEY = Statement(lambda: _select().where(And(_T.project.key == Param(3), _T.number == Param(4))).where(_visible()))

LIST = ListStatements(
    _all,
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
    counted=lambda: _within_living_projects(_T.select(_T.id)),
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
            found.append(Condition("visible", _belongs, actor.id, generic=True))
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
    return Condition(f"{name} in own projects", lambda p, user: QueryString(within, _T.id, p, _mine(user)), label, actor.id)


_OPEN = "{} IN ('todo', 'in_progress')"


def _status(status: str, now: datetime) -> Condition:
    if status == "pending":
        text = _OPEN + " AND ({} IS NULL OR {} >= {})"
        return Condition("pending", lambda p: QueryString(text, _T.status, _T.due_date, _T.due_date, p), now)
    if status == "overdue":
        return Condition("overdue", lambda p: QueryString(_OPEN + " AND {} < {}", _T.status, _T.due_date, p), now)
    return Condition("status", lambda p: _T.status == p, "done" if status == "completed" else status)


CLAIM_NUMBER = Statement(
    lambda: (
        ProjectRow.update({ProjectRow.last_number: QueryString("{} + 1", ProjectRow.last_number)}, force=True)
        .where(And(ProjectRow.id == Param(1), And(ProjectRow.archived_at.is_null(), ProjectRow.deleted_at.is_null())))
        .returning(ProjectRow.last_number, ProjectRow.key, ProjectRow.name)
    )
)


def _lock_project(strength: str, condition: str) -> Statement:
    # Not Piccolo's join: it is an outer one, and PostgreSQL locks no row on the nullable side of that.
    return Statement(
        lambda: QueryString(
            f"SELECT t.id, {PROJECT_COLUMNS} FROM tasks t JOIN projects p ON p.id = t.project_id "
            f"WHERE {condition} AND t.deleted_at IS NULL AND p.deleted_at IS NULL FOR {strength} OF p",
            *(Param(number + 1) for number in range(condition.count("{}"))),
        )
    )


# By whether exclusively: (by id, by key). Changes of tasks share the project's row; archiving and the counter wait for them.
LOCK_PROJECT = {
    False: (_lock_project("SHARE", "t.id = {}"), _lock_project("SHARE", "p.key = {} AND t.number = {}")),
    True: (_lock_project("NO KEY UPDATE", "t.id = {}"), _lock_project("NO KEY UPDATE", "p.key = {} AND t.number = {}")),
}

LOCK_MEMBERS = Statement(
    lambda: QueryString(
        "SELECT m.user_id, m.role, u.full_name FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.project_id = {} AND m.user_id = ANY({}::uuid[]) ORDER BY m.user_id FOR SHARE OF m",
        Param(1),
        Param(2),
    )
)

STATE_COLUMNS = (
    "id, number, title, description, status, completed_at, priority, due_date, assignee_id, parent_id, version, field_versions"
)

LOCK = Statement(
    lambda: QueryString(f"SELECT {STATE_COLUMNS} FROM tasks WHERE id = {{}} AND deleted_at IS NULL FOR NO KEY UPDATE", Param(1))
)

_BELOW = (
    "WITH RECURSIVE below AS ("
    "SELECT id, 1 AS level FROM tasks WHERE id = {} AND deleted_at IS NULL "
    "UNION ALL SELECT t.id, b.level + 1 FROM tasks t JOIN below b ON t.parent_id = b.id WHERE t.deleted_at IS NULL) "
)

LOCK_TREE = Statement(
    lambda: QueryString(
        # Who waited for the rows sees `below` as it was before: only the row itself tells that it was deleted meanwhile.
        _BELOW + f"SELECT {STATE_COLUMNS} FROM tasks "
        "WHERE id IN (SELECT id FROM below) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
        Param(1),
    )
)

HEIGHT = Statement(lambda: QueryString(_BELOW + "SELECT coalesce(max(level), 1) FROM below", Param(1)))

_ABOVE = (
    "WITH RECURSIVE above AS ("
    "SELECT id, parent_id, 1 AS level FROM tasks WHERE project_id = {} AND id = {} AND deleted_at IS NULL "
    "UNION ALL SELECT t.id, t.parent_id, a.level + 1 FROM tasks t JOIN above a ON t.id = a.parent_id) "
)

LINEAGE = Statement(
    lambda: QueryString(
        _ABOVE + "SELECT t.id, p.key, t.number, t.title "
        "FROM above a JOIN tasks t ON t.id = a.id JOIN projects p ON p.id = t.project_id ORDER BY a.level DESC",
        Param(1),
        Param(2),
    )
)

NEW = (
    "INSERT INTO tasks (id, project_id, number, title, description, status, completed_at, priority, due_date, assignee_id, "
    "reporter_id, parent_id, created_at, updated_at, comment_count, version, field_versions) "
)
# INSERT … SELECT takes a bare parameter for text, so each says what it is.
NEW_TYPES = (
    "uuid, uuid, integer, text, text, text, timestamptz, smallint, timestamptz, uuid, uuid, uuid, timestamptz, timestamptz"
)
_NEW_VALUES = ", ".join(f"{{}}::{type_}" for type_ in NEW_TYPES.split(", ")) + ", 0, 1, jsonb_build_object()"
_NEW_PARAMS = [Param(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13)]

ADD = Statement(lambda: QueryString(f"{NEW} VALUES ({_NEW_VALUES})", *_NEW_PARAMS))

# Finds the parent and measures its depth in the statement that inserts: the lock on the project keeps the tree still.
ADD_BELOW = Statement(
    lambda: QueryString(
        f"{_ABOVE} {NEW} SELECT {_NEW_VALUES} FROM above WHERE level = 1 AND (SELECT count(*) FROM above) < {{}} "
        "RETURNING (SELECT number FROM tasks WHERE id = {}), (SELECT title FROM tasks WHERE id = {})",
        *(Param(2), Param(12), *_NEW_PARAMS, Param(14), Param(12), Param(12)),
    )
)

CHANGEABLE = ("title", "description", "status", "completed_at", "priority", "due_date", "assignee_id", "parent_id")


def _change() -> QueryString:
    # One statement whichever fields change: a flag per field says whether its new value counts.
    sets = ", ".join(f"{column} = CASE WHEN {{}} THEN {{}} ELSE {column} END" for column in CHANGEABLE)
    values = [Param(number) for number in range(4, 4 + 2 * len(CHANGEABLE))]
    return QueryString(
        f"UPDATE tasks SET {sets}, updated_at = {{}}, version = version + 1, field_versions = field_versions || {{}}::jsonb "
        "WHERE id = {}",
        *values, Param(2), Param(3), Param(1),
    )  # fmt: skip


CHANGE = Statement(_change)

DELETE = Statement(
    lambda: QueryString(
        "UPDATE tasks SET deleted_at = {}, deleted_with = {}, updated_at = {}, version = version + 1 WHERE id = ANY({}::uuid[])",
        Param(3),
        Param(2),
        Param(3),
        Param(1),
    )
)
