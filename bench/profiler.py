"""Where the time of one route goes inside this process: CPU per request, then the functions that take it."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from itertools import cycle
from typing import TYPE_CHECKING

from bench.asgi import call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litestar import Litestar

    from bench.asgi import Request

# As many as the load generators keep open.
CONNECTIONS = 32
_WARM_UP_SECONDS = 0.5
_SHOWN = 40


async def profile(app: Litestar, requests: Sequence[Request], seconds: float) -> None:
    """Print the CPU per request without the profiler, which inflates calls, and the costliest functions with it."""
    await _drive(app, requests, _WARM_UP_SECONDS)
    started = time.process_time()
    count = await _drive(app, requests, seconds)
    spent = time.process_time() - started
    print(f"{spent / count * 1e6:.0f} µs CPU per request ({count} requests, {CONNECTIONS} at a time, no socket, no HTTP parsing)\n")
    profiler = cProfile.Profile()
    profiler.enable()
    count = await _drive(app, requests, seconds)
    profiler.disable()
    print(f"Under the profiler, {count} requests; by own time, then with what it calls:")
    statistics = pstats.Stats(profiler)
    statistics.sort_stats("tottime").print_stats(_SHOWN)
    statistics.sort_stats("cumtime").print_stats(_SHOWN)


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
