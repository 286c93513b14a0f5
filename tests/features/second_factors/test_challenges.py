"""Logins that wait for a code, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.second_factors.domain import MfaRequired, TotpSeed, Verdict, Waiting, as_read, totp_seed
from service.kernel.actor import Actor, Trace
from tests.support.accounts import FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeOutbox
from tests.support.second_factors import Factors, shown, wrong

pytestmark = pytest.mark.anyio

STRANGER = Actor.anonymous(Trace("request-0001"))
HASH = "new:password"
SEED = b"s" * 20
DEVICE = UUID(int=7)


class Scene:
    """Somebody with a second factor who has sent the right password."""

    def __init__(self) -> None:
        self.users = FakeUsers()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.factors = Factors(self.users, self.outbox, self.clock)
        self.challenges = self.factors.challenges
        self.user = a_stored_user(self.users, "ann@example.com", HASH, self.clock.now(), mfa_enabled=True, version=7)
        self.recovery_codes: list[str] = []
        self.token = ""

    @property
    def app(self) -> TotpSeed:
        return totp_seed(SEED, self.user.email)

    async def arrange(self) -> None:
        await self.factors.codes.begin(self.user.id, SEED)
        self.recovery_codes = (await self.factors.codes.renew_recovery_codes(self.user.id)).recovery_codes
        self.token = await self.another_login()

    async def another_login(self) -> str:
        posed = await self.challenges.pose(self.user.id, HASH, DEVICE)
        assert isinstance(posed, MfaRequired)
        assert posed.mfa_required
        return posed.mfa_token

    async def verdict(self, code: str, token: str | None = None) -> Verdict:
        return await self.challenges.meet(STRANGER, token or self.token, code)

    def code(self) -> str:
        return shown(self.app.secret, self.clock)


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.arrange()
    return scene


async def test_a_code_of_the_app_lets_in_once(scene: Scene) -> None:
    code = scene.code()
    assert await scene.verdict(code) is Verdict.RIGHT
    assert not scene.factors.waiting.waiting
    assert await scene.verdict(code) is Verdict.VOID


async def test_a_code_that_was_taken_is_wrong_in_another_login(scene: Scene) -> None:
    other = await scene.another_login()
    code = scene.code()
    assert await scene.verdict(code) is Verdict.RIGHT
    assert await scene.verdict(code, other) is Verdict.WRONG
    scene.clock.advance(timedelta(seconds=30))
    assert await scene.verdict(scene.code(), other) is Verdict.RIGHT


async def test_a_recovery_code_lets_in_once_however_it_is_written(scene: Scene) -> None:
    code = scene.recovery_codes[3]
    other = await scene.another_login()
    assert await scene.verdict(f" {code.upper().replace('-', ' ')} ") is Verdict.RIGHT
    assert await scene.verdict(code, other) is Verdict.WRONG
    assert await scene.verdict(scene.recovery_codes[4], other) is Verdict.RIGHT
    assert scene.outbox.types == ["user.recovery_code_used"] * 2
    event = scene.outbox.events[0]
    assert (event.subject_id, event.subject_version, event.audited) == (scene.user.id, 7, True)
    assert (event.changes, event.data) == ({}, {})


async def test_at_the_sixth_try_no_code_is_looked_at(scene: Scene) -> None:
    for _ in range(5):
        assert await scene.verdict(wrong(scene.app.secret, scene.clock)) is Verdict.WRONG
    assert await scene.verdict(scene.code()) is Verdict.VOID
    assert await scene.verdict(scene.recovery_codes[0]) is Verdict.VOID
    # Neither is used up.
    other = await scene.another_login()
    assert await scene.verdict(scene.code(), other) is Verdict.RIGHT
    assert as_read(scene.recovery_codes[0]) in str(scene.factors.stored.codes)


async def test_the_fifth_try_may_be_the_right_one(scene: Scene) -> None:
    for _ in range(4):
        assert await scene.verdict(wrong(scene.app.secret, scene.clock)) is Verdict.WRONG
    assert await scene.verdict(scene.code()) is Verdict.RIGHT


async def test_a_login_waits_for_five_minutes(scene: Scene) -> None:
    other = await scene.another_login()
    scene.clock.advance(timedelta(minutes=4, seconds=59))
    assert await scene.verdict(scene.code()) is Verdict.RIGHT
    scene.clock.advance(timedelta(seconds=1))
    assert await scene.verdict(scene.recovery_codes[0], other) is Verdict.VOID


async def test_another_password_voids_what_waits(scene: Scene) -> None:
    scene.users.hashes[scene.user.id] = "new:another"
    assert await scene.verdict(scene.code()) is Verdict.VOID


async def test_a_deactivated_account_lets_nobody_in(scene: Scene) -> None:
    scene.users.users[scene.user.id] = replace(scene.user, is_active=False)
    assert await scene.verdict(scene.code()) is Verdict.VOID


async def test_a_token_that_was_never_given_out_is_nobody_s(scene: Scene) -> None:
    assert await scene.verdict(scene.code(), "made up") is Verdict.VOID
    assert await scene.challenges.find("made up") is None


async def test_what_waits_tells_whose_it_is_and_from_which_device(scene: Scene) -> None:
    assert await scene.challenges.find(scene.token) == Waiting(scene.user.id, "ann@example.com", DEVICE)


async def test_without_a_second_factor_nothing_is_asked(scene: Scene) -> None:
    scene.users.users[scene.user.id] = replace(scene.user, mfa_enabled=False)
    assert await scene.challenges.pose(scene.user.id, HASH, None) is None
    assert list(scene.factors.waiting.waiting) == [scene.token]
