"""The request as handlers see it, and the checks that it passes before one runs: 429, 400, 401, 403, 422, in this order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from litestar import Request
from msgspec import Struct

from service.http.conditional import precondition_of
from service.http.decoding import MAX_BODY_BYTES
from service.http.problems import BodyTimeout, PayloadTooLarge, UnsupportedMediaType
from service.http.routes import Policy
from service.kernel.actor import Actor, Trace
from service.kernel.errors import Forbidden, Invalid, Malformed, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.http.rate_limit import Throttle
    from service.http.routes import Access, Plan
    from service.http.safeguards import Safeguard, Safeguards
    from service.kernel.ports import Authenticator
    from service.kernel.preconditions import Precondition

S = TypeVar("S", bound=Struct)


class InsufficientScope(Forbidden):
    """The token may not be used for this."""

    code = "insufficient_scope"
    title = "The token lacks a scope"


class SessionRequired(Forbidden):
    """This takes a session, which begins with a login; a personal access token is not enough."""

    code = "session_required"
    title = "Only a session may do this"


class AdminRequired(Forbidden):
    """Only an instance admin may do this."""

    code = "admin_required"
    title = "Only an admin may do this"


class ApiRequest(Request[Actor, Any, Any]):
    """A request that has passed its checks: `actor` is known, `query(...)` and the body are decoded."""

    actor: Actor
    _query: Struct
    # What the request asks its write to be wrapped in.
    safeguard: Safeguard | None = None
    # The body, byte for byte.
    sent: bytes = b""
    _decoded: Struct | None = None
    _precondition: Precondition | None = None

    @property
    def precondition(self) -> Precondition:
        """What If-Match and Prefer say, on a route that declares `if_match`."""
        assert self._precondition is not None  # noqa: S101  (as in `query`)
        return self._precondition

    @property
    def was_merged(self) -> bool:
        """Whether the change was made although the object had moved on, as the client prefers."""
        return self._precondition is not None and self._precondition.merged

    @property
    def trace(self) -> Trace:
        """The request's id and origin, for logs and events."""
        return cast("Trace", self.scope["trace"])  # type: ignore[typeddict-item]

    def query(self, struct: type[S]) -> S:
        """The query string, as the Struct that the route declares."""
        assert isinstance(self._query, struct)  # noqa: S101  (a route that reads another query than it declares is a bug)
        return self._query

    async def body(self) -> bytes:
        """The bytes that were sent; Litestar asks only whether there are any."""
        return self.sent

    async def json(self) -> Any:
        """The decoded body; Litestar asks for it to fill `data`."""
        return self._decoded


def admission(
    authenticator: Authenticator, safeguards: Safeguards, throttle: Throttle | None = None
) -> Callable[[ApiRequest], Awaitable[None]]:
    """The checks before a handler; without a throttle nothing is limited."""

    async def admit(request: ApiRequest) -> None:
        plan: Plan = request.route_handler.opt["plan"]
        if throttle is not None and plan.pace is not None:
            await throttle.admit(request.scope, request.route_handler.fn.__name__, plan.pace)
        wrong = await _decode(request, plan, safeguards)
        request.actor = await _actor(request, plan.access, authenticator)
        if wrong:
            raise wrong[0] if len(wrong) == 1 else Invalid(*(error for refusal in wrong for error in refusal.errors))

    return admit


async def _decode(request: ApiRequest, plan: Plan, safeguards: Safeguards) -> list[Invalid]:
    """What is wrong with the body and with the query string; only who is signed in is told.

    Raises:
        Malformed: a header, the body or the query string can't be read at all.
    """
    wrong: list[Invalid] = []
    if plan.if_match:
        request._precondition = precondition_of(request.scope["headers"])  # noqa: SLF001
    if plan.body is not None:
        try:
            request._decoded = plan.body.from_json(await _body(request, plan))  # noqa: SLF001
        except Invalid as refusal:
            wrong.append(refusal)
    try:
        request._query = plan.query.from_query(request.scope["query_string"])  # noqa: SLF001
        if plan.writing is not None:
            request.safeguard = safeguards.choose(request, plan.writing)
    except Invalid as refusal:
        wrong.append(refusal)
    return wrong


TOO_LONG = "The body is longer than 1 MiB."
# In all, however it is cut into pieces: who sends a byte a second holds a connection, and nothing else, for no longer.
BODY_SECONDS = 15.0


async def _read(request: ApiRequest) -> bytes:
    """The whole body, unless it is too long: what is announced and what comes are two things."""
    body = bytearray()
    more = True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            ended = "The connection ended before the body did."
            raise Malformed(ended)
        body += message["body"]
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(TOO_LONG)
        more = message.get("more_body", False)
    return bytes(body)


async def _body(request: ApiRequest, plan: Plan) -> bytes:
    content_type = content_encoding = b""
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"content-encoding":
            content_encoding = value
        elif name == b"content-length" and value.isdigit() and int(value) > MAX_BODY_BYTES:
            raise PayloadTooLarge(TOO_LONG)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = request.sent = await _read(request)
    except TimeoutError as error:
        message = f"The body did not arrive within {BODY_SECONDS:.0f} seconds; send it again."
        raise BodyTimeout(message) from error
    if content_encoding.lower() not in (b"", b"identity"):
        message = "Send the body uncompressed."
        raise UnsupportedMediaType(message)
    if body and not _is_json(content_type, merge_patch=plan.merge_patch):
        message = "Send the body as application/json."
        raise UnsupportedMediaType(message)
    return body


def _is_json(content_type: bytes, *, merge_patch: bool) -> bool:
    if content_type == b"application/json":
        return True
    media_type, _, parameters = content_type.lower().partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"")
    if charset not in (b"", b"charset=utf-8"):
        return False
    return media_type.strip() == b"application/json" or (merge_patch and media_type.strip() == b"application/merge-patch+json")


async def _actor(request: ApiRequest, access: Access, authenticator: Authenticator) -> Actor:
    trace = request.trace
    if access.policy is Policy.PUBLIC:
        return Actor.anonymous(trace)
    actor = await authenticator.authenticate(_token(request), trace)
    if actor.scopes is not None and access.policy is Policy.SESSION:
        message = "A personal access token can't be used for this; log in and use the session's access token."
        raise SessionRequired(message)
    if actor.scopes is not None and access.scope not in actor.scopes:
        message = f"The token lacks the scope {access.scope}."
        raise InsufficientScope(message, required_scope=access.scope)
    if access.policy is Policy.ADMIN and not actor.is_admin:
        raise AdminRequired(required_role="admin")
    return actor


def _token(request: ApiRequest) -> str:
    given = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not given:
        message = "Send an access token: Authorization: Bearer …"
        raise Unauthenticated(message)
    scheme, _, token = given[0].decode("latin-1").partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token:
        message = "Send one access token: Authorization: Bearer …"
        raise Unauthenticated(message)
    return token.strip()
