"""The SQL for many tasks at once: lists travel as arrays, so that two rows and a thousand are one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.features.projects.tables import PROJECT_COLUMNS
from service.features.tasks.statements import NEW, NEW_TYPES, STATE_COLUMNS
from service.features.tasks.tables import TaskRow

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT_WIDTH = len(PROJECT_COLUMNS.split(", "))

LOCK_PROJECTS = Statement(
    lambda: QueryString(
        f"SELECT {PROJECT_COLUMNS} FROM projects p "
        "WHERE p.id IN (SELECT t.project_id FROM tasks t WHERE t.id = ANY({}::uuid[]) AND t.deleted_at IS NULL) "
        "AND p.deleted_at IS NULL ORDER BY p.id FOR SHARE OF p",
        Param(1),
    )
)

PROJECTS = Statement(
    lambda: QueryString(
        f"SELECT {PROJECT_COLUMNS} FROM projects p WHERE p.id = ANY({{}}::uuid[]) AND p.deleted_at IS NULL", Param(1)
    )
)

LOCK_MEMBERS = Statement(
    lambda: QueryString(
        "SELECT m.project_id, m.user_id, m.role, u.full_name FROM memberships m JOIN users u ON u.id = m.user_id "
        "JOIN unnest({}::uuid[], {}::uuid[]) AS wanted (project_id, user_id) "
        "ON wanted.project_id = m.project_id AND wanted.user_id = m.user_id "
        "ORDER BY m.project_id, m.user_id FOR SHARE OF m",
        Param(1),
        Param(2),
    )
)

LOCK = Statement(
    lambda: QueryString(
        f"SELECT project_id, {STATE_COLUMNS} FROM tasks "
        "WHERE id = ANY({}::uuid[]) AND project_id = ANY({}::uuid[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
        Param(1),
        Param(2),
    )
)

# Whoever leaves is taken off deleted tasks too, which may be restored; in two halves, since every index is of one of them.
LOCK_OPEN_OF = Statement(
    lambda: QueryString(
        f"SELECT {STATE_COLUMNS} FROM tasks WHERE project_id = {{}} AND assignee_id = {{}} "
        "AND status IN ('todo', 'in_progress') AND (deleted_at IS NULL OR deleted_at IS NOT NULL) ORDER BY id FOR NO KEY UPDATE",
        Param(1),
        Param(2),
    )
)

LOCK_OPEN_ANYWHERE = Statement(
    lambda: QueryString(
        f"SELECT {PROJECT_COLUMNS}, t.{STATE_COLUMNS.replace(', ', ', t.')} FROM tasks t JOIN projects p ON p.id = t.project_id "
        "WHERE t.assignee_id = {} AND t.status IN ('todo', 'in_progress') AND t.id IN ("
        "SELECT id FROM tasks WHERE assignee_id = {} AND deleted_at IS NULL "
        "UNION ALL SELECT id FROM tasks WHERE assignee_id = {} AND deleted_at IS NOT NULL) "
        "ORDER BY t.id FOR NO KEY UPDATE OF t",
        *(Param(1) for _ in range(3)),
    )
)


def lock_projects_of(rows: Callable[..., QueryString], limit: Param) -> QueryString:
    """What `ListStatements.summary` locks the projects of the first tasks of a list with."""
    return QueryString(
        f"SELECT {PROJECT_COLUMNS} FROM projects p "
        'WHERE p.id IN (SELECT found.project_id FROM ({} ORDER BY "tasks"."id" LIMIT {}) AS found) '
        "AND p.deleted_at IS NULL ORDER BY p.id FOR SHARE OF p",
        rows(QueryString('"tasks"."project_id"')),
        limit,
    )


_LOCKED_COLUMNS = ", ".join(f'"tasks"."{column}"' for column in ["project_id", *STATE_COLUMNS.split(", ")])


def lock_rows(rows: Callable[..., QueryString], limit: Param) -> QueryString:
    """What `ListStatements.summary` locks the first tasks of a list with; their ids stand before the columns of `LOCK`."""
    text = '{} ORDER BY "tasks"."id" LIMIT {} FOR NO KEY UPDATE OF "tasks"'
    return QueryString(text, rows(QueryString(_LOCKED_COLUMNS)), limit)


def in_projects(ids: Any) -> QueryString:
    """The tasks of these projects."""
    return QueryString("{} = ANY({}::uuid[])", TaskRow.project, ids)


# What every changed row gets alike, each after a flag that says whether it is given.
SHARED = ("title", "description", "priority", "due_date", "assignee_id")


def _change() -> QueryString:
    sets = ", ".join(f"{column} = CASE WHEN {{}} THEN {{}} ELSE t.{column} END" for column in SHARED)
    values = [Param(number) for number in range(6, 6 + 2 * len(SHARED))]
    return QueryString(
        f"UPDATE tasks t SET {sets}, status = own.status, completed_at = own.completed_at, updated_at = {{}}, "
        "version = t.version + 1, field_versions = t.field_versions || own.field_versions "
        "FROM unnest({}::uuid[], {}::text[], {}::timestamptz[], {}::jsonb[]) "
        "AS own (id, status, completed_at, field_versions) WHERE t.id = own.id",
        *values, Param(5), Param(1), Param(2), Param(3), Param(4),
    )  # fmt: skip


CHANGE = Statement(_change)

# The rows are locked in one order before the first is written: an UPDATE alone takes them as its plan comes by them.
CLAIM_NUMBERS = Statement(
    lambda: QueryString(
        "WITH writable AS (SELECT p.id, wanted.count FROM projects p "
        "JOIN unnest({}::uuid[], {}::integer[]) AS wanted (id, count) ON wanted.id = p.id "
        "WHERE p.archived_at IS NULL AND p.deleted_at IS NULL ORDER BY p.id FOR NO KEY UPDATE OF p) "
        "UPDATE projects SET last_number = last_number + writable.count FROM writable WHERE projects.id = writable.id "
        "RETURNING projects.id, last_number - writable.count + 1, key, name",
        Param(1),
        Param(2),
    )
)

ANCESTRIES = Statement(
    lambda: QueryString(
        "WITH RECURSIVE above AS ("
        "SELECT id AS below_id, id, parent_id, 1 AS level FROM tasks WHERE id = ANY({}::uuid[]) AND deleted_at IS NULL "
        "UNION ALL SELECT a.below_id, t.id, t.parent_id, a.level + 1 FROM tasks t JOIN above a ON t.id = a.parent_id) "
        "SELECT t.id, t.project_id, array_agg(a.id ORDER BY a.level DESC), p.key, t.number, t.title "
        "FROM above a JOIN tasks t ON t.id = a.below_id JOIN projects p ON p.id = t.project_id GROUP BY t.id, p.id",
        Param(1),
    )
)


def _add() -> QueryString:
    types = NEW_TYPES.split(", ")
    arrays = ", ".join(f"{{}}::{type_}[]" for type_ in types)
    return QueryString(
        f"{NEW} SELECT new.*, 0, 1, jsonb_build_object() FROM unnest({arrays}) AS new",
        *(Param(number + 1) for number in range(len(types))),
    )


ADD = Statement(_add)
