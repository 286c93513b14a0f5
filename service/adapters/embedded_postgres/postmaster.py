"""The main process of the embedded PostgreSQL: whether it lives, how to end it, and a guard that ends it unused.

Standard library only and no import from this package: the guard runs this file as a program.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# A shutdown writes out all of shared_buffers; 128 MB take a slow disk some seconds.
_FAST_SECONDS = 20.0
_PAUSE = 0.02


class Record(NamedTuple):
    """What a postmaster notes in `postmaster.pid`, and leaves there when it is killed."""

    pid: int
    sockets: Path
    ready: bool


def recorded(data: Path) -> Record | None:
    """The record of the last postmaster on `data`, whether or not it still lives; None after a clean end."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return Record(int(lines[0]), Path(lines[4]), ready=len(lines) > 7 and lines[7].strip() == "ready")
    except (OSError, IndexError, ValueError):
        return None


def sockets_of(data: Path) -> Path:
    """Where the socket for `data` goes: a short path, the same at every start so that a restart keeps the URL."""
    parent = tempfile.gettempdir()
    # A socket's path has 103 bytes at most (macOS), and this one is 38 longer than its parent's.
    short = parent if len(os.fsencode(parent)) <= 60 else "/tmp"  # noqa: S108  (a folder of mode 0700 whose owner is checked)
    return Path(short, "worklane-" + hashlib.sha256(str(data).encode()).hexdigest()[:12])


def alive(pid: int) -> bool:
    """Whether `pid` runs; a zombie, which a container's idle first process can keep for ever, does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        # Without /proc (macOS) the first process reaps at once.
        return not Path("/proc/self").exists()
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def serves(pid: int, data: Path) -> bool | None:
    """Whether the living process `pid` is PostgreSQL on `data`; None where that can't be told."""
    if not alive(pid):
        return False
    if not Path("/proc/self").exists():
        command = subprocess.run(
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        return "postgres" in command
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        if name != "postgres":
            return False
        return _folder(pid) in (str(data), f"{data} (deleted)")
    except PermissionError:
        return None
    except OSError:
        return False


def survivors(data: Path) -> list[int]:
    """Every living PostgreSQL process on `data`, also those of a postmaster that is gone (Linux; elsewhere none)."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if serves(pid, data)]


def end(pid: int) -> bool:
    """Ends a postmaster: disconnects the clients, then writes everything out; True once it is gone."""
    return _sent(pid, (signal.SIGINT, _FAST_SECONDS)) or end_at_once(pid)


def end_at_once(pid: int) -> bool:
    """Ends any process of PostgreSQL and leaves the rest to recovery; most of them take SIGINT for something else."""
    return _sent(pid, (signal.SIGQUIT, 5.0), (signal.SIGKILL, 1.0))


def _sent(pid: int, *steps: tuple[signal.Signals, float]) -> bool:
    for number, seconds in steps:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not alive(pid):
                return True
            time.sleep(_PAUSE)
    return not alive(pid)


def end_server_of(data: Path, pid: int) -> bool:
    """Ends the postmaster of `data`: the recorded one, or `pid` where the folder has been deleted under it."""
    record = recorded(data)
    ended = all(end(one) for one in {pid, record.pid if record else pid} if serves(one, data))
    if ended:
        # Empty by now; where it isn't, it is somebody's.
        with contextlib.suppress(OSError):
            (record.sockets if record else sockets_of(data)).rmdir()
    return ended


def guard(lock: Path, data: Path, pid: int) -> None:
    """Starts the one process that waits until nobody holds `lock`, then ends the server: it never outlives a killed user."""
    command = [sys.executable, "-I", "-S", __file__, str(lock), str(data), str(pid)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=True)


def _folder(pid: int) -> str:
    return str(Path(f"/proc/{pid}/cwd").readlink())


def _wait_and_end(lock: str, data: str, pid: str) -> None:
    # Let go of in the reverse order: who comes to use the server again must not find the place of its guard taken.
    with Path(lock).open("rb") as file, Path(data).with_suffix(".guard").open("ab") as place:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # A session of its own, since Ctrl-C reaches all of the terminal's; no parent that would have to reap it.
        if os.fork():
            return
        os.setsid()
        fcntl.flock(file, fcntl.LOCK_EX)
        end_server_of(Path(data), int(pid))


if __name__ == "__main__":
    _wait_and_end(*sys.argv[1:4])
