"""Second factors and challenges in a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.adapters.tokens import digest
from service.features.accounts.repository import PiccoloUsers
from service.features.second_factors.domain import Challenged, Waiting
from service.features.second_factors.repository import PiccoloMfaChallenges, PiccoloSecondFactors
from tests.support.people import People
from tests.support.stored import lockable

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from service.features.accounts.domain import User
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

LIFETIME = timedelta(minutes=5)
DEVICE = UUID(int=7)


@pytest.fixture
def factors(database: Database) -> PiccoloSecondFactors:
    return PiccoloSecondFactors(database)


@pytest.fixture
def challenges(database: Database) -> PiccoloMfaChallenges:
    return PiccoloMfaChallenges(database)


@pytest.fixture
def people(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> People:
    return People(database, connection, clock)


@pytest.fixture
async def ann(people: People) -> User:
    return await people.add("Ann", mfa_enabled=True)


async def test_the_account_tells_whether_it_has_a_second_factor(database: Database, people: People, ann: User) -> None:
    bob = await people.add("Bob")
    users = PiccoloUsers(database)
    assert [(await users.whole(user.id)).mfa_enabled for user in (ann, bob)] == [True, False]

    async def turn_off() -> bool:
        await users.change(await users.lock(ann.id), {"mfa_enabled": False}, ann.updated_at)
        return (await users.lock(ann.id)).mfa_enabled

    assert await database.run(turn_off) is False


async def test_a_seed_is_replaced_with_its_last_step(factors: PiccoloSecondFactors, ann: User, clock: FakeClock) -> None:
    assert await factors.seed(ann.id) is None
    await factors.begin(ann.id, b"first", clock.now())
    assert await factors.advance(ann.id, 9)
    await factors.begin(ann.id, b"second", clock.now())
    assert await factors.seed(ann.id) == b"second"
    assert await factors.advance(ann.id, 3)


async def test_steps_only_go_forward(factors: PiccoloSecondFactors, people: People, ann: User, clock: FakeClock) -> None:
    bob = await people.add("Bob")
    for user in (ann, bob):
        await factors.begin(user.id, b"seed", clock.now())
    steps = [5, 5, 4, 6, 2**40, 6]
    assert [await factors.advance(ann.id, step) for step in steps] == [True, False, False, True, True, False]
    assert await factors.advance(bob.id, 5)


async def test_a_recovery_code_is_its_owner_s_and_goes_once(
    factors: PiccoloSecondFactors, people: People, ann: User, clock: FakeClock
) -> None:
    bob = await people.add("Bob")
    await factors.set_recovery_codes(ann.id, [b"one", b"two"], clock.now())
    await factors.set_recovery_codes(bob.id, [b"three"], clock.now())
    assert not await factors.use_recovery_code(bob.id, b"one")
    assert [await factors.use_recovery_code(ann.id, b"one") for _ in range(2)] == [True, False]
    await factors.set_recovery_codes(ann.id, [b"four"], clock.now())
    assert not await factors.use_recovery_code(ann.id, b"two")
    assert await factors.use_recovery_code(ann.id, b"four")
    assert await factors.use_recovery_code(bob.id, b"three")


async def test_dropping_takes_seed_codes_and_challenges_of_one_account(
    database: Database,
    factors: PiccoloSecondFactors,
    challenges: PiccoloMfaChallenges,
    people: People,
    ann: User,
    clock: FakeClock,
) -> None:
    bob = await people.add("Bob", mfa_enabled=True)
    for user in (ann, bob):
        await factors.begin(user.id, b"seed", clock.now())
        await factors.set_recovery_codes(user.id, [user.id.bytes], clock.now())
        await challenges.add(f"token of {user.full_name}", user.id, "hash", None, clock.now(), clock.now() + LIFETIME)
    await PiccoloUsers(database).drop_second_factor(ann.id)
    assert (await factors.seed(ann.id), await factors.seed(bob.id)) == (None, b"seed")
    assert not await factors.use_recovery_code(ann.id, ann.id.bytes)
    assert await factors.use_recovery_code(bob.id, bob.id.bytes)
    assert await challenges.lock("token of Ann") is None
    assert await challenges.lock("token of Bob") is not None


async def test_a_challenge_is_stored_as_digests_and_only_where_a_code_is_needed(
    challenges: PiccoloMfaChallenges, people: People, ann: User, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    bob = await people.add("Bob")
    now = clock.now()
    assert await challenges.add("token", ann.id, "hash", DEVICE, now, now + LIFETIME)
    assert not await challenges.add("other", bob.id, "hash", None, now, now + LIFETIME)
    (row,) = await connection.fetch("SELECT * FROM mfa_challenges")
    assert tuple(row) == (digest("token"), ann.id, digest("hash"), DEVICE, 0, now, now + LIFETIME)


async def test_a_challenge_stands_while_password_account_and_factor_do(
    challenges: PiccoloMfaChallenges, ann: User, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    await challenges.add("token", ann.id, "hash", None, clock.now(), clock.now() + LIFETIME)
    assert await challenges.lock("token") == Challenged(ann.id, 1, stands=True)
    assert await challenges.lock("another") is None
    for change in ("password_hash = 'another'", "password_hash = NULL", "is_active = false", "mfa_enabled = false"):
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"UPDATE users SET {change}")  # noqa: S608
        await transaction.commit()
        assert await challenges.lock("token") == Challenged(ann.id, 1, stands=False), change
        await connection.execute("UPDATE users SET password_hash = 'hash', is_active = true, mfa_enabled = true")
    await connection.execute("UPDATE users SET deleted_at = now()")
    assert await challenges.lock("token") is None


async def test_a_challenge_is_found_with_whose_it_is_whether_or_not_it_is_good(
    challenges: PiccoloMfaChallenges, ann: User, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    now = clock.now()
    await challenges.add("token", ann.id, "hash", DEVICE, now, now)
    await challenges.add("other", ann.id, "hash", None, now, now + LIFETIME)
    assert await challenges.find("token") == Waiting(ann.id, ann.email, DEVICE)
    assert await challenges.find("other") == Waiting(ann.id, ann.email, None)
    assert await challenges.find("another") is None
    await connection.execute("UPDATE users SET deleted_at = now()")
    assert await challenges.find("token") is None


async def test_the_account_of_a_challenge_is_locked(
    database: Database,
    challenges: PiccoloMfaChallenges,
    ann: User,
    connection: asyncpg.Connection[Any],
    clock: FakeClock,
) -> None:
    await challenges.add("token", ann.id, "hash", None, clock.now(), clock.now() + LIFETIME)

    async def work() -> bool:
        await challenges.lock("token")
        return await lockable(connection, "SHARE", "users", ann.id)

    assert not await database.run(work)
    assert await lockable(connection, "SHARE", "users", ann.id)


async def test_tries_count_to_their_limit_and_to_the_end(challenges: PiccoloMfaChallenges, ann: User, clock: FakeClock) -> None:
    now = clock.now()
    await challenges.add("token", ann.id, "hash", None, now, now + LIFETIME)
    assert [await challenges.count("token", 2, now) for _ in range(3)] == [True, True, False]
    assert not await challenges.count("token", 5, now + LIFETIME)
    assert await challenges.count("token", 5, now + LIFETIME - timedelta(seconds=1))
    assert not await challenges.count("another", 5, now)


async def test_challenges_end_one_by_one_or_when_they_are_too_old(
    challenges: PiccoloMfaChallenges, ann: User, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    now = clock.now()
    for number in range(3):
        await challenges.add(f"token-{number}", ann.id, "hash", None, now, now + number * LIFETIME)
    await challenges.end("token-2")
    await challenges.prune(now)
    left = await connection.fetch("SELECT token_hash FROM mfa_challenges")
    assert [row[0] for row in left] == [digest("token-1")]
