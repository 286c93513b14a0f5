"""Declares a route: beside method and path each one says its scope, its policy, its query and its refusals."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Any

import litestar
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from service.http.decoding import Model, NoBody
from service.http.dry_run import DryRunQuery
from service.http.idempotency import IdempotencyInFlight, IdempotencyKeyReused, IdempotencyNotSupported
from service.http.problems import API, BodyTimeout, NotAcceptable, PayloadTooLarge, UnsupportedMediaType
from service.http.rate_limit import Congested
from service.kernel.errors import (
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from service.http.paging import Order
    from service.http.requests import ApiRequest
    from service.kernel.actor import Scope
    from service.kernel.errors import Refusal


class Policy(StrEnum):
    """Who may use a route. The first four are decided before the handler, the rest by the use case, on locked rows."""

    PUBLIC = "anyone, without a token"
    SIGNED_IN = "anyone who is signed in"
    SESSION = "anyone who is signed in by a login; no personal access token"
    ADMIN = "instance admins"
    VISIBLE = "who may see the object"
    AUTHOR = "its author"
    AUTHOR_OR_MAINTAINER = "its author, and maintainers of the project and above"
    SELF = "the person it is about, and instance admins"
    INVITED = "the person who is invited"
    OWN = "who made the object; where it is shared in a project, its members for their own, and maintainers"
    VIEWER = "viewers of the project and above"
    MEMBER = "members of the project and above"
    MAINTAINER = "maintainers of the project and above"
    OWNER = "the owner of the project"


_WITHOUT_SCOPE = (Policy.PUBLIC, Policy.SESSION)


class Access(Struct, frozen=True):
    """The policy row of a route; one for everyone, or for sessions only, has no scope."""

    policy: Policy
    scope: Scope | None = None


class Pace(IntEnum):
    """How often a route may be asked, as a multiple of the rate that is set (WORKLANE_LIMITS__…)."""

    # Where something can be guessed, made or mailed; so is every route that needs no token and does more than read.
    GUARDED = 1
    # What clients do by themselves, again and again.
    ROUTINE = 10


class NoQuery(Struct, forbid_unknown_fields=True):
    """The query string of a route that takes no parameters."""


class Writing(Struct, frozen=True):
    """What a write may be wrapped in: whether it takes a key and can be tried out, and what would be new in its answer."""

    keyed: bool = True
    validate_only: bool = False
    fresh: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """What is checked before a handler runs; built once per route."""

    access: Access
    query: Model[Any]
    body: Model[Any] | None
    merge_patch: bool
    if_match: bool
    pace: Pace | None = None
    # None: a read, or part of signing in.
    writing: Writing | None = None


class UndeclaredRoute(Exception):
    """A route was written without what every route must say; the service refuses to start."""


def _route(
    decorator: Callable[..., Any],
    path: str,
    access: Access,
    *,
    query: type[Struct] = NoQuery,
    raises: tuple[type[Refusal], ...] = (),
    status_code: int | None = None,
    **options: Any,
) -> Callable[[Any], HTTPRouteHandler]:
    writing = Writing(**{name: options.pop(name) for name in Writing.__struct_fields__ if name in options})
    if writing.validate_only and query is NoQuery:
        query = DryRunQuery
    if_match: bool = options.pop("if_match", False)
    pace: Pace | None = options.pop(
        "pace", Pace.GUARDED if access.policy is Policy.PUBLIC and decorator is not litestar.get else None
    )
    refusals = {*raises, *_implied(decorator, path, access)}
    if if_match:
        refusals.add(PreconditionFailed)
    if pace is not None:
        refusals |= {TooManyRequests, Congested}
    answers: Mapping[int, type[Struct]] = options.pop("answers", {})
    order: Order | None = options.pop("order", None)
    reads = decorator is litestar.get

    def declare(function: Any) -> Any:
        return decorator(
            path,
            name=function.__name__,
            operation_id=function.__name__,
            status_code=status_code,
            # `answers` are further bodies by their status, where an answer beside the usual one is no refusal.
            # `order` is how a list can be sorted.
            # `if_match` says that it changes one object, and only in a state that If-Match names, if one is sent.
            opt={
                "access": access,
                "query": query,
                "refusals": _sorted(refusals),
                "answers": answers,
                "order": order,
                "if_match": if_match,
                "pace": pace,
                "writing": None if reads else writing,
            },
            raises=None,
            **options,
        )(function if reads else _safeguarded(function))

    return declare


def _implied(decorator: Callable[..., Any], path: str, access: Access) -> Iterator[type[Refusal]]:
    """What a route may refuse whatever it is about; Invalid also where it takes nothing, since an unknown parameter is wrong."""
    yield from (Malformed, NotAcceptable, Invalid, Unavailable)
    if access.policy is not Policy.PUBLIC:
        yield from (Unauthenticated, Forbidden)
    if "{" in path:
        yield NotFound
    if decorator in (litestar.post, litestar.patch, litestar.put):
        yield from (BodyTimeout, PayloadTooLarge, UnsupportedMediaType)


def _sorted(refusals: Iterable[type[Refusal]]) -> list[type[Refusal]]:
    return sorted(refusals, key=lambda refusal: refusal.code)


def _safeguarded(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    # Around the handler and not before it, so that what Litestar injects is made once, and outside of the transaction.
    @wraps(function)
    async def write(*args: Any, **given: Any) -> Any:
        request: ApiRequest | None = given.get("request")
        if request is None or request.safeguard is None:
            return await function(*args, **given)
        return await request.safeguard(lambda: function(*args, **given))

    return write


def get(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A reading route; HEAD works there too."""
    return _route(litestar.get, path, access, **options)


def post(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A creating or acting route.

    `keyed=False`: it takes no Idempotency-Key, since its answer holds a secret or it asks for a password. `validate_only`:
    it can be tried out; then the `fresh` fields of what would be new are null.
    """
    return _route(litestar.post, path, access, **options)


def patch(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A changing route, by JSON Merge Patch (RFC 7396)."""
    return _route(litestar.patch, path, access, **options)


def put(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A route that sets something as a whole; the same request again changes nothing."""
    return _route(litestar.put, path, access, **options)


def delete(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A deleting route."""
    return _route(litestar.delete, path, access, **options)


def handlers(app: litestar.Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    """Every handler of the API with its path, without those that Litestar adds for OPTIONS."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and handler.http_methods != {"OPTIONS"}:
                yield route.path, handler


def plan_routes(
    app: litestar.Litestar, *, of_tokens: tuple[type[Refusal], ...] = (), of_storage: tuple[type[Refusal], ...] = ()
) -> None:
    """Give every handler its plan, and what is refused of a token and by the storage where it asks for them.

    Raises:
        UndeclaredRoute: a route lacks its policy, needs a token but names no scope, or can't keep what it promises of its writes.
    """
    for path, handler in handlers(app):
        access = handler.opt.get("access")
        if not isinstance(access, Access) or (access.policy not in _WITHOUT_SCOPE and access.scope is None):
            message = f"{sorted(handler.http_methods)} {path} declares no policy or no scope"
            raise UndeclaredRoute(message)
        writing = _writing(path, handler)
        body = handler.parsed_fn_signature.parameters.get("data")
        reads_body = not handler.http_methods <= {"GET", "DELETE"}
        is_public = access.policy is Policy.PUBLIC
        # What anyone may read is the service's own, and nothing that is stored.
        further = {*(() if is_public else of_tokens), *(() if is_public and handler.http_methods == {"GET"} else of_storage)}
        handler.opt["refusals"] = _sorted({*handler.opt["refusals"], *further})
        handler.opt["plan"] = Plan(
            access,
            Model(handler.opt["query"], in_="query"),
            Model(body.annotation if body else NoBody) if reads_body else None,
            "PATCH" in handler.http_methods,
            handler.opt["if_match"],
            handler.opt["pace"],
            writing,
        )


# Signing in has protections of its own, and answers with secrets.
_SIGNING_IN = f"{API}/auth/"


def _writing(path: str, handler: HTTPRouteHandler) -> Writing | None:
    writing: Writing | None = handler.opt["writing"]
    if writing is None:
        return None
    if path.startswith(_SIGNING_IN):
        if writing.validate_only:
            message = f"{sorted(handler.http_methods)} {path} is part of signing in, which can't be tried out"
            raise UndeclaredRoute(message)
        return None
    if "request" not in handler.parsed_fn_signature.parameters:
        message = f"{sorted(handler.http_methods)} {path} takes no `request`, so it could not honour an Idempotency-Key"
        raise UndeclaredRoute(message)
    if writing.validate_only and not issubclass(handler.opt["query"], DryRunQuery):
        message = f"{sorted(handler.http_methods)} {path} can be tried out, so its query must be a DryRunQuery"
        raise UndeclaredRoute(message)
    kept = {IdempotencyInFlight, IdempotencyKeyReused, NotFound} if writing.keyed else {IdempotencyNotSupported}
    handler.opt["refusals"] = _sorted({*handler.opt["refusals"], *kept})
    return writing
