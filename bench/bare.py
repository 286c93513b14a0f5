"""The bare server: Granian's RSGI and asyncpg, running every SQL statement that the service runs, and nothing else.

What it leaves out is what the service costs: no token check, no routing, no validation, no rules, no headers, no problems.
`python -m bench.bare PLAN`, with the environment of the service.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from msgspec import Struct

from bench.routes import PAGE
from service.adapters.ids import UuidIds
from service.adapters.parent_death import die_with
from service.kernel.paging import LAST_COUNTED
from service.settings import Database, load_settings

if TYPE_CHECKING:
    import asyncio

    from asyncpg.pool import PoolConnectionProxy
    from granian.rsgi import Scope

_JSON = [("content-type", "application/json")]


class Plan(Struct, frozen=True):
    """The statements that the service ran on each route, in its order, and who calls."""

    port: int
    user_id: UUID
    session_id: UUID
    statements: dict[str, list[str]]


class _Draft(Struct):
    project_id: UUID
    title: str
    description: str | None = None


class _Connection(asyncpg.Connection):
    """Not reset between uses, as in the service."""

    def get_reset_query(self) -> str:
        return ""


class Bare:
    """The routes of the bench, as short as they can be."""

    _pool: asyncpg.Pool[Any]

    def __init__(self, plan: Plan, settings: Database) -> None:
        self._user, self._session = plan.user_id, plan.session_id
        # A statement more or less in the service stops the bench here, until it is the same work again.
        self._authenticate, self._find = plan.statements["get"]
        _, self._list, self._list_total = plan.statements["list"]
        _, self._list_all, self._list_all_total = plan.statements["list-all"]
        _, self._claim_number, self._lock_members, self._add, self._tell = plan.statements["post"]
        self._settings = settings
        self._ids = UuidIds()
        self._draft = msgspec.json.Decoder(_Draft)
        self._structs: dict[int, type[Struct]] = {}

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect."""
        loop.run_until_complete(self._open())

    async def _open(self) -> None:
        settings = self._settings
        seconds = settings.statement_timeout.total_seconds()
        # asyncpg's own pool, with the options of the service's connections (service/adapters/database).
        self._pool = await asyncpg.create_pool(
            settings.url,
            min_size=0,
            max_size=settings.pool_size,
            max_queries=10_000_000,
            connection_class=_Connection,
            statement_cache_size=settings.statement_cache_size,
            command_timeout=seconds + 1,
            server_settings={
                "timezone": "UTC",
                "statement_timeout": f"{int(seconds * 1000)}",
                "lock_timeout": f"{int(settings.lock_timeout.total_seconds() * 1000)}",
            },
        )

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        """Answer one request."""
        if scope.path.endswith("/live"):
            protocol.response_bytes(200, _JSON, b"{}")
        elif scope.method == "POST":
            protocol.response_bytes(201, _JSON, await self._create(await protocol()))
        elif scope.query_string:
            protocol.response_bytes(200, _JSON, await self._page(scope.query_string))
        else:
            protocol.response_bytes(200, _JSON, await self._get(scope.path))

    async def _caller(self, connection: PoolConnectionProxy[Any]) -> asyncpg.Record:
        rows: list[asyncpg.Record] = await connection.fetch(self._authenticate, self._session, self._user, datetime.now(UTC))
        return rows[0]

    async def _get(self, path: str) -> bytes:
        task_id = UUID(path.rpartition("/")[2])
        async with self._pool.acquire() as connection:
            caller = await self._caller(connection)
            rows = await connection.fetch(self._find, caller[0], False, task_id)  # noqa: FBT003
        return msgspec.json.encode(self._rows(rows)[0])

    async def _page(self, query: str) -> bytes:
        name, _, value = query.partition("&")[0].partition("=")
        within = [UUID(value)] if name == "project_id" else []
        select, count = (self._list, self._list_total) if within else (self._list_all, self._list_all_total)
        async with self._pool.acquire() as connection:
            caller = await self._caller(connection)
            rows = await connection.fetch(select, caller[0], *within, PAGE + 1)
            total = (await connection.fetch(count, caller[0], *within))[0][0]
        return msgspec.json.encode({"items": self._rows(rows[:PAGE]), "total": min(total, LAST_COUNTED)})

    def _rows(self, records: list[asyncpg.Record]) -> list[Struct]:
        width = len(records[0])
        struct = self._structs.get(width)
        if struct is None:
            names = [name.replace(".", "_") for name in records[0].keys()]  # noqa: SIM118  (a record is no dict)
            struct = self._structs[width] = msgspec.defstruct("Row", names)
        return [struct(*record) for record in records]

    async def _create(self, body: bytes) -> bytes:
        draft = self._draft.decode(body)
        async with self._pool.acquire() as connection:
            caller = await self._caller(connection)
            await connection.execute("BEGIN")
            try:
                task = await self._created(connection, caller, draft)
            except BaseException:
                await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
        return msgspec.json.encode(task)

    async def _created(self, connection: PoolConnectionProxy[Any], caller: asyncpg.Record, draft: _Draft) -> dict[str, object]:
        number, key, project_name = (await connection.fetch(self._claim_number, draft.project_id))[0]
        user_id, _, _, name = caller
        await connection.fetch(self._lock_members, draft.project_id, [user_id])
        task_id, now = self._ids.new(), datetime.now(UTC)
        task = {
            "id": task_id, "number": number, "key": f"{key}-{number}", "project_id": draft.project_id, "project_key": key,
            "project_name": project_name, "title": draft.title, "description": draft.description, "status": "todo",
            "completed_at": None, "priority": 3, "due_date": None, "assignee": None, "reporter_id": user_id,
            "reporter_name": name, "parent": None, "comment_count": 0, "labels": [], "is_blocked": False,
            "created_at": now, "updated_at": now,
            "deleted_at": None, "version": 1,
        }  # fmt: skip
        await connection.fetch(
            self._add, task_id, draft.project_id, number, draft.title, draft.description, "todo", None, 3, None, None, user_id,
            None, now,
        )  # fmt: skip
        data = msgspec.json.encode({"title": draft.title, "status": "todo", "priority": 3}).decode()
        event = (
            self._ids.new(), "task.created", now, user_id, "user", draft.project_id, "task", task_id, task["key"], 1, "{}", data,
            str(self._ids.new()), None, None,
        )  # fmt: skip
        await connection.fetch(self._tell, *event)
        return task


def _load(parent: int, plan: Plan, _target: str) -> Any:
    die_with(parent)
    return Bare(plan, load_settings(os.environ).database)


def main() -> None:
    """Run it with Granian's settings of service/child_process.py."""
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    Server(
        "bench.bare",
        address="127.0.0.1",
        port=plan.port,
        interface=Interfaces.RSGI,
        workers=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=4096,
        backpressure=8192,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        log_level=LogLevels.warning,
        log_access=False,
    ).serve(target_loader=partial(_load, os.getpid(), plan))


if __name__ == "__main__":
    main()
