"""The outermost layer: request ids, the Host check, HEAD and OPTIONS, headers on every answer, and a problem for every fault."""

from __future__ import annotations

import asyncio
import re
import secrets
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from msgspec import Struct

from service.http.client_address import ClientAddresses
from service.http.methods import allowed_methods
from service.http.problems import API, NOTHING_HERE, MethodNotAllowed, NotAcceptable, fault, render
from service.http.rate_limit import TOLD
from service.kernel.actor import Trace
from service.kernel.errors import Malformed, NotFound, Refusal, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from litestar import Litestar
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
# Probes come by address or by a name that only the platform knows.
_ANY_HOST = frozenset({f"{API}/health", f"{API}/health/live", f"{API}/health/ready"})

HEADERS = [
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
# An answer that carries a secret says no-store itself, and a page its own policy; the rest is the same everywhere.
_NAMES = frozenset(name for name, _ in HEADERS)


# The longest rung of the ladder that the service itself holds: proxies wait for 28 s, a body may take 15 s, a statement 5 s.
REQUEST_SECONDS = 20.0


class RequestTimeout(Unavailable):
    """The request took too long and was given up."""

    code = "request_timeout"
    title = "The request took too long"


class UnknownHost(Malformed):
    """The Host header names no host of this service (or is missing, or there are two)."""

    code = "unknown_host"
    title = "The Host header is not one of this service's"


class AllowedHosts:
    """Which values of the Host header are answered."""

    def __init__(self, public_url: str, further: Iterable[str]) -> None:
        """Loopback names on any port, the host of the public address, and what the operator adds (with or without a port)."""
        public = urlsplit(public_url).netloc.rpartition("@")[2].lower()
        self._exact = frozenset({public, *(host.lower() for host in further)})
        # Clients of one server send the same few values.
        self._seen: dict[bytes, bool] = {}

    def allow(self, host: bytes) -> bool:
        """Whether this value is answered."""
        known = self._seen.get(host)
        if known is None:
            known = self._decide(host.decode("latin-1").lower())
            if len(self._seen) < 1000:
                self._seen[host] = known
        return known

    def _decide(self, host: str) -> bool:
        if host in self._exact:
            return True
        name, colon, port = host.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()):
            name = host
        return name in _LOOPBACK or name in self._exact


class Page(Struct, frozen=True):
    """What people read in a browser; it is no part of the API."""

    headers: dict[str, str]
    body: bytes


class Edge:
    """Wraps the whole application; `pages` are what it answers by itself, by their path."""

    def __init__(
        self,
        app: ASGIApp,
        litestar: Litestar,
        hosts: AllowedHosts,
        addresses: ClientAddresses | None = None,
        pages: Mapping[str, Callable[[], Page]] | None = None,
        *,
        patience: float = REQUEST_SECONDS,
    ) -> None:
        """`patience` is how long a request may take, in seconds."""
        self._patience = patience
        self._app = app
        self._litestar = litestar
        self._hosts = hosts
        self._addresses = addresses or ClientAddresses()
        self._pages = pages or {}
        # Unique by the process's random part; counting costs a tenth of a UUID.
        self._request_ids = map(f"{secrets.token_hex(8)}-{{}}".format, count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever comes of it."""
        if scope["type"] != ScopeType.HTTP:
            # There are no websockets here; whoever tries gets the connection closed.
            await send({"type": "websocket.close", "code": 4404, "reason": "not found"})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, send, *self._trace(scope))
        try:
            if self._addresses.unreported:
                await self._addresses.report(cast("dict[str, Any]", scope)["trace"])
            self._admit(scope, exchange)
            if (page := self._pages.get(scope["path"])) is not None:
                await exchange.respond(*_paged(page, scope["method"]))
                return
            if scope["method"] == "OPTIONS":
                await exchange.respond(204, {"allow": self._options(scope)}, b"")
                return
            await self._run(scope, receive, exchange)
        except Refusal as refusal:
            await exchange.respond(*render(refusal, scope))
        except Exception as error:
            if exchange.started:
                raise
            await exchange.respond(*render(fault(scope, error), scope))

    async def _run(self, scope: HTTPScope, receive: Receive, exchange: _Exchange) -> None:
        limit = asyncio.timeout(self._patience)
        try:
            async with limit:
                await self._app(scope, receive, exchange.send)
        except TimeoutError as error:
            if exchange.started or not limit.expired():
                raise
            raise _too_long(scope["method"]) from error

    def _trace(self, scope: Scope) -> tuple[list[bytes], bytes | None]:
        hosts = []
        forwarded = []
        accept = request_id = user_agent = None
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"accept":
                accept = value
            elif name == b"user-agent":
                user_agent = value.decode("latin-1")[:400]
            elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                request_id = value.decode()
            elif name == b"x-forwarded-for":
                forwarded.append(value)
        client = scope.get("client")
        address = self._addresses.find(client[0] if client else None, forwarded)
        trace = Trace(request_id or next(self._request_ids), address, user_agent)
        cast("dict[str, Any]", scope)["trace"] = trace
        return hosts, accept

    def _admit(self, scope: HTTPScope, exchange: _Exchange) -> None:
        if scope["path"] not in _ANY_HOST and (len(exchange.hosts) != 1 or not self._hosts.allow(exchange.hosts[0])):
            message = "Send exactly one Host header, with a host of this service (WORKLANE_PUBLIC_URL, WORKLANE_ALLOWED_HOSTS)."
            raise UnknownHost(message)
        if "\x00" in scope["path"]:
            # No name of ours holds one, and PostgreSQL would refuse it as a value.
            raise NotFound(NOTHING_HERE)
        if exchange.accept and not _takes_json(exchange.accept.lower()) and scope["path"].startswith(API):
            message = "Accept application/json, or leave the header out."
            raise NotAcceptable(message)
        if scope["method"] == "HEAD":
            exchange.bodyless = True
            cast("dict[str, Any]", scope)["method"] = "GET"

    def _options(self, scope: Scope) -> str:
        methods = allowed_methods(self._litestar, scope["path"])
        if not methods:
            raise NotFound(NOTHING_HERE)
        return methods


def _takes_json(accept: bytes) -> bool:
    return b"*/*" in accept or b"json" in accept or b"application/*" in accept


def _too_long(method: str) -> RequestTimeout:
    if method == "GET":
        return RequestTimeout("The service was too busy to answer in time. Try again.", outcome="not_applied")
    # Whatever it was doing was cancelled, and that may have been the COMMIT.
    message = "The service was too busy to answer in time, and the outcome is unknown: look before you repeat this."
    return RequestTimeout(message, outcome="unknown")


def _paged(page: Callable[[], Page], method: str) -> tuple[int, dict[str, str], bytes]:
    allow = "GET, HEAD, OPTIONS"
    if method == "OPTIONS":
        return 204, {"allow": allow}, b""
    if method != "GET":
        message = f"This path has {allow}."
        raise MethodNotAllowed(message, allow=allow)
    found = page()
    return 200, found.headers, found.body


class _Exchange:
    """One request's answer on its way out."""

    __slots__ = ("_send", "accept", "bodyless", "hosts", "scope", "started")

    def __init__(self, scope: Scope, send: Send, hosts: list[bytes], accept: bytes | None) -> None:
        self.scope = scope
        self.hosts = hosts
        self.accept = accept
        self.bodyless = False
        self.started = False
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass a message on, with what every answer carries."""
        if message["type"] == "http.response.start":
            self.started = True
            scope = cast("dict[str, Any]", self.scope)
            trace: Trace = scope["trace"]
            headers = list(message["headers"])
            own = _NAMES.intersection(name for name, _ in headers)
            headers += [header for header in HEADERS if header[0] not in own] if own else HEADERS
            headers.append((b"x-request-id", trace.request_id.encode()))
            if trace.change_cursor is not None:
                headers.append((b"x-change-cursor", trace.change_cursor.encode()))
            if TOLD in scope:
                headers += scope[TOLD]
            message["headers"] = headers
        elif self.bodyless and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)

    async def respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer from here."""
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
