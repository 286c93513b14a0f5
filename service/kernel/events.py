"""What an event is: a fact in the past tense, told once, in the transaction that made it true."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from msgspec import Struct


class Change(Struct, frozen=True):
    """A field before and after."""

    old: Any
    new: Any


class Event(Struct, frozen=True, kw_only=True):
    """A fact about one subject; features subclass it and set `type`, `<subject>.<past tense>`."""

    type: ClassVar[str]
    # Whether the audit keeps who did it, from where.
    audited: ClassVar[bool] = False

    subject_id: UUID
    subject_key: str | None = None
    subject_version: int
    project_id: UUID | None = None
    # In whose history the event stands, where that is not its subject's own: a comment's is told in its task's.
    about_id: UUID | None = None
    changes: dict[str, Change] = {}
    data: dict[str, Any] = {}

    @property
    def subject_type(self) -> str:
        """`task` of `task.created`."""
        return self.type.partition(".")[0]


class PublishedEvent(Struct, frozen=True):
    """A committed event as its subscribers are told of it."""

    id: UUID
    type: str
    time: datetime
    actor_id: UUID | None
    actor_kind: str
    project_id: UUID | None
    subject_type: str
    subject_id: UUID
    subject_key: str | None
    subject_version: int
    changes: dict[str, Change]
    data: dict[str, Any]
    request_id: str
