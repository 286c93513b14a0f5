"""What was acknowledged is there, once, whatever is killed meanwhile; restarting one server after the other fails no request."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import httpx
import pytest

from tests.support.http import API
from tests.support.scenes import PASSWORD
from tests.support.serving import Serving, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]

VICTIMS = ("server worker", "postgres", "server", "postgres", "relay", "server worker", "postgres")
# Acknowledged between two deaths.
EACH = 100
WRITERS = 4
# What a client repeats: the service is away, or was cut off before it could answer; see docs/safe-writes.md.
AGAIN = {503, 409}


class Ledger:
    """Writes tasks, each until it is acknowledged, and keeps account of them."""

    def __init__(self, client: httpx.AsyncClient, project: str) -> None:
        self._client = client
        self._project = project
        self._more = asyncio.Event()
        self.over = False
        self.acknowledged: dict[str, str] = {}
        self.unexpected: list[str] = []

    async def write(self) -> None:
        """One task after the other."""
        while not self.over:
            await self._insist(f"task {uuid4()}")

    async def reach(self, count: int) -> None:
        """Wait for so many to be acknowledged."""
        while len(self.acknowledged) < count:
            self._more.clear()
            await self._more.wait()

    async def _insist(self, title: str) -> None:
        body, key = {"project_id": self._project, "title": title}, {"Idempotency-Key": title}
        while True:
            with suppress(httpx.TransportError):
                answer = await self._client.post("/tasks", json=body, headers=key)
                if answer.status_code not in AGAIN:
                    break
            # Nobody tells when another process is back.
            await anyio.sleep(0.02)
        if answer.status_code == 201:
            self.acknowledged[title] = answer.json()["id"]
        else:
            self.unexpected.append(answer.text)
        self._more.set()

    async def stored(self) -> dict[str, Counter[str]]:
        """The ids that are there, by title."""
        found: dict[str, Counter[str]] = {}
        path: str | None = f"/tasks?project_id={self._project}&limit=200&sort=number"
        while path is not None:
            page = (await self._client.get(path)).json()
            for task in page["items"]:
                found.setdefault(task["title"], Counter())[task["id"]] += 1
            cursor = page["next_cursor"]
            path = cursor and f"/tasks?limit=200&project_id={self._project}&sort=number&cursor={cursor}"
        return found


@asynccontextmanager
async def signed_in(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, as somebody."""
    base = f"http://127.0.0.1:{port}{API}"
    async with httpx.AsyncClient(base_url=base, timeout=30) as client:
        account = {"email": "ann@example.com", "password": PASSWORD}
        await client.post("/auth/register", json=account)
        token = (await client.post("/auth/login", json=account)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def kill(serving: Serving, victim: str) -> None:
    """Kill one of its processes, once there is one."""
    while victim not in (processes := serving.processes()):  # noqa: ASYNC110  (another process's doing, which sets no Event here)
        await anyio.sleep(0.02)
    os.kill(processes[victim], signal.SIGKILL)


async def test_what_was_acknowledged_is_there_once_whatever_was_killed(tmp_path: Path) -> None:
    with serve(tmp_path / "data", WORKLANE_RATE_LIMITS="off") as serving:
        async with signed_in(serving.port) as client:
            project = (await client.post("/projects", json={"name": "Ledger"})).json()["id"]
            ledger = Ledger(client, project)
            async with asyncio.TaskGroup() as writers:
                for _ in range(WRITERS):
                    writers.create_task(ledger.write())
                for victim in VICTIMS:
                    await ledger.reach(len(ledger.acknowledged) + EACH)
                    await kill(serving, victim)
                await ledger.reach(len(ledger.acknowledged) + EACH)
                ledger.over = True
            assert ledger.unexpected == []
            assert len(ledger.acknowledged) >= EACH * (len(VICTIMS) + 1)
            assert await ledger.stored() == {title: Counter([id_]) for title, id_ in ledger.acknowledged.items()}


class Balancer:
    """Sends each request to a server that is ready, and to the next one where nobody listens any more, as balancers do."""

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": token}
        self._clients: dict[int, httpx.AsyncClient] = {}
        self._ready: list[int] = []
        self._looked = asyncio.Event()
        self.answers: Counter[int] = Counter()
        self.over = False

    async def watch(self) -> None:
        """Ask every server again and again."""
        while not self.over:
            self._ready = [port for port in list(self._clients) if await self._is_ready(port)]
            self._looked.set()
            await anyio.sleep(0.05)

    async def send(self) -> None:
        """Read and write in turn."""
        while not self.over:
            for method, path, body in (("GET", "/users/me", None), ("POST", "/projects", {"name": "One of many"})):
                answer = await self._sent(method, path, body)
                self.answers[answer.status_code] += 1

    async def add(self, port: int) -> None:
        """Send requests there too, and return once it is ready."""
        self._clients[port] = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}{API}", timeout=30, headers=self._headers)
        while port not in self._ready:
            self._looked.clear()
            await self._looked.wait()

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def _is_ready(self, port: int) -> bool:
        try:
            return (await self._clients[port].get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def _sent(self, method: str, path: str, body: Any) -> httpx.Response:
        for port in self._ready:
            with suppress(httpx.ConnectError):
                return await self._clients[port].request(method, path, json=body)
        pytest.fail("no server is ready")


async def test_a_rolling_restart_fails_no_request(
    worker_database: str, connection: asyncpg.Connection[Any], key_file: Path, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": worker_database, "WORKLANE_KEYS_FILE": str(key_file), "WORKLANE_RATE_LIMITS": "off"}

    def start() -> tuple[ExitStack, Serving]:
        stack = ExitStack()
        return stack, stack.enter_context(serve(tmp_path / "data", **settings))

    running = [start() for _ in range(2)]
    async with signed_in(running[0][1].port) as client:
        balancer = Balancer(client.headers["Authorization"])
    async with asyncio.TaskGroup() as group:
        group.create_task(balancer.watch())
        for _, serving in running:
            await balancer.add(serving.port)
        for _ in range(WRITERS):
            group.create_task(balancer.send())
        for stack, _ in list(running):
            # SIGTERM, and the wait for its end.
            await anyio.to_thread.run_sync(stack.close)
            running.append(await anyio.to_thread.run_sync(start))
            await balancer.add(running[-1][1].port)
        balancer.over = True
    await balancer.close()
    for stack, _ in running:
        stack.close()
    assert set(balancer.answers) == {200, 201}
    created = await connection.fetchval("SELECT count(*) FROM projects")
    assert created == balancer.answers[201]
