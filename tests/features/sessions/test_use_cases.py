"""Logging in, ending sessions, and finding the caller, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.addresses import UnusableEmail
from service.features.accounts.domain import Credentials, PasswordRequired
from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.reauthentication import Reauthentication
from service.features.sessions.authenticator import SessionAuthenticator
from service.features.sessions.domain import (
    AccountInactive,
    EmailNotVerified,
    Holder,
    LoginFailed,
    LoginLocked,
    LoginTerms,
    SessionEnded,
    SessionNotFound,
    Tokens,
    Unverified,
)
from service.features.sessions.feature import unverified as unverified_of
from service.features.sessions.refresh_tokens import RefreshToken
from service.features.sessions.use_cases import Kit, Logins, Logouts, PublicKeys
from service.kernel.actor import Actor, Trace
from service.kernel.errors import Refusal, Unauthenticated, Unavailable
from service.settings import Settings
from tests.support.accounts import FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor
from tests.support.second_factors import Factors
from tests.support.sessions import FakeAccessTokens, FakeAuthenticator, FakeSessions
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

PASSWORD = "Correct-horse-7"
STRANGER = Actor.anonymous(Trace("request-0001", "192.0.2.7", "Firefox"))


class Scene:
    """One account, and everything that logging in works with."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.sessions = FakeSessions()
        self.passwords = FakePasswords()
        self.access_tokens = FakeAccessTokens()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.user = a_stored_user(self.users, "ann@example.com", f"new:{PASSWORD}", self.clock.now())
        self.kit = Kit(
            self.unit_of_work, self.users, self.sessions, self.passwords, self.access_tokens, self.outbox, self.clock, FakeIds()
        )  # fmt: skip
        self.personal_tokens = FakeAuthenticator()
        self.authenticator = SessionAuthenticator(self.access_tokens, self.sessions, self.clock, self.personal_tokens)
        self.throttling = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock)
        self.factors = Factors(self.users, self.outbox, self.clock)
        throttle = self.throttling.throttle
        self.checks = PasswordChecks(self.users, self.passwords, throttle)
        self.logins = self.logins_that(Unverified.ADMITTED)
        self.logouts = Logouts(self.kit, Reauthentication(self.users, self.checks, throttle))

    def logins_that(self, unverified: Unverified) -> Logins:
        """Logins under another setting for those who have not verified their address."""
        terms = LoginTerms(timedelta(days=30), timedelta(days=14), unverified)
        return Logins(self.kit, self.checks, self.throttling.throttle, self.factors.challenges, terms)

    async def log_in(self) -> Actor:
        """The account's owner, in a new session."""
        await self.logins.login(STRANGER, "ann@example.com", PASSWORD)
        session_id = list(self.sessions.sessions)[-1]
        return Actor("user", STRANGER.trace, self.user.id, session_id, email=self.user.email)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_the_right_password_starts_a_session(scene: Scene) -> None:
    tokens = await scene.logins.login(STRANGER, "Ann@Example.com", PASSWORD)
    assert isinstance(tokens, Tokens)
    (session,) = scene.sessions.sessions.values()
    now = scene.clock.now()
    assert tokens.access_token == f"{scene.user.id} {session.id}"
    first = RefreshToken.parse(tokens.refresh_token)
    assert first is not None
    assert first.is_genuine(session.nonce)
    assert (first.session_id, first.hash) == (session.id, scene.sessions.hashes[session.id][0])
    assert (tokens.token_type, tokens.expires_in, tokens.device_token) == ("bearer", 600, "wl_dt_secret-1")
    assert (session.user_id, session.ip, session.user_agent) == (scene.user.id, "192.0.2.7", "Firefox")
    assert (session.expires_at, session.idle_expires_at) == (now + timedelta(days=30), now + timedelta(days=14))
    assert len(session.nonce) == 32
    assert scene.outbox.types == ["session.started"]
    assert scene.unit_of_work.rolled_back == 0


async def test_no_two_sessions_share_a_secret(scene: Scene) -> None:
    for _ in range(2):
        await scene.logins.login(STRANGER, "ann@example.com", PASSWORD)
    assert len({session.nonce for session in scene.sessions.sessions.values()}) == 2
    assert len({hashes[0] for hashes in scene.sessions.hashes.values()}) == 2


async def test_a_wrong_password_starts_nothing(scene: Scene) -> None:
    with pytest.raises(LoginFailed):
        await scene.logins.login(STRANGER, "ann@example.com", "wrong")
    assert not scene.sessions.sessions
    assert not scene.outbox.events
    (entry,) = scene.outbox.entries
    assert (entry.action, entry.outcome, entry.reason) == ("login.failed", "failure", "login_failed")
    assert (entry.target_id, entry.target_digest) == (scene.user.id, b"login throttle: ann@example.com")
    assert scene.unit_of_work.committed == 1


async def test_an_unknown_address_is_verified_against_nobody_s_hash(scene: Scene) -> None:
    with pytest.raises(LoginFailed):
        await scene.logins.login(STRANGER, "bob@example.com", PASSWORD)
    assert scene.passwords.verified == [(None, PASSWORD)]
    (entry,) = scene.outbox.entries
    assert (entry.action, entry.target_id) == ("login.failed", None)


async def test_an_account_without_a_password_lets_nobody_in(scene: Scene) -> None:
    scene.users.hashes[scene.user.id] = None
    with pytest.raises(LoginFailed):
        await scene.logins.login(STRANGER, "ann@example.com", "")


async def test_an_inactive_account_shows_only_after_the_right_password(scene: Scene) -> None:
    scene.users.users[scene.user.id] = replace(scene.user, is_active=False)
    with pytest.raises(AccountInactive):
        await scene.logins.login(STRANGER, "ann@example.com", PASSWORD)
    with pytest.raises(LoginFailed):
        await scene.logins.login(STRANGER, "ann@example.com", "wrong")
    assert [entry.reason for entry in scene.outbox.entries] == ["account_inactive", "login_failed"]


async def test_what_is_no_address_is_refused_before_any_work(scene: Scene) -> None:
    with pytest.raises(UnusableEmail):
        await scene.logins.login(STRANGER, "ann", PASSWORD)
    assert not scene.passwords.verified


async def test_a_hash_of_older_parameters_is_renewed(scene: Scene) -> None:
    scene.passwords.parameters = "newer"
    await scene.logins.login(STRANGER, "ann@example.com", PASSWORD)
    assert scene.users.hashes[scene.user.id] == f"newer:{PASSWORD}"
    assert len(scene.sessions.sessions) == 1


async def test_a_hash_that_can_t_be_renewed_now_keeps_nobody_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.passwords.parameters = "newer"

    async def hash_(_: str) -> str:
        raise Unavailable

    monkeypatch.setattr(scene.passwords, "hash", hash_)
    await scene.logins.login(STRANGER, "ann@example.com", PASSWORD)
    assert scene.users.hashes[scene.user.id] == f"new:{PASSWORD}"
    assert len(scene.sessions.sessions) == 1


@pytest.mark.parametrize("parameters", ["new", "newer"])
async def test_a_password_that_changes_during_the_login_ends_it(scene: Scene, parameters: str) -> None:
    scene.passwords.parameters = parameters
    known = Credentials(scene.user.id, f"new:{PASSWORD}", is_active=True, is_verified=False)

    async def credentials(_: str) -> Credentials:
        scene.users.hashes[scene.user.id] = "new:another"
        return known

    scene.users.credentials = credentials  # type: ignore[assignment,method-assign]
    with pytest.raises(LoginFailed):
        await scene.logins.login(STRANGER, "ann@example.com", PASSWORD)
    assert not scene.sessions.sessions
    assert scene.users.hashes[scene.user.id] == "new:another"
    assert scene.outbox.events == []
    assert [entry.action for entry in scene.outbox.entries] == ["login.failed"]


async def test_a_logout_ends_the_session_once(scene: Scene) -> None:
    actor = an_actor()
    await scene.logouts.logout(actor)
    first = scene.clock.now()
    scene.clock.advance(timedelta(seconds=1))
    await scene.logouts.logout(actor)
    assert scene.sessions.ended == {actor.session_id: first}
    assert scene.outbox.types == ["session.ended"]


async def test_an_actor_without_a_session_has_nothing_to_end(scene: Scene) -> None:
    await scene.logouts.logout(Actor.system("request-0002"))
    assert not scene.sessions.ended
    assert not scene.outbox.events


async def test_another_session_of_one_s_own_is_ended(scene: Scene) -> None:
    there, here = await scene.log_in(), await scene.log_in()
    await scene.logouts.end(here, str(there.session_id))
    assert list(scene.sessions.ended) == [there.session_id]
    told = scene.outbox.events[-1]
    assert (told.type, told.subject_id, told.data) == ("session.ended", there.session_id, {"user_id": str(scene.user.id)})
    with pytest.raises(SessionNotFound):
        await scene.logouts.end(here, str(there.session_id))


async def test_somebody_else_s_session_and_none_are_refused_alike(scene: Scene) -> None:
    session_id = (await scene.log_in()).session_id
    for reference in (str(session_id), str(UUID(int=77)), "mine"):
        with pytest.raises(SessionNotFound):
            await scene.logouts.end(an_actor(), reference)
    assert not scene.sessions.ended


async def test_the_password_ends_all_sessions(scene: Scene) -> None:
    actors = [await scene.log_in() for _ in range(3)]
    scene.outbox.events.clear()
    await scene.logouts.logout_all(actors[0], PASSWORD)
    assert list(scene.sessions.ended) == [actor.session_id for actor in actors]
    assert [(event.type, event.subject_id) for event in scene.outbox.events] == [
        ("session.ended", actor.session_id) for actor in actors
    ]


@pytest.mark.parametrize("password", [None, "", "wrong"])
async def test_without_the_password_no_session_ends(scene: Scene, password: str | None) -> None:
    actor = await scene.log_in()
    with pytest.raises(PasswordRequired):
        await scene.logouts.logout_all(actor, password)
    assert not scene.sessions.ended
    # A missing password is no try.
    assert [entry.reason for entry in scene.outbox.entries] == ([] if password is None else ["password_required"])


async def test_the_password_of_whoever_has_the_address_now_ends_nothing(scene: Scene) -> None:
    actor = await scene.log_in()
    for address in ("bob@example.com", "nobody@example.com"):
        a_stored_user(scene.users, "bob@example.com", f"new:{PASSWORD}", scene.clock.now())
        with pytest.raises(PasswordRequired):
            await scene.logouts.logout_all(replace(actor, email=address), PASSWORD)
    assert not scene.sessions.ended


async def test_a_password_that_was_right_a_moment_ago_ends_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = await scene.log_in()

    async def hold(_: Credentials) -> bool:
        return False

    monkeypatch.setattr(scene.users, "hold", hold)
    with pytest.raises(PasswordRequired):
        await scene.logouts.logout_all(actor, PASSWORD)
    assert not scene.sessions.ended
    assert scene.unit_of_work.rolled_back == 1


def test_the_keys_that_are_published_are_those_that_verify_now(scene: Scene) -> None:
    published = PublicKeys(scene.access_tokens, scene.clock).now_good()
    assert published == [(scene.clock.now().isoformat(), b"k" * 32)]


@pytest.mark.parametrize(("role", "is_admin"), [("user", False), ("admin", True)])
async def test_a_live_session_names_its_actor(scene: Scene, role: str, *, is_admin: bool) -> None:
    session_id = UUID(int=9)
    scene.sessions.holders[session_id, scene.user.id] = Holder(scene.user.id, role, "ann@example.com", "Ann Example")
    trace = Trace("request-0003")
    actor = await scene.authenticator.authenticate(scene.access_tokens.issue(scene.user.id, session_id, scene.clock.now()), trace)
    assert actor == Actor("user", trace, scene.user.id, session_id, is_admin, "ann@example.com", "Ann Example")
    assert actor.scopes is None


async def test_a_whole_token_without_a_live_session_is_refused(scene: Scene) -> None:
    token = scene.access_tokens.issue(scene.user.id, UUID(int=9), scene.clock.now())
    with pytest.raises(SessionEnded):
        await scene.authenticator.authenticate(token, Trace("request-0004"))


async def test_a_wrong_token_is_refused_before_storage_is_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.sessions, "holder", None)
    with pytest.raises(Unauthenticated):
        await scene.authenticator.authenticate("wrong", Trace("request-0005"))


async def test_a_personal_token_is_left_to_those_who_know_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(FakeAccessTokens, "verify")
    actor = await scene.authenticator.authenticate("wl_pat_whatever", STRANGER.trace)
    assert (actor.kind, actor.trace) == ("token", STRANGER.trace)


@pytest.mark.parametrize(("unverified", "refusal"), [(Unverified.REFUSED, EmailNotVerified), (Unverified.CONCEALED, LoginFailed)])
async def test_an_address_that_must_be_verified_is_asked_for_after_the_right_password_only(
    scene: Scene, unverified: Unverified, refusal: type[Refusal]
) -> None:
    logins = scene.logins_that(unverified)
    with pytest.raises(refusal):
        await logins.login(STRANGER, "ann@example.com", PASSWORD)
    with pytest.raises(LoginFailed):
        await logins.login(STRANGER, "ann@example.com", "another")
    assert not scene.sessions.sessions
    assert [entry.reason for entry in scene.outbox.entries] == [refusal.code, "login_failed"]
    scene.users.users[scene.user.id] = replace(scene.user, email_verified_at=scene.clock.now())
    assert isinstance(await logins.login(STRANGER, "ann@example.com", PASSWORD), Tokens)


async def test_tries_count_after_the_right_password_only_where_that_is_concealed(scene: Scene) -> None:
    for unverified, refusal, locks in [(Unverified.REFUSED, EmailNotVerified, False), (Unverified.CONCEALED, LoginFailed, True)]:
        for _ in range(5):
            with pytest.raises(refusal):
                await scene.logins_that(unverified).login(STRANGER, "ann@example.com", PASSWORD)
        assert scene.throttling.locked is locks
    with pytest.raises(LoginLocked):
        await scene.logins_that(Unverified.CONCEALED).login(STRANGER, "ann@example.com", PASSWORD)


async def test_a_deactivated_account_is_told_so_before_its_address_is_asked_for(scene: Scene) -> None:
    scene.users.users[scene.user.id] = replace(scene.user, is_active=False)
    with pytest.raises(AccountInactive):
        await scene.logins_that(Unverified.REFUSED).login(STRANGER, "ann@example.com", PASSWORD)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Unverified.ADMITTED),
        ({"email_verification": "required"}, Unverified.REFUSED),
        ({"registration": "closed"}, Unverified.ADMITTED),
        ({"registration": "conceal"}, Unverified.CONCEALED),
        ({"registration": "conceal", "email_verification": "required"}, Unverified.CONCEALED),
    ],
)
def test_the_settings_say_what_becomes_of_who_is_not_verified(fields: dict[str, Any], expected: Unverified) -> None:
    assert unverified_of(Settings(**fields)) is expected
