"""Figures about tasks on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct, field

from service.features.tasks.aggregate_domain import Dimension, Metric, ProjectStats, TaskGroup
from service.features.tasks.filter_schemas import Filter
from service.kernel.errors import invalid
from service.kernel.text import Instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

# What a project's figures hold is what the domain's Struct does.
StatsResponse = ProjectStats


def _several(names: type[StrEnum]) -> Callable[[str], str | None]:
    """A check of a list of such names, separated by commas."""

    def check(text: str) -> str | None:
        parts = text.split(",")
        if unknown := [part for part in parts if part not in set(names)]:
            return f"There is no {', '.join(unknown)!r} here; there are: {', '.join(names)}."
        return None if len(set(parts)) == len(parts) else "Name each once."

    return check


def _listed(names: type[StrEnum]) -> str:
    return ", ".join(f"`{name}`" for name in names)


class AggregateQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which tasks to measure, in which groups."""

    filter: Filter | None = None
    group_by: (
        Annotated[
            str,
            Meta(
                max_length=100,
                description=f"Some of {_listed(Dimension)}, comma separated; without it all tasks are one group. "
                "`due:week` is told by its Monday, in your time zone.",
                examples=["status,assignee"],
                extra={"check": _several(Dimension)},
            ),
        ]
        | None
    ) = None
    metrics: Annotated[
        str,
        Meta(
            max_length=100,
            description=f"Some of {_listed(Metric)}, comma separated. Cycle times are in seconds, from creation to completion.",
            extra={"check": _several(Metric)},
        ),
    ] = "count"

    def dimensions(self) -> list[Dimension]:
        """What to group by."""
        return [Dimension(name) for name in self.group_by.split(",")] if self.group_by else []

    def measures(self) -> list[Metric]:
        """What to measure."""
        return [Metric(name) for name in self.metrics.split(",")]


class Aggregate(Struct, frozen=True):
    """The groups, sorted by what they are grouped by, null last; without `group_by` a single one."""

    items: list[TaskGroup]


class StatsQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The time that is looked at."""

    since: Annotated[Instant, Meta(description="Look at what happened from this instant on.")] | None = field(
        default=None, name="from"
    )
    until: Annotated[Instant, Meta(description="Look at what happened before this instant.")] | None = field(
        default=None, name="to"
    )

    def refuse_backwards(self) -> None:
        """Guard of the order of the two.

        Raises:
            Invalid: the time ends before it begins.
        """
        if self.since is not None and self.until is not None and self.until < self.since:
            raise invalid("/to", "not_allowed", "Send an instant that is not before `from`.", "query")
