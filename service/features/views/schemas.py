"""Saved views on the wire."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.features.tasks.controller import SORT_KEYS
from service.features.tasks.filter_schemas import FILTER, readable
from service.features.views.domain import View, ViewDraft
from service.http.decoding import given
from service.http.paging import PageQuery, wrong_sort
from service.kernel.filter import normalized
from service.kernel.filter.parser import MAX_LENGTH
from service.kernel.text import one_line

# What a reader may know of a view is what the domain's View holds.
ViewResponse = View

NEWEST_FIRST = "-created_at"


def storable(text: str) -> str | None:
    """What is wrong with a filter that is to be kept in its normal form."""
    if (message := readable(text)) is not None:
        return message
    length = len(normalized(text))
    return f"In its normal form this has {length} characters; filters have at most {MAX_LENGTH}." if length > MAX_LENGTH else None


def known_sort(text: str) -> str | None:
    """What is wrong with an order of tasks."""
    return wrong_sort(tuple(text.split(",")), SORT_KEYS)


Name = Annotated[str, Meta(min_length=1, max_length=100, description="A line of text.", extra={"check": one_line})]
Filter = Annotated[str, Meta(max_length=MAX_LENGTH, description=FILTER, extra={"check": storable})]
Sort = Annotated[
    str,
    Meta(
        max_length=200, description="Up to three keys of tasks, comma separated; `-` for descending.", extra={"check": known_sort}
    ),
]
Shared = Annotated[bool, Meta(description="Whether everyone in the project sees it; a view of no project is always private.")]


class ViewCreate(Struct, forbid_unknown_fields=True):
    """A view to save; `me()` in its filter is whoever reads it."""

    name: Name
    filter: Filter
    sort: Sort = NEWEST_FIRST
    project_id: Annotated[UUID, Meta(description="Show the tasks of this project alone; never changes.")] | None = None
    shared: Shared = False

    def draft(self) -> ViewDraft:
        """The view as the use cases take it."""
        return ViewDraft(self.name, normalized(self.filter), self.sort, self.project_id, self.shared)


class ViewPatch(Struct, forbid_unknown_fields=True):
    """What to change of a view; what is absent stays."""

    name: Name | UnsetType = UNSET
    filter: Filter | UnsetType = UNSET
    sort: Sort | UnsetType = UNSET
    shared: Shared | UnsetType = UNSET

    def wanted(self) -> dict[str, Any]:
        """What the use cases take."""
        fields = given(self)
        return fields | {"filter": normalized(fields["filter"])} if "filter" in fields else fields


class ViewsQuery(PageQuery, kw_only=True):
    """Which views to list."""

    project_id: Annotated[UUID, Meta(description="Only those of this project.")] | None = None


class ViewCount(Struct, frozen=True):
    """How many tasks a view shows."""

    count: int
