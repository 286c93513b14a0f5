"""Invitations: what they are, when they hold, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from service.features.members.domain import Person, grantor_of
from service.features.projects.domain import ProjectRole
from service.features.tasks.domain import PersonRef, ProjectRef
from service.kernel.errors import Conflict, Forbidden, NotFound

LIFETIME = timedelta(days=14)


class InvitationNotFound(NotFound):
    """There is no such invitation, it is over, or the caller is neither invited nor a maintainer of its project."""

    code = "invitation_not_found"
    title = "There is no such invitation"


class NotInvited(Forbidden):
    """The invitation is for another address than that of the caller's account."""

    code = "not_invited"
    title = "The invitation is for somebody else"


class AlreadyInvited(Conflict):
    """The address has an open invitation to the project."""

    code = "already_invited"
    title = "The address is invited already"


class InvitationVoid(Conflict):
    """Whoever invited may not do so any more."""

    code = "invitation_void"
    title = "The invitation does not hold any more"


class Invitation(Struct, frozen=True):
    """An open invitation, as the person invited and the project's maintainers see it."""

    id: UUID
    project: ProjectRef
    email: str
    role: ProjectRole
    invited_by: PersonRef
    created_at: datetime
    expires_at: datetime


class Offer(Struct, frozen=True):
    """An open invitation, as far as taking or ending it depends on it."""

    id: UUID
    project_id: UUID
    canonical_email: str
    role: ProjectRole
    invited_by: UUID


class NewInvitation(Struct, frozen=True):
    """An invitation that is about to be stored."""

    id: UUID
    project_id: UUID
    email: str
    canonical_email: str
    role: ProjectRole
    invited_by: UUID
    created_at: datetime
    expires_at: datetime


class InvitationLink(Struct, frozen=True):
    """What the mail of an invitation needs: where it goes, its language, the project's key, the token, and its last moment."""

    email: str
    locale: str
    project_key: str
    token: str
    expires_at: datetime


def refuse_void(inviter: Person | None, role: ProjectRole | None, offered: ProjectRole) -> None:
    """Guard of taking an invitation, by what its inviter is now: `role` is the inviter's own in the project.

    Raises:
        InvitationVoid: the inviter could not give the offered role any more.
    """
    acting = ProjectRole.OWNER if inviter is not None and inviter.is_admin else role
    if inviter is None or not inviter.is_active or acting is None or not acting.covers(grantor_of(offered)):
        message = "Whoever invited you may not do so any more; ask a maintainer of the project for another invitation."
        raise InvitationVoid(message)
