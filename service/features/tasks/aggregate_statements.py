"""The SQL of figures about tasks: groups around the select of a list, and a project's figures in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.features.tasks.aggregate_domain import Dimension, Metric
from service.features.tasks.tables import TaskRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_T = TaskRow


def _week(user: Param) -> QueryString:
    # The date of the Monday, by the clock on the caller's wall. Without a due date there is none.
    return QueryString("date_trunc('week', {} AT TIME ZONE (SELECT timezone FROM users WHERE id = {}))::date", _T.due_date, user)


# A row for each label of a task, and one without a name for a task without any.
_LABEL = (
    "unnest(coalesce(nullif(ARRAY(SELECT l.name FROM task_labels tl JOIN labels l ON l.id = tl.label_id "
    'WHERE tl.task_id = "tasks"."id"), ARRAY[]::text[]), ARRAY[NULL]::text[])) COLLATE "C"'
)

# The columns that tell a dimension, the first of them what it is sorted by: Piccolo's, which join, or made from the caller's id.
_GROUPS: dict[Dimension, tuple[Callable[[Param], Any], ...]] = {
    Dimension.STATUS: (lambda _: QueryString('"tasks"."status_rank"'), lambda _: _T.status),
    Dimension.ASSIGNEE: (lambda _: _T.assignee.full_name, lambda _: _T.assignee.id, lambda _: _T.assignee.deleted_at),
    Dimension.LABEL: (lambda _: QueryString(_LABEL),),
    Dimension.PRIORITY: (lambda _: _T.priority,),
    Dimension.DUE_WEEK: (_week,),
}

_CYCLE = "percentile_cont({}) WITHIN GROUP (ORDER BY seconds)"
_METRICS = {
    Metric.COUNT: "count(*)",
    Metric.CYCLE_TIME_P50: _CYCLE.format(0.5),
    Metric.CYCLE_TIME_P90: _CYCLE.format(0.9),
}


def width(dimension: Dimension) -> int:
    """How many columns of a row tell this dimension."""
    return len(_GROUPS[dimension])


def grouped(group_by: Sequence[Dimension], metrics: Sequence[Metric]) -> Callable[..., QueryString]:
    """What `ListStatements.summary` makes groups with; its arguments are the caller's id and the most groups to answer."""

    def build(rows: Callable[..., QueryString], user: Param, limit: Param) -> QueryString:
        columns = [column(user) for dimension in group_by for column in _GROUPS[dimension]]
        names = [f"key_{number}" for number in range(len(columns))]
        keys = [column.as_alias(name) for column, name in zip(columns, names, strict=True)]
        seconds = QueryString("extract(epoch FROM {} - {})::double precision", _T.completed_at, _T.created_at)
        found = ", ".join([*names, *(_METRICS[metric] for metric in metrics)])
        order = f"GROUP BY {', '.join(names)} ORDER BY {' NULLS LAST, '.join(names)} NULLS LAST" if names else ""
        # Where nothing is grouped by week the caller's id is used here alone, and so every statement takes the same arguments.
        return QueryString(
            f"SELECT {found} FROM ({{}}) AS found WHERE {{}}::uuid IS NOT NULL {order} LIMIT {{}}",
            rows(*keys, seconds.as_alias("seconds")),
            user,
            limit,
        )

    return build


def _stats() -> QueryString:
    within = "({from_} IS NULL OR {column} >= {from_}) AND ({to} IS NULL OR {column} < {to})"
    since, until = "(SELECT since FROM asked)", "(SELECT until FROM asked)"
    created, completed = (within.format(column=column, from_=since, to=until) for column in ("created_at", "completed_at"))
    day = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    # One statement, so that all figures are of the same moment. A row says which figure it is, its name, an id, two numbers.
    return QueryString(
        "WITH asked AS (SELECT {}::timestamptz AS since, {}::timestamptz AS until), "
        "found AS MATERIALIZED (SELECT t.status, t.priority, t.created_at, t.completed_at, t.assignee_id, u.full_name, "
        "u.deleted_at FROM tasks t LEFT JOIN users u ON u.id = t.assignee_id WHERE t.project_id = {} AND t.deleted_at IS NULL), "
        f"days AS (SELECT {day.format('created_at')} AS day, 1 AS created, 0 AS completed FROM found WHERE {created} "
        f"UNION ALL SELECT {day.format('completed_at')}, 0, 1 FROM found WHERE completed_at IS NOT NULL AND {completed}) "
        "SELECT 'status' AS figure, status AS name, NULL::uuid AS id, count(*)::double precision AS one, NULL::double precision "
        "AS two FROM found GROUP BY status "
        "UNION ALL SELECT 'priority', priority::text, NULL, count(*), NULL FROM found GROUP BY priority "
        "UNION ALL SELECT 'assignee', full_name, assignee_id, count(*), extract(epoch FROM deleted_at)::double precision "
        "FROM found GROUP BY full_name, assignee_id, deleted_at "
        "UNION ALL SELECT 'day', day, NULL, sum(created), sum(completed) FROM days GROUP BY day "
        f"UNION ALL SELECT 'cycle_time', NULL, NULL, {_CYCLE.format(0.5)}, {_CYCLE.format(0.9)} "
        "FROM (SELECT extract(epoch FROM completed_at - created_at)::double precision AS seconds FROM found "
        f"WHERE completed_at IS NOT NULL AND {completed}) AS done "
        "ORDER BY figure, name NULLS LAST, id NULLS LAST",
        Param(2), Param(3), Param(1),
    )  # fmt: skip


STATS = Statement(_stats)
