"""Two real servers on one database, as two machines behind a balancer would be."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from tests.support.http import Api
from tests.support.serving import Serving, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import asyncpg


@pytest.fixture(scope="module")
def servers(worker_database: str, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Serving]]:
    """Two of `worklane serve`, with hashes that cost little."""
    settings = {
        "DATABASE_URL": worker_database,
        "WORKLANE_KEYS_FILE": str(key_file),
        "WORKLANE_RATE_LIMITS": "off",
        "WORKLANE_PASSWORDS__MEMORY_KIB": "7168",
        "WORKLANE_PASSWORDS__ITERATIONS": "1",
        "WORKLANE_PASSWORDS__QUEUE_SECONDS": "30",
    }
    folder = tmp_path_factory.mktemp("servers") / "data"
    with serve(folder, **settings) as here, serve(folder, **settings) as there:
        yield here, there


@pytest.fixture
async def instances(servers: tuple[Serving, Serving], connection: asyncpg.Connection[Any]) -> AsyncIterator[tuple[Api, Api]]:
    """Clients of both, whose database is empty."""
    async with AsyncExitStack() as stack:
        clients = [httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) for server in servers]
        here, there = [Api(cast("Any", await stack.enter_async_context(client)), cast("Any", None)) for client in clients]
        yield here, there
