"""Registering, changing a profile, setting a password and making admins, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.features.accounts.addresses import UnusableEmail, address_digest
from service.features.accounts.domain import (
    EmailTaken,
    InvalidToken,
    NotYourProfile,
    RegistrationClosed,
    Role,
    User,
    UserNotFound,
)
from service.features.accounts.one_time_links import OneTimeLinks
from service.features.accounts.password_rules import PasswordRules
from service.features.accounts.use_cases import PASSWORD, Administrators, Kit, PasswordLinks, UserWrites
from service.kernel.actor import Actor, Trace
from service.kernel.audit import AuditEntry
from service.kernel.errors import Invalid
from service.kernel.events import Change
from tests.support.accounts import FakeOneTimeTokens, FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, FakeVault, an_actor
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

GOOD = "Correct-horse-7"
STRANGER = Actor.anonymous(Trace("request-0001"))
OPERATOR = Actor.system("request-0002")
ME = str(an_actor().id)


class Scene:
    """An instance without accounts."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.passwords = FakePasswords()
        self.rules = PasswordRules(8, frozenset({"password"}))
        self.tokens = FakeOneTimeTokens(self.users)
        self.kit = Kit(self.unit_of_work, self.users, self.outbox, self.clock, FakeIds())
        self.throttling = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock)
        self.writes = UserWrites(self.kit, self.passwords, self.rules, FakeVault(), registration_is_open=True)
        one_time = OneTimeLinks(self.unit_of_work, self.users, self.tokens, self.outbox, self.clock)
        throttle = self.throttling.throttle
        self.links = PasswordLinks(self.kit, self.tokens, one_time, self.passwords, self.rules, throttle)
        self.administrators = Administrators(self.kit, self.tokens, lambda: "secret", "https://tasks.example.com")

    def ann(self, **fields: Any) -> User:
        return a_stored_user(self.users, "ann@example.com", "new:old", self.clock.now(), **fields)

    async def a_link(self, user: User, lifetime: timedelta = timedelta(minutes=30)) -> str:
        now = self.clock.now()
        await self.tokens.add("token", user.id, PASSWORD, now, now + lifetime)
        return "token"

    @property
    def only_user(self) -> User:
        (user,) = self.users.users.values()
        return user


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_registering_makes_an_active_user_that_nobody_has_verified(scene: Scene) -> None:
    user = await scene.writes.register(STRANGER, "Ann@Example.com", GOOD, "Ann")
    assert user == scene.only_user
    assert (user.email, user.full_name, user.role, user.is_active) == ("Ann@example.com", "Ann", Role.USER, True)
    assert (user.email_verified_at, user.timezone, user.locale, user.version) == (None, "UTC", "en", 1)
    assert scene.users.addresses == {"ann@example.com": user.id}
    assert scene.users.hashes == {user.id: f"new:{GOOD}"}


async def test_registering_is_told_without_the_address(scene: Scene) -> None:
    user = await scene.writes.register(STRANGER, "ann@example.com", GOOD, "Ann")
    (event,) = scene.outbox.events
    assert (event.type, event.subject_id, event.subject_version) == ("user.registered", user.id, 1)
    assert (event.changes, event.data) == ({}, {"role": "user"})


async def test_another_spelling_of_a_taken_address_is_refused(scene: Scene) -> None:
    await scene.writes.register(STRANGER, "ann@example.com", GOOD, None)
    with pytest.raises(EmailTaken):
        await scene.writes.register(STRANGER, "ANN@example.com", GOOD, None)
    assert scene.unit_of_work.rolled_back == 1
    assert len(scene.outbox.events) == 1
    (entry,) = scene.outbox.entries
    assert (entry.action, entry.reason) == ("registration.refused", "email_taken")
    assert (entry.target_type, entry.target_id) == ("user", scene.only_user.id)


async def test_the_refusal_of_an_address_that_is_free_again_names_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_: str) -> None:
        """The account went a moment later."""

    await scene.writes.register(STRANGER, "ann@example.com", GOOD, None)
    monkeypatch.setattr(scene.users, "credentials", gone)
    with pytest.raises(EmailTaken):
        await scene.writes.register(STRANGER, "ann@example.com", GOOD, None)
    assert [entry.target_id for entry in scene.outbox.entries] == [None]


async def test_a_closed_instance_registers_nobody_and_keeps_that_somebody_tried(scene: Scene) -> None:
    vault = FakeVault()
    writes = UserWrites(scene.kit, scene.passwords, scene.rules, vault, registration_is_open=False)
    with pytest.raises(RegistrationClosed):
        await writes.register(STRANGER, "ANN@example.com", GOOD, None)
    assert scene.users.users == {}
    digest = address_digest(vault, "ann@example.com")
    assert scene.outbox.entries == [
        AuditEntry(action="registration.refused", target_type="user", target_digest=digest, reason="registration_closed")
    ]
    assert (scene.unit_of_work.committed, scene.unit_of_work.rolled_back) == (1, 0)


@pytest.mark.parametrize(("email", "password"), [("ann", GOOD), ("ann@example.com", "password"), ("ann@example.com", "x")])
async def test_what_is_not_acceptable_is_refused_before_a_transaction(scene: Scene, email: str, password: str) -> None:
    with pytest.raises(Invalid):
        await scene.writes.register(STRANGER, email, password, None)
    assert scene.unit_of_work.committed + scene.unit_of_work.rolled_back == 0


async def test_a_profile_takes_new_values_and_tells_old_and_new(scene: Scene) -> None:
    user = scene.ann(id=an_actor().id)
    changed = await scene.writes.update(an_actor(), ME, {"full_name": None, "timezone": "Europe/Berlin", "locale": "en"})
    assert changed == scene.only_user
    assert (scene.only_user.full_name, scene.only_user.timezone, scene.only_user.version) == (None, "Europe/Berlin", 2)
    (event,) = scene.outbox.events
    assert (event.type, event.subject_id, event.subject_version) == ("user.updated", user.id, 2)
    assert event.changes == {"full_name": Change("Ann Example", None), "timezone": Change("UTC", "Europe/Berlin")}


@pytest.mark.parametrize("wanted", [{}, {"timezone": "UTC", "locale": "en", "full_name": "Ann Example"}])
async def test_values_that_are_there_already_change_nothing(scene: Scene, wanted: dict[str, Any]) -> None:
    user = scene.ann(id=an_actor().id)
    assert await scene.writes.update(an_actor(), ME, wanted) == user
    assert not scene.outbox.events


async def test_an_admin_changes_the_profile_of_anyone(scene: Scene) -> None:
    user = scene.ann()
    changed = await scene.writes.update(an_actor(is_admin=True), str(user.id), {"locale": "de"})
    assert (changed.id, changed.locale, changed.version) == (user.id, "de", 2)


async def test_others_may_not_change_a_profile_that_they_see(scene: Scene) -> None:
    user = scene.ann()
    with pytest.raises(NotYourProfile) as refused:
        await scene.writes.update(an_actor(), str(user.id), {"locale": "de"})
    assert refused.value.members == {"required_role": "admin"}
    assert scene.only_user == user
    assert not scene.outbox.events


@pytest.mark.parametrize("reference", ["me", "", str(UUID(int=9))])
@pytest.mark.parametrize("is_admin", [True, False])
async def test_what_nobody_is_has_no_profile(scene: Scene, reference: str, *, is_admin: bool) -> None:
    with pytest.raises(UserNotFound):
        await scene.writes.update(an_actor(is_admin=is_admin), reference, {"locale": "de"})


async def test_a_deleted_account_has_no_profile_to_change(scene: Scene) -> None:
    with pytest.raises(UserNotFound):
        await scene.writes.update(an_actor(), ME, {"locale": "de"})


async def test_a_link_sets_the_password_and_verifies_the_address(scene: Scene) -> None:
    user = scene.ann()
    await scene.links.confirm(STRANGER, await scene.a_link(user), GOOD)
    now = scene.clock.now()
    assert scene.users.hashes == {user.id: f"new:{GOOD}"}
    assert (scene.only_user.email_verified_at, scene.only_user.version) == (now, 2)
    assert scene.users.sessions_ended_at == {user.id: now}
    assert scene.users.tokens_revoked_at == {user.id: now}
    (event,) = scene.outbox.events
    assert (event.type, event.changes) == ("user.password_set", {"email_verified_at": Change(None, now)})


async def test_an_address_stays_verified_since_the_first_time(scene: Scene) -> None:
    user = scene.ann(email_verified_at=scene.clock.now() - timedelta(days=9))
    await scene.links.confirm(STRANGER, await scene.a_link(user), GOOD)
    assert scene.only_user.email_verified_at == user.email_verified_at
    assert scene.only_user.version == 2
    assert scene.outbox.events[0].changes == {}


async def test_a_second_factor_of_who_never_proved_the_address_keeps_its_owner_out_no_longer(scene: Scene) -> None:
    user = scene.ann(mfa_enabled=True)
    await scene.links.confirm(STRANGER, await scene.a_link(user), GOOD)
    assert scene.users.factors_dropped == [user.id]
    assert not scene.only_user.mfa_enabled
    assert scene.outbox.events[0].changes["mfa_enabled"] == Change(old=True, new=False)


async def test_a_second_factor_outlives_the_reset_of_a_verified_address(scene: Scene) -> None:
    user = scene.ann(mfa_enabled=True, email_verified_at=scene.clock.now())
    await scene.links.confirm(STRANGER, await scene.a_link(user), GOOD)
    assert scene.users.factors_dropped == []
    assert scene.only_user.mfa_enabled


async def test_a_link_works_once_and_voids_all_others(scene: Scene) -> None:
    user = scene.ann()
    now = scene.clock.now()
    await scene.tokens.add("other", user.id, PASSWORD, now, now + timedelta(hours=24))
    await scene.links.confirm(STRANGER, await scene.a_link(user), GOOD)
    for token in ("token", "other"):
        with pytest.raises(InvalidToken):
            await scene.links.confirm(STRANGER, token, "Another-horse-8")
    assert scene.users.hashes == {user.id: f"new:{GOOD}"}


async def test_a_link_that_is_used_while_the_password_is_hashed_is_refused(scene: Scene) -> None:
    user = scene.ann()
    token = await scene.a_link(user)

    async def hash_(password: str) -> str:
        await scene.tokens.void(user.id)
        return f"new:{password}"

    scene.passwords.hash = hash_  # type: ignore[method-assign]
    with pytest.raises(InvalidToken):
        await scene.links.confirm(STRANGER, token, GOOD)
    assert scene.users.hashes == {user.id: "new:old"}
    assert not scene.users.sessions_ended_at


async def test_a_link_ends_at_its_time(scene: Scene) -> None:
    token = await scene.a_link(scene.ann())
    scene.clock.advance(timedelta(minutes=30))
    with pytest.raises(InvalidToken):
        await scene.links.confirm(STRANGER, token, GOOD)


async def test_a_token_for_something_else_sets_no_password(scene: Scene) -> None:
    user = scene.ann()
    now = scene.clock.now()
    await scene.tokens.add("token", user.id, "email", now, now + timedelta(hours=1))
    with pytest.raises(InvalidToken):
        await scene.links.confirm(STRANGER, "token", GOOD)


@pytest.mark.parametrize("password", ["password", "short", "Ann-Example"])
async def test_a_password_that_is_not_acceptable_leaves_the_link_good(scene: Scene, password: str) -> None:
    token = await scene.a_link(scene.ann())
    with pytest.raises(Invalid) as refused:
        await scene.links.confirm(STRANGER, token, password)
    assert refused.value.errors[0].pointer == "/new_password"
    await scene.links.confirm(STRANGER, token, GOOD)


async def test_the_operator_makes_an_admin_without_a_password(scene: Scene) -> None:
    link = await scene.administrators.create(OPERATOR, "Root@example.com", promote=False)
    user = scene.only_user
    assert link == "https://tasks.example.com/reset-password?token=secret"
    assert (user.email, user.role, scene.users.hashes[user.id]) == ("Root@example.com", Role.ADMIN, None)
    assert scene.tokens.tokens == {"secret": (user.id, PASSWORD, scene.clock.now() + timedelta(hours=24))}
    assert scene.outbox.types == ["user.registered"]
    assert scene.outbox.events[0].data == {"role": "admin"}
    await scene.links.confirm(STRANGER, "secret", GOOD)
    assert scene.users.hashes[user.id] == f"new:{GOOD}"


async def test_an_existing_account_is_left_alone_unless_promotion_is_said(scene: Scene) -> None:
    user = scene.ann()
    with pytest.raises(EmailTaken, match="--promote"):
        await scene.administrators.create(OPERATOR, "ANN@example.com", promote=False)
    assert scene.only_user == user
    assert not scene.tokens.tokens


@pytest.mark.parametrize("fields", [{}, {"is_active": False}, {"role": Role.ADMIN}, {"mfa_enabled": True}])
async def test_promotion_ends_all_that_lets_in_and_makes_an_active_admin(scene: Scene, fields: dict[str, Any]) -> None:
    user = scene.ann(**fields)
    await scene.administrators.create(OPERATOR, "ann@example.com", promote=True)
    assert (scene.only_user.role, scene.only_user.is_active, scene.only_user.mfa_enabled) == (Role.ADMIN, True, False)
    assert scene.users.factors_dropped == [user.id]
    assert scene.users.sessions_ended_at == {user.id: scene.clock.now()}
    assert scene.users.tokens_revoked_at == {user.id: scene.clock.now()}
    assert scene.tokens.tokens.keys() == {"secret"}
    names = ("role", "is_active", "mfa_enabled")
    expected = {name: Change(getattr(user, name), getattr(scene.only_user, name)) for name in names}
    told = [event.changes for event in scene.outbox.events if event.type == "user.admin_appointed"]
    assert told == [{name: change for name, change in expected.items() if change.old != change.new}]


async def test_what_is_no_address_makes_no_admin(scene: Scene) -> None:
    with pytest.raises(UnusableEmail, match="@"):
        await scene.administrators.create(OPERATOR, "root", promote=False)
