"""Resets, another password, another address and concealed registrations, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.addresses import address_digest
from service.features.accounts.domain import (
    EmailTaken,
    InvalidToken,
    MailedLink,
    MailedNotice,
    MailRequest,
    PasswordRequired,
    Role,
)
from service.features.accounts.email_changes import EMAIL, EmailChanges, EmailLinks
from service.features.accounts.events import EmailChangeRequested, PasswordResetRequested, UserEmailChanged, UserPasswordChanged
from service.features.accounts.mail_requests import MailDesk
from service.features.accounts.one_time_links import OneTimeLinks
from service.features.accounts.password_changes import PasswordChanges
from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.password_resets import PasswordResets
from service.features.accounts.password_rules import PasswordRules
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.registrations import ConcealedRegistrations
from service.features.accounts.use_cases import PASSWORD, Kit, PasswordLinks
from service.kernel.actor import Actor, Trace
from service.kernel.errors import Invalid
from service.kernel.events import Change
from tests.support.accounts import FakeMailRequests, FakeOneTimeTokens, FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, FakeVault
from tests.support.throttles import FakeThrottling

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

STRANGER = Actor.anonymous(Trace("request-0001"))
GOOD = "Correct-horse-7"
NEW = "new@example.org"


class Scene:
    """One account with a password, and everything that changes what it logs in with."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.tokens = FakeOneTimeTokens(self.users)
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.passwords = FakePasswords()
        self.requests = FakeMailRequests()
        self.kit = kit = Kit(self.unit_of_work, self.users, self.outbox, self.clock, FakeIds())
        rules = PasswordRules(8, frozenset({"password"}))
        numbers = count(1)

        def new_secret() -> str:
            return f"secret-{next(numbers)}"

        self.vault = FakeVault()
        self.desk = MailDesk(kit, self.requests, self.vault)
        links = OneTimeLinks(self.unit_of_work, self.users, self.tokens, self.outbox, self.clock)
        self.throttling = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock)
        throttle = self.throttling.throttle
        reauthentication = Reauthentication(self.users, PasswordChecks(self.users, self.passwords, throttle), throttle)
        self.links = PasswordLinks(kit, self.tokens, links, self.passwords, rules, throttle)
        self.resets = PasswordResets(kit, self.tokens, self.desk, new_secret)
        self.password_changes = PasswordChanges(kit, self.tokens, self.passwords, rules, reauthentication, throttle)
        self.email_changes = EmailChanges(kit, self.tokens, self.desk, reauthentication, new_secret)
        self.email_links = EmailLinks(kit, self.tokens, links, throttle)
        self.registrations = ConcealedRegistrations(kit, self.desk, self.passwords, rules)
        self.ann = a_stored_user(self.users, "ann@example.com", "new:old", self.clock.now(), locale="de")
        self.actor = Actor("user", Trace("request-0002"), self.ann.id, UUID(int=77), email=self.ann.email, full_name="Ann")

    async def knows_devices(self) -> None:
        """Ann and Bob have each logged in from a device."""
        for name in ("ann", "bob"):
            address = address_digest(self.vault, f"{name}@example.com")
            now = self.clock.now()
            await self.throttling.devices.add(UUID(int=1), f"of {name}", address, now, now + timedelta(days=90))

    @property
    def devices(self) -> list[str]:
        """Those that are still known."""
        return list(self.throttling.devices.devices)

    @property
    def request_id(self) -> UUID:
        """The newest request."""
        return next(reversed(self.requests.requests))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def gone(scene: Scene) -> None:
    del scene.users.users[scene.ann.id]
    del scene.users.addresses[scene.ann.email]


def inactive(scene: Scene) -> None:
    scene.users.users[scene.ann.id] = replace(scene.ann, is_active=False)


def handled(scene: Scene) -> None:
    scene.requests.requests.clear()


def full(scene: Scene) -> None:
    scene.requests.is_full = True


@pytest.fixture(params=[gone, inactive, handled, full])
def meanwhile(request: pytest.FixtureRequest) -> Callable[[Scene], None]:
    made: Callable[[Scene], None] = request.param
    return made


async def test_a_reset_lives_half_an_hour_and_leaves_other_links_alone(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.tokens.add("of an admin", scene.ann.id, PASSWORD, now, now + timedelta(hours=24))
    await scene.resets.request(STRANGER, "ANN@example.com")
    assert scene.outbox.events == [PasswordResetRequested(subject_id=scene.request_id, subject_version=1)]
    assert await scene.resets.issue(scene.request_id) == MailedLink("ann@example.com", "de", "secret-1", timedelta(minutes=30))
    assert scene.tokens.tokens == {
        "of an admin": (scene.ann.id, PASSWORD, now + timedelta(hours=24)),
        "secret-1": (scene.ann.id, PASSWORD, now + timedelta(minutes=30)),
    }


async def test_no_reset_for_who_may_have_none_by_now(scene: Scene, meanwhile: Callable[[Scene], None]) -> None:
    await scene.resets.request(STRANGER, "ann@example.com")
    request_id = scene.request_id
    meanwhile(scene)
    assert await scene.resets.issue(request_id) is None
    assert scene.tokens.tokens == {}


async def test_a_refused_link_is_told_to_the_audit_with_whose_it_was_if_it_was_anybody_s(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.tokens.add("a token", scene.ann.id, PASSWORD, now, now + timedelta(hours=1))
    with pytest.raises(InvalidToken):
        await scene.links.confirm(STRANGER, "another", GOOD)

    async def hash_(password: str) -> str:
        gone(scene)
        return password

    scene.passwords.hash = hash_  # type: ignore[method-assign]
    user = scene.users.users[scene.ann.id]

    async def owner(*_: object) -> object:
        return user

    scene.tokens.owner = owner  # type: ignore[assignment, method-assign]
    with pytest.raises(InvalidToken):
        await scene.links.confirm(STRANGER, "a token", GOOD)
    assert [(entry.action, entry.reason, entry.target_type, entry.target_id) for entry in scene.outbox.entries] == [
        ("one_time_token.refused", "invalid_token", None, None),
        ("one_time_token.refused", "invalid_token", "user", scene.ann.id),
    ]
    assert scene.unit_of_work.rolled_back == 0


async def test_another_password_ends_the_other_sessions_and_voids_links(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.tokens.add("a token", scene.ann.id, PASSWORD, now, now + timedelta(hours=1))
    await scene.password_changes.change(scene.actor, "old", GOOD)
    assert scene.users.hashes == {scene.ann.id: f"new:{GOOD}"}
    assert scene.users.sessions_ended_at == {scene.ann.id: now}
    assert scene.users.sessions_kept == {scene.ann.id: scene.actor.session_id}
    assert scene.tokens.tokens == {}
    assert scene.outbox.events == [UserPasswordChanged(subject_id=scene.ann.id, subject_version=2)]
    assert UserPasswordChanged.audited


@pytest.mark.parametrize("revoke", [False, True])
async def test_personal_tokens_end_with_the_password_where_that_is_wished(scene: Scene, *, revoke: bool) -> None:
    await scene.password_changes.change(scene.actor, "old", GOOD, revoke_tokens=revoke)
    assert scene.users.tokens_revoked_at == ({scene.ann.id: scene.clock.now()} if revoke else {})


async def test_another_password_forgets_the_devices_of_the_address_and_no_others(scene: Scene) -> None:
    await scene.knows_devices()
    await scene.password_changes.change(scene.actor, "old", GOOD)
    assert scene.devices == ["of bob"]


async def test_another_address_forgets_the_devices_of_the_old_one(scene: Scene) -> None:
    await scene.knows_devices()
    await scene.email_changes.request(scene.actor, NEW, "old")
    link = await scene.email_changes.issue(scene.request_id)
    assert link is not None
    await scene.email_links.confirm(STRANGER, link.token)
    assert scene.devices == ["of bob"]


async def test_a_wrong_present_password_counts_as_a_failed_login(scene: Scene) -> None:
    for _ in range(5):
        with pytest.raises(PasswordRequired):
            await scene.password_changes.change(scene.actor, "wrong", GOOD)
    assert scene.throttling.locked
    with pytest.raises(PasswordRequired, match="locked"):
        await scene.password_changes.change(scene.actor, "old", GOOD)
    now = scene.clock.now()
    await scene.tokens.add("a token", scene.ann.id, PASSWORD, now, now + timedelta(hours=1))
    await scene.links.confirm(STRANGER, "a token", GOOD)
    assert not scene.throttling.locked


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [("wrong", GOOD, PasswordRequired), (None, GOOD, PasswordRequired), ("old", "password", Invalid)],
)
async def test_a_password_that_may_not_change_stays(
    scene: Scene, current: str | None, new: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await scene.password_changes.change(scene.actor, current, new)
    assert scene.users.hashes == {scene.ann.id: "new:old"}
    assert not scene.users.sessions_ended_at


async def test_a_password_that_changed_while_the_new_one_was_hashed_stays(scene: Scene) -> None:
    async def hash_(password: str) -> str:
        scene.users.hashes[scene.ann.id] = "new:of somebody else"
        return f"new:{password}"

    scene.passwords.hash = hash_  # type: ignore[method-assign]
    with pytest.raises(PasswordRequired):
        await scene.password_changes.change(scene.actor, "old", GOOD)
    assert scene.users.hashes == {scene.ann.id: "new:of somebody else"}


async def test_an_address_changes_by_the_link_that_was_mailed_there(scene: Scene) -> None:
    now = scene.clock.now()
    await scene.email_changes.request(scene.actor, "New@Example.ORG", "old")
    assert scene.requests.requests[scene.request_id] == MailRequest(scene.request_id, "New@example.org", scene.ann.id)
    assert scene.outbox.events == [EmailChangeRequested(subject_id=scene.request_id, subject_version=1)]
    link = await scene.email_changes.issue(scene.request_id)
    assert link == MailedLink("New@example.org", "de", "secret-1", timedelta(hours=24))
    await scene.tokens.add("a reset", scene.ann.id, PASSWORD, now, now + timedelta(hours=1))
    await scene.email_links.confirm(STRANGER, link.token)
    assert scene.users.addresses == {NEW: scene.ann.id}
    changes = {"email": Change("ann@example.com", "New@example.org"), "email_verified_at": Change(None, now)}
    event = UserEmailChanged(subject_id=scene.ann.id, subject_version=2, changes=changes, data={"locale": "de"})
    assert scene.outbox.events[1:] == [event]
    assert scene.tokens.tokens == {}
    with pytest.raises(InvalidToken):
        await scene.email_links.confirm(STRANGER, link.token)


async def test_a_newer_link_replaces_the_one_before(scene: Scene) -> None:
    for address in ("one@example.org", "two@example.org"):
        await scene.email_changes.request(scene.actor, address, "old")
        await scene.email_changes.issue(scene.request_id)
    assert {secret: purpose for secret, (_, purpose, _) in scene.tokens.tokens.items()} == {"secret-2": EMAIL}


async def test_no_link_to_a_new_address_for_who_may_have_none_by_now(scene: Scene, meanwhile: Callable[[Scene], None]) -> None:
    await scene.email_changes.request(scene.actor, NEW, "old")
    request_id = scene.request_id
    meanwhile(scene)
    assert await scene.email_changes.issue(request_id) is None
    assert scene.tokens.tokens == {}


async def test_a_request_of_nobody_s_changes_no_address(scene: Scene) -> None:
    await scene.desk.file(STRANGER, EmailChangeRequested, NEW)
    assert await scene.email_changes.issue(scene.request_id) is None


async def test_a_new_address_takes_the_password(scene: Scene) -> None:
    with pytest.raises(PasswordRequired):
        await scene.email_changes.request(scene.actor, NEW, "wrong")
    assert scene.requests.requests == {}


async def test_a_taken_address_is_refused_where_its_owner_reads_it(scene: Scene) -> None:
    await scene.email_changes.request(scene.actor, NEW, "old")
    link = await scene.email_changes.issue(scene.request_id)
    assert link is not None
    a_stored_user(scene.users, NEW, None, scene.clock.now())
    with pytest.raises(EmailTaken):
        await scene.email_links.confirm(STRANGER, link.token)
    assert scene.unit_of_work.rolled_back == 1


async def test_a_concealed_registration_is_an_account_only_later(scene: Scene) -> None:
    await scene.registrations.register(STRANGER, "Bob@Example.com", GOOD, "Bob")
    expected = MailRequest(scene.request_id, "Bob@example.com", None, f"new:{GOOD}", "Bob")
    assert scene.requests.requests == {scene.request_id: expected}
    assert scene.users.users.keys() == {scene.ann.id}
    request_id = scene.request_id
    assert await scene.registrations.settle(request_id, "request-0001") is None
    bob = scene.users.users[scene.users.addresses["bob@example.com"]]
    assert (bob.email, bob.full_name, bob.role, bob.email_verified_at) == ("Bob@example.com", "Bob", Role.USER, None)
    assert scene.users.hashes[bob.id] == f"new:{GOOD}"
    assert scene.outbox.types == ["registration.requested", "user.registered"]
    assert await scene.registrations.settle(request_id, "request-0001") is None
    assert len(scene.users.users) == 2


async def test_a_concealed_registration_of_a_known_address_is_a_notice(scene: Scene) -> None:
    await scene.registrations.register(STRANGER, "ANN@example.com", GOOD, "Visit evil.example")
    assert await scene.registrations.settle(scene.request_id, "request-0001") == MailedNotice("ann@example.com", "de")
    assert scene.users.hashes == {scene.ann.id: "new:old"}
    for change in (full, inactive):
        change(scene)
        assert await scene.registrations.settle(scene.request_id, "request-0001") is None


@pytest.mark.parametrize(("email", "password"), [("bob", GOOD), ("bob@example.com", "password"), ("ann@example.com", "password")])
async def test_what_is_not_acceptable_is_refused_on_the_request(scene: Scene, email: str, password: str) -> None:
    with pytest.raises(Invalid):
        await scene.registrations.register(STRANGER, email, password, None)
    assert scene.requests.requests == {}
