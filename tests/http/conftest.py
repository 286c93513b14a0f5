"""The service with a signed-in user, a project and a task, shared by the tests of a module: none of them changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest

from service.app import create_app
from service.settings import Database as DatabaseSettings
from service.settings import Passwords, Settings
from tests.support import raw
from tests.support.http import API
from tests.support.raw import HOST, JSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from litestar import Litestar

    from tests.support.raw import Answer


@dataclass
class Site:
    """A running service as its caller meets it."""

    app: Litestar
    token: str = ""
    project: str = ""
    task: str = ""

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        *,
        headers: Sequence[tuple[bytes, bytes]] | None = None,
        signed_in: bool = True,
    ) -> Answer:
        """A request below /api/v1 (with `?` and a query string), with the usual headers unless others are given."""
        path, _, query = path.partition("?")
        given = [HOST, JSON] if headers is None else list(headers)
        if signed_in and self.token:
            given.append((b"authorization", f"Bearer {self.token}".encode()))
        return await raw.call(self.app, method, API + path, query=query.encode("latin-1"), headers=given, body=body)

    async def made(self, path: str, body: Any) -> dict[str, Any]:
        """What a POST has made."""
        answer = await self.call("POST", path, msgspec.json.encode(body))
        assert answer.status in {200, 201}, answer
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture(scope="module")
async def site(worker_database: str, key_file: Path, anyio_backend: str) -> AsyncIterator[Site]:
    """The service, with somebody signed in who owns a project with a task."""
    settings = Settings(
        keys_file=key_file,
        rate_limits="off",
        log_level="error",
        database=DatabaseSettings(url=worker_database, acquire_timeout=timedelta(seconds=5)),
        passwords=Passwords(memory_kib=7168, iterations=1, queue_seconds=30),
    )
    app = create_app(settings)
    async with app.lifespan():
        site = Site(app)
        account = {"email": f"ann-{uuid4().hex}@example.com", "password": "Correct-horse-7-battery"}
        await site.made("/auth/register", account)
        site.token = (await site.made("/auth/login", account))["access_token"]
        site.project = (await site.made("/projects", {"name": "Boundary"}))["id"]
        site.task = (await site.made("/tasks", {"project_id": site.project, "title": "A task"}))["id"]
        await site.made("/tasks", {"project_id": site.project, "title": "Another task"})
        yield site
