"""Proving an address, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from msgspec.structs import replace

from service.features.accounts.addresses import UnusableEmail
from service.features.accounts.domain import InvalidToken, MailedLink
from service.features.accounts.events import EmailVerified, VerificationRequested
from service.features.accounts.mail_requests import MailDesk
from service.features.accounts.one_time_links import OneTimeLinks
from service.features.accounts.use_cases import PASSWORD, Kit
from service.features.accounts.verification import LINK_LIFETIME, VERIFY, EmailVerification, VerificationRequests
from service.kernel.actor import Actor, Trace
from service.kernel.events import Change
from tests.support.accounts import FakeMailRequests, FakeOneTimeTokens, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, FakeVault

pytestmark = pytest.mark.anyio

STRANGER = Actor.anonymous(Trace("request-0001"))


class Scene:
    """One account whose address is not proven yet."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.tokens = FakeOneTimeTokens(self.users)
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.user = a_stored_user(self.users, "ann@example.com", "hash", self.clock.now(), locale="de")
        self.kit = Kit(self.unit_of_work, self.users, self.outbox, self.clock, FakeIds())
        numbers = count(1)
        self.requests = FakeMailRequests()
        self.desk = MailDesk(self.kit, self.requests, FakeVault())
        links = OneTimeLinks(self.unit_of_work, self.users, self.tokens, self.outbox, self.clock)
        self.verification = EmailVerification(self.kit, self.tokens, links, self.desk, lambda: f"secret-{next(numbers)}")
        self.asking = VerificationRequests(self.kit, self.desk, self.verification)

    def change(self, **fields: object) -> None:
        """Change the account behind the service's back."""
        self.users.users[self.user.id] = replace(self.user, **fields)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def gone(scene: Scene) -> None:
    del scene.users.users[scene.user.id]
    del scene.users.addresses[scene.user.email]


def inactive(scene: Scene) -> None:
    scene.change(is_active=False)


def verified(scene: Scene) -> None:
    scene.change(email_verified_at=scene.clock.now())


async def test_asking_for_another_mail_writes_the_same_whether_or_not_there_is_an_account(scene: Scene) -> None:
    for address in ("Ann@Example.com", "Nobody@Example.com"):
        await scene.asking.request(STRANGER, address)
    one, other = scene.requests.requests.values()
    assert (one.address, other.address) == ("Ann@example.com", "Nobody@example.com")
    assert scene.outbox.events == [VerificationRequested(subject_id=each.id, subject_version=1) for each in (one, other)]
    assert [(entry.action, entry.outcome, entry.target_digest) for entry in scene.outbox.entries] == [
        ("verification.requested", "success", b"login throttle: ann@example.com"),
        ("verification.requested", "success", b"login throttle: nobody@example.com"),
    ]
    assert scene.tokens.tokens == {}
    assert scene.unit_of_work.committed == 2


async def issued_on_request(scene: Scene, address: str = "ann@example.com") -> MailedLink | None:
    """What the worker mails when the address has asked for another mail."""
    await scene.asking.request(STRANGER, address)
    return await scene.asking.issue(next(reversed(scene.requests.requests)))


async def test_who_asked_gets_a_token_in_place_of_earlier_ones(scene: Scene) -> None:
    await scene.verification.issue(scene.user.id)
    link = await issued_on_request(scene, "ANN@example.com")
    assert link == MailedLink("ann@example.com", "de", "secret-2", timedelta(hours=24))
    assert scene.tokens.tokens.keys() == {"secret-2"}
    assert [cause for cause, _ in scene.requests.admitted] == [scene.user.id, *scene.requests.requests]


@pytest.mark.parametrize("meanwhile", [gone, inactive, verified])
async def test_nobody_else_gets_another_mail(scene: Scene, meanwhile: object) -> None:
    assert callable(meanwhile)
    meanwhile(scene)
    assert await issued_on_request(scene) is None
    assert await issued_on_request(scene, "nobody@example.com") is None
    assert scene.requests.admitted == []


async def test_an_address_that_had_its_share_of_mails_gets_no_more(scene: Scene) -> None:
    scene.requests.is_full = True
    assert await issued_on_request(scene) is None
    assert await scene.verification.issue(scene.user.id) is None
    assert scene.tokens.tokens == {}


async def test_a_request_that_is_handled_is_not_handled_again(scene: Scene) -> None:
    await scene.asking.request(STRANGER, "ann@example.com")
    (request_id,) = scene.requests.requests
    await scene.desk.forget(request_id)
    assert await scene.asking.issue(request_id) is None


async def test_what_is_no_address_is_refused(scene: Scene) -> None:
    with pytest.raises(UnusableEmail):
        await scene.asking.request(STRANGER, "ann")


async def test_a_token_lives_a_day_and_replaces_earlier_ones_of_its_purpose(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.tokens.add("password link", scene.user.id, PASSWORD, now, now + timedelta(minutes=30))
    first = await scene.verification.issue(scene.user.id)
    second = await scene.verification.issue(scene.user.id)
    assert first == MailedLink("ann@example.com", "de", "secret-1", timedelta(hours=24))
    assert second == MailedLink("ann@example.com", "de", "secret-2", timedelta(hours=24))
    assert scene.tokens.tokens == {
        "password link": (scene.user.id, PASSWORD, now + timedelta(minutes=30)),
        "secret-2": (scene.user.id, VERIFY, now + timedelta(hours=24)),
    }


@pytest.mark.parametrize("meanwhile", [gone, inactive, verified])
async def test_no_token_is_made_for_who_waits_for_none_by_now(scene: Scene, meanwhile: object) -> None:
    assert callable(meanwhile)
    meanwhile(scene)
    assert await scene.verification.issue(scene.user.id) is None
    assert scene.tokens.tokens == {}


async def test_the_token_proves_the_address_once(scene: Scene) -> None:
    link = await scene.verification.issue(scene.user.id)
    assert link is not None
    await scene.verification.confirm(STRANGER, link.token)
    now = scene.clock.now()
    assert scene.users.users[scene.user.id].email_verified_at == now
    assert scene.outbox.events == [
        EmailVerified(subject_id=scene.user.id, subject_version=2, changes={"email_verified_at": Change(None, now)})
    ]
    with pytest.raises(InvalidToken):
        await scene.verification.confirm(STRANGER, link.token)
    assert len(scene.outbox.events) == 1


async def test_a_token_that_is_too_old_or_of_another_purpose_or_none_proves_nothing(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.tokens.add("password link", scene.user.id, PASSWORD, now, now + timedelta(days=9))
    link = await scene.verification.issue(scene.user.id)
    assert link is not None
    scene.clock.advance(LINK_LIFETIME)
    for token in (link.token, "password link", "anything"):
        with pytest.raises(InvalidToken):
            await scene.verification.confirm(STRANGER, token)
    assert scene.users.users[scene.user.id].email_verified_at is None
