"""The two servers as processes of their own: the service as `worklane serve` starts it, and the bare one; and their CPU time."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.asgi import Unexpected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.asgi import Request

_START_SECONDS = 20


class Server:
    """A running server; all its processes are one session."""

    def __init__(self, port: int, session: int, log: Path) -> None:
        self.port = port
        self._session = session
        self._log = log

    def ask(self, request: Request) -> dict[str, Any]:
        """The body of its answer to one request.

        Raises:
            Unexpected: the answer is not 2xx.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(request.method, request.target, request.body, dict(request.headers()))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise Unexpected(
                f"{request.method} {request.target} was answered {response.status}: {body[:500]!r}\n{self.last_words()}"
            )
        answer: dict[str, Any] = msgspec.json.decode(body)
        return answer

    def last_words(self) -> str:
        """The end of what it has printed."""
        return self._log.read_text()[-1500:]

    def pids(self) -> set[int]:
        """Its processes."""
        return {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _session_of(path) == self._session}

    def cpu_seconds(self) -> float | None:
        """What its processes have used so far, or None where there is no /proc to tell."""
        if not Path("/proc/self/stat").exists():
            return None
        ticks = sum(_ticks(path, self._session) for path in Path("/proc").glob("[0-9]*/stat"))
        return ticks / os.sysconf("SC_CLK_TCK")


def _session_of(path: Path) -> int:
    try:
        return int(path.read_text().rpartition(")")[2].split()[3])
    except OSError:
        return 0  # It ended meanwhile.


def _ticks(path: Path, session: int) -> int:
    try:
        # After the name, which may hold anything: state is field 3, session 6, utime and stime 14 and 15 (proc(5)).
        fields = path.read_text().rpartition(")")[2].split()
    except OSError:
        return 0  # It ended meanwhile.
    return int(fields[11]) + int(fields[12]) if int(fields[3]) == session else 0


@contextmanager
def running(module: str, *arguments: str, environ: Mapping[str, str], port: int, log: Path) -> Iterator[Server]:
    """`python -m MODULE ARGUMENTS` with exactly this environment, until the context ends; it answers on `port`."""
    command = [sys.executable, "-m", module, *arguments]
    root = Path(__file__).resolve().parents[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=root, env={"PATH": os.defpath, **environ}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield Server(port, process.pid, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/api/v1/health/live")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    sys.exit(f"bench: a server did not start: {' '.join(map(str, process.args))}\n{log.read_text()[-4000:]}")  # type: ignore[arg-type]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
