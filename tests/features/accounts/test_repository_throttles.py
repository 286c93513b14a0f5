"""Counts of tries and device tokens in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.adapters.tokens import digest
from service.features.accounts.throttle_domain import Notice, Slot, Throttle
from service.features.accounts.throttle_repository import PiccoloDeviceTokens, PiccoloThrottles
from tests.support.people import People

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

SLOT = Slot(b"key", b"address")
DEVICE = Slot(b"device", b"address")
OTHER = Slot(b"other", b"other")
SECOND = timedelta(seconds=1)


@pytest.fixture
def throttles(database: Database) -> PiccoloThrottles:
    return PiccoloThrottles(database)


@pytest.fixture
def devices(database: Database) -> PiccoloDeviceTokens:
    return PiccoloDeviceTokens(database)


async def test_of_twenty_tries_at_once_five_are_booked(throttles: PiccoloThrottles, clock: FakeClock) -> None:
    now = clock.now()
    booked = await asyncio.gather(*(throttles.charge(SLOT, now + 5 * SECOND, now) for _ in range(20)))
    assert booked.count(True) == 5
    assert (await throttles.find(SLOT)).pending == (now + 5 * SECOND,) * 5
    assert await throttles.charge(OTHER, now + 5 * SECOND, now)


async def test_a_place_is_free_from_the_end_of_its_lease_on(throttles: PiccoloThrottles, clock: FakeClock) -> None:
    now = clock.now()
    for number in range(5):
        assert await throttles.charge(SLOT, now + number * SECOND + SECOND, now)
    assert not await throttles.charge(SLOT, now + 9 * SECOND, now)
    assert await throttles.charge(SLOT, now + 9 * SECOND, now + SECOND)
    assert (await throttles.find(SLOT)).pending == tuple(now + number * SECOND for number in (2, 3, 4, 5, 9))


async def test_failures_of_the_window_take_places(throttles: PiccoloThrottles, clock: FakeClock) -> None:
    now = clock.now()
    await throttles.lock(SLOT, now)
    await throttles.save(SLOT, Throttle(failed_at=(now - timedelta(minutes=15), now, now, now, now)))
    assert await throttles.charge(SLOT, now + SECOND, now)
    assert not await throttles.charge(SLOT, now + SECOND, now)


async def test_what_is_locked_takes_no_try_until_the_lock_ends(throttles: PiccoloThrottles, clock: FakeClock) -> None:
    now = clock.now()
    known = Throttle((now,), (now + SECOND,), 2, now, now + timedelta(minutes=30))
    assert await throttles.lock(SLOT, now) == Throttle()
    await throttles.save(SLOT, known)
    assert await throttles.find(SLOT) == known == await throttles.lock(SLOT, now)
    assert not await throttles.charge(SLOT, now, now + timedelta(minutes=30) - SECOND)
    assert await throttles.charge(SLOT, now + timedelta(hours=1), now + timedelta(minutes=30))


async def test_what_is_worth_nothing_is_not_kept(
    throttles: PiccoloThrottles, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    await throttles.charge(SLOT, clock.now() + SECOND, clock.now())
    await throttles.save(SLOT, Throttle())
    assert await connection.fetchval("SELECT count(*) FROM login_throttles") == 0
    assert await throttles.find(SLOT) == Throttle()


async def test_lifting_forgets_an_address_and_its_devices(throttles: PiccoloThrottles, clock: FakeClock) -> None:
    now = clock.now()
    for slot, until in ((SLOT, None), (DEVICE, now + SECOND), (OTHER, now + SECOND)):
        await throttles.lock(slot, now)
        await throttles.save(slot, Throttle((now,), (), 1, now, until))
    assert await throttles.lift(b"address", now)
    assert not await throttles.lift(b"address", now)
    assert not await throttles.lift(b"other", now + SECOND)
    assert await throttles.find(SLOT) == await throttles.find(DEVICE) == await throttles.find(OTHER) == Throttle()


async def test_a_notice_is_claimed_once(
    throttles: PiccoloThrottles,
    database: Database,
    connection: asyncpg.Connection[Any],
    clock: FakeClock,
) -> None:
    ann = await People(database, connection, clock).add("Ann")
    now = clock.now()
    for slot, owner in ((SLOT, ann.id), (OTHER, None)):
        await throttles.lock(slot, now)
        await throttles.save(slot, Throttle((), (), 1, now, now + SECOND), owner)
    # A later change of the row leaves it.
    await throttles.save(SLOT, Throttle((), (), 1, now, now + SECOND))
    assert await throttles.claim_notices() == [Notice(ann.id, 1, now + SECOND)]
    assert await throttles.claim_notices() == []


async def test_what_was_not_touched_since_is_pruned(throttles: PiccoloThrottles, clock: FakeClock) -> None:
    now = clock.now()
    await throttles.charge(SLOT, now + SECOND, now)
    await throttles.charge(OTHER, now + SECOND, now + SECOND)
    await throttles.prune(now + SECOND)
    assert await throttles.find(SLOT) == Throttle()
    assert await throttles.find(OTHER) != Throttle()


async def test_a_device_is_known_by_its_token_and_address_until_it_is_too_old(
    devices: PiccoloDeviceTokens, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    device, now = uuid4(), clock.now()
    await devices.add(device, "secret", b"address", now, now + SECOND)
    assert await connection.fetchval("SELECT token_hash FROM device_tokens") == digest("secret")
    assert await devices.find("secret", b"address", now) == device
    assert await devices.find("secret", b"other", now) is None
    assert await devices.find("another", b"address", now) is None
    assert await devices.find("secret", b"address", now + SECOND) is None
    await devices.renew(device, now + SECOND, now + 3 * SECOND)
    assert await devices.find("secret", b"address", now + 2 * SECOND) == device
    await devices.prune(now + 2 * SECOND)
    assert await devices.find("secret", b"address", now) == device
    await devices.prune(now + 3 * SECOND)
    assert await devices.find("secret", b"address", now) is None


async def test_the_devices_of_one_address_are_dropped(devices: PiccoloDeviceTokens, clock: FakeClock) -> None:
    now = clock.now()
    for secret, address in (("one", b"address"), ("two", b"address"), ("three", b"other")):
        await devices.add(uuid4(), secret, address, now, now + SECOND)
    await devices.drop(b"address")
    assert [await devices.find(secret, b"address", now) for secret in ("one", "two")] == [None, None]
    assert await devices.find("three", b"other", now) is not None
