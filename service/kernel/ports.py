"""The ports that every feature shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from datetime import datetime
    from uuid import UUID

    from service.kernel.actor import Actor, Trace
    from service.kernel.answers import KeptAnswer
    from service.kernel.audit import AuditEntry
    from service.kernel.events import Event
    from service.kernel.rates import Rate, Standing

T = TypeVar("T")


@runtime_checkable
class Clock(Protocol):
    """Tells the time; injected so that tests move it."""

    def now(self) -> datetime:
        """This instant, in UTC."""
        ...


@runtime_checkable
class Ids(Protocol):
    """Makes identifiers."""

    def new(self) -> UUID:
        """A UUIDv7 (RFC 9562 §5.7) greater than every earlier one of this process."""
        ...


@runtime_checkable
class UnitOfWork(Protocol):
    """Runs a use case as one transaction."""

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, committed; joins the transaction that is already open, if one is.

        `work` may run up to three times (serialization failures), so it must start from its arguments each time.

        Raises:
            Unavailable: the database is away or too busy, or the outcome is unknown.
        """
        ...


@runtime_checkable
class Outbox(Protocol):
    """Where events are written, in the transaction of the change that they tell of."""

    async def publish(self, actor: Actor, *events: Event) -> None:
        """Write the events, and the audit's entries of those that it keeps; outside a unit of work a programming error."""
        ...

    async def record(self, actor: Actor, *entries: AuditEntry) -> None:
        """Write what only the audit keeps, in the open unit of work.

        A refusal must not undo it: it is returned out of the unit and raised after COMMIT.
        """
        ...

    async def forget(self, subject_ids: Collection[UUID]) -> None:
        """Empty the values in every event about these subjects, in the open unit of work; that it happened stays."""
        ...

    async def forget_project(self, project_id: UUID, after: int, most: int) -> int | None:
        """The same for the next so many events in a project, behind a place; the place reached, None where there are no more."""
        ...

    async def values_at(self, subject_id: UUID, version: int, fields: Collection[str]) -> Mapping[str, Any]:
        """See preconditions.History: the values that fields of a subject had at a version, of those that changed after it."""
        ...


@runtime_checkable
class Vault(Protocol):
    """Keeps secrets that must be readable again, and recognizes values that are not kept."""

    def seal(self, secret: bytes, place: str) -> bytes:
        """The secret, readable only by `open` with the same place, `table:id:column`."""
        ...

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for this place."""
        ...

    def digest(self, purpose: str, value: str) -> bytes:
        """32 bytes by which the same value is known again, the same on every instance."""
        ...


@runtime_checkable
class RateLimiter(Protocol):
    """Counts what is done, in windows of time, exactly over all processes."""

    async def take(self, caller: str, everyone: str, rate: Rate) -> Standing:
        """Count one more under both keys; under `everyone` only while the caller is within the rate.

        Raises:
            Unavailable: the database is away or too busy.
        """
        ...

    async def prune(self) -> None:
        """Forget the windows that have ended."""
        ...


@runtime_checkable
class Authenticator(Protocol):
    """Finds out who stands behind a token."""

    async def authenticate(self, token: str, trace: Trace) -> Actor:
        """The actor of a live session, or of a good personal access token.

        Raises:
            Unauthenticated: the token is wrong, expired or revoked, or what it stands for is gone.
        """
        ...


@runtime_checkable
class KeptAnswers(Protocol):
    """Answers to requests that carried an idempotency key, each written in the transaction of its effect."""

    async def hold(self, key: bytes) -> bool:
        """Whether nobody else works with this key; if so, nobody does until the open unit of work ends."""
        ...

    async def find(self, key: bytes) -> KeptAnswer | None:
        """The answer that was kept for this key within the last 24 hours."""
        ...

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """Keep the answer of the held key in the open unit of work."""
        ...

    async def prune(self) -> None:
        """Forget what is too old to be answered again."""
        ...


@runtime_checkable
class Sight(Protocol):
    """Knows, for one kind of subject, what an actor may see; a feature fills it for its own kind."""

    async def sees(self, actor: Actor, ids: Collection[UUID], *, deleted: bool) -> bool:
        """Whether the actor may see all of these; with `deleted` also those that are deleted meanwhile."""
        ...
