"""The SQL of single tasks, written by Piccolo where it can, each statement compiled once; list_statements has that of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from piccolo.columns.combination import And
from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.features.projects.tables import PROJECT_COLUMNS, MembershipRow, ProjectRow
from service.features.tasks.tables import TaskRow

if TYPE_CHECKING:
    from piccolo.query import Select

_T = TaskRow


# Both look only at tasks of which it was ever true. By functions, which the migration of task_labels makes: sub-selects
# are planned for every list (0.2 ms, measured), and an EXISTS was hashed over all blocks that there are.
_LABELS = '(CASE WHEN "tasks"."was_labelled" THEN labels_of_task("tasks"."id") END)'
BLOCKED = '(CASE WHEN "tasks"."was_blocked" THEN task_is_blocked("tasks"."id") ELSE false END)'


def within_living_projects(query: Select[Any]) -> Select[Any]:
    """What is in a deleted project comes back with that, and is seen by nobody until then."""
    return query.where(_T.project.deleted_at.is_null())


def whole() -> Select[Any]:
    """Tasks with all that an answer tells of them."""
    columns = _T.select(
        _T.id, _T.number, _T.project.id, _T.project.key, _T.project.name, _T.title, _T.description, _T.status,
        _T.completed_at, _T.priority, _T.due_date, _T.assignee.id, _T.assignee.full_name, _T.assignee.deleted_at,
        _T.reporter.id, _T.reporter.full_name, _T.reporter.deleted_at, _T.parent.id, _T.parent.number, _T.parent.title,
        _T.comment_count, QueryString(_LABELS).as_alias("labels"), QueryString(BLOCKED).as_alias("is_blocked"),
        _T.created_at, _T.updated_at, _T.deleted_at, _T.version,
    )  # fmt: skip
    return within_living_projects(columns)


def _select() -> Select[Any]:
    return whole().where(_T.deleted_at.is_null())


def mine(user: Any) -> QueryString:
    """Visibility, the one place where it is written: the projects that have the caller as a member."""
    return MembershipRow.select(MembershipRow.project).where(MembershipRow.user == user).querystrings[0]


def belongs(user: Any) -> QueryString:
    """That the task is in one of those."""
    return QueryString("{} IN ({})", _T.project, mine(user))


def _visible() -> QueryString:
    return QueryString("({}::boolean OR {})", Param(2), belongs(Param(1)))


FIND_BY_ID = Statement(lambda: _select().where(_T.id == Param(3)).where(_visible()))
FIND_BY_KEY = Statement(lambda: _select().where(And(_T.project.key == Param(3), _T.number == Param(4))).where(_visible()))

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
