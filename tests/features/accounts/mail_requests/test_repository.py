"""Requests for mail, and the mails of an address, in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.features.accounts.domain import EmailTaken, MailRequest, UsedToken
from service.features.accounts.mail_repository import PiccoloMailRequests
from service.features.accounts.mail_requests import SHARE
from service.features.accounts.one_time_repository import PiccoloOneTimeTokens
from service.features.accounts.repository import PiccoloUsers
from tests.support.accounts import state_of
from tests.support.people import People

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

ANN, BOB = b"a" * 32, b"b" * 32


@pytest.fixture
def requests(database: Database) -> PiccoloMailRequests:
    return PiccoloMailRequests(database)


@pytest.fixture
def people(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> People:
    return People(database, connection, clock)


async def test_a_request_is_found_until_it_is_handled(
    requests: PiccoloMailRequests, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    plain = MailRequest(uuid4(), "ann@example.com")
    whole = MailRequest(uuid4(), "bob@example.com", None, "hash", "Bob")
    for request in (plain, whole):
        await requests.add(request, clock.now())
    assert (await requests.find(plain.id), await requests.take(whole.id)) == (plain, whole)
    assert await connection.fetchval("SELECT sum(attempts) FROM mail_requests") == 1
    await requests.forget(plain.id)
    assert (await requests.find(plain.id), await requests.take(plain.id)) == (None, None)
    assert await requests.find(whole.id) == whole


async def test_an_address_gets_three_mails_in_an_hour(requests: PiccoloMailRequests, clock: FakeClock) -> None:
    admitted = []
    for _ in range(5):
        admitted.append(await requests.admit(uuid4(), ANN, clock.now(), SHARE))
        clock.advance(timedelta(minutes=1))
    assert admitted == [True, True, True, False, False]
    assert await requests.admit(uuid4(), BOB, clock.now(), SHARE)
    clock.advance(timedelta(minutes=55))
    assert await requests.admit(uuid4(), ANN, clock.now(), SHARE)
    assert not await requests.admit(uuid4(), ANN, clock.now(), SHARE)


async def test_a_mail_that_is_tried_again_counts_once(requests: PiccoloMailRequests, clock: FakeClock) -> None:
    cause = uuid4()
    for _ in range(9):
        assert await requests.admit(cause, ANN, clock.now(), SHARE)
    assert [await requests.admit(uuid4(), ANN, clock.now(), SHARE) for _ in range(3)] == [True, True, False]
    assert await requests.admit(cause, ANN, clock.now(), SHARE)


async def test_workers_that_count_at_once_count_together(
    requests: PiccoloMailRequests, database: Database, clock: FakeClock
) -> None:
    async def admit() -> bool:
        return await database.run(lambda: requests.admit(uuid4(), ANN, clock.now(), SHARE))

    assert sum(await asyncio.gather(*(admit() for _ in range(20)))) == 3


async def test_what_is_too_old_goes(requests: PiccoloMailRequests, clock: FakeClock, connection: asyncpg.Connection[Any]) -> None:
    async def counted() -> tuple[int, int]:
        row = await connection.fetchrow("SELECT (SELECT count(*) FROM mail_requests), (SELECT count(*) FROM mail_allowances)")
        assert row is not None
        return row[0], row[1]

    await requests.add(MailRequest(uuid4(), "ann@example.com"), clock.now())
    await requests.admit(uuid4(), ANN, clock.now(), SHARE)
    clock.advance(timedelta(minutes=59))
    await requests.prune(clock.now())
    assert await counted() == (1, 1)
    clock.advance(timedelta(minutes=1))
    await requests.prune(clock.now())
    assert await counted() == (1, 0)
    clock.advance(timedelta(days=4))
    await requests.prune(clock.now())
    assert await counted() == (0, 0)


async def test_voiding_all_links_of_an_account_takes_what_its_owner_has_asked_for(
    requests: PiccoloMailRequests, database: Database, people: People, clock: FakeClock
) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    asked = [MailRequest(uuid4(), "new@example.com", user_id) for user_id in (ann.id, bob.id, None)]
    for request in asked:
        await requests.add(request, clock.now())
    tokens = PiccoloOneTimeTokens(database)
    await tokens.void(ann.id, "verify")
    assert [await requests.find(request.id) for request in asked] == asked
    await tokens.void(ann.id)
    assert [await requests.find(request.id) for request in asked] == [None, *asked[1:]]


async def test_voiding_one_purpose_leaves_the_others(database: Database, people: People, clock: FakeClock) -> None:
    ann = await people.add("Ann")
    tokens = PiccoloOneTimeTokens(database)
    now, end = clock.now(), clock.now() + timedelta(hours=1)
    await tokens.add("one", ann.id, "verify", now, end)
    await tokens.add("two", ann.id, "email", now, end, new_email="new@example.com")
    await tokens.void(ann.id, "verify")
    assert await tokens.use("one", "verify", now) is None
    assert await tokens.use("two", "email", now) == UsedToken("new@example.com")


async def test_an_account_takes_an_address_that_no_other_has(database: Database, people: People, clock: FakeClock) -> None:
    users = PiccoloUsers(database)
    ann, bob = await people.add("Ann"), await people.add("Bob")
    clock.advance(timedelta(minutes=1))
    assert await users.change_email(state_of(ann), "New@example.com", "new@example.com", clock.now()) == 2
    changed = await users.whole(ann.id)
    assert (changed.email, changed.email_verified_at, changed.updated_at) == ("New@example.com", clock.now(), clock.now())
    with pytest.raises(EmailTaken):
        await database.run(lambda: users.change_email(state_of(ann), bob.email, bob.email, clock.now()))
    assert await users.whole(bob.id) == bob
    state = await users.lock_by_email("new@example.com")
    assert state is not None
    assert state.id == ann.id


async def test_one_session_may_stay_when_the_others_end(
    database: Database, people: People, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await people.add("Ann")
    ids = [uuid4() for _ in range(3)]
    for session_id in ids:
        await connection.execute(
            "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, idle_expires_at, nonce, refresh_hash) "
            "VALUES ($1, $2, now(), now(), now() + interval '1 day', now() + interval '1 day', 'n', $3)",
            session_id,
            ann.id,
            session_id.hex,
        )
    users = PiccoloUsers(database)
    await users.end_sessions(ann.id, clock.now(), but=ids[1])
    live = await connection.fetch("SELECT id FROM sessions WHERE ended_at IS NULL")
    assert [row[0] for row in live] == [ids[1]]
    await users.end_sessions(ann.id, clock.now())
    assert await connection.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 0
