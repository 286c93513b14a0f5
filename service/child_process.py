"""What `serve` starts as its children, by `python -m service.child_process KIND PARENT`: HTTP server or relay."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from service.adapters import draining
from service.adapters.hung_lookups import leave_soon
from service.adapters.parent_death import die_with
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

# Requests end after 20 s at most; a container is killed after 30 s.
KILL_SECONDS = 25
# Enough that a burst of connections waits in the kernel and not in its clients' retries.
_BACKLOG = 4096
# Granian counts connections here, not requests: this many may be open in one process.
_BACKPRESSURE = 8192
_HEADER_MILLISECONDS = 10_000


def numeric(host: str, port: int) -> str:
    """The address that `host` stands for, since Granian takes no names.

    Raises:
        OSError: the name is unknown.
    """
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4][0])


def run_server(settings: Settings) -> None:
    """Runs one Granian with one worker, until SIGTERM; every choice is explicit, since the defaults suit others.

    A killed worker ends it: the supervisor then starts another.
    """
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    # Granian's main process shares the group of its worker, to which this signal is sent.
    draining.ignore()
    Server(
        "service.app:create_app",
        address=numeric(settings.host, settings.port),
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        # `auto` waits for ever for the first byte of a silent client.
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_BACKPRESSURE,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
        workers_kill_timeout=KILL_SECONDS,
        log_level=LogLevels.warning,
        log_access=False,
    ).serve(target_loader=partial(_load, os.getpid()))


def _load(parent: int, _target: str) -> Any:
    """Makes the app inside Granian's worker, which must not outlive Granian's main process."""
    die_with(parent)
    draining.listen()
    from service.app import create_app

    app = create_app()
    # What is there now stays for good: out of the collector's sight, whose full rounds took 30 ms (p99 of a read 30.2 → 9.1 ms).
    gc.collect()
    gc.freeze()
    return app


def run_relay(settings: Settings, *, work_follows: bool = False) -> None:
    """Runs the relay and the periodic jobs until SIGTERM or Ctrl-C; unless `work_follows`, the process then ends at once."""
    asyncio.run(_relay(settings, work_follows=work_follows))


async def _relay(settings: Settings, *, work_follows: bool) -> None:
    from service import worker

    task = asyncio.ensure_future(worker.run(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    # Cancelled is how it ends.
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    if not work_follows:
        leave_soon()


KINDS: dict[str, Callable[[Settings], None]] = {"server": run_server, "relay": run_relay}


def main() -> None:
    """Runs the child of the kind that the command line names."""
    kind, parent = sys.argv[1:]
    die_with(int(parent))
    KINDS[kind](load_settings(os.environ))


if __name__ == "__main__":
    main()
