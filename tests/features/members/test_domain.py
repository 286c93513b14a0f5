"""Who may give and take which role, and when an invitation holds: the rules alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.features.members.domain import OwnerMustTransfer, Person, grantor_of, refuse_owner, require_grantor
from service.features.members.invitation_domain import InvitationVoid, refuse_void
from service.features.members.schemas import grantable
from service.features.projects.domain import InsufficientRole, ProjectRole
from tests.support.fake_members import changed

VIEWER, MEMBER, MAINTAINER, OWNER = ProjectRole
ANN = Person(UUID(int=1), "Ann", "ann@example.com", "ann@example.com", is_active=True, is_admin=False, is_verified=True)


def test_a_role_is_given_by_the_one_above_and_by_a_maintainer_at_least() -> None:
    assert {role: grantor_of(role) for role in ProjectRole} == {
        VIEWER: MAINTAINER,
        MEMBER: MAINTAINER,
        MAINTAINER: OWNER,
        OWNER: OWNER,
    }


@pytest.mark.parametrize("acting", list(ProjectRole))
@pytest.mark.parametrize("role", list(ProjectRole))
def test_nobody_but_the_owner_gives_a_role_at_or_above_his_own(acting: ProjectRole, role: ProjectRole) -> None:
    allowed = acting is OWNER or (acting is MAINTAINER and role in {VIEWER, MEMBER})
    if allowed:
        require_grantor(acting, VIEWER, role)
        return
    with pytest.raises(InsufficientRole) as caught:
        require_grantor(acting, role)
    assert caught.value.members["required_role"] == grantor_of(role)


def test_of_two_roles_both_must_be_below() -> None:
    with pytest.raises(InsufficientRole):
        require_grantor(MAINTAINER, MAINTAINER, VIEWER)


def test_only_the_owner_must_hand_over_first() -> None:
    for role in (None, VIEWER, MEMBER, MAINTAINER):
        refuse_owner(role)
    with pytest.raises(OwnerMustTransfer, match="transfer"):
        refuse_owner(OWNER)


def test_an_invitation_holds_as_long_as_its_inviter_could_still_give_the_role() -> None:
    refuse_void(ANN, MAINTAINER, MEMBER)
    refuse_void(ANN, OWNER, MAINTAINER)
    refuse_void(changed(ANN, is_admin=True), None, MAINTAINER)


@pytest.mark.parametrize(
    ("inviter", "role", "offered"),
    [
        (None, None, VIEWER),
        (None, OWNER, VIEWER),
        (ANN, None, VIEWER),
        (ANN, MEMBER, VIEWER),
        (ANN, MAINTAINER, MAINTAINER),
        (changed(ANN, is_active=False), OWNER, VIEWER),
        (changed(ANN, is_active=False, is_admin=True), None, VIEWER),
    ],
    ids=["deleted", "deleted owner", "gone", "demoted", "no owner any more", "inactive", "inactive admin"],
)
def test_an_invitation_is_void_when_its_inviter_could_not(
    inviter: Person | None, role: ProjectRole | None, offered: ProjectRole
) -> None:
    with pytest.raises(InvitationVoid):
        refuse_void(inviter, role, offered)


def test_every_role_but_the_owner_s_can_be_given() -> None:
    assert [role for role in ProjectRole if grantable(role) is None] == [VIEWER, MEMBER, MAINTAINER]
    assert "transfer" in (grantable("owner") or "")
    assert "viewer, member, maintainer" in (grantable("king") or "")
