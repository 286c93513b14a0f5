"""`python -m bench.faults`: a service under load while its PostgreSQL is stopped for 20 s, and while it is frozen for 15 s."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import httpx
from msgspec import Struct

from bench.servers import free_port, running
from service.adapters import embedded_postgres
from service.adapters.tokens import create_key_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.servers import Server
    from service.adapters.embedded_postgres import Server as Postgres

CLIENTS = 16
STOPPED_SECONDS = 20.0
FROZEN_SECONDS = 15.0
# Of quiet before and after each fault.
QUIET_SECONDS = 5.0
_ACCOUNT = {"email": "ann@example.com", "password": "Correct-horse-7-battery"}
_WELL = (200, 201)


class Answer(Struct, frozen=True):
    """One request: when it was sent (on the clock of `time.monotonic`), how long it took, and what came."""

    sent: float
    seconds: float
    status: int
    retry_after: bool
    outcome: str


class _Load:
    """Clients that read and write in turn until they are told to stop."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._over = asyncio.Event()
        self.answers: list[Answer] = []

    async def prepare(self) -> None:
        async with httpx.AsyncClient(base_url=self._base, timeout=60) as client:
            (await client.post("/auth/register", json=_ACCOUNT)).raise_for_status()
            tokens = (await client.post("/auth/login", json=_ACCOUNT)).raise_for_status().json()
            self._headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            made = await client.post("/projects", json={"name": "Faults"}, headers=self._headers)
            self._project = made.raise_for_status().json()["id"]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(number))

    def end(self) -> None:
        self._over.set()

    async def _client(self, number: int) -> None:
        async with httpx.AsyncClient(base_url=self._base, timeout=60, headers=self._headers) as client:
            while not self._over.is_set():
                sent = time.monotonic()
                if number % 2:
                    answer = await client.get("/tasks?limit=1&count=none")
                else:
                    answer = await client.post("/tasks", json={"project_id": self._project, "title": "Still here"})
                outcome = answer.json().get("outcome", "") if answer.status_code == 503 else ""
                seconds = time.monotonic() - sent
                self.answers.append(Answer(sent, seconds, answer.status_code, "retry-after" in answer.headers, outcome))
                # Who is refused waits a little, as a client should, so that the machine is not busy with refusals.
                await asyncio.sleep(0.05 if answer.status_code == 503 else 0)


def _family(pid: int) -> Iterator[int]:
    """The postmaster and its children."""
    yield pid
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(entry.name)


def _signal(postgres: Postgres, what: signal.Signals) -> None:
    for pid in list(_family(postgres.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def _report(title: str, answers: list[Answer], begun: float, ended: float, until: float) -> bool:
    """Print what came while the fault lasted and after it; whether nothing but refusals and successes did."""
    during = [answer for answer in answers if begun <= answer.sent < ended]
    after = [answer for answer in answers if ended <= answer.sent < until]
    # A request of the last moment may have met the next fault.
    settled = [answer for answer in after if answer.sent + answer.seconds < until]
    refused = [answer for answer in during + settled if answer.status not in _WELL]
    well = [answer for answer in after if answer.status in _WELL]
    counts = Counter(answer.status for answer in during)
    print(f"\n{title} for {ended - begun:.1f} s: {len(during)} requests sent meanwhile, answered {dict(counts)}")
    print(f"  slowest answer of all       {max(answer.seconds for answer in during):6.2f} s")
    print(f"  refusals without Retry-After {sum(not answer.retry_after for answer in refused):5}")
    print(f"  outcomes of the refusals    {dict(Counter(answer.outcome for answer in refused))}")
    print(f"  first success after         {min(answer.sent + answer.seconds for answer in well) - ended:6.2f} s")
    last = max((answer.sent + answer.seconds for answer in refused), default=ended)
    print(f"  last refusal after          {max(0.0, last - ended):6.2f} s")
    return {answer.status for answer in refused} <= {503} and all(answer.retry_after for answer in refused)


async def _connections(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worklane'")
    finally:
        await connection.close()
    return count


async def _measure(server: Server, folder: Path, postgres: Postgres) -> bool:
    load = _Load(f"http://127.0.0.1:{server.port}/api/v1")
    await load.prepare()
    pids = server.pids()
    running_load = asyncio.create_task(load.run())
    marks: list[float] = []

    async def quiet(seconds: float) -> None:
        marks.append(time.monotonic())
        await asyncio.sleep(seconds)

    await quiet(QUIET_SECONDS)
    print("connections of the service at first:", await _connections(postgres.url))
    await asyncio.to_thread(embedded_postgres.stop, postgres)
    await quiet(STOPPED_SECONDS)
    again = await asyncio.to_thread(embedded_postgres.start, folder)
    if again.url != postgres.url:
        sys.exit("faults: the database came back under another address")
    await quiet(QUIET_SECONDS)
    _signal(again, signal.SIGSTOP)
    await quiet(FROZEN_SECONDS)
    _signal(again, signal.SIGCONT)
    await quiet(QUIET_SECONDS)
    marks.append(time.monotonic())
    print("connections of the service at the end:", await _connections(again.url))
    load.end()
    await running_load
    embedded_postgres.stop(again)
    well = _report("PostgreSQL stopped", load.answers, *marks[1:4])
    well &= _report("PostgreSQL frozen", load.answers, *marks[3:6])
    same = server.pids() == pids
    print(f"\nprocesses of the service: {'the same' if same else 'NOT the same'} as before")
    return well and same


def main() -> None:
    """Measure; a status that is neither success nor 503, or a process that was replaced, ends the run with code 1."""
    folder = Path(tempfile.mkdtemp(prefix="worklane-faults-"))
    try:
        create_key_file(folder / "keys.json")
        port = free_port()
        postgres = embedded_postgres.start(folder / "data")
        environ = {
            "DATABASE_URL": postgres.url,
            "WORKLANE_KEYS_FILE": str(folder / "keys.json"),
            "WORKLANE_DATA_DIR": str(folder / "service"),
            "WORKLANE_PORT": str(port),
            "WORKLANE_RATE_LIMITS": "off",
            "WORKLANE_WORKERS": "2",
        }
        with running("service.cli", "serve", environ=environ, port=port, log=folder / "serve.log") as server:
            _wait_until_ready(port)
            well = asyncio.run(_measure(server, folder / "data", postgres))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not well:
        sys.exit("faults: see above")


def _wait_until_ready(port: int) -> None:
    for _ in range(200):
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/api/v1/health/ready").status_code == 200:
                return
        time.sleep(0.1)
    sys.exit("faults: the service did not become ready")


if __name__ == "__main__":
    main()
