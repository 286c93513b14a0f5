"""Members: the rules of who may give, change and take which role, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.features.projects.domain import ProjectRole, require_role
from service.kernel.errors import Conflict, NotFound


class MemberNotFound(NotFound):
    """Nobody of that id belongs to the project."""

    code = "member_not_found"
    title = "There is no such member"


class OwnerMustTransfer(Conflict):
    """A project has one owner, who hands it over before leaving or taking another role."""

    code = "owner_must_transfer"
    title = "The owner must hand the project over first"


class AlreadyMember(Conflict):
    """The person belongs to the project."""

    code = "already_member"
    title = "The person belongs to the project already"


class ProjectMember(Struct, frozen=True):
    """A person in a project, as everyone in it sees the person; `since` is when that began."""

    id: UUID
    full_name: str | None
    email: str
    is_active: bool
    role: ProjectRole
    since: datetime
    version: int


class Seat(Struct, frozen=True):
    """A membership whose row is locked: its own id, and who has it."""

    id: UUID
    member: ProjectMember
    # A role is set as a whole: there is nothing to merge.
    field_versions: Mapping[str, int] = {}

    @property
    def version(self) -> int:
        """Of the membership as its readers see it."""
        return self.member.version


class Person(Struct, frozen=True):
    """An account whose row is locked, as far as memberships depend on it."""

    id: UUID
    full_name: str | None
    email: str
    canonical_email: str
    is_active: bool
    is_admin: bool
    is_verified: bool


def grantor_of(role: ProjectRole) -> ProjectRole:
    """The least role that may give or take `role`: the one above, and a maintainer's at least."""
    return ProjectRole.OWNER if role.covers(ProjectRole.MAINTAINER) else ProjectRole.MAINTAINER


def require_grantor(acting: ProjectRole, *roles: ProjectRole) -> None:
    """Guard of giving and taking roles: nobody does so with one at or above his own.

    Raises:
        InsufficientRole: the caller's role does not cover what one of `roles` needs.
    """
    for role in roles:
        require_role(acting, grantor_of(role))


def refuse_owner(role: ProjectRole | None) -> None:
    """Guard of whatever would leave a project without its owner.

    Raises:
        OwnerMustTransfer: the role is the owner's.
    """
    if role is ProjectRole.OWNER:
        message = "The owner can't leave or take another role: hand the project over with POST /projects/{id}/transfer first."
        raise OwnerMustTransfer(message)
