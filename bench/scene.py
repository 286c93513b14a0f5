"""What is measured on: a database as the migrations leave it, two people, their projects, and many tasks."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import jwt
import msgspec
from msgspec import Struct

from bench.asgi import Request, call
from service.adapters import embedded_postgres
from service.adapters.database.migrations import migrate
from service.adapters.ids import UuidIds
from service.adapters.tokens import create_key_file
from service.settings import Database
from tests.support.postgres import empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

API = "/api/v1"
# As many projects as a person works in; all others are somebody else's, so that visibility has something to hide.
OWN_PROJECTS = 20
TASKS_PER_PROJECT = 1000
SAMPLED_TASKS = 1000
PASSWORD = "Correct-horse-7-battery"  # noqa: S105  (of an account that lives as long as the run)
_TASK_COLUMNS = (
    "id", "project_id", "number", "title", "description", "status", "completed_at", "priority", "due_date", "assignee_id",
    "reporter_id", "comment_count", "created_at", "updated_at", "version", "field_versions",
)  # fmt: skip


class Scene(Struct, frozen=True):
    """Who calls, and what there is to ask for."""

    token: str
    user_id: UUID
    session_id: UUID
    project_ids: list[UUID]
    task_ids: list[UUID]


@contextmanager
def environment(port: int) -> Iterator[dict[str, str]]:
    """What a service on a database of its own has as environment; rate limits are off, all else is as it ships."""
    folder = Path(tempfile.mkdtemp(prefix="worklane-bench-"))
    try:
        create_key_file(folder / "keys.json")
        with _postgres(folder / "data") as server, empty_database(server, f"worklane_bench_{os.getpid()}") as url:
            asyncio.run(migrate(Database(url=url)))
            yield {
                "DATABASE_URL": url,
                "WORKLANE_KEYS_FILE": str(folder / "keys.json"),
                "WORKLANE_PORT": str(port),
                "WORKLANE_RATE_LIMITS": "off",
                # A login must last as long as the run.
                "WORKLANE_SESSIONS__ACCESS_TOKEN_LIFETIME": "12h",
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """The server that the environment names, else one of our own, as durable as `worklane serve` has it."""
    if given := os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL"):
        yield given
        return
    server = embedded_postgres.start(folder, durable=True)
    try:
        yield server.url
    finally:
        embedded_postgres.stop(server)


async def arrange(app: Litestar, url: str, tasks: int) -> Scene:
    """Make people and projects through the API of `app`, and `tasks` tasks straight in its database."""
    ann, token = await _person(app, "Ann")
    bob, _ = await _person(app, "Bob")
    own = [await _project(app, token, number) for number in range(OWN_PROJECTS)]
    connection = await asyncpg.connect(url)
    try:
        others = await _projects_of(connection, bob, tasks // TASKS_PER_PROJECT - len(own))
        await _fill(connection, own + others, ann, tasks)
        sampled = await connection.fetch(
            "SELECT id FROM tasks WHERE project_id = ANY($1::uuid[]) ORDER BY md5(id::text) LIMIT $2", own, SAMPLED_TASKS
        )
    finally:
        await connection.close()
    session = jwt.decode(token, options={"verify_signature": False})["sid"]
    return Scene(token, ann, UUID(session), own, [row[0] for row in sampled])


async def _person(app: Litestar, name: str) -> tuple[UUID, str]:
    account = {"email": f"{name.lower()}@example.com", "password": PASSWORD}
    user = await _post(app, "/auth/register", {**account, "full_name": f"{name} Example"})
    tokens = await _post(app, "/auth/login", account)
    return UUID(user["id"]), tokens["access_token"]


async def _project(app: Litestar, token: str, number: int) -> UUID:
    return UUID((await _post(app, "/projects", {"name": f"Project {number}", "key": f"P{number}"}, token))["id"])


async def _post(app: Litestar, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(await call(app, Request("POST", API + path, token, msgspec.json.encode(body))))
    return answer


async def _projects_of(connection: asyncpg.Connection[Any], owner: UUID, count: int) -> list[UUID]:
    ids = [UuidIds().new() for _ in range(count)]
    now = datetime.now(UTC)
    await connection.executemany(
        "INSERT INTO projects (id, key, name, require_if_match, last_number, created_at, updated_at, version, field_versions) "
        "VALUES ($1, $2, $2, false, 0, $3, $3, 1, '{}')",
        [(id_, f"X{number}", now) for number, id_ in enumerate(ids)],
    )
    await connection.executemany(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at) VALUES ($1, $2, $3, 'owner', $4)",
        [(UuidIds().new(), id_, owner, now) for id_ in ids],
    )
    return ids


async def _fill(connection: asyncpg.Connection[Any], projects: list[UUID], person: UUID, tasks: int) -> None:
    await connection.copy_records_to_table("tasks", records=_tasks(projects, person, tasks), columns=_TASK_COLUMNS)
    await connection.execute(
        "UPDATE projects p SET last_number = t.newest "
        "FROM (SELECT project_id, max(number) AS newest FROM tasks GROUP BY project_id) t WHERE t.project_id = p.id"
    )
    # As autovacuum would have left it long ago.
    await connection.execute("VACUUM ANALYZE")


def _tasks(projects: list[UUID], person: UUID, count: int) -> Iterator[tuple[object, ...]]:
    ids = UuidIds()
    now = datetime.now(UTC)
    statuses = ("todo", "in_progress", "done", "cancelled")
    for index in range(count):
        created = now - timedelta(seconds=count - index)
        status = statuses[index % 4]
        yield (
            ids.new(), projects[index % len(projects)], index // len(projects) + 1, f"Task {index} of many",
            "What is to be done here, and why.", status, created if status == "done" else None, index % 5 + 1,
            now + timedelta(days=index % 30 - 10) if index % 3 else None, person if index % 2 else None,
            person, 0, created, created, 1, "{}",
        )  # fmt: skip
