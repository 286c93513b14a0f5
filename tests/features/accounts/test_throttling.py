"""Admitting tries and booking how they end, on fakes of the ports."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from service.features.accounts.domain import PasswordRequired
from service.features.accounts.password_checks import PasswordChecks, Verified
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.throttle_domain import Attempt, Locked, LoginsBusy
from service.kernel.actor import Actor, Trace
from service.kernel.errors import Unavailable
from tests.support.accounts import FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeOutbox, FakeUnitOfWork
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
STRANGER = Actor.anonymous(Trace("request-0001"))


class Scene:
    """Ann has an account."""

    def __init__(self) -> None:
        self.users = FakeUsers()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.passwords = FakePasswords()
        self.user = a_stored_user(self.users, ANN, "new:right", self.clock.now())
        self.throttling = FakeThrottling(FakeUnitOfWork(), self.users, self.outbox, self.clock)
        self.throttle = self.throttling.throttle
        self.checks = PasswordChecks(self.users, self.passwords, self.throttle)
        self.reauthentication = Reauthentication(self.users, self.checks, self.throttle)
        self.ann = Actor("user", Trace("request-0002"), self.user.id, UUID(int=9), email=ANN)

    async def admitted(self, email: str = ANN, device_token: str | None = None) -> Attempt:
        attempt = await self.throttle.admit(STRANGER, email, device_token)
        assert isinstance(attempt, Attempt)
        return attempt

    async def fail(self, times: int, email: str = ANN, device_token: str | None = None) -> None:
        for _ in range(times):
            owner = self.user.id if email == ANN else None
            await self.throttle.fail(STRANGER, await self.admitted(email, device_token), owner, "login_failed")

    async def device(self) -> str:
        attempt = await self.admitted()
        token = await self.throttle.remember_device(attempt, None)
        await self.throttle.succeed(attempt)
        return token

    @property
    def actions(self) -> list[str]:
        return [entry.action for entry in self.outbox.entries]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_five_failures_lock_an_address_whether_or_not_anybody_has_it(scene: Scene) -> None:
    for email in (ANN, "nobody@example.com"):
        await scene.fail(5, email)
        assert await scene.throttle.admit(STRANGER, email) == Locked(15 * 60)
        assert scene.actions == ["login.failed"] * 5 + ["login.locked", "login.throttled"]
        scene.outbox.entries.clear()
    await scene.admitted("bob@example.com")


async def test_what_is_recorded_names_the_account_where_there_is_one(scene: Scene) -> None:
    for email, owner in ((ANN, scene.user.id), ("nobody@example.com", None)):
        await scene.fail(5, email)
        await scene.throttle.admit(STRANGER, email)
        assert {(entry.target_id, entry.target_digest) for entry in scene.outbox.entries} == {
            (owner, f"login throttle: {email}".encode())
        }
        scene.outbox.entries.clear()


async def test_tries_while_locked_don_t_prolong_it(scene: Scene) -> None:
    await scene.fail(5)
    scene.clock.advance(timedelta(minutes=14))
    assert await scene.throttle.admit(STRANGER, ANN) == Locked(60)
    scene.clock.advance(timedelta(minutes=1))
    await scene.admitted()


async def test_a_success_forgets_the_failures_before_it(scene: Scene) -> None:
    await scene.fail(4)
    await scene.throttle.succeed(await scene.admitted())
    assert not scene.throttling.throttles.known
    await scene.fail(4)
    assert not scene.throttling.locked


async def test_a_try_that_is_released_counts_for_nothing(scene: Scene) -> None:
    await scene.fail(4)
    for _ in range(6):
        await scene.throttle.release(await scene.admitted())
    await scene.throttle.refuse(STRANGER, await scene.admitted(), scene.user.id, "account_inactive")
    assert scene.outbox.entries[-1].reason == "account_inactive"
    await scene.fail(1)
    assert scene.throttling.locked


async def test_no_more_than_five_are_checked_at_once(scene: Scene) -> None:
    attempts = [await scene.admitted() for _ in range(5)]
    sixth = asyncio.ensure_future(scene.admitted())
    seventh = asyncio.ensure_future(scene.admitted())
    await asyncio.sleep(0)
    assert not sixth.done()
    await scene.throttle.succeed(attempts[0])
    await sixth
    assert not seventh.done()
    for attempt in attempts[1:]:
        await scene.throttle.release(attempt)
    await seventh


async def test_whoever_waits_is_told_of_the_lock(scene: Scene) -> None:
    attempts = [await scene.admitted() for _ in range(5)]
    waiting = [asyncio.ensure_future(scene.throttle.admit(STRANGER, ANN)) for _ in range(3)]
    await asyncio.sleep(0)
    for attempt in attempts:
        await scene.throttle.fail(STRANGER, attempt, scene.user.id, "login_failed")
    assert await asyncio.gather(*waiting) == [Locked(15 * 60)] * 3


async def test_a_place_that_nobody_gives_back_is_free_after_its_lease(scene: Scene) -> None:
    for _ in range(5):
        await scene.admitted()
    waiting = asyncio.ensure_future(scene.admitted())
    await asyncio.sleep(0)
    scene.clock.advance(timedelta(seconds=5))
    await waiting


async def test_nobody_waits_without_end(scene: Scene) -> None:
    for _ in range(5):
        await scene.admitted()
    with pytest.raises(LoginsBusy) as refused:
        await scene.throttling.impatient.admit(STRANGER, ANN)
    assert refused.value.retry_after == 1


async def test_a_known_device_has_places_of_its_own(scene: Scene) -> None:
    token = await scene.device()
    await scene.fail(5)
    assert isinstance(await scene.throttle.admit(STRANGER, ANN), Locked)
    await scene.throttle.succeed(await scene.admitted(ANN, token))
    await scene.fail(5, ANN, token)
    assert isinstance(await scene.throttle.admit(STRANGER, ANN, token), Locked)


async def test_five_failures_of_a_device_lock_that_device_only(scene: Scene) -> None:
    token, other = await scene.device(), await scene.device()
    await scene.fail(5, ANN, token)
    assert isinstance(await scene.throttle.admit(STRANGER, ANN, token), Locked)
    await scene.admitted(ANN, other)
    await scene.admitted()
    await scene.throttle.announce_locks()
    assert not scene.outbox.events


async def test_a_device_token_is_good_for_one_address_and_ninety_days(scene: Scene) -> None:
    token = await scene.device()
    assert (await scene.admitted(ANN, token)).device_id is not None
    assert (await scene.admitted("bob@example.com", token)).device_id is None
    assert (await scene.admitted(ANN, "wl_dt_made-up")).device_id is None
    scene.clock.advance(timedelta(days=90))
    assert (await scene.admitted(ANN, token)).device_id is None


async def test_a_good_device_token_is_kept_and_renewed_another_replaced(scene: Scene) -> None:
    token = await scene.device()
    scene.clock.advance(timedelta(days=89))
    assert await scene.throttle.remember_device(await scene.admitted(ANN, token), token) == token
    scene.clock.advance(timedelta(days=89))
    assert (await scene.admitted(ANN, token)).device_id is not None
    assert await scene.throttle.remember_device(await scene.admitted(ANN, "made-up"), "made-up") not in {token, "made-up"}


async def test_a_new_password_forgets_the_devices_of_the_address(scene: Scene) -> None:
    token = await scene.device()
    await scene.throttle.forget_devices("bob@example.com")
    assert (await scene.admitted(ANN, token)).device_id is not None
    await scene.throttle.forget_devices(ANN)
    assert (await scene.admitted(ANN, token)).device_id is None


async def test_a_lifted_lock_is_forgotten_with_its_failures(scene: Scene) -> None:
    assert not await scene.throttle.lift(ANN)
    await scene.fail(4)
    assert not await scene.throttle.lift(ANN)
    await scene.fail(5)
    assert await scene.throttle.lift(ANN)
    await scene.fail(4)
    assert not scene.throttling.locked


async def test_each_lock_of_an_account_is_announced_once(scene: Scene) -> None:
    await scene.fail(5, "nobody@example.com")
    await scene.fail(5)
    until = scene.clock.now() + timedelta(minutes=15)
    for _ in range(2):
        await scene.throttle.announce_locks()
    (event,) = scene.outbox.events
    assert (event.type, event.subject_id, event.subject_version) == ("user.locked", scene.user.id, 1)
    assert event.data == {"locked_until": until.isoformat()}
    assert event.audited


async def test_what_nobody_has_tried_for_a_day_is_pruned(scene: Scene) -> None:
    await scene.fail(1)
    await scene.device()
    await scene.fail(1, "bob@example.com")
    scene.clock.advance(timedelta(days=1))
    await scene.throttle.prune()
    assert len(scene.throttling.throttles.known) == 1
    scene.clock.advance(timedelta(days=89))
    await scene.throttle.prune()
    assert not scene.throttling.throttles.known
    assert not scene.throttling.devices.devices


async def test_a_password_that_can_t_be_checked_gives_its_place_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def verify(hash_: str | None, password: str) -> bool:
        raise Unavailable

    monkeypatch.setattr(scene.passwords, "verify", verify)
    for _ in range(6):
        with pytest.raises(Unavailable):
            await scene.checks.check(STRANGER, ANN, "wrong", reason="login_failed")
    assert not scene.throttling.throttles.known


async def test_fifty_right_passwords_at_once_are_all_right_and_of_fifty_wrong_ones_five_are_checked(scene: Scene) -> None:
    async def log_in(password: str) -> str:
        checked = await scene.checks.check(STRANGER, ANN, password, reason="login_failed")
        if isinstance(checked, Verified):
            await scene.throttle.succeed(checked.attempt)
        return type(checked).__name__

    assert await asyncio.gather(*(log_in("right") for _ in range(50))) == ["Verified"] * 50
    scene.passwords.verified.clear()
    wrong = await asyncio.gather(*(log_in("wrong") for _ in range(50)))
    assert (wrong.count("NoneType"), wrong.count("Locked")) == (5, 45)
    assert len(scene.passwords.verified) == 5


async def test_a_wrong_password_again_counts_among_the_logins(scene: Scene) -> None:
    for _ in range(5):
        with pytest.raises(PasswordRequired) as wrong:
            await scene.reauthentication.confirm(scene.ann, "wrong")
        assert wrong.value.retry_after is None
    with pytest.raises(PasswordRequired, match="locked") as locked:
        await scene.reauthentication.confirm(scene.ann, "right")
    assert locked.value.retry_after == 15 * 60
    with pytest.raises(PasswordRequired, match="Send the present password"):
        await scene.reauthentication.confirm(scene.ann, None)
    assert await scene.throttle.admit(STRANGER, ANN) == Locked(15 * 60)


async def test_a_right_password_again_forgets_the_failures(scene: Scene) -> None:
    await scene.fail(4)
    await scene.reauthentication.confirm(scene.ann, "right")
    assert not scene.throttling.throttles.known
