"""Cross-origin requests: lets pages of the listed origins read answers (the CORS protocol of the WHATWG Fetch standard)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_VARY = b"vary"
# What clients of this API send beyond the headers that are always allowed.
_ALLOW_HEADERS = b"authorization, content-type, if-match, if-none-match, idempotency-key, prefer, x-request-id"
# What a page may read beyond the headers that it always may.
_EXPOSE_HEADERS = (
    b"location, etag, link, retry-after, www-authenticate, x-total-count, x-request-id, x-change-cursor, "
    b"idempotency-replayed, preference-applied, ratelimit, ratelimit-policy"
)
# Seconds that a browser may remember a preflight's answer; Chromium's most is 7200.
_MAX_AGE = b"600"


class CrossOrigin:
    """Wraps the edge, and only writes headers: what is answered is the edge's to decide, preflights included.

    There are no cookies, so no answer allows credentials.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        granted, preflight = self._asked(scope)

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*map(_varying, message["headers"]), *_grant(granted, message, preflight=preflight)]
            await send(message)

        await self._app(scope, receive, decorated)

    def _asked(self, scope: Any) -> tuple[bytes | None, bool]:
        """The allowed origin that asks, if one does, and whether this is its preflight."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or origins[0] not in self._origins:
            return None, False
        asks = any(name == b"access-control-request-method" for name, _ in scope["headers"])
        return origins[0], asks and scope["method"] == "OPTIONS"


def _varying(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    # On every answer: a cache must not hand one without these headers to a page that needs them.
    name, value = header
    return (name, value + b", Origin") if name == _VARY else header


def _grant(origin: bytes | None, message: Any, *, preflight: bool) -> list[tuple[bytes, bytes]]:
    if origin is None:
        return []
    headers = [(b"access-control-allow-origin", origin)]
    if not preflight:
        return [*headers, (b"access-control-expose-headers", _EXPOSE_HEADERS)]
    # Absent where the path is unknown: then the browser sends no request.
    methods = [(b"access-control-allow-methods", value) for name, value in message["headers"] if name == b"allow"]
    return [*headers, *methods, (b"access-control-allow-headers", _ALLOW_HEADERS), (b"access-control-max-age", _MAX_AGE)]
