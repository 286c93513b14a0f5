"""Completing a login by a code, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.features.accounts.password_checks import PasswordChecks
from service.features.second_factors.domain import MfaFailed, MfaRequired, totp_seed
from service.features.sessions.domain import LoginLocked, LoginTerms
from service.features.sessions.second_step import SecondStep
from service.features.sessions.use_cases import Kit, Logins
from service.kernel.actor import Actor, Trace
from tests.support.accounts import FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork
from tests.support.second_factors import Factors, shown, wrong
from tests.support.sessions import FakeAccessTokens, FakeSessions
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

STRANGER = Actor.anonymous(Trace("request-0001", "192.0.2.7", "Firefox"))
SEED = b"s" * 20


class Scene:
    """One account with a second factor."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.sessions = FakeSessions()
        self.passwords = FakePasswords()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.user = a_stored_user(self.users, "ann@example.com", "new:password", self.clock.now(), mfa_enabled=True)
        self.factors = Factors(self.users, self.outbox, self.clock)
        kit = Kit(
            self.unit_of_work, self.users, self.sessions, self.passwords, FakeAccessTokens(), self.outbox, self.clock, FakeIds()
        )  # fmt: skip
        self.throttling = FakeThrottling(FakeUnitOfWork(), self.users, self.outbox, self.clock)
        throttle = self.throttling.throttle
        checks = PasswordChecks(self.users, self.passwords, throttle)
        terms = LoginTerms(timedelta(days=30), timedelta(days=14))
        self.logins = Logins(kit, checks, throttle, self.factors.challenges, terms)
        self.second_step = SecondStep(kit, throttle, self.factors.challenges, self.logins)
        self.secret = totp_seed(SEED, self.user.email).secret

    async def first_step(self, device_token: str | None = None) -> str:
        answer = await self.logins.login(STRANGER, "ann@example.com", "password", device_token)
        assert isinstance(answer, MfaRequired)
        return answer.mfa_token


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.factors.codes.begin(scene.user.id, SEED)
    return scene


async def test_the_password_alone_starts_no_session(scene: Scene) -> None:
    await scene.first_step()
    assert not scene.sessions.sessions
    assert not scene.outbox.events


async def test_the_code_starts_the_session_of_whoever_sends_it(scene: Scene) -> None:
    tokens = await scene.second_step.verify(STRANGER, await scene.first_step(), shown(scene.secret, scene.clock))
    (session,) = scene.sessions.sessions.values()
    assert tokens.access_token == f"{scene.user.id} {session.id}"
    assert (session.user_id, session.ip, session.user_agent) == (scene.user.id, "192.0.2.7", "Firefox")
    assert scene.outbox.types == ["session.started"]


async def test_a_wrong_code_starts_none_and_the_try_is_committed(scene: Scene) -> None:
    token = await scene.first_step()
    committed = scene.unit_of_work.committed
    with pytest.raises(MfaFailed):
        await scene.second_step.verify(STRANGER, token, wrong(scene.secret, scene.clock))
    assert not scene.sessions.sessions
    assert (scene.unit_of_work.committed, scene.unit_of_work.rolled_back) == (committed + 1, 0)
    assert scene.factors.waiting.tries == {token: 1}
    (entry,) = scene.outbox.entries
    assert (entry.action, entry.reason, entry.target_id) == ("mfa.failed", "mfa_failed", scene.user.id)
    (known,) = scene.throttling.throttles.known.values()
    assert (len(known.failed_at), known.pending) == (1, ())


async def test_a_right_password_forgets_no_failure_and_the_right_code_does(scene: Scene) -> None:
    with pytest.raises(MfaFailed):
        await scene.second_step.verify(STRANGER, await scene.first_step(), wrong(scene.secret, scene.clock))
    token = await scene.first_step()
    (known,) = scene.throttling.throttles.known.values()
    assert (len(known.failed_at), known.pending) == (1, ())
    await scene.second_step.verify(STRANGER, token, shown(scene.secret, scene.clock))
    assert not scene.throttling.throttles.known


async def test_a_code_that_is_not_looked_at_is_no_wrong_one(scene: Scene) -> None:
    token = await scene.first_step()
    scene.clock.advance(timedelta(minutes=5))
    for _ in range(6):
        with pytest.raises(MfaFailed):
            await scene.second_step.verify(STRANGER, token, shown(scene.secret, scene.clock))
    assert not scene.throttling.throttles.known
    assert [(entry.action, entry.reason) for entry in scene.outbox.entries] == [("mfa.failed", "mfa_failed")] * 6


async def test_a_token_that_was_never_given_out_is_nobody_s_failure(scene: Scene) -> None:
    with pytest.raises(MfaFailed):
        await scene.second_step.verify(STRANGER, "made up", shown(scene.secret, scene.clock))
    assert not scene.throttling.throttles.known
    assert not scene.outbox.entries


async def test_codes_from_a_known_device_are_counted_apart(scene: Scene) -> None:
    first = await scene.second_step.verify(STRANGER, await scene.first_step(), shown(scene.secret, scene.clock))
    scene.clock.advance(timedelta(seconds=30))
    waiting, elsewhere = await scene.first_step(first.device_token), await scene.first_step()
    for _ in range(5):
        with pytest.raises(MfaFailed):
            await scene.second_step.verify(STRANGER, waiting, wrong(scene.secret, scene.clock))
    with pytest.raises(LoginLocked, match="locked") as refused:
        await scene.second_step.verify(STRANGER, waiting, shown(scene.secret, scene.clock))
    assert refused.value.retry_after == 900
    await scene.second_step.verify(STRANGER, elsewhere, shown(scene.secret, scene.clock))


async def test_the_answer_names_the_device(scene: Scene) -> None:
    first = await scene.second_step.verify(STRANGER, await scene.first_step(), shown(scene.secret, scene.clock))
    scene.clock.advance(timedelta(seconds=30))
    token = await scene.first_step(first.device_token)
    second = await scene.second_step.verify(STRANGER, token, shown(scene.secret, scene.clock))
    # What was sent in the first step is not kept in clear: both name the device's owner from now on.
    assert {first.device_token, second.device_token} == set(scene.throttling.devices.devices)


async def test_a_hash_that_the_login_itself_renewed_does_not_void_its_token(scene: Scene) -> None:
    scene.passwords.parameters = "newer"
    token = await scene.first_step()
    assert scene.users.hashes[scene.user.id] == "newer:password"
    await scene.second_step.verify(STRANGER, token, shown(scene.secret, scene.clock))
    assert len(scene.sessions.sessions) == 1
