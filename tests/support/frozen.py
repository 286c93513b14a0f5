"""A way to PostgreSQL that a test can freeze: what is sent stays on the way, and nobody is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg


W = TypeVar("W", bound="Way")


class Way:
    """Forwards connections to a server, while it is open."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self._address = address
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def freeze(self) -> None:
        """Let nothing through any more; connections stay, and new ones are accepted."""
        self._open.clear()

    def thaw(self) -> None:
        """Let through what has waited, and everything after."""
        self._open.set()

    def url(self, direct: str) -> str:
        """The address of the same database by this way."""
        parts = urlsplit(direct)
        user = parts.netloc.rpartition("@")[0]
        query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name not in {"host", "port"}])
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{self.port}", query=query))

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection."""
        if isinstance(self._address, str):
            server_reader, server_writer = await asyncio.open_unix_connection(self._address)
        else:
            server_reader, server_writer = await asyncio.open_connection(*self._address)
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def passed(self, data: bytes) -> bytes:
        """What goes on of what has come, whichever way it goes."""
        return data

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(self.passed(data))
                await sink.drain()
        sink.close()

    async def close(self) -> None:
        """End every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def a_way_to(connection: asyncpg.Connection[Any], kind: type[W]) -> AsyncIterator[W]:
    """A way of this kind to the server that the connection leads to."""
    way = kind(connection._addr)  # type: ignore[attr-defined]  # noqa: SLF001  (asyncpg tells it nowhere else)
    server = await asyncio.start_server(way.accept, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        await way.close()
        await server.wait_closed()
