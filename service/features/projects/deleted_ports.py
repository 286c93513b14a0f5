"""What purging projects needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class DoomedProject(Struct, frozen=True):
    """A project that is being purged."""

    id: UUID
    key: str
    version: int


@runtime_checkable
class DeletedProjects(Protocol):
    """Stored projects that are deleted."""

    async def doom(self, cutoff: datetime, after: UUID, now: datetime) -> DoomedProject | None:
        """The next project by id behind `after` that was deleted before the cutoff; from now on it can't be restored.

        Those whose row somebody else has locked are left out.
        """
        ...

    async def hold(self, project_id: UUID) -> bool:
        """Lock the row of a doomed project until the unit of work ends; False where another worker has removed it."""
        ...

    async def purge_tasks(self, project_id: UUID, most: int) -> int:
        """Remove at most so many tasks of a held project, with all that hangs on them; how many were named."""
        ...

    async def purge_views(self, project_id: UUID, most: int) -> list[UUID]:
        """Remove at most so many views of a held project; their ids, since what is told of private ones names no project."""
        ...

    async def purge(self, project_id: UUID) -> None:
        """Remove a held project, with its memberships and whatever else is left in it."""
        ...
