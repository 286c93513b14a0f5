"""One-time tokens in a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.adapters.tokens import digest
from service.features.accounts.domain import UsedToken
from service.features.accounts.one_time_repository import PiccoloOneTimeTokens
from tests.support.accounts import state_of
from tests.support.people import People

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def tokens(database: Database) -> PiccoloOneTimeTokens:
    return PiccoloOneTimeTokens(database)


@pytest.fixture
def people(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> People:
    return People(database, connection, clock)


async def test_a_token_is_stored_as_its_digest(
    tokens: PiccoloOneTimeTokens, people: People, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann = await people.add("Ann")
    expires_at = clock.now() + timedelta(hours=1)
    await tokens.add("secret", ann.id, "password", clock.now(), expires_at)
    row = await connection.fetchrow("SELECT * FROM one_time_tokens")
    assert row is not None
    assert tuple(row) == (digest("secret"), ann.id, "password", clock.now(), expires_at, None)


async def test_a_token_belongs_to_its_owner_until_it_is_used_or_too_old(
    tokens: PiccoloOneTimeTokens, people: People, clock: FakeClock
) -> None:
    ann = await people.add("Ann")
    now, end = clock.now(), clock.now() + timedelta(hours=1)
    await tokens.add("secret", ann.id, "password", now, end)
    assert await tokens.owner("secret", "password", now) == state_of(ann)
    assert await tokens.owner("secret", "password", end) is None
    assert await tokens.owner("secret", "email", now) is None
    assert await tokens.owner("other", "password", now) is None
    assert not await tokens.use("secret", "password", end)
    assert not await tokens.use("secret", "email", now)
    assert await tokens.use("secret", "password", now) == UsedToken()
    assert not await tokens.use("secret", "password", now)
    assert await tokens.owner("secret", "password", now) is None


async def test_voiding_takes_every_token_of_one_account(tokens: PiccoloOneTimeTokens, people: People, clock: FakeClock) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    now, end = clock.now(), clock.now() + timedelta(hours=1)
    for secret, user in (("one", ann), ("two", ann), ("three", bob)):
        await tokens.add(secret, user.id, "password", now, end)
    await tokens.void(ann.id)
    assert [await tokens.use(secret, "password", now) for secret in ("one", "two", "three")] == [None, None, UsedToken()]


async def test_the_token_of_a_deleted_account_is_nobody_s(
    tokens: PiccoloOneTimeTokens, people: People, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann = await people.add("Ann")
    await tokens.add("secret", ann.id, "password", clock.now(), clock.now() + timedelta(hours=1))
    await connection.execute("UPDATE users SET deleted_at = now()")
    assert await tokens.owner("secret", "password", clock.now()) is None
