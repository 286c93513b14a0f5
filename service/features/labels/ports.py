"""What the labels feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.features.labels.domain import Label, LabelState
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


@runtime_checkable
class Labels(Protocol):
    """Stored labels."""

    async def find(self, actor: Actor, reference: str) -> Label:
        """The label with this id.

        Raises:
            LabelNotFound: there is none, or the actor may not see its project.
        """
        ...

    async def page(self, project_id: UUID, window: Window) -> Slice[Label]:
        """A part of the labels of a project."""
        ...

    async def project_of(self, reference: str) -> UUID:
        """The id of the project that the label with this id is in, by which everything is locked first.

        Raises:
            LabelNotFound: there is none.
        """
        ...

    async def lock(self, reference: str) -> LabelState:
        """The row of the label with this id, locked until the unit of work ends.

        Raises:
            LabelNotFound: it was deleted meanwhile.
        """
        ...

    async def count(self, project_id: UUID) -> int:
        """How many labels a project has."""
        ...

    async def add(self, label: Label) -> None:
        """Store a new label.

        Raises:
            LabelTaken: the project has one of this name.
        """
        ...

    async def change(self, state: LabelState, changes: Mapping[str, Any], now: datetime) -> int:
        """Store new values of a locked label's fields; the new version.

        Raises:
            LabelTaken: the project has another one of the new name.
        """
        ...

    async def delete(self, label_id: UUID) -> None:
        """Remove a locked label, from every task too."""
        ...
