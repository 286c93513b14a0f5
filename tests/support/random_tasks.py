"""Many different tasks, the same at every run, and what a client makes of the whole list."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tests.support.http import Api, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

STATUSES = ("todo", "in_progress", "done", "cancelled")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_INSERT = (
    "INSERT INTO tasks (id, project_id, number, title, status, completed_at, priority, due_date, assignee_id, reporter_id, "
    "comment_count, created_at, updated_at, deleted_at, version, field_versions) "
    "SELECT gen_random_uuid(), $1::uuid, $2, 'T' || $2::integer, $3, $4, $5, $6, $7::uuid, $8::uuid, 0, $9, $9, $10, 1, '{}'"
)


async def random_tasks(
    connection: asyncpg.Connection[Any], project: dict[str, Any], people: Sequence[Api], count: int, seed: int
) -> None:
    """Tasks of every status and priority, with and without a due date or an assignee, some of them deleted."""
    random = Random(seed)
    rows = []
    for number in range(1, count + 1):
        created = FIRST + timedelta(seconds=random.uniform(0, 90 * 86400))
        status = random.choice(STATUSES)
        done = created + timedelta(seconds=random.uniform(0, 30 * 86400)) if status == "done" else None
        due = FIRST + timedelta(seconds=random.uniform(0, 120 * 86400)) if random.random() < 0.7 else None
        assignee = random.choice(people).user["id"] if random.random() < 0.7 else None
        deleted = created if random.random() < 0.1 else None
        reporter = random.choice(people).user["id"]
        rows.append(
            (project["id"], number, status, done, random.randint(1, 5), due, assignee, reporter, created, deleted)
        )  # fmt: skip
    await connection.executemany(_INSERT, rows)


async def random_labels(connection: asyncpg.Connection[Any], project: dict[str, Any], names: Sequence[str], seed: int) -> None:
    """Labels of a project, and some of them, or none, on each of its tasks."""
    random = Random(seed)
    labels = [
        await connection.fetchval(
            "INSERT INTO labels (id, project_id, name, name_key, color, created_at, updated_at, version, field_versions) "
            "VALUES (gen_random_uuid(), $1::uuid, $2, $2, '#d73a4a', now(), now(), 1, '{}') RETURNING id",
            project["id"],
            name,
        )
        for name in names
    ]
    tasks = await connection.fetch("SELECT id FROM tasks WHERE project_id = $1::uuid", project["id"])
    pairs = [(project["id"], task["id"], label) for task in tasks for label in labels if random.random() < 0.3]
    await connection.executemany(
        "INSERT INTO task_labels (id, project_id, task_id, label_id) VALUES (gen_random_uuid(), $1::uuid, $2, $3)", pairs
    )
    await connection.execute("UPDATE tasks SET was_labelled = true")


async def whole_list(person: Api, **query: str) -> list[dict[str, Any]]:
    """Every task of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = made(await person.get("/tasks", params={"limit": "200", **query, **cursor}))
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


def instant(text: str) -> datetime:
    """What an answer tells as text."""
    return datetime.fromisoformat(text)


def seconds(task: dict[str, Any]) -> float:
    """The cycle time of a completed task."""
    return (instant(task["completed_at"]) - instant(task["created_at"])).total_seconds()


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value that so much of the values stay within, between its neighbours where it falls between two."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def monday(day: date) -> date:
    """The first day of the ISO week."""
    return day - timedelta(days=day.isoweekday() - 1)
