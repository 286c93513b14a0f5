"""The kinds of refusal: features subclass one with a code and a title; http/problems.py alone turns a kind into a status."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class FieldError(Struct, frozen=True, rename={"in_": "in"}):
    """One thing wrong with one part of a request."""

    in_: str
    pointer: str
    code: str
    message: str


class Refusal(Exception):
    """A request that is understood and answered with no."""

    code: ClassVar[str]
    title: ClassVar[str]
    # Whether an answer may say, in Retry-After, when the same request can work.
    retryable: ClassVar[bool] = False
    # Every refusal by its code: what GET /problems/{code} reads.
    registry: ClassVar[dict[str, type[Refusal]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            other = Refusal.registry.setdefault(cls.code, cls)
            if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                message = f"two refusals share the code {cls.code}: {other.__qualname__} and {cls.__qualname__}"
                raise TypeError(message)

    def __init__(self, detail: str | None = None, *, retry_after: int | None = None, **members: Any) -> None:
        """`members` become members of the answer's body; `retry_after` is in seconds."""
        self.detail = detail or f"{self.title}."
        self.retry_after = retry_after
        self.members = members
        super().__init__(self.detail)


class Malformed(Refusal):
    """The bytes of the request can't be read as what they should be."""

    code = "malformed_request"
    title = "The request can't be read"


class Unauthenticated(Refusal):
    """Nobody, or nobody we still know, stands behind the request."""

    code = "unauthenticated"
    title = "Authentication is required"


class Forbidden(Refusal):
    """The caller sees the object but may not do this to it."""

    code = "forbidden"
    title = "This is not allowed"


class NotFound(Refusal):
    """There is no such object, or none that the caller may see: the two read the same."""

    code = "not_found"
    title = "There is no such object"


class Conflict(Refusal):
    """The request clashes with the present state."""

    code = "conflict"
    title = "The request clashes with the present state"


class PreconditionFailed(Refusal):
    """What the request was made for is not the present state."""

    code = "precondition_failed"
    title = "The object has changed since it was read"


class PreconditionRequired(Refusal):
    """The request must say which state it was made for, and does not."""

    code = "precondition_required"
    title = "The request must be conditional"


class Invalid(Refusal):
    """The request is readable, but some of its values are not acceptable."""

    code = "validation_failed"
    title = "The request is not valid"

    def __init__(self, *errors: FieldError) -> None:
        """`errors` names everything that is wrong, not only the first thing."""
        count = len(errors)
        super().__init__(f"{count} thing{'s' if count != 1 else ''} must be changed before this can be accepted: see errors.")
        self.errors = errors


class TooManyRequests(Refusal):
    """The caller has used up what it may do for now."""

    code = "too_many_requests"
    title = "Too many requests"
    retryable = True


class Unavailable(Refusal):
    """Something that the answer needs is away or too busy; the same request may work in a moment."""

    code = "unavailable"
    title = "The service can't answer right now"
    retryable = True

    def __init__(self, detail: str | None = None, *, retry_after: int = 1, outcome: str = "not_applied") -> None:
        """`outcome` is `not_applied`, or `unknown` where COMMIT had been sent and no answer came."""
        super().__init__(detail, retry_after=retry_after, outcome=outcome)


def invalid(pointer: str, code: str, message: str, in_: str = "body") -> Invalid:
    """The refusal of one value, for rules that only the use case can check."""
    return Invalid(FieldError(in_, pointer, code, message))
