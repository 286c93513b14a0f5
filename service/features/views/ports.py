"""What the views feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import ProjectState
    from service.features.views.domain import View, ViewDraft, ViewState
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


@runtime_checkable
class Views(Protocol):
    """Stored views."""

    async def find(self, actor: Actor, reference: str) -> View:
        """The view with this id.

        Raises:
            ViewNotFound: there is none, or the actor may not see it.
        """
        ...

    async def page(self, actor: Actor, project_id: UUID | None, window: Window) -> Slice[View]:
        """A part of the views that the actor may see, of all projects or of one."""
        ...

    async def project_of(self, view_id: UUID) -> UUID | None:
        """The project that the view is of, unlocked: it never changes.

        Raises:
            ViewNotFound: there is no such view.
        """
        ...

    async def lock_project(self, project_id: UUID) -> ProjectState | None:
        """The project's row, locked against archiving and deletion and shared with other writes in it."""
        ...

    async def lock(self, view_id: UUID) -> ViewState:
        """The view's row, locked until the unit of work ends.

        Raises:
            ViewNotFound: it was deleted meanwhile.
        """
        ...

    async def add(self, view_id: UUID, draft: ViewDraft, owner_id: UUID, now: datetime) -> None:
        """Store a new view."""
        ...

    async def change(self, state: ViewState, changes: Mapping[str, Any], now: datetime) -> int:
        """Store new values of a locked view's fields; the new version."""
        ...

    async def delete(self, view_id: UUID) -> None:
        """Delete a locked view."""
        ...
