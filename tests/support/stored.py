"""Rows put straight into the database, for tests that start behind the service's back."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import asyncpg
from uuid_utils.compat import uuid7

from service.kernel.actor import Actor, Trace
from tests.support.factories import SOME_DAY

if TYPE_CHECKING:
    from uuid import UUID

_NUMBERS = count(1)


async def insert(connection: asyncpg.Connection[Any], table: str, **values: Any) -> None:
    """One row; the table and its columns are the test's own words."""
    columns = ", ".join(values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", *values.values())  # noqa: S608


async def a_stored_user(connection: asyncpg.Connection[Any], name: str = "Ann", *, is_admin: bool = False) -> Actor:
    """Somebody with an account, as the actor of a request."""
    number = next(_NUMBERS)
    email = f"{name.lower()}-{number}@example.com"
    actor = Actor("user", Trace(f"request-{number:04}"), uuid7(), uuid7(), is_admin, email, name)
    await insert(
        connection, "users", id=actor.id, email=email, canonical_email=email, full_name=name,
        role="admin" if is_admin else "user", is_active=True, timezone="UTC", locale="en",
        created_at=SOME_DAY, updated_at=SOME_DAY, version=1, field_versions="{}",
    )  # fmt: skip
    return actor


async def a_stored_project(connection: asyncpg.Connection[Any], owner: Actor, key: str = "WEB", **fields: Any) -> UUID:
    """A project with its owner; roles of others are given as `member=bob`."""
    roles: dict[str, Actor] = {role: fields.pop(role) for role in ("maintainer", "member", "viewer") if role in fields}
    values: dict[str, Any] = {
        "id": uuid7(), "key": key, "name": f"Project {key}", "require_if_match": False, "last_number": 0,
        "created_at": SOME_DAY, "updated_at": SOME_DAY, "version": 1, "field_versions": "{}",
    } | fields  # fmt: skip
    await insert(connection, "projects", **values)
    for role, person in {"owner": owner, **roles}.items():
        await insert(
            connection, "memberships",
            id=uuid7(), project_id=values["id"], user_id=person.id, role=role, created_at=SOME_DAY,
        )  # fmt: skip
    project_id: UUID = values["id"]
    return project_id


async def a_stored_task(connection: asyncpg.Connection[Any], project_id: UUID, reporter: Actor, **fields: Any) -> UUID:
    """A task with the next number of its project; one that is done has been so for an hour."""
    number = await connection.fetchval(
        "UPDATE projects SET last_number = last_number + 1 WHERE id = $1 RETURNING last_number", project_id
    )
    values: dict[str, Any] = {
        "id": uuid7(), "project_id": project_id, "number": number, "title": f"Task {number}", "status": "todo",
        "priority": 3, "reporter_id": reporter.id, "comment_count": 0, "created_at": SOME_DAY, "updated_at": SOME_DAY,
        "version": 1, "field_versions": "{}",
    } | fields  # fmt: skip
    if values["status"] == "done":
        values.setdefault("completed_at", SOME_DAY - timedelta(hours=1))
    await insert(connection, "tasks", **values)
    task_id: UUID = values["id"]
    return task_id


async def a_stored_label(connection: asyncpg.Connection[Any], project_id: UUID, name: str, *titles: str) -> UUID:
    """A label, and the tasks of the project that have it, by their titles."""
    label_id = uuid7()
    await insert(
        connection, "labels", id=label_id, project_id=project_id, name=name, name_key=name.casefold(), color="#ededed",
        created_at=SOME_DAY, updated_at=SOME_DAY, version=1, field_versions="{}",
    )  # fmt: skip
    await connection.execute(
        "WITH labelled AS (UPDATE tasks SET was_labelled = true WHERE project_id = $1 AND title = ANY($2) RETURNING id) "
        "INSERT INTO task_labels (id, project_id, task_id, label_id) SELECT gen_random_uuid(), $1, id, $3 FROM labelled",
        project_id,
        list(titles),
        label_id,
    )
    return label_id


async def a_stored_block(connection: asyncpg.Connection[Any], project_id: UUID, source: str, target: str) -> None:
    """That one task of the project blocks another, by their titles."""
    await connection.execute(
        "WITH blocked AS (UPDATE tasks SET was_blocked = true WHERE project_id = $1 AND title = $3 RETURNING id) "
        "INSERT INTO task_relations (id, project_id, source_id, kind, target_id, created_at) "
        "SELECT gen_random_uuid(), $1, t.id, 'blocks', blocked.id, now() FROM blocked, tasks t "
        "WHERE t.project_id = $1 AND t.title = $2",
        project_id,
        source,
        target,
    )


async def the_row(connection: asyncpg.Connection[Any], table: str, id_: UUID) -> dict[str, Any]:
    """A row as it is stored, its JSON read."""
    row = await connection.fetchrow(f"SELECT * FROM {table} WHERE id = $1", id_)  # noqa: S608
    assert row is not None
    return {name: json.loads(value) if name == "field_versions" else value for name, value in row.items()}


async def lockable(connection: asyncpg.Connection[Any], strength: str, table: str, id_: UUID) -> bool:
    """Whether somebody else could lock the row right now, with this strength (`UPDATE`, `SHARE`)."""
    try:
        await connection.execute(f"SELECT FROM {table} WHERE id = $1 FOR {strength} NOWAIT", id_)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def somebody_waits(connection: asyncpg.Connection[Any]) -> None:
    """Return when somebody waits for a lock in this database; `connection` may be the one that holds it."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(30):
        while not await connection.fetchval(waiting):
            # Inside a transaction the statistics stand still until they are cleared.
            await connection.execute("SELECT pg_stat_clear_snapshot()")


async def the_events(connection: asyncpg.Connection[Any], subject_id: str) -> list[dict[str, Any]]:
    """What was told of a subject, oldest first, with its JSON read."""
    rows = await connection.fetch("SELECT * FROM events WHERE subject_id = $1::uuid ORDER BY sequence", subject_id)
    return [dict(row) | {"changes": json.loads(row["changes"]), "data": json.loads(row["data"])} for row in rows]
