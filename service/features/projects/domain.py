"""Projects and roles: the rules, and what is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from service.kernel.errors import Conflict, Forbidden, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.kernel.actor import Actor

KEY_PATTERN = re.compile(r"[A-Z0-9]{2,10}")
_SINGLE_WORD_KEY = 4
_LONGEST_KEY = 10


class ProjectRole(StrEnum):
    """What a person is in a project, the lower before the higher."""

    VIEWER = "viewer"
    MEMBER = "member"
    MAINTAINER = "maintainer"
    OWNER = "owner"

    def covers(self, needed: ProjectRole) -> bool:
        """Whether this role may do what `needed` may."""
        order = list(ProjectRole)
        return order.index(self) >= order.index(needed)


class ProjectNotFound(NotFound):
    """There is no such project, or the caller does not belong to it."""

    code = "project_not_found"
    title = "There is no such project"


class InsufficientRole(Forbidden):
    """The caller belongs to the project, but may not do this in it."""

    code = "insufficient_role"
    title = "Your role in the project does not allow this"


class TokenNarrowed(Forbidden):
    """The token is narrowed to projects, and this is about none of them."""

    code = "token_narrowed"
    title = "The token is narrowed to some projects"


class KeyTaken(Conflict):
    """Another project has this key."""

    code = "key_taken"
    title = "Another project has this key"


class OwnerDeleted(Conflict):
    """A project can't live without its owner."""

    code = "owner_deleted"
    title = "The owner of the project is deleted"


class ProjectArchived(Conflict):
    """An archived project is read-only."""

    code = "project_archived"
    title = "The project is archived"


class Member(Struct, frozen=True):
    """A person as others in the same project see them; of a deleted account `deleted` and the id are all that is told."""

    id: UUID
    full_name: str | None
    email: str | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class Project(Struct, frozen=True):
    """A project as one of its readers sees it; `my_role` is null for an instance admin who is no member."""

    id: UUID
    key: str
    name: str
    description: str | None
    owner: Member
    is_archived: bool
    archived_at: datetime | None
    require_if_match: bool
    my_role: ProjectRole | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purge_at: datetime | None
    version: int


class ProjectState(Struct, frozen=True):
    """The locked row that a write decides on."""

    id: UUID
    key: str
    name: str
    description: str | None
    require_if_match: bool
    archived_at: datetime | None
    version: int
    # Empty where it is locked for a change of its tasks.
    field_versions: Mapping[str, int] = {}
    # Only what may be restored is ever locked while it is deleted.
    deleted_at: datetime | None = None

    def refuse_archived(self) -> None:
        """Guard of every write but archiving itself.

        Raises:
            ProjectArchived: the project is read-only.
        """
        if self.archived_at is not None:
            message = f"Project {self.key} is archived and read-only; unarchive it first."
            raise ProjectArchived(message)


def acting_role(actor: Actor, project_id: UUID, role: ProjectRole | None) -> ProjectRole | None:
    """As what somebody whose membership says `role` acts in the project.

    An instance admin acts as owner, and nobody in a project that the token is narrowed away from.
    """
    if not actor.reaches(project_id):
        return None
    return ProjectRole.OWNER if actor.is_admin else role


def require_role(role: ProjectRole | None, needed: ProjectRole) -> None:
    """Guard of every write in a project.

    Raises:
        ProjectNotFound: the caller has no role here, so must not learn that the project exists.
        InsufficientRole: the caller's role does not cover `needed`.
    """
    if role is None:
        raise ProjectNotFound
    if not role.covers(needed):
        who = "its owner" if needed is ProjectRole.OWNER else f"{needed} or above"
        message = f"You are {role} in this project; this needs {who}."
        raise InsufficientRole(message, required_role=needed)


def keys_for(name: str) -> Iterator[str]:
    """Keys for a project without one, the best first: initials, or the start of a single word, then with a number."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    words = re.findall(r"[A-Z0-9]+", plain)
    stem = "".join(word[0] for word in words) if len(words) > 1 else "".join(words)[:_SINGLE_WORD_KEY]
    stem = stem[: _LONGEST_KEY - 4] or "PR"
    if len(stem) > 1:
        yield stem
    for number in range(2, 10_000):
        yield f"{stem}{number}"
