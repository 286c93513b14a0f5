"""The rows that a decision of an admin locks, in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.features.accounts.domain import Role, User, UserNotFound
from service.features.accounts.repository import PiccoloUsers
from service.features.departures.repository import PiccoloDepartures
from tests.support.accounts import state_of
from tests.support.people import People
from tests.support.plans import rows_read
from tests.support.stored import lockable, somebody_waits

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

STRANGERS = """
INSERT INTO users (id, email, canonical_email, role, is_active, timezone, locale, created_at, updated_at, version, field_versions)
SELECT gen_random_uuid(), n || '@example.com', n || '@example.com', 'user', true, 'UTC', 'en', now(), now(), 1, '{}'
FROM generate_series(1, 3000) AS n
"""


@pytest.fixture
def users(database: Database) -> PiccoloUsers:
    return PiccoloUsers(database)


@pytest.fixture
def people(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> People:
    return People(database, connection, clock)


async def the_admins(people: People) -> list[User]:
    """Two who count, beside an inactive one."""
    await people.add("Former", role=Role.ADMIN, is_active=False)
    return [await people.add(name, role=Role.ADMIN) for name in ("Root", "Other")]


async def test_a_row_comes_with_who_is_an_active_admin(
    users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any]
) -> None:
    ann, admins = await people.add("Ann"), await the_admins(people)
    deleted = await people.add("Gone", role=Role.ADMIN)
    await connection.execute("UPDATE users SET deleted_at = now() WHERE id = $1", deleted.id)
    expected = frozenset(admin.id for admin in admins)
    assert await users.lock_with_admins(ann.id) == (state_of(ann), expected)
    assert await users.lock_with_admins(admins[0].id) == (state_of(admins[0]), expected)
    for nobody in (deleted.id, UUID(int=0)):
        with pytest.raises(UserNotFound):
            await users.lock_with_admins(nobody)


async def test_the_row_and_those_of_active_admins_are_locked_and_may_still_be_referred_to(
    database: Database, users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob, admins = await people.add("Ann"), await people.add("Bob"), await the_admins(people)

    async def look() -> None:
        await users.lock_with_admins(ann.id)
        for user in (ann, *admins):
            assert not await lockable(connection, "SHARE", "users", user.id)
            assert await lockable(connection, "KEY SHARE", "users", user.id)
        assert await lockable(connection, "UPDATE", "users", bob.id)

    await database.run(look)


async def test_whoever_waited_sees_what_was_decided_meanwhile(
    database: Database, users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    root, other = await the_admins(people)
    first_has_it = asyncio.Event()

    async def first() -> None:
        state, _ = await users.lock_with_admins(root.id)
        first_has_it.set()
        await somebody_waits(connection)
        await users.change(state, {"role": Role.USER}, clock.now())

    async def second() -> None:
        await first_has_it.wait()
        _, admins = await users.lock_with_admins(other.id)
        assert admins == {other.id}

    await asyncio.gather(database.run(first), database.run(second))


@pytest.mark.parametrize("repository", [PiccoloUsers, PiccoloDepartures])
async def test_nobody_else_is_looked_at_to_find_them(
    database: Database,
    people: People,
    connection: asyncpg.Connection[Any],
    repository: type[PiccoloUsers | PiccoloDepartures],
) -> None:
    ann, _ = await people.add("Ann"), await the_admins(people)
    await connection.execute(STRANGERS)
    await connection.execute("ANALYZE users")
    found = repository(database)
    # Ann and three with the role, once in the indexes and once as rows.
    assert await rows_read(database, connection, "users", lambda: found.lock_with_admins(ann.id)) <= 2 * 4
