"""The shared ports, as fakes that a test can look into."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from service.kernel.actor import Actor, Trace
from service.kernel.ports import Clock, Ids, KeptAnswers, Outbox, UnitOfWork, Vault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from service.kernel.answers import KeptAnswer
    from service.kernel.audit import AuditEntry
    from service.kernel.events import Event

T = TypeVar("T")


class FakeClock(Clock):
    """Stands still until a test moves it; starts at the present, since PostgreSQL's own clock is not ours to move."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


class FakeIds(Ids):
    """Counts."""

    def __init__(self) -> None:
        self.last = 0

    def new(self) -> UUID:
        self.last += 1
        return UUID(int=self.last)


class FakeUnitOfWork(UnitOfWork):
    """Runs the work and remembers how it ended."""

    def __init__(self) -> None:
        self.committed = 0
        self.rolled_back = 0

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await work()
        except BaseException:
            self.rolled_back += 1
            raise
        self.committed += 1
        return result


class FakeOutbox(Outbox):
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.entries: list[AuditEntry] = []

    async def publish(self, actor: Actor, *events: Event) -> None:
        self.events += events

    async def record(self, actor: Actor, *entries: AuditEntry) -> None:
        self.entries += entries

    async def forget(self, subject_ids: Collection[UUID]) -> None:
        self._empty(event for event in self.events if event.subject_id in subject_ids)

    async def forget_project(self, project_id: UUID, after: int, most: int) -> int | None:
        told = [number for number, event in enumerate(self.events, 1) if event.project_id == project_id and number > after]
        self._empty(self.events[number - 1] for number in told[:most])
        return told[:most][-1] if told else None

    async def values_at(self, subject_id: UUID, version: int, fields: Collection[str]) -> Mapping[str, Any]:
        later = [event for event in self.events if event.subject_id == subject_id and event.subject_version > version]
        found: dict[str, Any] = {}
        for event in sorted(later, key=lambda event: event.subject_version, reverse=True):
            found |= {field: change.old for field, change in event.changes.items() if field in fields}
        return found

    @staticmethod
    def _empty(events: Iterable[Event]) -> None:
        for event in events:
            event.changes.clear()
            event.data.clear()

    @property
    def types(self) -> list[str]:
        """The types of the events, in their order."""
        return [event.type for event in self.events]


class FakeAnswers(KeptAnswers):
    """Keeps answers of one process; nobody else works here."""

    def __init__(self) -> None:
        self.kept: dict[bytes, KeptAnswer] = {}

    async def hold(self, key: bytes) -> bool:
        return True

    async def find(self, key: bytes) -> KeptAnswer | None:
        return self.kept.get(key)

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        self.kept[key] = answer

    async def prune(self) -> None:
        self.kept.clear()


def stamped(state: Any, changes: Iterable[str]) -> dict[str, Any]:
    """The versions that a row and its fields get by a change."""
    version = state.version + 1
    return {"version": version, "field_versions": {**state.field_versions, **dict.fromkeys(changes, version)}}


class FakeVault(Vault):
    """Seals by writing the place before the secret; its digests can be read."""

    def seal(self, secret: bytes, place: str) -> bytes:
        return place.encode() + b" " + secret

    def open(self, sealed: bytes, place: str) -> bytes:
        return sealed.removeprefix(place.encode() + b" ")

    def digest(self, purpose: str, value: str) -> bytes:
        return f"{purpose}: {value}".encode()


def an_actor(number: int = 1, *, is_admin: bool = False) -> Actor:
    """Somebody who is signed in."""
    user_id = UUID(int=1_000_000 + number)
    return Actor(
        "user",
        Trace(f"request-{number:04}"),
        user_id,
        UUID(int=2_000_000 + number),
        is_admin,
        f"u{number}@example.com",
        f"User {number}",
    )
