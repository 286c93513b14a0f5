"""What the projects feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.features.projects.domain import Project, ProjectRole, ProjectState
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


class ProjectFilter(Struct, frozen=True):
    """Which of the visible projects a list shows."""

    mine: bool = False
    archived: bool = False
    # Those that the actor may restore too: the owner's own, or all for an admin.
    deleted: bool = False
    search: str | None = None


@runtime_checkable
class Projects(Protocol):
    """Stored projects and who belongs to them."""

    async def find(self, actor: Actor, reference: str) -> Project:
        """The project with this id or key.

        Raises:
            ProjectNotFound: there is none, or the actor may not see it.
        """
        ...

    async def page(self, actor: Actor, wanted: ProjectFilter, window: Window) -> Slice[Project]:
        """A part of the projects that the actor may see."""
        ...

    async def lock(self, reference: str) -> ProjectState:
        """The project's row, locked until the unit of work ends; the first lock of every write in a project.

        Raises:
            ProjectNotFound: there is none.
        """
        ...

    async def lock_restorable(self, reference: str) -> ProjectState:
        """The same, also of a project that is deleted; such a one by its id only, since its key may be another's.

        Raises:
            ProjectNotFound: there is none, or it is being purged.
        """
        ...

    async def owner_is_deleted(self, project_id: UUID) -> bool:
        """Whether the owner of a locked project has no account any more; who deletes one holds the owner's projects."""
        ...

    async def lock_role(self, actor: Actor, project_id: UUID) -> ProjectRole | None:
        """As what the actor acts (see `acting_role`), the membership's row locked against removal."""
        ...

    async def add(self, project_id: UUID, key: str, name: str, description: str | None, now: datetime) -> bool:
        """Store a new project; False where the key is taken."""
        ...

    async def add_member(self, membership_id: UUID, project_id: UUID, user_id: UUID, role: ProjectRole, now: datetime) -> bool:
        """Store a role that the person does not have yet, the account locked against deletion; False where it is deleted."""
        ...

    async def change(self, state: ProjectState, changes: Mapping[str, Any], now: datetime) -> int:
        """Store the new values of a locked project's fields; the new version.

        Raises:
            KeyTaken: it would be alive again, and another project has its key.
        """
        ...
