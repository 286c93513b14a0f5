"""Accounts that admins make for others, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from service.features.accounts.addresses import UnusableEmail
from service.features.accounts.domain import EmailTaken, InvalidToken, MailedLink, Role
from service.features.accounts.events import UserInvited
from service.features.accounts.invitations import LINK_LIFETIME, UserInvitations
from service.features.accounts.one_time_links import OneTimeLinks
from service.features.accounts.password_rules import PasswordRules
from service.features.accounts.use_cases import PASSWORD, Kit, PasswordLinks
from service.features.accounts.verification import VERIFY
from service.kernel.actor import Actor, Trace
from tests.support.accounts import FakeOneTimeTokens, FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor
from tests.support.throttles import FakeThrottling

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

ROOT = an_actor(1, is_admin=True)
STRANGER = Actor.anonymous(Trace("request-0001"))


class Scene:
    """One account that waits for its password."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.tokens = FakeOneTimeTokens(self.users)
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.kit = Kit(self.unit_of_work, self.users, self.outbox, self.clock, FakeIds())
        numbers = count(1)
        self.invitations = UserInvitations(self.kit, self.tokens, lambda: f"secret-{next(numbers)}")
        throttle = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock).throttle
        one_time = OneTimeLinks(self.unit_of_work, self.users, self.tokens, self.outbox, self.clock)
        rules = PasswordRules(8, frozenset())
        self.links = PasswordLinks(self.kit, self.tokens, one_time, FakePasswords(), rules, throttle)
        self.ann = a_stored_user(self.users, "ann@example.com", None, self.clock.now(), locale="de")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def gone(scene: Scene) -> None:
    del scene.users.users[scene.ann.id]


def renamed(scene: Scene) -> None:
    del scene.users.addresses["ann@example.com"]


def inactive(scene: Scene) -> None:
    scene.users.users[scene.ann.id] = replace(scene.ann, is_active=False)


def settled(scene: Scene) -> None:
    scene.users.hashes[scene.ann.id] = "hash"


@pytest.mark.parametrize("role", list(Role))
async def test_an_invited_account_has_a_role_and_no_password(scene: Scene, role: Role) -> None:
    user = await scene.invitations.invite(ROOT, "Bob@Example.com", "Bob", role)
    assert scene.users.users[user.id] == user
    assert (user.email, user.full_name, user.role, user.is_active, user.version) == ("Bob@example.com", "Bob", role, True, 1)
    assert user.email_verified_at is None
    assert scene.users.addresses["bob@example.com"] == user.id
    assert scene.users.hashes[user.id] is None


async def test_an_invitation_is_told_without_the_address_and_makes_no_token(scene: Scene) -> None:
    user = await scene.invitations.invite(ROOT, "bob@example.com", None, Role.USER)
    assert scene.outbox.events == [UserInvited(subject_id=user.id, subject_version=1, data={"role": Role.USER})]
    assert scene.tokens.tokens == {}


async def test_whoever_has_an_account_is_not_invited(scene: Scene) -> None:
    with pytest.raises(EmailTaken):
        await scene.invitations.invite(ROOT, "ANN@example.com", None, Role.ADMIN)
    assert scene.outbox.events == []
    assert scene.unit_of_work.rolled_back == 1


async def test_what_is_no_address_is_refused_before_a_transaction(scene: Scene) -> None:
    with pytest.raises(UnusableEmail):
        await scene.invitations.invite(ROOT, "bob", None, Role.USER)
    assert scene.unit_of_work.rolled_back == 0


async def test_a_link_lives_a_day_and_replaces_earlier_ones_of_its_purpose(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.tokens.add("verification", scene.ann.id, VERIFY, now, now + timedelta(hours=1))
    first = await scene.invitations.issue(scene.ann.id)
    second = await scene.invitations.issue(scene.ann.id)
    assert first == MailedLink("ann@example.com", "de", "secret-1", timedelta(hours=24))
    assert second == MailedLink("ann@example.com", "de", "secret-2", timedelta(hours=24))
    assert scene.tokens.tokens == {
        "verification": (scene.ann.id, VERIFY, now + timedelta(hours=1)),
        "secret-2": (scene.ann.id, PASSWORD, now + LINK_LIFETIME),
    }


@pytest.mark.parametrize("meanwhile", [gone, renamed, inactive, settled])
async def test_no_link_is_made_for_who_waits_for_none_by_now(scene: Scene, meanwhile: Callable[[Scene], None]) -> None:
    meanwhile(scene)
    assert await scene.invitations.issue(scene.ann.id) is None
    assert scene.tokens.tokens == {}


async def test_the_link_sets_the_password_and_proves_the_address(scene: Scene) -> None:
    link = await scene.invitations.issue(scene.ann.id)
    assert link is not None
    await scene.links.confirm(STRANGER, link.token, "Correct-horse-7")
    assert scene.users.hashes == {scene.ann.id: "new:Correct-horse-7"}
    assert scene.users.users[scene.ann.id].email_verified_at == scene.clock.now()
    assert await scene.invitations.issue(scene.ann.id) is None


async def test_a_link_of_yesterday_sets_nothing(scene: Scene) -> None:
    link = await scene.invitations.issue(scene.ann.id)
    assert link is not None
    scene.clock.advance(LINK_LIFETIME)
    with pytest.raises(InvalidToken):
        await scene.links.confirm(STRANGER, link.token, "Correct-horse-7")
