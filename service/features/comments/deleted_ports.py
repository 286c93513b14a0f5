"""What purging comments needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

from service.kernel.purging import DeletedRows

if TYPE_CHECKING:
    from uuid import UUID


class PurgedComment(Struct, frozen=True):
    """What is left of a comment that was removed."""

    id: UUID
    task_id: UUID
    version: int


@runtime_checkable
class DeletedComments(DeletedRows[PurgedComment], Protocol):
    """Stored comments that are deleted."""
