"""The one place where a refusal becomes a status and an RFC 9457 body, for every layer that can refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import msgspec
import structlog
from litestar.exceptions import HTTPException
from msgspec import Meta, Struct

from service.http.methods import allowed_methods
from service.http.responses import Response
from service.kernel.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Refusal,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from service.kernel.preconditions import FieldConflict

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import Scope as ASGIScope

API = "/api/v1"
PROBLEM_JSON = "application/problem+json"
NOTHING_HERE = "There is nothing at this path, or nothing that you may see."

log = structlog.get_logger("http")


class MethodNotAllowed(Refusal):
    """The path exists, but not for this method; `Allow` lists those it has."""

    code = "method_not_allowed"
    title = "This path has no such method"


class NotAcceptable(Refusal):
    """The client accepts no media type that this API speaks."""

    code = "not_acceptable"
    title = "This API answers in JSON only"


class PayloadTooLarge(Refusal):
    """The body is longer than the service reads."""

    code = "payload_too_large"
    title = "The body is too large"


class BodyTimeout(Refusal):
    """The body did not arrive in time."""

    code = "body_timeout"
    title = "The body took too long"


class UnsupportedMediaType(Refusal):
    """The body is not sent as JSON, or it is compressed."""

    code = "unsupported_media_type"
    title = "The body must be sent as JSON"


class InternalError(Refusal):
    """A fault of the service; the request id leads its operator to the cause."""

    code = "internal_error"
    title = "The service made a mistake"


# Litestar refuses some requests by itself, each with a status of ours.
STATUS: dict[type[Refusal], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    BodyTimeout: 408,
    Conflict: 409,
    PreconditionFailed: 412,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    Invalid: 422,
    PreconditionRequired: 428,
    TooManyRequests: 429,
    InternalError: 500,
    Unavailable: 503,
}
_KIND_OF_STATUS = {status: kind for kind, status in STATUS.items()}


class Problem(Struct, omit_defaults=True, kw_only=True):
    """What is wrong and what to do instead (RFC 9457); `code` is stable, and says which further members there are."""

    type: Annotated[str, Meta(description="Where `code` is explained.")]
    title: Annotated[str, Meta(description="The same for every problem of this code.")]
    status: Annotated[int, Meta(description="The HTTP status, again.")]
    detail: Annotated[str, Meta(description="What is wrong with this request, for people.")]
    instance: Annotated[str, Meta(description="The path of the request.")]
    code: Annotated[str, Meta(description="What is wrong, for programs.")]
    request_id: Annotated[str, Meta(description="Under which the service's log has this request.")]
    errors: Annotated[tuple[FieldError, ...], Meta(description="Each thing wrong with a request that is not valid.")] = ()
    required_role: Annotated[str, Meta(description="The least role that may do this.")] = ""
    required_scope: Annotated[str, Meta(description="The scope that the token lacks.")] = ""
    project: Annotated[str, Meta(description="The key of the project that refuses, where a request is about several.")] = ""
    projects: Annotated[tuple[str, ...], Meta(description="The keys of the projects that somebody owns.")] = ()
    outcome: Annotated[
        Literal["not_applied", "unknown", ""],
        Meta(description="Beside a 503: nothing was changed, or it is unknown whether the change was made."),
    ] = ""
    path: Annotated[tuple[str, ...], Meta(description="The ids of the tasks from a parent to its would-be child.")] = ()
    cycle: Annotated[
        tuple[str, ...],
        Meta(description="The ids of the tasks that would block each other: each the next one, the last one the first."),
    ] = ()
    mergeable: Annotated[bool, Meta(description="Beside a 412: the same with `Prefer: merge` would be accepted.")] = False
    conflicts: Annotated[tuple[FieldConflict, ...], Meta(description="The fields that were changed on both sides.")] = ()
    version: Annotated[int, Meta(description="The version that the object has by now.")] = 0
    index: Annotated[int, Meta(description="Which of the tasks of the request it is about, counted from 0.")] = 0
    expected_count: Annotated[int, Meta(description="How many tasks the request was made for.")] = 0
    count: Annotated[int, Meta(description="How many tasks the filter means by now; absent where they are too many.")] = 0


def status_of(refusal: type[Refusal]) -> int:
    """The HTTP status of a refusal's kind."""
    return next(STATUS[kind] for kind in refusal.__mro__ if kind in STATUS)


def render(refusal: Refusal, scope: ASGIScope) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that answer a refused request."""
    status = status_of(type(refusal))
    body = {
        "type": f"{API}/problems/{refusal.code}",
        "title": refusal.title,
        "status": status,
        "detail": refusal.detail,
        # The path comes decoded, and RFC 9457 asks for a URI reference.
        "instance": quote(scope["path"]),
        "code": refusal.code,
        "request_id": scope["trace"].request_id,  # type: ignore[typeddict-item]
        **refusal.members,
    }
    if isinstance(refusal, Invalid):
        body["errors"] = refusal.errors
    headers = {"content-type": PROBLEM_JSON}
    if isinstance(refusal, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if isinstance(refusal, MethodNotAllowed):
        headers["allow"] = str(body.pop("allow"))
    return status, headers, msgspec.json.encode(body)


def from_framework(scope: ASGIScope, error: HTTPException) -> Refusal:
    """Our refusal for one that Litestar made."""
    kind = _KIND_OF_STATUS.get(error.status_code, InternalError)
    if kind is Invalid:
        return Invalid()
    if kind is NotFound:
        return NotFound(NOTHING_HERE)
    if kind is MethodNotAllowed:
        allow = allowed_methods(scope["litestar_app"], scope["path"])
        return MethodNotAllowed(f"This path has {allow}.", allow=allow)
    if kind is PayloadTooLarge:
        return PayloadTooLarge("The body is longer than 1 MiB.")
    return kind(error.detail if kind is Malformed else None)


def answer(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """The response that refuses."""
    status, headers, body = render(refusal, request.scope)
    return Response(body, status_code=status, headers=headers)


def on_refusal(request: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    """Answer what the service itself refused."""
    return answer(request, error)


def on_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what Litestar refused."""
    refusal = from_framework(request.scope, error)
    if isinstance(refusal, InternalError):
        return on_fault(request, error)
    return answer(request, refusal)


def on_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of ours: the cause goes to the log, the request id to the client."""
    return answer(request, fault(request.scope, error))


def fault(scope: ASGIScope, error: BaseException) -> InternalError:
    """Log an unexpected exception; the client learns nothing of it but where to ask."""
    request_id = scope["trace"].request_id  # type: ignore[typeddict-item]
    log.error("fault", method=scope.get("method"), path=scope["path"], request_id=request_id, exc_info=error)
    return InternalError(f"This is a fault of the service; its log has the cause under request id {request_id}.")


HANDLERS: dict[Any, Any] = {Refusal: on_refusal, HTTPException: on_framework_error, Exception: on_fault}
