"""Turning second factors on and off, on fakes of the ports."""

from __future__ import annotations

from base64 import b32decode
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.domain import PasswordRequired, Role, User, UserNotFound
from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.use_cases import Kit
from service.features.second_factors.domain import (
    NothingToConfirm,
    RecoveryCodes,
    SecondFactorOff,
    SecondFactorOn,
    WrongCode,
    as_read,
)
from service.features.second_factors.use_cases import OwnSecondFactor, SecondFactorResets
from service.kernel.errors import Forbidden
from service.kernel.events import Change
from tests.support.accounts import FakePasswords, FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor
from tests.support.second_factors import Factors, shown, wrong
from tests.support.throttles import FakeThrottling

pytestmark = pytest.mark.anyio

ANN = replace(an_actor(), email="ann@example.com")
ROOT = an_actor(2, is_admin=True)
PASSWORD = "Correct-horse-7"


class Scene:
    """Ann, an admin, and everything that second factors work with."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.factors = Factors(self.users, self.outbox, self.clock)
        kit = Kit(self.unit_of_work, self.users, self.outbox, self.clock, FakeIds())
        self.throttling = FakeThrottling(FakeUnitOfWork(), self.users, self.outbox, self.clock)
        throttle = self.throttling.throttle
        checks = PasswordChecks(self.users, FakePasswords(), throttle)
        self.own = OwnSecondFactor(kit, self.factors.codes, Reauthentication(self.users, checks, throttle), throttle)
        self.resets = SecondFactorResets(kit)
        a_stored_user(self.users, "ann@example.com", f"new:{PASSWORD}", self.clock.now(), id=ANN.id)
        a_stored_user(self.users, "root@example.com", f"new:{PASSWORD}", self.clock.now(), id=ROOT.id, role=Role.ADMIN)

    @property
    def ann(self) -> User:
        return self.users.users[ANN.id]

    @property
    def sealed(self) -> bytes | None:
        return self.factors.stored.seeds.get(ANN.id)

    async def turned_on(self) -> RecoveryCodes:
        begun = await self.own.begin(ANN, PASSWORD)
        return await self.own.confirm(ANN, shown(begun.secret, self.clock))


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_secret_is_sealed_for_its_account_and_changes_nothing_yet(scene: Scene) -> None:
    before = scene.ann
    begun = await scene.own.begin(ANN, PASSWORD)
    seed = b32decode(begun.secret)
    assert len(seed) == 20
    assert scene.sealed == f"second_factors:{ANN.id}:seed|".encode() + seed
    assert scene.ann == before
    assert not scene.outbox.events


async def test_a_secret_that_was_never_confirmed_gives_way_to_the_next(scene: Scene) -> None:
    first = await scene.own.begin(ANN, PASSWORD)
    second = await scene.own.begin(ANN, PASSWORD)
    assert first.secret != second.secret
    with pytest.raises(WrongCode):
        await scene.own.confirm(ANN, shown(first.secret, scene.clock))
    await scene.own.confirm(ANN, shown(second.secret, scene.clock))
    assert scene.ann.mfa_enabled


async def test_a_code_of_the_app_turns_it_on_and_yields_ten_recovery_codes(scene: Scene) -> None:
    made = await scene.turned_on()
    assert (scene.ann.mfa_enabled, scene.ann.version) == (True, 2)
    assert len(made.recovery_codes) == 10
    assert scene.factors.stored.codes[ANN.id] == [
        f"recovery code|{ANN.id}:{as_read(code)}".encode() for code in made.recovery_codes
    ]
    (event,) = scene.outbox.events
    assert (event.type, event.subject_id, event.subject_version, event.audited) == ("user.mfa_enabled", ANN.id, 2, True)
    assert event.changes == {"mfa_enabled": Change(old=False, new=True)}


async def test_a_wrong_code_turns_nothing_on_and_leaves_its_trace(scene: Scene) -> None:
    begun = await scene.own.begin(ANN, PASSWORD)
    with pytest.raises(WrongCode, match="six digits"):
        await scene.own.confirm(ANN, wrong(begun.secret, scene.clock))
    assert not scene.ann.mfa_enabled
    (entry,) = scene.outbox.entries
    assert (entry.action, entry.reason, entry.target_id) == ("mfa.failed", "mfa_code_wrong", ANN.id)
    # Committed, so that the entry stays.
    assert (scene.unit_of_work.committed, scene.unit_of_work.rolled_back) == (2, 0)


async def test_the_fifth_wrong_code_locks_the_address_and_the_next_is_not_looked_at(scene: Scene) -> None:
    begun = await scene.own.begin(ANN, PASSWORD)
    for _ in range(5):
        with pytest.raises(WrongCode):
            await scene.own.confirm(ANN, wrong(begun.secret, scene.clock))
    with pytest.raises(PasswordRequired, match="locked") as refused:
        await scene.own.confirm(ANN, shown(begun.secret, scene.clock))
    assert refused.value.retry_after == 900
    assert [entry.action for entry in scene.outbox.entries] == ["mfa.failed"] * 5 + ["login.locked", "login.throttled"]
    assert not scene.ann.mfa_enabled


async def test_a_right_code_forgets_the_wrong_ones_before(scene: Scene) -> None:
    begun = await scene.own.begin(ANN, PASSWORD)
    with pytest.raises(WrongCode):
        await scene.own.confirm(ANN, wrong(begun.secret, scene.clock))
    await scene.own.confirm(ANN, shown(begun.secret, scene.clock))
    assert not scene.throttling.throttles.known


async def test_the_code_that_confirmed_is_used_up(scene: Scene) -> None:
    begun = await scene.own.begin(ANN, PASSWORD)
    code = shown(begun.secret, scene.clock)
    await scene.own.confirm(ANN, code)
    assert not await scene.factors.codes.take_totp(ANN.id, code)


async def test_without_a_secret_there_is_nothing_to_confirm(scene: Scene) -> None:
    for _ in range(6):
        with pytest.raises(NothingToConfirm, match="/auth/mfa/totp"):
            await scene.own.confirm(ANN, "123456")
    assert not scene.throttling.throttles.known


async def test_what_is_on_is_not_begun_or_confirmed_again(scene: Scene) -> None:
    await scene.turned_on()
    sealed = scene.sealed
    with pytest.raises(SecondFactorOn, match="remove"):
        await scene.own.begin(ANN, PASSWORD)
    with pytest.raises(SecondFactorOn):
        await scene.own.confirm(ANN, "123456")
    assert scene.sealed == sealed


async def test_the_password_turns_it_off(scene: Scene) -> None:
    await scene.turned_on()
    await scene.own.remove(ANN, PASSWORD)
    assert (scene.ann.mfa_enabled, scene.ann.version) == (False, 3)
    assert scene.users.factors_dropped == [ANN.id]
    assert scene.outbox.types == ["user.mfa_enabled", "user.mfa_disabled"]
    assert all(event.audited for event in scene.outbox.events)


async def test_what_is_off_is_turned_off_without_a_word_and_an_unconfirmed_secret_goes(scene: Scene) -> None:
    await scene.own.begin(ANN, PASSWORD)
    await scene.own.remove(ANN, PASSWORD)
    assert scene.users.factors_dropped == [ANN.id]
    assert scene.ann.version == 1
    assert not scene.outbox.events


async def test_new_recovery_codes_replace_the_old_ones_and_are_told_without_a_new_version(scene: Scene) -> None:
    first = await scene.turned_on()
    second = await scene.own.renew_recovery_codes(ANN, PASSWORD)
    assert not set(first.recovery_codes) & set(second.recovery_codes)
    assert not await scene.factors.codes.take_recovery_code(ANN.id, as_read(first.recovery_codes[0]))
    assert await scene.factors.codes.take_recovery_code(ANN.id, as_read(second.recovery_codes[0]))
    assert scene.ann.version == 2
    told = scene.outbox.events[-1]
    assert (told.type, told.subject_id, told.subject_version, told.audited) == ("user.recovery_codes_made", ANN.id, 2, True)


async def test_there_are_no_recovery_codes_without_a_second_factor(scene: Scene) -> None:
    with pytest.raises(SecondFactorOff):
        await scene.own.renew_recovery_codes(ANN, PASSWORD)
    assert not scene.outbox.events


@pytest.mark.parametrize("password", [None, "", "wrong"])
@pytest.mark.parametrize("act", ["begin", "remove", "renew_recovery_codes"])
async def test_without_the_password_nothing_happens(scene: Scene, act: str, password: str | None) -> None:
    with pytest.raises(PasswordRequired):
        await getattr(scene.own, act)(ANN, password)
    assert scene.unit_of_work.committed == 0


@pytest.mark.parametrize("act", ["begin", "remove", "renew_recovery_codes"])
async def test_a_password_that_was_right_a_moment_ago_is_not_enough(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    async def hold(_: Any) -> bool:
        return False

    monkeypatch.setattr(scene.users, "hold", hold)
    with pytest.raises(PasswordRequired):
        await getattr(scene.own, act)(ANN, PASSWORD)
    assert (scene.sealed, scene.users.factors_dropped) == (None, [])
    assert scene.unit_of_work.rolled_back == 1


async def test_an_admin_takes_somebody_s_away(scene: Scene) -> None:
    await scene.turned_on()
    user = await scene.resets.reset(ROOT, str(ANN.id))
    assert user == scene.ann
    assert (user.mfa_enabled, user.version) == (False, 3)
    assert scene.users.factors_dropped == [ANN.id]
    told = scene.outbox.events[-1]
    assert (told.type, told.subject_id, told.audited) == ("user.mfa_reset", ANN.id, True)
    assert scene.users.sessions_ended_at == {}


async def test_a_reset_of_what_is_off_is_not_told(scene: Scene) -> None:
    assert await scene.resets.reset(ROOT, str(ANN.id)) == scene.ann
    assert not scene.outbox.events


async def test_an_admin_s_own_takes_the_password(scene: Scene) -> None:
    with pytest.raises(PasswordRequired, match="/auth/mfa/totp/remove"):
        await scene.resets.reset(ROOT, str(ROOT.id))
    assert scene.unit_of_work.committed == 0


async def test_who_is_no_admin_any_more_resets_nothing(scene: Scene) -> None:
    await scene.turned_on()
    scene.users.users[ROOT.id] = replace(scene.users.users[ROOT.id], role=Role.USER)
    with pytest.raises(Forbidden):
        await scene.resets.reset(ROOT, str(ANN.id))
    assert scene.ann.mfa_enabled
    assert not scene.users.factors_dropped


@pytest.mark.parametrize("reference", [str(UUID(int=9)), "me", ""])
async def test_nobody_else_is_there_to_reset(scene: Scene, reference: str) -> None:
    with pytest.raises(UserNotFound):
        await scene.resets.reset(ROOT, reference)


async def test_a_code_of_an_earlier_step_is_not_taken_after_a_later_one(scene: Scene) -> None:
    begun = await scene.own.begin(ANN, PASSWORD)
    await scene.own.confirm(ANN, shown(begun.secret, scene.clock, steps=1))
    assert not await scene.factors.codes.take_totp(ANN.id, shown(begun.secret, scene.clock))
    scene.clock.advance(timedelta(minutes=1))
    assert await scene.factors.codes.take_totp(ANN.id, shown(begun.secret, scene.clock))
