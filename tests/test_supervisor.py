"""The supervisor: real child processes that end, hang, drain and leave children of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service import supervisor
from service.adapters.embedded_postgres.postmaster import alive
from service.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

_NOTE = """
import os, signal, subprocess, sys, time
def note(word):
    with open(sys.argv[1], "a") as file:
        file.write(f"{word} {os.getpid()}\\n")
"""
_STAYS = _NOTE + "note('up'); time.sleep(600)"
_ENDS = _NOTE + "note('up'); sys.exit(3)"
_DRAINS = (
    _NOTE
    + """
signal.signal(signal.SIGUSR1, lambda *_: note('drain'))
signal.signal(signal.SIGTERM, lambda *_: (note('term'), sys.exit(0)))
note('up')
while True: time.sleep(600)
"""
)
_STUBBORN = _NOTE + "signal.signal(signal.SIGTERM, signal.SIG_IGN); note('up'); time.sleep(600)"
_LEAVES_A_CHILD = (
    _NOTE + "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); note(f'left {child.pid}')"
)


@asynccontextmanager
async def supervised(script: str, notes: Path, *, drains: bool = False) -> AsyncIterator[tuple[Supervisor, list[str]]]:
    said: list[str] = []
    one = Supervisor(os.environ, said.append)
    one.keep(Child("child", (sys.executable, "-c", script, str(notes)), drains=drains))
    try:
        yield one, said
    finally:
        hurry = asyncio.Event()
        hurry.set()
        await one.end(hurry)


async def noted(notes: Path, count: int) -> list[list[str]]:
    """The first `count` notes, once they are there; pytest's own timeout ends a wait in vain."""
    lines: list[str] = []

    def read() -> bool:
        if notes.exists():
            lines[:] = notes.read_text(encoding="utf-8").splitlines()
        return len(lines) >= count

    await until(read)
    return [line.split() for line in lines[:count]]


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110  (other processes set no event)
        await asyncio.sleep(0.01)


async def test_a_child_that_ends_is_started_again_and_the_operator_is_told(tmp_path: Path) -> None:
    async with supervised(_ENDS, tmp_path / "notes") as (_, said):
        notes = await noted(tmp_path / "notes", 2)
    assert notes[0][1] != notes[1][1]
    assert said[0] == f"The child (process {notes[0][1]}) ended with exit code 3; another one starts."


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    async with supervised(_STAYS, tmp_path / "notes") as (_, said):
        [[_, first]] = await noted(tmp_path / "notes", 1)
        os.kill(int(first), signal.SIGKILL)
        await noted(tmp_path / "notes", 2)
    assert said == [f"The child (process {first}) ended by SIGKILL; another one starts."]


async def test_the_pause_between_starts_grows_while_a_child_keeps_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def no_wait(waiting: object, seconds: float) -> None:
        waiting.close()  # type: ignore[attr-defined]
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(supervisor, "_first", no_wait)
    async with supervised(_ENDS, tmp_path / "notes"):
        await until(lambda: len(pauses) >= 8)
    assert pauses[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


async def test_what_a_child_leaves_in_its_group_is_killed(tmp_path: Path) -> None:
    async with supervised(_LEAVES_A_CHILD, tmp_path / "notes"):
        [[_, left, _]] = await noted(tmp_path / "notes", 1)
        await until(lambda: not alive(int(left)))


async def test_a_server_is_told_to_drain_before_it_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "DRAIN_SECONDS", 0.2)
    async with supervised(_DRAINS, tmp_path / "notes", drains=True) as (one, said):
        await noted(tmp_path / "notes", 1)
        await one.end(asyncio.Event())
        assert [word for word, _ in await noted(tmp_path / "notes", 3)] == ["up", "drain", "term"]
        assert said == []


async def test_a_child_that_ignores_its_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.2)
    async with supervised(_STUBBORN, tmp_path / "notes") as (one, _):
        [[_, pid]] = await noted(tmp_path / "notes", 1)
        await one.end(asyncio.Event())
        assert not alive(int(pid))


async def test_hurry_cuts_the_wait_for_a_stubborn_child_short(tmp_path: Path) -> None:
    hurry = asyncio.Event()
    async with supervised(_STUBBORN, tmp_path / "notes", drains=True) as (one, _):
        [[_, pid]] = await noted(tmp_path / "notes", 1)
        ending = asyncio.create_task(one.end(hurry))
        await asyncio.sleep(0)
        assert not ending.done()
        hurry.set()
        await ending
        assert not alive(int(pid))


async def test_a_child_that_is_just_starting_ends_too(tmp_path: Path) -> None:
    async with supervised(_STAYS, tmp_path / "notes") as (one, said):
        await one.end(asyncio.Event())
        assert said == []


async def test_a_program_that_does_not_exist_is_no_silent_failure() -> None:
    one = Supervisor(os.environ, lambda _: None)
    one.keep(Child("child", ("/nonexistent/program",)))
    with pytest.raises(FileNotFoundError):
        await one.failed()
