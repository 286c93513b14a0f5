"""What was done, as it is told to those who read of it later."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from service.kernel.events import Change


class EventActor(Struct, frozen=True):
    """Who did it: a `user` in a session, a `token` of a person's, or the `system`."""

    id: UUID | None
    kind: str
    token_id: UUID | None


class EventSubject(Struct, frozen=True):
    """What it was done to, and the version that this made."""

    type: str
    id: UUID
    key: str | None
    version: int


class ToldEvent(Struct, frozen=True):
    """One change, the same wherever it is told; the text of a comment that is deleted now is left out."""

    id: UUID
    cursor: str
    type: str
    time: datetime
    actor: EventActor
    project_id: UUID | None
    subject: EventSubject
    changes: dict[str, Change]
    request_id: str
    data: dict[str, Any]
