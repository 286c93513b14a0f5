"""A filter of tasks as SQL: texts of ours for fields and operators, a parameter for every value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from piccolo.querystring import QueryString

from service.adapters.database.lists import Condition
from service.adapters.database.statements import Param, Statement
from service.features.accounts.tables import UserRow
from service.features.tasks.filter_domain import held
from service.features.tasks.list_statements import LABELLED
from service.features.tasks.statements import BLOCKED
from service.kernel.filter.tree import Absence, And, Between, Comparison, Like, Membership, Not, Or, Truth

if TYPE_CHECKING:
    from service.features.tasks.filter_domain import Moment
    from service.kernel.filter.tree import Condition as Tree
    from service.kernel.filter.tree import Predicate

ZONE = Statement(lambda: UserRow.select(UserRow.timezone).where(UserRow.id == Param(1)))

# Field: what it is in SQL, and the type of its values. Texts are compared by code point, as lists sort them.
_PLAIN = {
    "status": ('"tasks"."status"', "text"),
    "priority": ('"tasks"."priority"', "bigint"),
    "due_date": ('"tasks"."due_date"', "timestamptz"),
    "created_at": ('"tasks"."created_at"', "timestamptz"),
    "updated_at": ('"tasks"."updated_at"', "timestamptz"),
    "completed_at": ('"tasks"."completed_at"', "timestamptz"),
    "title": ('"tasks"."title"', "text"),
    "description": ('"tasks"."description" COLLATE "C"', "text"),
    "number": ('"tasks"."number"', "bigint"),
    "project_id": ('"tasks"."project_id"', "uuid"),
    "assignee": ('"tasks"."assignee_id"', "uuid"),
    "reporter": ('"tasks"."reporter_id"', "uuid"),
    "parent_id": ('"tasks"."parent_id"', "uuid"),
}
_OVERDUE = '"tasks"."status" IN (\'todo\', \'in_progress\') AND "tasks"."due_date" IS NOT NULL AND "tasks"."due_date" < '
# Arrays of what a key names, and not a single value of it: what names nothing equals nothing, and is not unknown.
_PROJECTS = (
    '"tasks"."project_id" = ANY({}::uuid[] || ARRAY(SELECT id FROM projects WHERE key = ANY({}::text[]) AND deleted_at IS NULL))'
)
_KEYS = (
    '("tasks"."project_id", "tasks"."number") IN (SELECT p.id, named.number '
    "FROM unnest({}::text[], {}::integer[]) AS named (key, number) "
    "JOIN projects p ON p.key = named.key AND p.deleted_at IS NULL)"
)
_UNLABELLED = 'NOT EXISTS (SELECT FROM task_labels tl WHERE tl.task_id = "tasks"."id")'


def condition(tree: Tree, moment: Moment) -> Condition:
    """The filter as a condition of a list; its SQL is the same for all filters that differ only in values."""
    writer = _Writer(moment)
    text = writer.text(tree)
    arguments = writer.arguments
    return Condition(f"filter {text}", lambda *params: QueryString(text, *params[: len(arguments)]), *(arguments or [None]))


class _Writer:
    """Writes a tree as SQL with `{}` for every value, and keeps the values in their order."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.arguments: list[Any] = []

    def text(self, tree: Tree) -> str:
        if isinstance(tree, And | Or):
            word = " AND " if isinstance(tree, And) else " OR "
            return f"({word.join(map(self.text, tree.items))})"
        if isinstance(tree, Not):
            return f"(NOT {self.text(tree.item)})"
        if isinstance(tree, Truth):
            return "TRUE" if tree.value else "FALSE"
        return f"({self._predicate(tree)})"

    def _predicate(self, predicate: Predicate) -> str:
        found = held(predicate, self._moment)
        special = _SPECIAL.get(predicate.field.value)
        if special is not None:
            return self._special(special, predicate, found)
        column, type_ = _PLAIN[predicate.field.value]
        if isinstance(predicate, Absence):
            return f"{column} IS NULL"
        if isinstance(predicate, Membership):
            # One parameter however many values there are, and so one statement.
            self.arguments.append(found)
            return f"{column} = ANY({{}}::{type_}[])"
        self.arguments += found
        if isinstance(predicate, Between):
            return f"{column} BETWEEN {{}}::{type_} AND {{}}::{type_}"
        sign = "LIKE" if isinstance(predicate, Like) else predicate.sign
        return f"{column} {sign} {{}}::{type_}"

    def _special(self, special: Any, predicate: Predicate, found: list[Any]) -> str:
        if isinstance(predicate, Absence):
            # None of the others is ever without a value.
            return _UNLABELLED if predicate.field.value == "label" else "FALSE"
        text, arguments = special(found, self._moment)
        self.arguments += arguments
        negative = isinstance(predicate, Comparison) and predicate.sign == "<>"
        return f"NOT ({text})" if negative else text


def _completed(found: list[bool], _: Moment) -> tuple[str, list[Any]]:
    return f'"tasks"."status" {"=" if found[0] else "<>"} \'done\'', []


def _overdue(found: list[bool], moment: Moment) -> tuple[str, list[Any]]:
    text = _OVERDUE + "{}::timestamptz"
    return (text if found[0] else f"NOT ({text})"), [moment.now]


def _blocked(found: list[bool], _: Moment) -> tuple[str, list[Any]]:
    return (BLOCKED if found[0] else f"NOT {BLOCKED}"), []


def _label(found: list[str], _: Moment) -> tuple[str, list[Any]]:
    return f'"tasks"."id" IN ({LABELLED}l.name_key = ANY({{}}::text[]))', [found]


def _project(found: list[UUID | str], _: Moment) -> tuple[str, list[Any]]:
    ids = [value for value in found if isinstance(value, UUID)]
    return _PROJECTS, [ids, [value for value in found if isinstance(value, str)]]


def _key(found: list[tuple[str, int]], _: Moment) -> tuple[str, list[Any]]:
    return _KEYS, [[key for key, _number in found], [number for _key, number in found]]


# Fields that are no column of their own: their SQL for "is one of these values", with its arguments.
_SPECIAL = {
    "is_completed": _completed,
    "is_overdue": _overdue,
    "is_blocked": _blocked,
    "project": _project,
    "key": _key,
    "label": _label,
}
