"""Both servers under load, in turn."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import uvloop
from msgspec import Struct

from bench import bare
from bench.asgi import Unexpected, call
from bench.load import CONNECTIONS, generator, load
from bench.report import HEAD, Measurement, Pair, line
from bench.routes import ROUTES
from bench.scene import Scene, arrange
from bench.servers import Server, free_port, running
from service.app import create_app
from service.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.asgi import Request

_WARM_UP_SECONDS = 1.0


class Asked(Struct, frozen=True):
    """What the command line asks for."""

    seconds: float
    rounds: int
    tasks: int
    routes: Sequence[str]


def compare(environ: Mapping[str, str], asked: Asked) -> None:
    """Print, for each route, our share of what the bare server does.

    Raises:
        Unexpected: a server answered something else than a success.
    """
    scene, statements = uvloop.run(_prepare(environ, asked.tasks))
    print(uvloop.run(_conditions(environ["DATABASE_URL"], asked)), HEAD, sep="\n", flush=True)
    with _servers(environ, scene, statements) as (ours, other):
        for route in asked.routes:
            title, requests = ROUTES[route][0], ROUTES[route][1](scene)
            _require_same_work(ours.ask(requests[0]), other.ask(requests[0]))
            for server in (ours, other):
                _measure(server, requests, _WARM_UP_SECONDS)
            pairs = [
                Pair(_measure(ours, requests, asked.seconds), _measure(other, requests, asked.seconds))
                for _ in range(asked.rounds)
            ]
            print(line(title, pairs), flush=True)


async def _prepare(environ: Mapping[str, str], tasks: int) -> tuple[Scene, dict[str, list[str]]]:
    """The scene, and the statements that the service runs on each route: the bare server runs the same."""
    app = create_app(load_settings(environ))
    statements: dict[str, list[str]] = {}
    async with app.lifespan():
        scene = await arrange(app, environ["DATABASE_URL"], tasks)
        for route, (_, requests) in ROUTES.items():
            app.state.ports.database.observer = statements.setdefault(route, []).append
            await call(app, requests(scene)[0])
    return scene, statements


async def _conditions(url: str, asked: Asked) -> str:
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval("SHOW server_version")
        fsync = await connection.fetchval("SHOW fsync")
    finally:
        await connection.close()
    return (
        f"Python {platform.python_version()}, PostgreSQL {version} with fsync {fsync}, {asked.tasks} tasks, {os.cpu_count()} "
        f"cores, load by {generator()} on {CONNECTIONS} connections; medians of {asked.rounds} rounds of {asked.seconds:g} s\n"
    )


@contextmanager
def _servers(environ: Mapping[str, str], scene: Scene, statements: dict[str, list[str]]) -> Iterator[tuple[Server, Server]]:
    port = free_port()
    plan = bare.Plan(port, scene.user_id, scene.session_id, statements)
    folder = Path(environ["WORKLANE_KEYS_FILE"]).parent
    (folder / "bare.json").write_bytes(msgspec.json.encode(plan))
    command, own_port = ("service.child_process", "server", str(os.getpid())), int(environ["WORKLANE_PORT"])
    with (
        running(*command, environ=environ, port=own_port, log=folder / "ours.log") as ours,
        running("bench.bare", str(folder / "bare.json"), environ=environ, port=port, log=folder / "bare.log") as other,
    ):
        yield ours, other


def _require_same_work(ours: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    if _gist(ours) != _gist(others):
        raise Unexpected(f"the servers don't do the same work: {_gist(ours)!s:.200}… and {_gist(others)!s:.200}…")


def _gist(answer: Mapping[str, Any]) -> tuple[object, ...]:
    """What two answers must have in common, however they are written: the task, or which tasks of how many."""
    return answer.get("title"), answer.get("total"), [task["id"] for task in answer.get("items", ())]


def _measure(server: Server, requests: Sequence[Request], seconds: float) -> Measurement:
    before = server.cpu_seconds()
    result = load(server.port, requests, seconds)
    after = server.cpu_seconds()
    if not result.requests:
        raise Unexpected(f"{requests[0].method} {requests[0].target}: no answer within {seconds:g} s; take more --seconds")
    if result.refused:
        what = f"{requests[0].method} {requests[0].target} on port {server.port}: {result.refused}"
        raise Unexpected(f"{what}\n{result.example}\n{server.last_words()}")
    return Measurement(result, None if before is None or after is None else after - before)
