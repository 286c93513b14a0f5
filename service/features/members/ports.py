"""What memberships need from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from service.features.members.domain import Person, ProjectMember, Seat
    from service.features.projects.domain import ProjectRole
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


@runtime_checkable
class Members(Protocol):
    """Stored memberships."""

    async def page(self, actor: Actor, reference: str, window: Window) -> Slice[ProjectMember]:
        """A part of the members of the project with this id or key.

        Raises:
            ProjectNotFound: there is none, or the actor may not see it.
        """
        ...

    async def lock_people(self, user_ids: Collection[UUID]) -> dict[UUID, Person]:
        """Those of the accounts that are not deleted, locked against change; the first lock of a unit that needs it."""
        ...

    async def lock(self, project_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Seat]:
        """The memberships of the owner and of those of the people who belong to the locked project, locked."""
        ...

    async def has_address(self, project_id: UUID, canonical_email: str) -> bool:
        """Whether somebody with this address belongs to the locked project."""
        ...

    async def change_role(self, seat: Seat, role: ProjectRole) -> None:
        """Store another role of a locked membership; its version grows by one."""
        ...

    async def remove(self, seat: Seat) -> None:
        """End a locked membership."""
        ...
