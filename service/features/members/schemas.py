"""Members and invitations on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from service.features.accounts.schemas import Email, OneTimeToken
from service.features.members.domain import ProjectMember
from service.features.members.invitation_domain import Invitation
from service.features.projects.domain import ProjectRole

# What everyone in a project may know of a member, and who is concerned of an invitation, is what the domain's Structs hold.
ProjectMemberResponse = ProjectMember
InvitationResponse = Invitation

GRANTED = tuple(role for role in ProjectRole if role is not ProjectRole.OWNER)


def grantable(text: str) -> str | None:
    """What is wrong with a role to give."""
    if text == ProjectRole.OWNER:
        return "A project has one owner; hand it over with POST /projects/{id}/transfer."
    return None if text in GRANTED else f"Send one of {', '.join(GRANTED)}."


GrantedRole = Annotated[
    str,
    Meta(
        description="Nobody gives a role at or above the own.",
        extra={"check": grantable},
        extra_json_schema={"enum": list(GRANTED)},
    ),
]


class MemberRole(Struct, forbid_unknown_fields=True):
    """What somebody shall be in a project."""

    role: GrantedRole


class Transfer(Struct, forbid_unknown_fields=True):
    """Whose a project shall be."""

    user_id: UUID


class InvitationCreate(Struct, forbid_unknown_fields=True):
    """Whom to invite, and as what."""

    email: Email
    role: GrantedRole


class InvitationToken(Struct, forbid_unknown_fields=True):
    """What a mailed invitation is accepted by."""

    token: OneTimeToken
