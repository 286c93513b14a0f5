"""A real `worklane serve` for the tests of journeys: started on a free port, looked into, and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import service
from service.adapters.embedded_postgres import postmaster
from service.adapters.embedded_postgres.postmaster import alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Serving:
    """A running `worklane serve` and what belongs to it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self.process = process
        self.folder = folder
        self.port = port

    def status(self, path: str) -> int:
        """The status of a GET; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def processes(self) -> dict[str, int]:
        """Everything that runs for this `serve`, but for itself."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                kind = self._kind(words, int(entry.name))
                if kind and alive(int(entry.name)):
                    found[kind] = int(entry.name)
        return found

    def _kind(self, words: list[str], pid: int) -> str | None:
        if "service.child_process" in words and str(self.process.pid) in words:
            # A worker of Granian has the command line of Granian's main process, which is its parent.
            parent = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            return words[words.index("service.child_process") + 1] + ("" if parent == self.process.pid else " worker")
        if str(self.folder / "postgres.in-use") in words:
            return "guard"
        # Not by its command line: a backend that was just forked still has the postmaster's.
        record = postmaster.recorded(self.folder / "postgres")
        return "postgres" if record and record.pid == pid and postmaster.serves(pid, self.folder / "postgres") else None


def environment(folder: Path, port: int) -> dict[str, str]:
    """What the machine sets, less what would set the service, and the two settings that a test must choose."""
    told = {name: value for name, value in os.environ.items() if not name.startswith(("WORKLANE_", "DATABASE_URL"))}
    root = str(Path(service.__file__).parents[1])
    return {**told, "PYTHONPATH": root, "WORKLANE_DATA_DIR": str(folder), "WORKLANE_PORT": str(port)}


@contextmanager
def serve(folder: Path, **settings: str) -> Iterator[Serving]:
    """A `serve` that answers, on the data folder and with further settings; SIGTERM ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "service.cli", "serve"]
    environ = {**environment(folder, port), **settings}
    # To a file and no pipe: nobody reads while the tests run, and a full pipe would stop it.
    log = folder.parent / f"serve-{port}.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environ) as process:
        try:
            until(lambda: process.poll() is not None or "answers on" in log.read_text(encoding="utf-8"))
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield Serving(process, folder, port)
        finally:
            process.terminate()


def until(happened: Callable[[], object]) -> None:
    """Waits for other processes; pytest's own timeout ends a wait in vain."""
    while not happened():
        time.sleep(0.02)
