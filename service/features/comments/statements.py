"""The SQL of the comments feature, each statement compiled once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from piccolo.columns.combination import And
from piccolo.querystring import QueryString

from service.adapters.database.lists import Condition, Key, ListStatements
from service.adapters.database.statements import Param, Statement
from service.features.comments.tables import CommentRow
from service.features.projects.tables import PROJECT_COLUMNS, MembershipRow

if TYPE_CHECKING:
    from uuid import UUID

    from piccolo.query import Select

_C = CommentRow
_P: Any = _C.task.project


def _select() -> Select[Any]:
    return _C.select(
        _C.id, _C.task, _C.author.id, _C.author.full_name, _C.author.deleted_at, _C.body, _C.created_at, _C.updated_at,
        _C.edited_at, _C.deleted_at, _C.version,
    )  # fmt: skip


def _find() -> Select[Any]:
    alive = And(_C.deleted_at.is_null(), And(_C.task.deleted_at.is_null(), _P.deleted_at.is_null()))
    mine = MembershipRow.select(MembershipRow.project).where(MembershipRow.user == Param(1)).querystrings[0]
    visible = QueryString("({}::boolean OR {} IN ({}))", Param(2), _P, mine)
    return _select().columns(_P.id).where(alive).where(_C.id == Param(3)).where(visible)


FIND = Statement(_find)

LIST = ListStatements(
    _select,
    {"created_at": Key(_C.created_at, datetime), "updated_at": Key(_C.updated_at, datetime)},
    _C.id,
    counted=lambda: _C.select(_C.id),
)


def conditions(task_id: UUID, *, include_deleted: bool) -> list[Condition]:
    """The filters of the list of a task's comments."""
    found = [Condition("task", lambda p: _C.task == p, task_id, generic=True)]
    if not include_deleted:
        found.append(Condition("alive", lambda _: _C.deleted_at.is_null(), None))
    return found


def _task(condition: str) -> Statement:
    # The role says both who sees the task's comments and who sees the deleted ones.
    return Statement(
        lambda: QueryString(
            "SELECT t.id, t.project_id, m.role FROM tasks t JOIN projects p ON p.id = t.project_id "
            "LEFT JOIN memberships m ON m.project_id = p.id AND m.user_id = {} "
            f"WHERE {condition} AND t.deleted_at IS NULL AND p.deleted_at IS NULL",
            *(Param(number + 1) for number in range(1 + condition.count("{}"))),
        )
    )


TASK_BY_ID = _task("t.id = {}")
TASK_BY_KEY = _task("p.key = {} AND t.number = {}")

LOCK_PROJECT = Statement(
    lambda: QueryString(
        f"SELECT c.id, t.id, {PROJECT_COLUMNS} "
        "FROM comments c JOIN tasks t ON t.id = c.task_id JOIN projects p ON p.id = t.project_id "
        "WHERE c.id = {} AND t.deleted_at IS NULL AND p.deleted_at IS NULL FOR SHARE OF p",
        Param(1),
    )
)

LOCK = Statement(
    lambda: QueryString(
        "SELECT c.id, c.task_id, c.author_id, u.full_name, u.deleted_at, c.body, c.created_at, c.updated_at, c.edited_at, "
        "c.deleted_at, c.version, c.field_versions "
        "FROM comments c JOIN users u ON u.id = c.author_id WHERE c.id = {} FOR NO KEY UPDATE OF c",
        Param(1),
    )
)

# The task's row is locked by its own UPDATE, which also sees whether somebody deleted it meanwhile.
ADD = Statement(
    lambda: QueryString(
        "WITH counted AS (UPDATE tasks SET comment_count = comment_count + 1 WHERE id = {} AND deleted_at IS NULL "
        "RETURNING id, number) "
        "INSERT INTO comments (id, task_id, author_id, body, created_at, updated_at, version, field_versions) "
        "SELECT {}::uuid, counted.id, {}::uuid, {}::text, {}::timestamptz, {}::timestamptz, 1, jsonb_build_object() FROM counted "
        "RETURNING (SELECT number FROM counted)",
        *(Param(number) for number in (2, 1, 3, 4, 5, 5)),
    )
)

EDIT = Statement(
    lambda: QueryString(
        "UPDATE comments SET body = {}, updated_at = {}, edited_at = {}, version = {}, "
        "field_versions = field_versions || jsonb_build_object('body', {}::integer) WHERE id = {}",
        *(Param(number) for number in (2, 3, 3, 4, 4, 1)),
    )
)

BURY = Statement(
    lambda: QueryString(
        "WITH buried AS (UPDATE comments SET deleted_at = {}::timestamptz, updated_at = {}::timestamptz, version = {} "
        "WHERE id = {} RETURNING task_id) "
        "UPDATE tasks SET comment_count = comment_count + {}::integer FROM buried WHERE tasks.id = buried.task_id",
        *(Param(number) for number in (2, 3, 4, 1, 5)),
    )
)
