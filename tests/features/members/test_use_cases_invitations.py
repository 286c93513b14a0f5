"""Inviting, accepting, declining and revoking, on fakes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.domain import InvalidToken
from service.features.members.domain import AlreadyMember
from service.features.members.invitation_domain import (
    LIFETIME,
    AlreadyInvited,
    InvitationNotFound,
    InvitationVoid,
    NotInvited,
)
from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound, ProjectRole, TokenNarrowed
from service.kernel.errors import Invalid
from tests.support.fake_members import changed
from tests.support.member_house import ADMIN, MAINTAINER, MEMBER, OTHER, OUTSIDER, OWNER, VIEWER, House

if TYPE_CHECKING:
    from service.features.members.invitation_domain import Invitation
    from service.kernel.actor import Actor

pytestmark = pytest.mark.anyio


@pytest.fixture
def house() -> House:
    return House()


async def invited(house: House, person: Actor = OUTSIDER, by: Actor = MAINTAINER, role: str = "member") -> Invitation:
    """An open invitation, with nothing told of it and no lock left."""
    assert person.email is not None
    invitation = await house.inviting.invite(by, house.key, person.email, ProjectRole(role))
    house.outbox.events.clear()
    house.forget_locks()
    return invitation


async def the_token(house: House, invitation: Invitation) -> str:
    link = await house.inviting.issue(invitation.id)
    assert link is not None
    return link.token


async def test_an_invitation_is_told_without_the_address(house: House) -> None:
    invitation = await house.inviting.invite(MAINTAINER, house.key, "Bob@Example.com", ProjectRole.MEMBER)
    assert (invitation.email, invitation.role, invitation.invited_by.id) == ("Bob@example.com", "member", MAINTAINER.id)
    assert invitation.expires_at - invitation.created_at == LIFETIME == timedelta(days=14)
    event = house.event
    assert (event.type, event.audited, event.subject_id) == ("invitation.created", True, invitation.id)
    assert (event.project_id, event.data, event.changes) == (house.project.id, {"role": "member"}, {})


@pytest.mark.parametrize(
    ("actor", "role"),
    [(VIEWER, "viewer"), (MEMBER, "viewer"), (MAINTAINER, "maintainer")],
)
async def test_nobody_invites_as_high_as_himself(house: House, actor: Actor, role: str) -> None:
    with pytest.raises(InsufficientRole):
        await house.inviting.invite(actor, house.key, "bob@example.com", ProjectRole(role))


@pytest.mark.parametrize("actor", [OWNER, ADMIN])
async def test_the_owner_and_admins_invite_maintainers(house: House, actor: Actor) -> None:
    assert (await house.inviting.invite(actor, house.key, "bob@example.com", ProjectRole.MAINTAINER)).role == "maintainer"


async def test_what_can_not_be_invited_is_refused(house: House) -> None:
    with pytest.raises(Invalid):
        await house.inviting.invite(OWNER, house.key, "nobody", ProjectRole.VIEWER)
    with pytest.raises(ProjectNotFound):
        await house.inviting.invite(OUTSIDER, house.key, "bob@example.com", ProjectRole.VIEWER)
    with pytest.raises(AlreadyMember):
        await house.inviting.invite(OWNER, house.key, str(VIEWER.email), ProjectRole.VIEWER)
    house.archive()
    with pytest.raises(ProjectArchived):
        await house.inviting.invite(OWNER, house.key, "bob@example.com", ProjectRole.VIEWER)


async def test_an_address_has_one_open_invitation_to_a_project(house: House) -> None:
    first = await invited(house)
    with pytest.raises(AlreadyInvited):
        await house.inviting.invite(OWNER, house.key, str(OUTSIDER.email), ProjectRole.VIEWER)
    house.clock.advance(LIFETIME)
    assert (await house.inviting.invite(OWNER, house.key, str(OUTSIDER.email), ProjectRole.VIEWER)).id != first.id


async def test_a_mail_replaces_the_token_of_the_one_before(house: House) -> None:
    invitation = await invited(house)
    link = await house.inviting.issue(invitation.id)
    assert link is not None
    assert (link.email, link.project_key, link.expires_at) == (OUTSIDER.email, house.key, invitation.expires_at)
    house.invitations.tokens["other"] = UUID(int=5)
    second = await the_token(house, invitation)
    with pytest.raises(InvalidToken):
        await house.inviting.accept_by_token(OUTSIDER, link.token)
    await house.inviting.accept_by_token(OUTSIDER, second)
    assert await house.inviting.issue(invitation.id) is None


@pytest.mark.parametrize("by_token", [True, False])
async def test_the_person_invited_becomes_what_was_offered_once(house: House, *, by_token: bool) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)

    async def accept() -> Any:
        if by_token:
            return await house.inviting.accept_by_token(OUTSIDER, token)
        return await house.inviting.accept(OUTSIDER, str(invitation.id))

    project = await accept()
    assert (project.id, project.my_role) == (house.project.id, "member")
    assert house.roles[OUTSIDER.id] == "member"
    assert house.outbox.types == ["invitation.accepted", "member.added"]
    assert all(event.audited for event in house.outbox.events)
    house.forget_locks()
    with pytest.raises(InvalidToken if by_token else InvitationNotFound):
        await accept()


async def test_a_token_proves_the_mailbox_and_an_id_does_not(house: House) -> None:
    invitation = await invited(house)
    house.members.people[OUTSIDER.id] = changed(house.members.people[OUTSIDER.id], is_verified=False)
    with pytest.raises(InvitationNotFound):
        await house.inviting.accept(OUTSIDER, str(invitation.id))
    house.forget_locks()
    with pytest.raises(InvitationNotFound):
        await house.inviting.withdraw(OUTSIDER, str(invitation.id))
    house.forget_locks()
    await house.inviting.accept_by_token(OUTSIDER, await the_token(house, invitation))
    assert house.roles[OUTSIDER.id] == "member"
    assert not house.members.people[OUTSIDER.id].is_verified


async def test_nobody_else_takes_it(house: House) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)
    with pytest.raises(NotInvited):
        await house.inviting.accept_by_token(OTHER, token)
    for actor, refusal in (
        (OTHER, InvitationNotFound),
        (MEMBER, InvitationNotFound),
        (MAINTAINER, NotInvited),
        (ADMIN, NotInvited),
    ):
        house.forget_locks()
        with pytest.raises(refusal):
            await house.inviting.accept(actor, str(invitation.id))
    house.forget_locks()
    with pytest.raises(InvitationNotFound):
        await house.inviting.withdraw(MEMBER, str(invitation.id))
    assert invitation.id in house.invitations.rows


async def test_what_is_gone_or_too_old_is_none(house: House) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)
    house.clock.advance(LIFETIME)
    assert await house.inviting.issue(invitation.id) is None
    for refusal, refused in (
        (InvitationNotFound, lambda: house.inviting.accept(OUTSIDER, str(invitation.id))),
        (InvitationNotFound, lambda: house.inviting.withdraw(OUTSIDER, str(invitation.id))),
        (InvalidToken, lambda: house.inviting.accept_by_token(OUTSIDER, token)),
        (InvalidToken, lambda: house.inviting.accept_by_token(OUTSIDER, "never was one")),
    ):
        with pytest.raises(refusal):
            await refused()


async def test_an_invitation_to_a_deleted_project_is_none(house: House) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)
    house.projects.deleted.add(house.project.id)
    with pytest.raises(InvitationNotFound):
        await house.inviting.accept(OUTSIDER, str(invitation.id))
    with pytest.raises(InvitationNotFound):
        await house.inviting.withdraw(OUTSIDER, str(invitation.id))
    with pytest.raises(InvalidToken):
        await house.inviting.accept_by_token(OUTSIDER, token)


async def test_whoever_comes_second_finds_it_gone(house: House) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)
    house.invitations.taken_meanwhile = True
    with pytest.raises(InvitationNotFound):
        await house.inviting.accept(OUTSIDER, str(invitation.id))
    house.forget_locks()
    with pytest.raises(InvalidToken):
        await house.inviting.accept_by_token(OUTSIDER, token)
    house.forget_locks()
    with pytest.raises(InvitationNotFound):
        await house.inviting.withdraw(OUTSIDER, str(invitation.id))
    assert not house.outbox.events


@pytest.mark.parametrize("role", [ProjectRole.MEMBER, None], ids=["demoted", "gone"])
async def test_what_the_inviter_may_do_is_asked_again(house: House, role: ProjectRole | None) -> None:
    invitation = await invited(house)
    del house.roles[MAINTAINER.id]
    if role is not None:
        house.roles[MAINTAINER.id] = role
    with pytest.raises(InvitationVoid):
        await house.inviting.accept(OUTSIDER, str(invitation.id))
    assert OUTSIDER.id not in house.roles
    assert house.unit_of_work.rolled_back == 1


async def test_who_became_a_member_otherwise_stays_what_he_is(house: House) -> None:
    invitation = await invited(house)
    house.roles[OUTSIDER.id] = ProjectRole.VIEWER
    with pytest.raises(AlreadyMember):
        await house.inviting.accept(OUTSIDER, str(invitation.id))
    assert house.roles[OUTSIDER.id] == "viewer"


async def test_in_an_archived_project_invitations_stand_still(house: House) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)
    house.archive()
    for refused in (
        lambda: house.inviting.accept(OUTSIDER, str(invitation.id)),
        lambda: house.inviting.accept_by_token(OUTSIDER, token),
        lambda: house.inviting.withdraw(OUTSIDER, str(invitation.id)),
    ):
        with pytest.raises(ProjectArchived):
            await refused()
        house.forget_locks()


@pytest.mark.parametrize(
    ("actor", "event"),
    [(OUTSIDER, "declined"), (MAINTAINER, "revoked"), (OWNER, "revoked"), (ADMIN, "revoked")],
)
async def test_it_is_declined_by_whom_it_is_for_and_revoked_by_maintainers(house: House, actor: Actor, event: str) -> None:
    invitation = await invited(house)
    await house.inviting.withdraw(actor, str(invitation.id))
    assert not house.invitations.rows
    assert (house.event.type, house.event.audited, house.event.subject_version) == (f"invitation.{event}", True, 2)


async def test_a_narrowed_token_takes_no_invitation_elsewhere(house: House) -> None:
    invitation = await invited(house)
    token = await the_token(house, invitation)
    narrowed = replace(OUTSIDER, project_ids=frozenset({UUID(int=1)}))
    with pytest.raises(TokenNarrowed):
        await house.inviting.accept_by_token(narrowed, token)
    with pytest.raises(InvitationNotFound):
        await house.inviting.accept(narrowed, str(invitation.id))
