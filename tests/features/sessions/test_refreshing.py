"""Refreshing a session on fakes of the ports: who gets the next token, and who ends the session."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.reauthentication import Reauthentication
from service.features.sessions.domain import InvalidRefreshToken, LoginTerms, SessionEnded, TokenReused, Tokens
from service.features.sessions.refresh_tokens import RefreshToken
from service.features.sessions.refreshing import Refreshes
from service.features.sessions.use_cases import Kit, Logins, Logouts
from service.kernel.actor import Actor, Trace
from service.kernel.errors import Unavailable
from tests.support.accounts import FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork
from tests.support.second_factors import Factors
from tests.support.sessions import FakeAccessTokens, FakeSessions
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

STRANGER = Actor.anonymous(Trace("request-0001"))


class Scene:
    """Somebody who has logged in."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.sessions = FakeSessions()
        self.access_tokens = FakeAccessTokens()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.user = a_stored_user(self.users, "ann@example.com", "new:password", self.clock.now())
        self.kit = Kit(
            self.unit_of_work, self.users, self.sessions, FakePasswords(), self.access_tokens, self.outbox, self.clock, FakeIds()
        )  # fmt: skip
        self.throttle = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock).throttle
        self.checks = PasswordChecks(self.users, FakePasswords(), self.throttle)
        self.refreshes = Refreshes(self.kit, timedelta(days=14))
        self.first = ""

    async def log_in(self) -> None:
        challenges = Factors(self.users, self.outbox, self.clock).challenges
        terms = LoginTerms(timedelta(days=30), timedelta(days=14))
        logins = Logins(self.kit, self.checks, self.throttle, challenges, terms)
        tokens = await logins.login(STRANGER, "ann@example.com", "password")
        assert isinstance(tokens, Tokens)
        self.first = tokens.refresh_token
        self.outbox.events.clear()

    async def refresh(self, token: str) -> Tokens:
        return await self.refreshes.refresh(STRANGER, token)

    @property
    def session_id(self) -> UUID:
        (session_id,) = self.sessions.sessions
        return session_id


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.log_in()
    return scene


async def test_a_refresh_hands_out_the_next_token_and_a_new_access_token(scene: Scene) -> None:
    tokens = await scene.refresh(scene.first)
    assert tokens.refresh_token != scene.first
    assert tokens.access_token == f"{scene.user.id} {scene.session_id}"
    assert (tokens.token_type, tokens.expires_in, tokens.device_token) == ("bearer", 600, None)
    again = await scene.refresh(tokens.refresh_token)
    assert again.refresh_token not in {scene.first, tokens.refresh_token}
    assert not scene.outbox.events


async def test_a_refresh_renews_the_idle_lifetime(scene: Scene) -> None:
    scene.clock.advance(timedelta(days=13))
    await scene.refresh(scene.first)
    assert scene.sessions.idle_expires_at[scene.session_id] == scene.clock.now() + timedelta(days=14)


async def test_the_same_token_within_ten_seconds_is_given_the_same_child(scene: Scene) -> None:
    child = (await scene.refresh(scene.first)).refresh_token
    scene.clock.advance(timedelta(seconds=9))
    assert (await scene.refresh(scene.first)).refresh_token == child
    assert not scene.outbox.events


async def test_asking_again_does_not_prolong_the_ten_seconds(scene: Scene) -> None:
    await scene.refresh(scene.first)
    scene.clock.advance(timedelta(seconds=9))
    await scene.refresh(scene.first)
    scene.clock.advance(timedelta(seconds=1))
    with pytest.raises(TokenReused):
        await scene.refresh(scene.first)


async def test_the_parent_of_a_used_child_ends_the_session(scene: Scene) -> None:
    child = (await scene.refresh(scene.first)).refresh_token
    newest = (await scene.refresh(child)).refresh_token
    with pytest.raises(TokenReused):
        await scene.refresh(scene.first)
    assert scene.sessions.ended == {scene.session_id: scene.clock.now()}
    (told,) = scene.outbox.events
    assert (told.type, told.subject_id, told.subject_version) == ("session.reuse_detected", scene.session_id, 2)
    assert told.data == {"user_id": str(scene.user.id)}
    with pytest.raises(SessionEnded):
        await scene.refresh(newest)


async def test_the_parent_after_ten_seconds_ends_the_session(scene: Scene) -> None:
    await scene.refresh(scene.first)
    scene.clock.advance(timedelta(seconds=10))
    with pytest.raises(TokenReused):
        await scene.refresh(scene.first)
    assert scene.sessions.ended == {scene.session_id: scene.clock.now()}


async def test_the_refusal_of_a_reused_token_is_raised_after_the_commit(scene: Scene) -> None:
    await scene.refresh(scene.first)
    scene.clock.advance(timedelta(minutes=1))
    committed = scene.unit_of_work.committed
    with pytest.raises(TokenReused):
        await scene.refresh(scene.first)
    assert (scene.unit_of_work.committed, scene.unit_of_work.rolled_back) == (committed + 1, 0)


async def test_reuse_is_told_once_however_often_it_is_tried(scene: Scene) -> None:
    await scene.refresh(scene.first)
    scene.clock.advance(timedelta(minutes=1))
    for _ in range(3):
        with pytest.raises(TokenReused):
            await scene.refresh(scene.first)
    assert scene.outbox.types == ["session.reuse_detected"]


async def test_after_a_logout_every_token_counts_as_reused(scene: Scene) -> None:
    newest = (await scene.refresh(scene.first)).refresh_token
    ended = scene.clock.now()
    logouts = Logouts(scene.kit, Reauthentication(scene.users, scene.checks, scene.throttle))
    await logouts.logout(Actor("user", STRANGER.trace, scene.user.id, scene.session_id))
    scene.clock.advance(timedelta(seconds=1))
    for token in (newest, scene.first):
        with pytest.raises(TokenReused):
            await scene.refresh(token)
    assert scene.sessions.ended == {scene.session_id: ended}
    assert [(event.type, event.subject_version) for event in scene.outbox.events] == [
        ("session.ended", 2),
        ("session.reuse_detected", 3),
    ]


async def test_a_device_that_did_not_know_of_the_end_is_not_accused(scene: Scene) -> None:
    await scene.sessions.end_all(scene.user.id, scene.clock.now())
    with pytest.raises(SessionEnded):
        await scene.refresh(scene.first)
    assert not scene.outbox.events


@pytest.mark.parametrize(("wait", "times"), [(14, 1), (10, 3)])
async def test_a_session_that_was_idle_too_long_or_is_too_old_is_over(scene: Scene, wait: int, times: int) -> None:
    token = scene.first
    for _ in range(times - 1):
        scene.clock.advance(timedelta(days=wait))
        token = (await scene.refresh(token)).refresh_token
    scene.clock.advance(timedelta(days=wait))
    with pytest.raises(SessionEnded):
        await scene.refresh(token)
    assert not scene.outbox.events


async def test_a_token_that_never_was_one_ends_nothing(scene: Scene) -> None:
    made_up = RefreshToken.first(scene.session_id, b"x" * 32, b"y" * 32).text
    elsewhere = RefreshToken.first(UUID(int=99), b"x" * 32, b"y" * 32).text
    for token in ("", "x" * 43, made_up, elsewhere):
        with pytest.raises(InvalidRefreshToken):
            await scene.refresh(token)
    assert not scene.sessions.ended
    assert not scene.outbox.events
    await scene.refresh(scene.first)


async def test_a_session_that_is_forgotten_in_this_moment_is_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rotate(*_: object) -> None:
        scene.sessions.sessions.clear()

    monkeypatch.setattr(scene.sessions, "rotate", rotate)
    with pytest.raises(SessionEnded):
        await scene.refresh(scene.first)


async def test_a_key_rotation_between_two_askings_changes_nothing(scene: Scene) -> None:
    child = (await scene.refresh(scene.first)).refresh_token
    scene.access_tokens.keys.insert(0, b"n" * 32)
    assert (await scene.refresh(scene.first)).refresh_token == child
    assert (await scene.refresh(child)).refresh_token != child


async def test_an_instance_without_the_key_of_the_child_asks_for_patience_and_ends_nothing(scene: Scene) -> None:
    child = (await scene.refresh(scene.first)).refresh_token
    scene.access_tokens.keys = [b"o" * 32]
    with pytest.raises(Unavailable):
        await scene.refresh(scene.first)
    assert not scene.sessions.ended
    await scene.refresh(child)
