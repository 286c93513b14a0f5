"""The SQL of restoring and purging tasks."""

from __future__ import annotations

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.features.projects.tables import PROJECT_COLUMNS
from service.features.tasks.statements import STATE_COLUMNS


def _lock_project(condition: str) -> Statement:
    return Statement(
        lambda: QueryString(
            f"SELECT t.id, {PROJECT_COLUMNS} FROM tasks t JOIN projects p ON p.id = t.project_id "
            f"WHERE {condition} AND p.deleted_at IS NULL FOR NO KEY UPDATE OF p",
            *(Param(number + 1) for number in range(condition.count("{}"))),
        )
    )


LOCK_PROJECT_BY_ID = _lock_project("t.id = {}")
LOCK_PROJECT_BY_KEY = _lock_project("p.key = {} AND t.number = {}")

LOCK_TAKEN_ALONG = Statement(
    lambda: QueryString(
        f"SELECT {STATE_COLUMNS}, deleted_at, coalesce(deleted_with, CASE WHEN deleted_at IS NOT NULL THEN id END) "
        "FROM tasks WHERE id = {} OR deleted_with = {} ORDER BY id FOR NO KEY UPDATE",
        Param(1),
        Param(1),
    )
)

RESTORE = Statement(
    lambda: QueryString(
        "UPDATE tasks SET deleted_at = NULL, deleted_with = NULL, updated_at = {}, version = version + 1 "
        "WHERE id = ANY({}::uuid[])",
        Param(2),
        Param(1),
    )
)

# A deletion is purged as a whole: the task that was deleted is due, and takes along what is below it.
_DUE = "deleted_at <= {} AND coalesce(deleted_with, id) = id"

DUE = Statement(
    lambda: QueryString(
        f"SELECT project_id, id FROM tasks WHERE {_DUE} AND project_id <> ALL({{}}::uuid[]) LIMIT {{}}", *map(Param, (1, 2, 3))
    )
)

# By an array of ids: PostgreSQL takes a recursion for a great many rows, and reads every task there is to join them.
PURGE = Statement(
    lambda: QueryString(
        f"WITH RECURSIVE doomed AS (SELECT id FROM tasks WHERE id = ANY({{}}::uuid[]) AND {_DUE} "
        "UNION SELECT t.id FROM tasks t JOIN doomed d ON t.parent_id = d.id) "
        "DELETE FROM tasks t USING projects p WHERE t.id = ANY(ARRAY(SELECT id FROM doomed)) AND p.id = t.project_id "
        "RETURNING t.id, p.key || '-' || t.number, t.version",
        Param(1),
        Param(2),
    )
)
