"""Figures about tasks: what they can be grouped by, what is measured of each group, and how a project is doing."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from service.features.tasks.domain import PersonRef, Status

# More groups than this are refused rather than cut off: a sum over a part of them would be wrong.
MOST_GROUPS = 10_000


class Dimension(StrEnum):
    """What tasks can be grouped by; aggregate_statements.py says what each is in SQL."""

    STATUS = "status"
    ASSIGNEE = "assignee"
    LABEL = "label"
    PRIORITY = "priority"
    DUE_WEEK = "due:week"


class Metric(StrEnum):
    """What is measured of each group."""

    COUNT = "count"
    CYCLE_TIME_P50 = "cycle_time:p50"
    CYCLE_TIME_P90 = "cycle_time:p90"


class TaskGroup(
    Struct, rename={"due_week": "due:week", "cycle_time_p50": "cycle_time:p50", "cycle_time_p90": "cycle_time:p90"}
):  # fmt: skip
    """One group of tasks: what they have in common, and what was measured of them, as far as each was asked for.

    `due:week` is the Monday of the ISO week in the caller's time zone; a cycle time is in seconds, null where none is done.
    A task with several labels counts under the name of each, one without any under null.
    """

    status: Status | UnsetType = UNSET
    assignee: PersonRef | UnsetType | None = UNSET
    label: str | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    due_week: date | UnsetType | None = UNSET
    count: int | UnsetType = UNSET
    cycle_time_p50: float | UnsetType | None = UNSET
    cycle_time_p90: float | UnsetType | None = UNSET


class StatusCounts(Struct):
    """How many tasks have each status."""

    todo: int = 0
    in_progress: int = 0
    done: int = 0
    cancelled: int = 0


class PriorityCounts(Struct, rename={f"p{number}": str(number) for number in range(1, 6)}):
    """How many tasks have each priority, 1 the lowest."""

    p1: int = 0
    p2: int = 0
    p3: int = 0
    p4: int = 0
    p5: int = 0


class AssigneeCount(Struct, frozen=True):
    """How many tasks somebody has; nobody, where `assignee` is null."""

    assignee: PersonRef | None
    count: int


class DayCounts(Struct, frozen=True):
    """How many tasks were created and how many completed on one day, in UTC."""

    date: date
    created: int
    completed: int


class CycleTime(Struct, frozen=True):
    """Seconds from the creation of a task to its completion: the median, and what nine of ten stay within; null for none."""

    p50: float | None
    p90: float | None


class ProjectStats(Struct, frozen=True):
    """How a project is doing: its tasks as they are now, and what happened within the time that was asked for."""

    by_status: StatusCounts
    by_assignee: list[AssigneeCount]
    by_priority: PriorityCounts
    per_day: list[DayCounts]
    cycle_time: CycleTime
