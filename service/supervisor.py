"""Keeps child processes running: starts another for each that ends, drains and ends them all at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.adapters import draining

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Coroutine, Mapping

# How long a balancer has to see that a draining server isn't ready; an idle stop must stay under 3 s.
DRAIN_SECONDS = 1.0
# What children have after SIGTERM: a second more than Granian gives its worker, and 30 s are all a container has.
END_SECONDS = 26.0
# Between two starts of a child: doubled for each that didn't live long.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LONG_LIFE = 10.0


@dataclass(frozen=True)
class Child:
    """One process to keep running."""

    name: str
    command: tuple[str, ...]
    drains: bool = False


class Supervisor:
    """The children of one `serve`, each in a process group of its own so that Ctrl-C reaches only us."""

    def __init__(self, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`environ` is what children see; `say` takes one line for the operator."""
        self._environ = environ
        self._say = say
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[Child, Process] = {}

    def keep(self, child: Child) -> None:
        """Starts `child`, and another for each one that ends, until `end`."""
        self._tasks.append(asyncio.create_task(self._keep(child)))

    def restart(self) -> None:
        """Ends every child as it is now, so that another one starts in its place."""
        for child, process in self._processes.items():
            if child.drains:
                # Its streams would keep it up otherwise.
                _signal_group(process.pid, draining.SIGNAL)
            _signal(process, signal.SIGTERM)

    async def failed(self) -> None:
        """Waits until supervision itself breaks, and raises what broke it."""
        while True:
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(1)

    async def end(self, hurry: asyncio.Event) -> None:
        """Drains, ends and at last kills the children; `hurry` cuts every wait short."""
        draining_ones = [process for child, process in self._processes.items() if child.drains]
        self._ending.set()
        for process in draining_ones:
            _signal_group(process.pid, draining.SIGNAL)
        if draining_ones:
            await _first(hurry.wait(), DRAIN_SECONDS)
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
        if self._tasks:
            gone = asyncio.ensure_future(asyncio.wait(self._tasks))
            hurried = asyncio.ensure_future(hurry.wait())
            await asyncio.wait([gone, hurried], timeout=END_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
            for process in self._processes.values():
                _signal_group(process.pid, signal.SIGKILL)
            await gone

    async def _keep(self, child: Child) -> None:
        pause = _FIRST_PAUSE
        clock = asyncio.get_running_loop().time
        while not self._ending.is_set():
            started = clock()
            process = await asyncio.create_subprocess_exec(*child.command, env=self._environ, start_new_session=True)
            self._processes[child] = process
            if self._ending.is_set():
                # `end` ran while this one was being started, and couldn't see it.
                _signal(process, signal.SIGTERM)
            code = await process.wait()
            # Its own children, should it have been killed: where PR_SET_PDEATHSIG doesn't exist, only this ends them.
            _signal_group(process.pid, signal.SIGKILL)
            del self._processes[child]
            if self._ending.is_set():
                return
            if clock() - started > _LONG_LIFE:
                pause = _FIRST_PAUSE
            self._say(f"The {child.name} (process {process.pid}) ended {_how(code)}; another one starts.")
            await _first(self._ending.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _first(waiting: Coroutine[object, object, object], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(waiting, seconds)


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _signal_group(group: int, number: signal.Signals) -> None:
    # PermissionError: macOS' answer for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
