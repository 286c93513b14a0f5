"""Writes whose client or server goes away: repeated with the same key, each is done once."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import service
from tests.support.http import API, Api, made
from tests.support.scenes import PASSWORD, a_project, a_user
from tests.support.serving import serve, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from service.settings import Settings

pytestmark = pytest.mark.anyio

# What the worker is killed at, besides before each of its statements.
COMMITS = ("before COMMIT", "after COMMIT")

# Workers that answer one request and are killed at one place each: before their n-th statement, or around COMMIT.
# Forked, since importing the service anew for each of them takes seconds.
WORKER = """
import asyncio, os, signal, sys
import asyncpg, httpx
from pathlib import Path
from service.app import create_app
from service.settings import Database, Settings

url, keys, token, project, *places = sys.argv[1:]
for place in places:
    if not (child := os.fork()):
        break
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, place
else:
    sys.exit("every one was killed")
app = create_app(Settings(keys_file=Path(keys), log_level="error", database=Database(url=url)))
seen = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def observe(sql):
    global seen
    seen += 1
    if place == str(seen):
        die()

execute = asyncpg.Connection.execute

async def watched(self, query, *arguments, **options):
    if query == "COMMIT" and place == "before COMMIT":
        die()
    result = await execute(self, query, *arguments, **options)
    if query == "COMMIT" and place == "after COMMIT":
        die()
    return result

async def main():
    asyncpg.Connection.execute = watched
    app.state.ports.database.observer = observe
    transport = httpx.ASGITransport(app=app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": place}
        body = {"project_id": project, "title": place}
        answer = await client.post("/api/v1/tasks", json=body, headers=headers)
        print(answer.status_code, answer.text)

asyncio.run(main())
"""


async def test_a_worker_killed_anywhere_leaves_key_effect_and_event_together_or_none(
    api: Api, settings: Settings, connection: asyncpg.Connection[Any]
) -> None:
    ann = await a_user(api, "Ann")
    web = await a_project(ann)
    seen = ann.statements()
    made(await ann.post("/tasks", {"project_id": web["id"], "title": "T"}, headers={"Idempotency-Key": "T"}))
    places = [*(str(number) for number in range(1, len(seen) + 1)), *COMMITS]
    assert len(places) > 8
    root = str(Path(service.__file__).parents[1])
    command = [
        sys.executable,
        "-c",
        WORKER,
        str(settings.database.url),
        str(settings.keys_file),
        str(ann.token),
        web["id"],
        *places,
    ]
    ended = await asyncio.to_thread(subprocess.run, command, env={"PYTHONPATH": root}, capture_output=True, check=False)
    assert ended.stderr == b"every one was killed\n", (ended.stdout, ended.stderr)
    await their_sessions_are_gone(connection)
    for place in places:
        done = place == "after COMMIT"
        assert await stored(connection, place) == (done, done, done), place
        answer = await ann.post("/tasks", {"project_id": web["id"], "title": place}, headers={"Idempotency-Key": place})
        assert made(answer)["title"] == place
        assert (answer.headers.get("idempotency-replayed") == "true") == done
        assert await stored(connection, place) == (1, 1, 1)
    assert await connection.fetchval("SELECT max(number) FROM tasks") == len(places) + 1


async def their_sessions_are_gone(connection: asyncpg.Connection[Any]) -> None:
    """Return when the server has noticed that the workers are dead, and rolled back what they had begun."""
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
        "AND pid <> pg_backend_pid() AND application_name = 'worklane'"
    )
    async with asyncio.timeout(30):
        while await connection.fetchval(open_ones):
            await connection.execute("SELECT pg_stat_clear_snapshot()")


async def stored(connection: asyncpg.Connection[Any], title: str) -> tuple[int, int, int]:
    """How many keys, tasks and events there are of a request; the kept body names the title."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM idempotency_keys WHERE position($1::bytea IN body) > 0), "
        "(SELECT count(*) FROM tasks WHERE title = $2), "
        "(SELECT count(*) FROM events JOIN tasks ON tasks.id = events.subject_id WHERE title = $2)",
        json.dumps(title).encode(),
        title,
    )
    assert row is not None
    return row[0], row[1], row[2]


class Client:
    """Sends requests to a real server, and hangs up as it likes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = ""

    def ask(self, path: str, body: Any, key: str | None = None) -> tuple[int, dict[str, str], Any]:
        """A POST and its answer, whatever it is."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{API}{path}", json.dumps(body).encode(), self._headers(key), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  (as above)
                return answer.status, dict(answer.headers), json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), json.loads(error.read())

    def cut(self, path: str, body: Any, key: str, *, reset: bool) -> None:
        """Send a POST and hang up before anything can come back: with a reset, or politely."""
        sent = json.dumps(body).encode()
        headers = {**self._headers(key), "Host": "127.0.0.1", "Content-Length": str(len(sent))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(f"POST {API}{path} HTTP/1.1\r\n{head}\r\n".encode() + sent)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _headers(self, key: str | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        return headers


def repeat(client: Client, bodies: Sequence[dict[str, Any]]) -> list[tuple[bool, str]]:
    """Repeat every create until it is answered: whether each was a repetition, and the id of its task."""
    answers: dict[int, tuple[bool, str]] = {}

    def all_answered() -> bool:
        for number, body in enumerate(bodies):
            if number in answers:
                continue
            status, headers, answer = client.ask("/tasks", body, f"key {number}")
            # 503: what is cut off may hold its connection to the database for a moment.
            assert status in {HTTPStatus.CREATED, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE}, answer
            if status == HTTPStatus.CREATED:
                answers[number] = (headers.get("idempotency-replayed") == "true", answer["id"])
        return len(answers) == len(bodies)

    until(all_answered)
    return [answers[number] for number in range(len(bodies))]


async def cut_off(settings: Settings, folder: Path, connection: asyncpg.Connection[Any], count: int) -> None:
    told = {
        "DATABASE_URL": str(settings.database.url),
        "WORKLANE_KEYS_FILE": str(settings.keys_file),
        "WORKLANE_RATE_LIMITS": "off",
    }

    def journey() -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
        with serve(folder, **told) as serving:
            client = Client(serving.port)
            account = {"email": "ann@example.com", "password": PASSWORD}
            client.ask("/auth/register", account)
            client.token = client.ask("/auth/login", account)[2]["access_token"]
            project = client.ask("/projects", {"name": "Web"})[2]["id"]
            bodies = [{"project_id": project, "title": f"Task {number}"} for number in range(count)]
            for number, body in enumerate(bodies):
                client.cut("/tasks", body, f"key {number}", reset=number % 2 == 0)
            return repeat(client, bodies), repeat(client, bodies)

    second, third = await asyncio.to_thread(journey)
    ids = [task for _, task in second]
    assert len(set(ids)) == count
    # The third time each of them is a repetition, and of the same task.
    assert third == [(True, task) for task in ids]
    rows = await connection.fetch("SELECT id::text, number, title FROM tasks")
    assert {row[0]: row[2] for row in rows} == {task: f"Task {number}" for number, task in enumerate(ids)}
    assert sorted(row[1] for row in rows) == list(range(1, count + 1))
    events = await connection.fetch("SELECT subject_id::text FROM events WHERE type = 'task.created'")
    assert sorted(row[0] for row in events) == sorted(ids)
    assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") == count


async def test_creates_that_are_cut_off_and_repeated_are_done_once(
    settings: Settings, tmp_path: Path, connection: asyncpg.Connection[Any]
) -> None:
    await cut_off(settings, tmp_path / "data", connection, 30)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_thousand_creates_that_are_cut_off_and_repeated_are_done_once(
    settings: Settings, tmp_path: Path, connection: asyncpg.Connection[Any]
) -> None:
    await cut_off(settings, tmp_path / "data", connection, 1000)
