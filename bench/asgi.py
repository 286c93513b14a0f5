"""Requests to the application inside this process: its whole cost, and no socket's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

if TYPE_CHECKING:
    from litestar import Litestar


class Request(Struct, frozen=True):
    """One HTTP request, ready to be sent any number of times."""

    method: str
    # With the query string, as in a request line.
    target: str
    token: str | None = None
    body: bytes = b""

    def headers(self) -> list[tuple[str, str]]:
        """What a client of the API sends, Host aside."""
        headers = [("accept", "application/json")]
        if self.token:
            headers.append(("authorization", f"Bearer {self.token}"))
        if self.body:
            headers += [("content-type", "application/json"), ("content-length", str(len(self.body)))]
        return headers


class Unexpected(Exception):
    """An answer was not a success, so a measurement would mean nothing."""


async def call(app: Litestar, request: Request) -> bytes:
    """The body of the application's answer.

    Raises:
        Unexpected: the answer is not 2xx.
    """
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    await app(cast("Any", _scope(request)), cast("Any", receive), cast("Any", send))
    body = b"".join(parts)
    if not 200 <= status < 300:
        raise Unexpected(f"{request.method} {request.target} was answered {status}: {body[:500].decode()}")
    return body


def _scope(request: Request) -> dict[str, Any]:
    path, _, query = request.target.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in request.headers()]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {},
    }
