"""Personal access tokens in a real PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from service.features.accounts.domain import Role, User
from service.features.accounts.repository import PiccoloUsers
from service.features.personal_tokens.domain import PersonalToken, PersonalTokenNotFound
from service.features.personal_tokens.repository import PiccoloPersonalTokens
from service.kernel.actor import Actor, Scope, Trace
from service.kernel.paging import Window
from tests.support.people import People

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

WINDOW = Window(50, 0, ("-created_at",))


@pytest.fixture
def tokens(database: Database) -> PiccoloPersonalTokens:
    return PiccoloPersonalTokens(database)


@pytest.fixture
def people(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> People:
    return People(database, connection, clock)


def acting(user: User) -> Actor:
    return Actor("user", Trace("request-0001"), user.id)


async def a_token(tokens: PiccoloPersonalTokens, owner: User, now: datetime, **fields: Any) -> PersonalToken:
    """A stored token, whose hash is its name."""
    token = PersonalToken(uuid4(), "hash", (Scope.TASKS_READ, Scope.ADMIN), None, now, now + timedelta(days=30), None)
    token = structs.replace(token, **fields)
    await tokens.add(token, owner.id, token.name)
    return token


async def test_a_token_is_read_as_it_was_stored_by_its_owner_only(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock
) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    token = await a_token(tokens, ann, clock.now(), project_ids=(UUID(int=2), UUID(int=1)))
    assert await tokens.find(acting(ann), str(token.id)) == token
    for actor, reference in ((bob, str(token.id)), (ann, str(uuid4())), (ann, "mine")):
        with pytest.raises(PersonalTokenNotFound):
            await tokens.find(acting(actor), reference)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (("-created_at",), ["new", "old"]),
        (("expires_at",), ["new", "old"]),
        (("last_used_at",), ["old", "new"]),
    ],
)
async def test_the_list_holds_one_s_own_tokens_that_are_not_revoked(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock, sort: tuple[str, ...], names: list[str]
) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    now = clock.now()
    await a_token(tokens, ann, now, name="old")
    await a_token(tokens, ann, now + timedelta(hours=1), name="new", expires_at=now + timedelta(days=2))
    gone = await a_token(tokens, ann, now, name="gone")
    await a_token(tokens, bob, now, name="bob's")
    assert await tokens.revoke(ann.id, gone.id, now)
    await tokens.bearer("old", now)
    found = await tokens.page(acting(ann), structs.replace(WINDOW, sort=sort))
    assert [token.name for token in found.items] == names
    assert found.total == 2


async def test_what_is_known_of_a_token_is_known_by_its_hash(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock
) -> None:
    ann = await people.add("Ann", role=Role.ADMIN)
    project_id = uuid4()
    token = await a_token(tokens, ann, clock.now(), project_ids=(project_id,))
    bearer = await tokens.bearer("hash", clock.now())
    assert bearer is not None
    assert (bearer.token_id, bearer.user_id, bearer.email, bearer.full_name) == (token.id, ann.id, ann.email, "Ann")
    assert (bearer.scopes, bearer.project_ids) == (frozenset({Scope.TASKS_READ, Scope.ADMIN}), frozenset({project_id}))
    assert (bearer.expires_at, bearer.revoked_at, bearer.refused_at) == (token.expires_at, None, None)
    assert (bearer.is_admin, bearer.account_is_usable) == (True, True)
    assert await tokens.bearer("other", clock.now()) is None


async def test_an_account_that_is_inactive_or_deleted_shows(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await people.add("Ann", is_active=False)
    await a_token(tokens, ann, clock.now())
    bearer = await tokens.bearer("hash", clock.now())
    assert bearer is not None
    assert (bearer.is_admin, bearer.account_is_usable) == (False, False)
    await connection.execute("UPDATE users SET is_active = true, deleted_at = now()")
    bearer = await tokens.bearer("hash", clock.now())
    assert bearer is not None
    assert not bearer.account_is_usable


async def test_a_use_is_noted_once_a_minute_and_only_of_a_good_token(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock
) -> None:
    ann = await people.add("Ann")
    start = clock.now()
    token = await a_token(tokens, ann, start, expires_at=start + timedelta(minutes=3))
    noted = []
    for seconds in (0, 59, 60, 119, 120, 180):
        await tokens.bearer("hash", start + timedelta(seconds=seconds))
        last = (await tokens.find(acting(ann), str(token.id))).last_used_at
        assert last is not None
        noted.append((last - start).total_seconds())
    assert noted == [0, 0, 60, 60, 120, 120]


async def test_nobody_waits_to_note_a_use(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await people.add("Ann")
    token = await a_token(tokens, ann, clock.now())
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("UPDATE personal_tokens SET revoked_at = now()")
    # Lock waits end after 2 s with an error: this answers while the row is somebody else's.
    bearer = await tokens.bearer("hash", clock.now())
    await transaction.rollback()
    assert bearer is not None
    assert (await tokens.find(acting(ann), str(token.id))).last_used_at is None


async def test_a_refusal_is_noted_when_the_last_one_is_long_ago(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock
) -> None:
    token = await a_token(tokens, await people.add("Ann"), clock.now())
    now, hour = clock.now(), timedelta(hours=1)
    assert await tokens.note_refusal(token.id, now, now - hour)
    assert not await tokens.note_refusal(token.id, now, now - hour)
    assert await tokens.note_refusal(token.id, now + hour, now)
    bearer = await tokens.bearer("hash", now)
    assert bearer is not None
    assert bearer.refused_at == now + hour


async def test_a_token_is_revoked_once_and_by_its_owner(tokens: PiccoloPersonalTokens, people: People, clock: FakeClock) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    token = await a_token(tokens, ann, clock.now())
    assert not await tokens.revoke(bob.id, token.id, clock.now())
    assert await tokens.revoke(ann.id, token.id, clock.now())
    assert not await tokens.revoke(ann.id, token.id, clock.now())
    bearer = await tokens.bearer("hash", clock.now())
    assert bearer is not None
    assert bearer.revoked_at == clock.now()


async def test_all_tokens_of_one_account_are_revoked_and_no_other(
    tokens: PiccoloPersonalTokens, people: People, clock: FakeClock, database: Database
) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    start = clock.now()
    for owner, name in ((ann, "first"), (ann, "second"), (bob, "bob's")):
        await a_token(tokens, owner, start, name=name)
    await PiccoloUsers(database).revoke_tokens(ann.id, start)
    await PiccoloUsers(database).revoke_tokens(ann.id, start + timedelta(hours=1))
    found = [await tokens.bearer(name, start) for name in ("first", "second", "bob's")]
    assert [bearer.revoked_at for bearer in found if bearer] == [start, start, None]


async def test_only_projects_that_one_belongs_to_and_that_are_not_deleted_count(
    tokens: PiccoloPersonalTokens, people: People, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    await people.share(ann, bob)
    await people.share(ann, deleted=True)
    await people.share(bob)
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM projects")]
    (own,) = [
        row["project_id"]
        for row in await connection.fetch(
            "SELECT m.project_id FROM memberships m JOIN projects p ON p.id = m.project_id "
            "WHERE m.user_id = $1 AND p.deleted_at IS NULL",
            ann.id,
        )
    ]
    assert await tokens.memberships(ann.id, [*ids, uuid4()]) == {own}


async def test_old_ones_are_forgotten(tokens: PiccoloPersonalTokens, people: People, clock: FakeClock) -> None:
    ann = await people.add("Ann")
    now, day = clock.now(), timedelta(days=1)
    await a_token(tokens, ann, now, name="good")
    await a_token(tokens, ann, now, name="expired", expires_at=now - 2 * day)
    revoked = await a_token(tokens, ann, now, name="revoked")
    await tokens.revoke(ann.id, revoked.id, now - 2 * day)
    await tokens.prune(now - 3 * day)
    assert all([await tokens.bearer(name, now) for name in ("good", "expired", "revoked")])
    await tokens.prune(now - day)
    assert [await tokens.bearer(name, now) is not None for name in ("good", "expired", "revoked")] == [True, False, False]
