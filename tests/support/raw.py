"""Calls the application as a server would: for requests that no decent client sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from litestar import Litestar
    from litestar.types import HTTPScope, Message

HOST = (b"host", b"127.0.0.1:8000")
JSON = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The one value of a header, None where it is absent; twice the same header fails the test."""
        values = [value for each, value in self.headers if each == name]
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


async def call(
    app: Litestar,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (HOST,),
    body: bytes | Sequence[bytes] = b"",
) -> Answer:
    """The answer to one request; a sequence of bodies comes in chunks, without a word on their length."""
    chunks = [body] if isinstance(body, bytes) else list(body)
    incoming = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    incoming[-1]["more_body"] = False
    outgoing: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        outgoing.append(message)

    await app(scope(app, method, path, query, list(headers)), receive, send)
    start, *bodies = outgoing
    return Answer(
        start["status"],
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]],
        b"".join(message["body"] for message in bodies),
    )


def scope(app: Litestar, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> HTTPScope:
    """The ASGI scope of a request; `path` is what the server has decoded."""
    made: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.7", 50_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {},
        "app": app,
    }
    scope: HTTPScope = made
    return scope
