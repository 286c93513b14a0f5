"""Where the time of one route goes inside this process: CPU per request, then the functions that take it."""

from __future__ import annotations

import asyncio
import cProfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.asgi import call
from bench.load import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from litestar import Litestar

    from bench.asgi import Request

_WARM_UP_SECONDS = 0.5
_SHOWN = 40
_ROOT = f"{Path(__file__).resolve().parents[1]}/"


async def profile(app: Litestar, requests: Sequence[Request], seconds: float) -> None:
    """Print the CPU per request without the profiler, which inflates calls, and the costliest functions with it."""
    await _drive(app, requests, _WARM_UP_SECONDS)
    started = time.process_time()
    count = await _drive(app, requests, seconds)
    spent = time.process_time() - started
    print(f"{spent / count * 1e6:.0f} µs CPU per request ({count} requests, {CONNECTIONS} at a time, no socket, no HTTP parsing)")
    profiler = cProfile.Profile()
    profiler.enable()
    count = await _drive(app, requests, seconds)
    profiler.disable()
    print(f"Under the profiler, {count} requests; µs per request, an await's pauses not counted:")
    _print(profiler, count, "own time", lambda entry: entry.inlinetime)
    _print(profiler, count, "time with what it calls", lambda entry: entry.totaltime)


async def _drive(app: Litestar, requests: Sequence[Request], seconds: float) -> int:
    """How many requests were answered in that time."""
    waiting = cycle(requests)
    end = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_caller(app, waiting, end) for _ in range(CONNECTIONS))))


async def _caller(app: Litestar, waiting: Iterator[Request], end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        await call(app, next(waiting))
        count += 1
    return count


def _print(profiler: cProfile.Profile, count: int, title: str, key: Callable[[Any], float]) -> None:
    print(f"\nby {title}\n{'own':>8}{'total':>8}{'calls':>8}")
    for entry in sorted(profiler.getstats(), key=key, reverse=True)[:_SHOWN]:
        own, total = (seconds / count * 1e6 for seconds in (entry.inlinetime, entry.totaltime))
        print(f"{own:8.1f}{total:8.1f}{entry.callcount / count:8.1f}  {_name(entry.code)}")


def _name(code: Any) -> str:
    if isinstance(code, str):
        return code  # A function written in C.
    path = code.co_filename.rpartition("/site-packages/")[2].removeprefix(_ROOT)
    return f"{code.co_qualname}  {path}:{code.co_firstlineno}"
