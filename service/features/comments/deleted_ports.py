"""What purging comments needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class PurgedComment(Struct, frozen=True):
    """What is left of a comment that was removed."""

    id: UUID
    task_id: UUID
    version: int


@runtime_checkable
class DeletedComments(Protocol):
    """Stored comments that are deleted."""

    async def lock_due_project(self, cutoff: datetime, after: UUID) -> UUID | None:
        """The next project by id from `after` on with comments deleted before the cutoff; its row locked.

        Those whose row somebody else has locked are left out.
        """
        ...

    async def purge(self, project_id: UUID, cutoff: datetime, most: int) -> list[PurgedComment]:
        """Remove at most so many comments of a locked project that were deleted before the cutoff."""
        ...
