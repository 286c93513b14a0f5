"""Refresh tokens in a real PostgreSQL: one rotation wins, and what the session knows of the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from service.features.accounts.domain import Role
from service.features.sessions.domain import Presented
from service.features.sessions.refresh_tokens import RefreshToken
from service.features.sessions.repository import PiccoloSessions
from tests.support.stored import lockable
from tests.support.stored_sessions import KEY, NONCE, Stored, a_session_of

if TYPE_CHECKING:
    from datetime import datetime

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

# A change of the account, the session or nothing, after which the session does not live.
DEATHS = [
    "UPDATE users SET is_active = false",
    "UPDATE users SET deleted_at = now()",
    "UPDATE sessions SET ended_at = now()",
    "UPDATE sessions SET expires_at = created_at",
    "UPDATE sessions SET idle_expires_at = created_at",
]


@pytest.fixture
def sessions(database: Database, clock: FakeClock) -> PiccoloSessions:
    return PiccoloSessions(database, clock)


@pytest.fixture
async def stored(database: Database, sessions: PiccoloSessions, clock: FakeClock) -> Stored:
    """A session of Ann's."""
    return await a_session_of("Ann", Role.ADMIN, database, sessions, clock.now())


async def rotated(sessions: PiccoloSessions, stored: Stored, now: datetime) -> UUID | None:
    return await sessions.rotate(stored.first, stored.child, now, now + timedelta(days=14))


@pytest.mark.parametrize("death", DEATHS)
async def test_what_does_not_live_is_held_by_nobody_and_not_rotated(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock, connection: asyncpg.Connection[Any], death: str
) -> None:
    await connection.execute(death)
    clock.advance(timedelta(seconds=1))
    assert await sessions.holder(stored.session.id, stored.session.user_id, clock.now()) is None
    assert await rotated(sessions, stored, clock.now()) is None
    presented = await sessions.lock(stored.first, clock.now())
    assert presented is not None
    assert (presented.is_newest, presented.lives, presented.has_ended) == (True, False, "ended_at" in death)


async def test_a_rotation_keeps_the_hashes_of_child_and_parent(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    before = await connection.fetchrow("SELECT * FROM sessions")
    clock.advance(timedelta(days=1))
    assert await rotated(sessions, stored, clock.now()) == stored.session.user_id
    row = await connection.fetchrow("SELECT * FROM sessions")
    assert before is not None
    assert row is not None
    assert dict(row) == dict(before) | {
        "refresh_hash": stored.child.hash,
        "previous_refresh_hash": stored.first.hash,
        "last_used_at": clock.now(),
        "idle_expires_at": clock.now() + timedelta(days=14),
    }


async def test_a_token_is_rotated_once_and_only_the_newest(sessions: PiccoloSessions, stored: Stored, clock: FakeClock) -> None:
    assert await rotated(sessions, stored, clock.now())
    assert await rotated(sessions, stored, clock.now()) is None
    grandchild = stored.child.child(KEY, NONCE)
    assert await sessions.rotate(grandchild, grandchild, clock.now(), clock.now()) is None
    assert await sessions.rotate(stored.child, grandchild, clock.now(), clock.now() + timedelta(days=1))


async def test_of_many_rotations_at_once_one_wins(
    database: Database, sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    async def exchange() -> Presented | None:
        if await rotated(sessions, stored, clock.now()) is not None:
            return None
        return await sessions.lock(stored.first, clock.now())

    found = await asyncio.gather(*(database.run(exchange) for _ in range(20)))
    lost = [presented for presented in found if presented is not None]
    assert len(lost) == 19
    assert {presented.newest_hash for presented in lost} == {stored.child.hash}
    assert all(presented.is_parent and presented.lives for presented in lost)


async def test_a_session_knows_its_newest_token_the_one_before_and_no_other(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    user_id, now = stored.session.user_id, clock.now()
    at_first = Presented(
        user_id, is_newest=True, is_parent=False, newest_hash=stored.first.hash, rotated_at=now, lives=True, has_ended=False,
        reuse_is_known=False,
    )  # fmt: skip
    assert await sessions.lock(stored.first, now) == at_first
    assert await sessions.lock(stored.child, now) == replace(at_first, is_newest=False)
    clock.advance(timedelta(hours=1))
    await rotated(sessions, stored, clock.now())
    then = replace(at_first, newest_hash=stored.child.hash, rotated_at=clock.now())
    assert await sessions.lock(stored.child, clock.now()) == then
    assert await sessions.lock(stored.first, clock.now()) == replace(then, is_newest=False, is_parent=True)
    nowhere = RefreshToken.first(UUID(int=1), b"s" * 32, NONCE)
    assert await sessions.lock(nowhere, clock.now()) is None


async def test_a_judged_session_waits_for_the_judgement(
    database: Database, sessions: PiccoloSessions, stored: Stored, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    async def work() -> None:
        await sessions.lock(stored.first, clock.now())
        assert not await lockable(connection, "NO KEY UPDATE", "sessions", stored.session.id)
        # Logging in elsewhere goes on.
        assert await lockable(connection, "NO KEY UPDATE", "users", stored.session.user_id)

    await database.run(work)


async def test_the_nonce_of_a_session_stays_known_after_its_end(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    await sessions.log_out(stored.session.id, clock.now())
    assert await sessions.nonce(stored.session.id) == NONCE
    assert await sessions.nonce(UUID(int=1)) is None


async def test_an_end_for_reuse_keeps_an_earlier_end(
    database: Database, sessions: PiccoloSessions, stored: Stored, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    other = await a_session_of("Bob", Role.USER, database, sessions, clock.now())
    await sessions.log_out(stored.session.id, clock.now())
    first = clock.now()
    clock.advance(timedelta(seconds=1))
    for one, ended_at in ((stored, first), (other, clock.now())):
        await sessions.end_for_reuse(one.session.id, clock.now())
        presented = await sessions.lock(one.first, clock.now())
        assert presented is not None
        assert (presented.has_ended, presented.reuse_is_known, presented.lives) == (True, True, False)
        assert await connection.fetchval("SELECT ended_at FROM sessions WHERE id = $1", one.session.id) == ended_at


async def test_a_logout_happens_once_and_leaves_no_newest_token(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    assert await sessions.log_out(stored.session.id, clock.now())
    assert not await sessions.log_out(stored.session.id, clock.now())
    assert await sessions.holder(stored.session.id, stored.session.user_id, clock.now()) is None
    presented = await sessions.lock(stored.first, clock.now())
    assert presented is not None
    assert not presented.is_newest
