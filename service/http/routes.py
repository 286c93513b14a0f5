"""Declares a route: beside method and path each one says its scope, its policy, its query and its refusals."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import litestar
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from service.http.decoding import Model, NoBody
from service.http.problems import BodyTimeout, NotAcceptable, PayloadTooLarge, UnsupportedMediaType
from service.http.rate_limit import Congested
from service.kernel.errors import Forbidden, Invalid, Malformed, NotFound, TooManyRequests, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from service.kernel.actor import Scope
    from service.kernel.errors import Refusal


class Policy(StrEnum):
    """Who may use a route. The first four are decided before the handler, the rest by the use case, on locked rows."""

    PUBLIC = "anyone, without a token"
    SIGNED_IN = "anyone who is signed in"
    SESSION = "anyone who is signed in by a login; no personal access token"
    ADMIN = "instance admins"
    VISIBLE = "who may see the object"
    SELF = "the person it is about, and instance admins"
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


class Plan(Struct, frozen=True):
    """What is checked before a handler runs; built once per route."""

    access: Access
    query: Model[Any]
    body: Model[Any] | None
    merge_patch: bool
    pace: Pace | None = None


class UndeclaredRoute(Exception):
    """A route was written without its access; the service refuses to start."""


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
    refusals: set[type[Refusal]] = {Malformed, NotAcceptable, Unavailable, *raises}
    if access.policy is not Policy.PUBLIC:
        refusals |= {Unauthenticated, Forbidden}
    if query is not NoQuery or decorator is not litestar.get:
        refusals.add(Invalid)
    if "{" in path:
        refusals.add(NotFound)
    if decorator in (litestar.post, litestar.patch, litestar.put):
        refusals |= {BodyTimeout, PayloadTooLarge, UnsupportedMediaType}

    pace: Pace | None = options.pop(
        "pace", Pace.GUARDED if access.policy is Policy.PUBLIC and decorator is not litestar.get else None
    )
    if pace is not None:
        refusals |= {TooManyRequests, Congested}
    answers: Mapping[int, type[Struct]] = options.pop("answers", {})
    documented = sorted(refusals, key=lambda refusal: refusal.code)

    def declare(function: Any) -> Any:
        return decorator(
            path,
            name=function.__name__,
            operation_id=function.__name__,
            status_code=status_code,
            # `answers` are further bodies by their status, where an answer beside the usual one is no refusal.
            opt={"access": access, "query": query, "refusals": documented, "answers": answers, "pace": pace},
            raises=None,
            **options,
        )(function)

    return declare


def get(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A reading route; HEAD works there too."""
    return _route(litestar.get, path, access, **options)


def post(path: str, access: Access, **options: Any) -> Callable[[Any], HTTPRouteHandler]:
    """A creating or acting route."""
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


def plan_routes(app: litestar.Litestar) -> None:
    """Give every handler its plan.

    Raises:
        UndeclaredRoute: a route lacks its policy, or needs a token but names no scope.
    """
    for path, handler in handlers(app):
        access = handler.opt.get("access")
        if not isinstance(access, Access) or (access.policy not in _WITHOUT_SCOPE and access.scope is None):
            message = f"{sorted(handler.http_methods)} {path} declares no policy or no scope"
            raise UndeclaredRoute(message)
        body = handler.parsed_fn_signature.parameters.get("data")
        reads_body = not handler.http_methods <= {"GET", "DELETE"}
        handler.opt["plan"] = Plan(
            access,
            Model(handler.opt["query"], in_="query"),
            Model(body.annotation if body else NoBody) if reads_body else None,
            "PATCH" in handler.http_methods,
            handler.opt["pace"],
        )
