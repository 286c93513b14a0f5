"""What relating tasks needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.tasks.relation_domain import Link, Meeting, Relation


@runtime_checkable
class Relations(Protocol):
    """Stored relations of tasks."""

    async def of(self, task_id: UUID) -> list[Relation]:
        """What a task is to others that are not deleted, by kind and then by their numbers."""
        ...

    async def meeting(self, project_id: UUID, other_id: UUID, link: Link) -> Meeting | None:
        """What there is between the two tasks of a link; None where the other one is not in the project, or deleted."""
        ...

    async def way_back(self, link: Link) -> Sequence[tuple[UUID, UUID]]:
        """The blocks by which the link's target reaches others, if it reaches the source; none otherwise."""
        ...

    async def add(self, project_id: UUID, link: Link, now: datetime) -> None:
        """Store a new link."""
        ...

    async def remove(self, project_id: UUID, link: Link) -> bool:
        """Remove a link; whether there was one."""
        ...
