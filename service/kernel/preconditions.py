"""What a client says of the state that its request was made for, and what is decided about it on the locked row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from service.kernel.errors import PreconditionFailed, PreconditionRequired

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

# The version of what has none, like a session: it never changes, so whoever knows it knows the newest state.
UNVERSIONED = 0
# The version that a tag names which this service never gave out.
UNKNOWN = -1


class Precondition(Struct):
    """The request's If-Match and `Prefer: merge`; without them every state will do."""

    # What If-Match names; None where it was not sent or says `*`.
    versions: frozenset[int] | None = None
    is_given: bool = False
    merge: bool = False
    # Told back by `hold`, for the answer's Preference-Applied: the row had moved on, and the change was made all the same.
    merged: bool = False

    def holds(self, version: int) -> bool:
        """Whether the request was made for this version."""
        return self.versions is None or version in self.versions


# For callers that made their request for no state in particular.
ANY = Precondition()


class FieldConflict(Struct, frozen=True):
    """A field that was changed on both sides: before, by others since, and as the request would have it."""

    field: str
    # Null also where it is not known any more.
    base: Any
    theirs: Any
    yours: Any


class Versioned(Protocol):
    """A locked row that knows when each of its fields changed; one without an entry has been so since version 1."""

    @property
    def id(self) -> UUID:
        """What the events about it name."""
        ...

    @property
    def version(self) -> int:
        """Of the row as a whole."""
        ...

    @property
    def field_versions(self) -> Mapping[str, int]:
        """The version at which each field last changed."""
        ...


class History(Protocol):
    """What the events of a subject remember."""

    async def values_at(self, subject_id: UUID, version: int, fields: Collection[str]) -> Mapping[str, Any]:
        """The values that fields had at a version, of those that changed after it."""
        ...


async def hold(
    precondition: Precondition,
    row: Versioned,
    history: History,
    *,
    sent: Mapping[str, Any] | None = None,
    required: bool = False,
) -> None:
    """Guard of every change of a row that may have moved on since the client read it; the row must be locked.

    `sent` are the values that a merge patch asks for; only such a change can be merged.

    Raises:
        PreconditionRequired: `required`, and the request names no state.
        PreconditionFailed: the row is at another version, and the change can't be merged or nobody asked for that.
    """
    # An earlier attempt of the same unit may have come to nothing.
    precondition.merged = False
    if required and not precondition.is_given:
        raise PreconditionRequired(NAME_A_STATE)
    if precondition.holds(row.version):
        return
    since = _since(precondition, row)
    yours = _clashing(row, since, sent or {})
    mergeable = sent is not None and since != UNKNOWN and not yours
    if mergeable and precondition.merge:
        precondition.merged = True
        return
    base = await history.values_at(row.id, since, sorted(yours)) if yours and since != UNKNOWN else {}
    conflicts = [FieldConflict(field, base.get(field), getattr(row, field), value) for field, value in yours.items()]
    raise PreconditionFailed(
        _advice(row.version, mergeable=mergeable), mergeable=mergeable, conflicts=conflicts, version=row.version
    )


def hold_unversioned(precondition: Precondition) -> None:
    """Guard of a change of what has no version.

    Raises:
        PreconditionFailed: the request was made for a state of something else.
    """
    if not precondition.holds(UNVERSIONED):
        message = "If-Match names no state of this: send its ETag, or If-Match: *."
        raise PreconditionFailed(message, mergeable=False, conflicts=())


NAME_A_STATE = "This project takes changes only with If-Match: send the ETag of what you read, or If-Match: *."


def _since(precondition: Precondition, row: Versioned) -> int:
    # Of several the oldest, for which the most has changed. One that is yet to come was given out before a restore.
    oldest = min(precondition.versions or {UNKNOWN})
    return oldest if oldest <= row.version else UNKNOWN


def _clashing(row: Versioned, since: int, sent: Mapping[str, Any]) -> dict[str, Any]:
    changed = {field: value for field, value in sent.items() if row.field_versions.get(field, 1) > since}
    return {field: value for field, value in changed.items() if getattr(row, field) != value}


def _advice(version: int, *, mergeable: bool) -> str:
    moved = f"This is at version {version} by now, not at the one that If-Match names."
    if mergeable:
        return f"{moved} Nothing that you send was changed by others: send the same with Prefer: merge, or with a fresh ETag."
    return f"{moved} Read it again, decide, and send the change with the ETag of what you read."
