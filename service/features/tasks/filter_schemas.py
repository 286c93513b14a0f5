"""Filters of tasks on the wire."""

from typing import Annotated

from msgspec import Meta, Struct

from service.features.tasks.filter_domain import FIELDS, task_filter
from service.kernel.filter.parser import MAX_LENGTH
from service.kernel.filter.printing import FilterExpression
from service.kernel.filter.tokens import Misread


def readable(text: str) -> str | None:
    """What is wrong with a filter, and in which column."""
    try:
        task_filter(text)
    except Misread as error:
        return str(error)
    return None


FILTER = (
    "A filter in the text form of OGC CQL2, such as `status IN ('todo','in_progress') AND (priority >= 4 OR "
    "due_date < today() + 'P7D') AND assignee IS NULL`. AND binds tighter than OR; NULL is as in SQL. "
    f"Fields: {', '.join(FIELDS)}."
)
Filter = Annotated[str, Meta(max_length=MAX_LENGTH, description=FILTER, extra={"check": readable})]


class FilterCheck(Struct, forbid_unknown_fields=True):
    """A filter to read."""

    filter: Filter


class CheckedFilter(Struct, frozen=True):
    """A filter as it was sent, in its normal form, and as CQL2 JSON: an expression, or `true` or `false` alone."""

    filter: str
    normalized: str
    tree: FilterExpression | bool
