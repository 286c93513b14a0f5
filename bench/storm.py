"""A login storm beside steady reading: what logins that all come at once do to everybody else."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from bench.asgi import Request, Unexpected
from bench.load import Pace, paced
from bench.scene import API, PASSWORD, arrange
from bench.servers import running
from service.app import create_app
from service.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.client import Result
    from bench.scene import Scene

LOGINS_AT_ONCE = 200
READS_PER_SECOND = 50
# Enough that one slow answer does not hold up the next read.
_READERS = 25
# What Retry-After says at least.
_AGAIN_SECONDS = 1.0
_EMAIL = "ann@example.com"


def storm(environ: Mapping[str, str], seconds: float, tasks: int) -> None:
    """Print the latency of reads alone, beside the storm, and what became of the logins.

    Raises:
        Unexpected: a read was no success, or a login was answered otherwise than 200 or 503.
    """
    scene = uvloop.run(_prepare(environ, tasks))
    port, folder = int(environ["WORKLANE_PORT"]), Path(environ["WORKLANE_KEYS_FILE"]).parent
    command = ("service.child_process", "server", str(os.getpid()))
    with running(*command, environ=environ, port=port, log=folder / "ours.log"), ThreadPoolExecutor(2) as together:
        alone = _read(port, scene, seconds)
        logins = together.submit(_log_in, port, seconds)
        beside = _read(port, scene, seconds)
        refused = logins.result()
    print(f"{READS_PER_SECOND} GET task a second, {LOGINS_AT_ONCE} logins at once for {seconds:g} s, {os.cpu_count()} cores")
    for title, result in (("GET alone", alone), ("GET beside", beside), ("logins", refused)):
        print(_line(title, result))
    for title, result in (("GET alone", alone), ("GET beside", beside)):
        if result.refused:
            raise Unexpected(f"{title}: {result.refused}\n{result.example}")
    if refused.refused.keys() - {"503"}:
        raise Unexpected(f"logins: {refused.refused}\n{refused.example}")


async def _prepare(environ: Mapping[str, str], tasks: int) -> Scene:
    app = create_app(load_settings(environ))
    async with app.lifespan():
        return await arrange(app, environ["DATABASE_URL"], tasks)


def _read(port: int, scene: Scene, seconds: float) -> Result:
    requests = [Request("GET", f"{API}/tasks/{id_}", scene.token) for id_ in scene.task_ids]
    return paced(port, requests, seconds, Pace(_READERS, _READERS / READS_PER_SECOND, at_once=False))


def _log_in(port: int, seconds: float) -> Result:
    body = msgspec.json.encode({"email": _EMAIL, "password": PASSWORD})
    login = Request("POST", f"{API}/auth/login", body=body)
    return paced(port, [login], seconds, Pace(LOGINS_AT_ONCE, _AGAIN_SECONDS, at_once=True))


def _line(title: str, result: Result) -> str:
    good = result.requests - sum(result.refused.values())
    answers = f"{result.requests / result.seconds:8.1f}/s, {good / result.requests:.1%} of {result.requests} answered 2xx"
    others = "".join(f", {count} x {status}" for status, count in result.refused.items())
    return f"{title:12}p50 {result.p50:8.1f} ms   p99 {result.p99:8.1f} ms {answers}{others}"
