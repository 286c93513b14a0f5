"""What the changes feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.changes.domain import ToldEvent
    from service.kernel.paging import Slice, Window


@runtime_checkable
class Histories(Protocol):
    """What was done, by what it was done to."""

    async def page(self, subject_id: UUID, window: Window) -> Slice[ToldEvent]:
        """A part of the events of a subject and of what belongs to it; who may read them is decided before."""
        ...
