"""Making tokens, revoking them, and finding who stands behind one, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from service.features.accounts.domain import PasswordRequired
from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.reauthentication import Reauthentication
from service.features.personal_tokens.authenticator import TOLD_EVERY, PersonalTokenAuthenticator
from service.features.personal_tokens.domain import (
    Bearer,
    NewPersonalToken,
    PersonalTokenNotFound,
    PersonalTokenRefused,
    hash_of,
    is_whole,
    written,
)
from service.features.personal_tokens.use_cases import PersonalTokenWrites, Wish
from service.kernel.actor import Actor, Scope, Trace
from service.kernel.errors import Invalid
from tests.support.accounts import FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork
from tests.support.personal_tokens import FakePersonalTokens
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

PASSWORD = "Correct-horse-7"
TRACE = Trace("request-0002", "192.0.2.9", "curl/8")


class Scene:
    """One account, and everything that its tokens work with."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.tokens = FakePersonalTokens()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.user = a_stored_user(self.users, "ann@example.com", f"new:{PASSWORD}", self.clock.now())
        self.ann = Actor("user", Trace("request-0001"), self.user.id, UUID(int=7), email=self.user.email)
        throttle = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock).throttle
        checks = PasswordChecks(self.users, FakePasswords(), throttle)
        reauthentication = Reauthentication(self.users, checks, throttle)
        self.writes = PersonalTokenWrites(self.unit_of_work, self.tokens, reauthentication, self.outbox, self.clock, FakeIds())
        self.authenticator = PersonalTokenAuthenticator(self.unit_of_work, self.tokens, self.outbox, self.clock)

    def wish(self, *scopes: Scope, **fields: Any) -> Wish:
        wish = Wish("Nightly report", scopes or (Scope.TASKS_READ,), None, self.clock.now() + timedelta(days=30))
        return structs.replace(wish, **fields)

    async def a_token(self, *scopes: Scope, **fields: Any) -> NewPersonalToken:
        return await self.writes.create(self.ann, PASSWORD, self.wish(*scopes, **fields))

    def alter(self, token: NewPersonalToken, **fields: Any) -> None:
        """Change what is stored of a token or its owner."""
        known = hash_of(token.token)
        self.tokens.bearers[known] = structs.replace(self.tokens.bearers[known], **fields)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_the_password_makes_a_token_that_is_shown_and_not_stored(scene: Scene) -> None:
    token = await scene.a_token(Scope.TASKS_WRITE, Scope.TASKS_READ, Scope.TASKS_READ)
    assert is_whole(token.token)
    assert token.scopes == (Scope.TASKS_READ, Scope.TASKS_WRITE)
    assert (token.name, token.project_ids, token.created_at, token.last_used_at) == (
        "Nightly report",
        None,
        scene.clock.now(),
        None,
    )
    assert list(scene.tokens.bearers) == [hash_of(token.token)]
    assert token.token not in repr(scene.tokens.tokens)
    (event,) = scene.outbox.events
    assert (event.type, event.audited, event.subject_id) == ("personal_token.created", True, token.id)
    assert event.data == {"user_id": str(scene.user.id), "scopes": ["tasks:read", "tasks:write"], "project_ids": None}


async def test_no_two_tokens_share_a_secret(scene: Scene) -> None:
    assert (await scene.a_token()).token != (await scene.a_token()).token


@pytest.mark.parametrize("password", [None, "", "Wrong-horse-7"])
async def test_without_the_password_there_is_no_token(scene: Scene, password: str | None) -> None:
    with pytest.raises(PasswordRequired):
        await scene.writes.create(scene.ann, password, scene.wish())
    assert not scene.tokens.tokens


async def test_a_password_that_was_right_a_moment_ago_makes_no_token(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def changed(*_: object) -> bool:
        return False

    monkeypatch.setattr(scene.users, "hold", changed)
    with pytest.raises(PasswordRequired):
        await scene.a_token()
    assert not scene.tokens.tokens
    assert scene.unit_of_work.rolled_back == 1


async def test_a_lifetime_is_refused_before_the_password_is_looked_at(scene: Scene) -> None:
    with pytest.raises(Invalid):
        await scene.writes.create(scene.ann, None, scene.wish(expires_at=scene.clock.now()))


async def test_a_token_is_narrowed_to_projects_of_its_owner_each_once(scene: Scene) -> None:
    web, app = uuid4(), uuid4()
    scene.tokens.projects[scene.user.id] = {web, app}
    assert (await scene.a_token(project_ids=[app, web, app])).project_ids == (app, web)
    assert scene.outbox.events[0].data["project_ids"] == [str(app), str(web)]


async def test_every_project_that_its_owner_does_not_belong_to_is_pointed_at(scene: Scene) -> None:
    own = uuid4()
    scene.tokens.projects[scene.user.id] = {own}
    with pytest.raises(Invalid) as refusal:
        await scene.a_token(project_ids=[uuid4(), own, uuid4()])
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [
        ("/project_ids/0", "not_found"),
        ("/project_ids/2", "not_found"),
    ]
    assert not scene.tokens.tokens


async def test_a_token_is_revoked_once(scene: Scene) -> None:
    token = await scene.a_token()
    await scene.writes.revoke(scene.ann, str(token.id))
    assert scene.outbox.types == ["personal_token.created", "personal_token.revoked"]
    assert (scene.outbox.events[1].audited, scene.outbox.events[1].data) == (True, {"user_id": str(scene.user.id)})
    for reference in (str(token.id), str(uuid4()), "mine"):
        with pytest.raises(PersonalTokenNotFound):
            await scene.writes.revoke(scene.ann, reference)
    assert len(scene.outbox.events) == 2


async def test_somebody_else_s_token_is_not_revoked(scene: Scene) -> None:
    token = await scene.a_token()
    with pytest.raises(PersonalTokenNotFound):
        await scene.writes.revoke(structs.replace(scene.ann, user_id=uuid4()), str(token.id))


async def test_a_good_token_names_its_owner_and_what_it_may(scene: Scene) -> None:
    token = await scene.a_token(Scope.TASKS_READ)
    actor = await scene.authenticator.authenticate(token.token, TRACE)
    assert actor == Actor(
        "token", TRACE, scene.user.id, None, False, "ann@example.com", "Ann", frozenset({Scope.TASKS_READ}), token.id, None  # noqa: FBT003
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "is_admin"),
    [
        ({}, True),
        ({"is_admin": False}, False),
        ({"scopes": frozenset(Scope) - {Scope.ADMIN}}, False),
        ({"project_ids": frozenset({UUID(int=5)})}, False),
    ],
    ids=["all", "no admin", "no scope", "narrowed"],
)
async def test_a_token_acts_as_an_admin_only_for_one_with_the_scope_and_for_all_projects(
    scene: Scene, fields: dict[str, Any], *, is_admin: bool
) -> None:
    token = await scene.a_token(*Scope)
    scene.alter(token, **({"is_admin": True} | fields))
    actor = await scene.authenticator.authenticate(token.token, TRACE)
    assert actor.is_admin is is_admin
    assert actor.project_ids == fields.get("project_ids")


async def test_a_mistyped_token_is_refused_before_storage_is_asked(scene: Scene) -> None:
    token = (await scene.a_token()).token
    with pytest.raises(PersonalTokenRefused):
        await scene.authenticator.authenticate(token[:-1] + ("a" if token[-1] != "a" else "b"), TRACE)
    assert scene.tokens.asked == []


async def test_an_unknown_token_is_refused_and_nobody_is_told(scene: Scene) -> None:
    with pytest.raises(PersonalTokenRefused):
        await scene.authenticator.authenticate(written("0" * 43), TRACE)
    assert scene.outbox.entries == []


@pytest.mark.parametrize("reason", ["revoked", "expired", "account_unusable"])
async def test_the_audit_is_told_of_a_genuine_token_that_is_used_after_its_end_once_an_hour(scene: Scene, reason: str) -> None:
    token = await scene.a_token()
    now = scene.clock.now()
    ends: dict[str, dict[str, Any]] = {
        "revoked": {"revoked_at": now},
        "expired": {"expires_at": now},
        "account_unusable": {"account_is_usable": False},
    }
    scene.alter(token, **ends[reason])
    for _ in range(2):
        with pytest.raises(PersonalTokenRefused):
            await scene.authenticator.authenticate(token.token, TRACE)
    (entry,) = scene.outbox.entries
    assert (entry.action, entry.reason, entry.target_id) == ("personal_token.refused", reason, token.id)
    scene.clock.advance(TOLD_EVERY)
    with pytest.raises(PersonalTokenRefused):
        await scene.authenticator.authenticate(token.token, TRACE)
    assert len(scene.outbox.entries) == 2


async def test_of_two_refusals_at_once_one_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await scene.a_token()
    scene.alter(token, revoked_at=scene.clock.now())
    stale = scene.tokens.bearers[hash_of(token.token)]

    async def as_before(*_: object) -> Bearer:
        return stale

    monkeypatch.setattr(scene.tokens, "bearer", as_before)
    for _ in range(2):
        with pytest.raises(PersonalTokenRefused):
            await scene.authenticator.authenticate(token.token, TRACE)
    assert len(scene.outbox.entries) == 1
