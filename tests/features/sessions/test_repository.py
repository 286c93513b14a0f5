"""Sessions in a real PostgreSQL: stored, listed, held and ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from service.features.accounts.domain import Role
from service.features.sessions.domain import Holder, LiveSession, SessionNotFound
from service.features.sessions.repository import PiccoloSessions
from service.kernel.paging import Window
from tests.support.stored_sessions import NONCE, Stored, a_session, a_session_of

if TYPE_CHECKING:
    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def sessions(database: Database, clock: FakeClock) -> PiccoloSessions:
    return PiccoloSessions(database, clock)


@pytest.fixture
async def stored(database: Database, sessions: PiccoloSessions, clock: FakeClock) -> Stored:
    """A session of Ann's."""
    return await a_session_of("Ann", Role.ADMIN, database, sessions, clock.now())


async def test_a_session_is_stored_with_the_hash_of_its_token(
    stored: Stored, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    row = await connection.fetchrow("SELECT * FROM sessions")
    assert row is not None
    assert dict(row) == {
        "id": stored.session.id,
        "user_id": stored.session.user_id,
        "created_at": clock.now(),
        "last_used_at": clock.now(),
        "expires_at": clock.now() + timedelta(days=30),
        "idle_expires_at": clock.now() + timedelta(days=14),
        "ended_at": None,
        "ip": "192.0.2.7",
        "user_agent": "Firefox",
        "nonce": NONCE,
        "refresh_hash": stored.first.hash,
        "previous_refresh_hash": None,
        "reuse_detected_at": None,
    }


async def test_a_live_session_has_a_holder(sessions: PiccoloSessions, stored: Stored, clock: FakeClock) -> None:
    found = await sessions.holder(stored.session.id, stored.session.user_id, clock.now())
    assert found == Holder(stored.session.user_id, "admin", "ann@example.com", "Ann")


@pytest.mark.parametrize("days", [14, 30])
async def test_a_session_has_no_holder_from_its_end_on(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock, connection: asyncpg.Connection[Any], days: int
) -> None:
    if days == 30:
        await connection.execute("UPDATE sessions SET idle_expires_at = expires_at + interval '1 day'")
    end = clock.now() + timedelta(days=days)
    assert await sessions.holder(stored.session.id, stored.session.user_id, end - timedelta(microseconds=1))
    assert await sessions.holder(stored.session.id, stored.session.user_id, end) is None


async def test_a_session_is_nobody_else_s(sessions: PiccoloSessions, stored: Stored, clock: FakeClock) -> None:
    assert await sessions.holder(stored.session.id, uuid4(), clock.now()) is None
    assert await sessions.holder(UUID(int=1), stored.session.user_id, clock.now()) is None


async def test_one_s_own_live_session_is_ended_once(sessions: PiccoloSessions, stored: Stored, clock: FakeClock) -> None:
    session = stored.session
    assert not await sessions.end(uuid4(), session.id, clock.now())
    assert not await sessions.end(session.user_id, UUID(int=1), clock.now())
    assert await sessions.end(session.user_id, session.id, clock.now())
    assert not await sessions.end(session.user_id, session.id, clock.now())
    presented = await sessions.lock(stored.first, clock.now())
    assert presented is not None
    assert (presented.is_newest, presented.has_ended) == (True, True)


async def test_ending_all_ends_the_live_ones_of_one_account(
    database: Database, sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    other = await a_session_of("Bob", Role.USER, database, sessions, clock.now())
    ended, expired, second = [await a_session(sessions, stored.session.user_id, clock.now()) for _ in range(3)]
    await sessions.end(stored.session.user_id, ended.session.id, clock.now())
    await sessions.rotate(expired.first, expired.child, clock.now(), clock.now())
    found = await sessions.end_all(stored.session.user_id, clock.now())
    assert set(found) == {stored.session.id, second.session.id}
    assert await sessions.holder(other.session.id, other.session.user_id, clock.now())


async def test_the_list_shows_one_s_own_live_sessions_newest_first(
    database: Database, sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    started = clock.now()
    await a_session_of("Bob", Role.USER, database, sessions, clock.now())
    clock.advance(timedelta(days=1))
    later = await a_session(sessions, stored.session.user_id, clock.now())
    ended = await a_session(sessions, stored.session.user_id, clock.now())
    await sessions.log_out(ended.session.id, clock.now())
    here = LiveSession(
        stored.session.id, "Firefox", "192.0.2.7", started, started, started + timedelta(days=14), current=True
    )  # fmt: skip
    there = replace(
        here, id=later.session.id, created_at=clock.now(), last_used_at=clock.now(),
        expires_at=clock.now() + timedelta(days=14), current=False,
    )  # fmt: skip
    page = await sessions.page(stored.actor, Window(50, 0, ("-created_at",)))
    assert (page.items, page.total) == ([there, here], 2)
    assert (await sessions.page(stored.actor, Window(1, 0, ("-created_at",)))).total == 2
    clock.advance(timedelta(days=13))
    assert (await sessions.page(stored.actor, Window(50, 0, ("expires_at",)))).items == [there]


async def test_a_session_that_was_refreshed_says_when(sessions: PiccoloSessions, stored: Stored, clock: FakeClock) -> None:
    clock.advance(timedelta(days=13))
    await sessions.rotate(stored.first, stored.child, clock.now(), clock.now() + timedelta(days=28))
    found = await sessions.find(stored.actor, str(stored.session.id))
    assert found.last_used_at == clock.now()
    # However often it is refreshed, it ends after 30 days.
    assert found.expires_at == stored.session.expires_at


async def test_a_session_is_found_by_its_owner_while_it_lives(
    database: Database, sessions: PiccoloSessions, stored: Stored, clock: FakeClock
) -> None:
    other = await a_session_of("Bob", Role.USER, database, sessions, clock.now())
    assert (await sessions.find(stored.actor, str(stored.session.id))).current
    for reference in (str(other.session.id), str(uuid4()), "mine"):
        with pytest.raises(SessionNotFound):
            await sessions.find(stored.actor, reference)
    clock.advance(timedelta(days=14))
    with pytest.raises(SessionNotFound):
        await sessions.find(stored.actor, str(stored.session.id))


async def test_what_has_ended_is_forgotten_after_a_while(
    sessions: PiccoloSessions, stored: Stored, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    await sessions.log_out(stored.session.id, clock.now())
    for before, left in ((clock.now(), 1), (clock.now() + timedelta(microseconds=1), 0)):
        await sessions.prune(before)
        assert await connection.fetchval("SELECT count(*) FROM sessions") == left
