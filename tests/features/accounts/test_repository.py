"""Accounts and one-time tokens in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from service.adapters.database.failures import Duplicate
from service.features.accounts.domain import Credentials, EmailTaken, PublicUser, Role, User, UserNotFound
from service.features.accounts.ports import UserFilter
from service.features.accounts.repository import PiccoloUsers
from service.kernel.actor import Actor, Trace
from service.kernel.paging import Window
from tests.support.accounts import state_of
from tests.support.fakes import FakeClock
from tests.support.people import People

if TYPE_CHECKING:
    from service.adapters.database import Database

pytestmark = pytest.mark.anyio

WINDOW = Window(50, 0, ("-created_at",))
NO_ONE = UUID(int=0)


@pytest.fixture
def users(database: Database) -> PiccoloUsers:
    return PiccoloUsers(database)


@pytest.fixture
def people(database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> People:
    return People(database, connection, clock)


async def somebody_waits(connection: asyncpg.Connection[Any]) -> None:
    """Return once a statement in this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await connection.fetchval(waiting):
        pass


def acting(user: User) -> Actor:
    return Actor("user", Trace("request-0001"), user.id, is_admin=user.role == Role.ADMIN)


def public(user: User) -> PublicUser:
    return PublicUser(user.id, user.full_name, user.email, user.is_active)


async def names(users: PiccoloUsers, actor: User, wanted: UserFilter | None = None, window: Window = WINDOW) -> list[str | None]:
    found = await users.page(acting(actor), wanted or UserFilter(), window)
    return [user.full_name for user in found.items]


async def test_what_is_stored_comes_back_whole_to_its_owner(users: PiccoloUsers, people: People, clock: FakeClock) -> None:
    user = await people.add("Ann", email_verified_at=clock.now(), timezone="Europe/Berlin", locale="de", is_active=False)
    assert await users.find(acting(user), str(user.id)) == user


async def test_an_admin_sees_everyone_whole(users: PiccoloUsers, people: People) -> None:
    admin, ann = await people.add("Root", role=Role.ADMIN), await people.add("Ann")
    assert await users.find(acting(admin), str(ann.id)) == ann
    assert (await users.page(acting(admin), UserFilter(), WINDOW)).items == [ann, admin]


async def test_people_who_share_a_project_see_who_the_others_are(users: PiccoloUsers, people: People) -> None:
    ann, bob, cid = [await people.add(name) for name in ("Ann", "Bob", "Cid")]
    await people.share(ann, bob)
    await people.share(bob, cid)
    assert await users.find(acting(ann), str(bob.id)) == public(bob)
    found = await users.page(acting(bob), UserFilter(), WINDOW)
    assert found.items == [public(cid), public(bob), public(ann)]
    assert (found.total, found.total_is_exact) == (3, True)
    assert await names(users, ann) == ["Bob", "Ann"]


async def test_two_shared_projects_show_a_person_once(users: PiccoloUsers, people: People) -> None:
    ann, bob = [await people.add(name) for name in ("Ann", "Bob")]
    await people.share(ann, bob)
    await people.share(ann, bob)
    assert await names(users, ann) == ["Bob", "Ann"]


async def test_strangers_see_nothing_of_each_other(users: PiccoloUsers, people: People) -> None:
    ann, bob = [await people.add(name) for name in ("Ann", "Bob")]
    await people.share(ann, bob, deleted=True)
    for reference in (str(bob.id), str(NO_ONE), "me", "' OR 1=1", ""):
        with pytest.raises(UserNotFound):
            await users.find(acting(ann), reference)
    assert await names(users, ann) == ["Ann"]


async def test_the_deleted_are_gone_for_everyone(
    users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any]
) -> None:
    admin, ann = await people.add("Root", role=Role.ADMIN), await people.add("Ann")
    await connection.execute("UPDATE users SET deleted_at = now() WHERE id = $1", ann.id)
    with pytest.raises(UserNotFound):
        await users.find(acting(admin), str(ann.id))
    with pytest.raises(UserNotFound):
        await users.lock(ann.id)
    assert await users.lock_by_email(ann.email) is None
    assert await users.credentials(ann.email) is None
    assert await names(users, admin) == ["Root"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (UserFilter(search="ann"), ["Hannah Lee", "ANN Berg"]),
        (UserFilter(search="LEE@example"), ["Hannah Lee"]),
        (UserFilter(search="100%"), ["100% Sure"]),
        (UserFilter(search="_"), []),
        (UserFilter(search="\\"), []),
        (UserFilter(search="'"), []),
        (UserFilter(role=Role.ADMIN), ["Root"]),
        (UserFilter(is_active=False), ["100% Sure"]),
        (UserFilter("e", Role.USER, is_active=True), ["Hannah Lee", "ANN Berg"]),
    ],
)
async def test_a_list_shows_what_its_filters_ask_for(
    users: PiccoloUsers, people: People, wanted: UserFilter, found: list[str]
) -> None:
    admin = await people.add("Root", role=Role.ADMIN)
    await people.add("ANN Berg")
    await people.add("Hannah Lee")
    await people.add("100% Sure", is_active=False)
    assert await names(users, admin, wanted) == found


async def test_no_filter_tells_the_role_of_others(users: PiccoloUsers, people: People) -> None:
    ann, root = await people.add("Ann"), await people.add("Root", role=Role.ADMIN)
    await people.share(ann, root, await people.add("Bob"))
    assert await names(users, ann, UserFilter(role=Role.ADMIN)) == []
    assert await names(users, ann, UserFilter(role=Role.USER)) == ["Ann"]
    assert await names(users, root, UserFilter(role=Role.USER)) == ["Bob", "Ann"]


async def test_a_list_is_sorted_by_code_point_and_nameless_come_last(users: PiccoloUsers, people: People) -> None:
    admin = await people.add("admin", role=Role.ADMIN)
    await people.add("Zoe")
    await people.add("Özlem", email="ozlem@example.com")
    await people.add("x", full_name=None)
    assert await names(users, admin, window=Window(50, 0, ("full_name",))) == ["Zoe", "admin", "Özlem", None]
    assert await names(users, admin, window=Window(50, 0, ("-full_name",))) == ["Özlem", "admin", "Zoe", None]
    assert await names(users, admin, window=Window(2, 1, ("email",))) == ["Özlem", None]


async def test_a_window_tells_the_whole_total(users: PiccoloUsers, people: People) -> None:
    admin = await people.add("Root", role=Role.ADMIN)
    for number in range(4):
        await people.add(f"User {number}")
    found = await users.page(acting(admin), UserFilter(), Window(2, 2, ("created_at",)))
    assert [user.full_name for user in found.items] == ["User 1", "User 2"]
    assert (found.total, found.total_is_exact) == (5, True)


async def test_an_address_is_taken_once(users: PiccoloUsers, people: People) -> None:
    ann = await people.add("Ann")
    with pytest.raises(EmailTaken):
        await people.add("Ann")
    assert await names(users, ann) == ["Ann"]


async def test_the_address_of_a_deleted_account_is_free(people: People, connection: asyncpg.Connection[Any]) -> None:
    await people.add("Ann")
    await connection.execute("UPDATE users SET deleted_at = now()")
    await people.add("Ann")
    assert await connection.fetchval("SELECT count(*) FROM users") == 2


async def test_an_id_that_is_there_already_is_a_fault_and_no_taken_address(people: People) -> None:
    ann = await people.add("Ann")
    with pytest.raises(Duplicate):
        await people.add("Bob", id=ann.id)


async def test_a_change_moves_version_and_the_versions_of_its_fields(
    users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann = await people.add("Ann")
    state = await users.lock(ann.id)
    assert state == state_of(ann)
    clock.advance(timedelta(seconds=5))
    assert await users.change(state, {"full_name": None, "locale": "de"}, clock.now()) == 2
    state = await users.lock(ann.id)
    assert await users.change(state, {"locale": "fr", "password_hash": "new"}, clock.now()) == 3
    assert await users.find(acting(ann), str(ann.id)) == replace(
        ann, full_name=None, locale="fr", version=3, updated_at=clock.now()
    )  # fmt: skip
    row = await connection.fetchrow("SELECT password_hash, field_versions FROM users")
    assert row is not None
    assert row["password_hash"] == "new"
    assert row["field_versions"] in ('{"locale": 3, "full_name": 2}', '{"full_name": 2, "locale": 3}')


async def test_every_field_that_a_use_case_changes_can_be_stored(users: PiccoloUsers, people: People, clock: FakeClock) -> None:
    ann = await people.add("Ann")
    changes = {"role": Role.ADMIN, "is_active": False, "email_verified_at": clock.now(), "timezone": "Asia/Tokyo"}
    await users.change(await users.lock(ann.id), changes, clock.now())
    expected = replace(ann, **changes, version=2, updated_at=clock.now())
    assert await users.find(acting(ann), str(ann.id)) == expected


async def test_a_locked_account_waits_for_the_unit_that_holds_it(
    database: Database, users: PiccoloUsers, people: People, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await people.add("Ann")
    first_has_it = asyncio.Event()

    async def first() -> None:
        state = await users.lock(ann.id)
        first_has_it.set()
        await somebody_waits(connection)
        await users.change(state, {"locale": "de"}, clock.now())

    async def second() -> None:
        await first_has_it.wait()
        state = await users.lock_by_email("ann@example.com")
        assert state is not None
        assert (state.locale, state.version) == ("de", 2)

    await asyncio.gather(database.run(first), database.run(second))


async def test_ending_sessions_ends_the_live_ones_of_one_account(
    users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    earlier = clock.now() - timedelta(days=1)
    for user, ended_at in ((ann, None), (ann, earlier), (bob, None)):
        await connection.execute(
            "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, idle_expires_at, ended_at, nonce, "
            "refresh_hash) VALUES ($1, $2, now(), now(), now() + interval '1 day', now() + interval '1 day', $3, '', '')",
            uuid4(),
            user.id,
            ended_at,
        )
    await users.end_sessions(ann.id, clock.now())
    rows = await connection.fetch("SELECT user_id, ended_at FROM sessions")
    ended = {(row["user_id"], row["ended_at"]) for row in rows}
    assert ended == {(ann.id, clock.now()), (ann.id, earlier), (bob.id, None)}


async def test_credentials_are_found_by_the_compared_address(users: PiccoloUsers, people: People) -> None:
    ann = await people.add("Ann")
    bob = await people.add("Bob", None, is_active=False)
    assert await users.credentials("ann@example.com") == Credentials(ann.id, "hash", is_active=True, is_verified=False)
    assert await users.credentials("bob@example.com") == Credentials(bob.id, None, is_active=False, is_verified=False)
    assert await users.credentials("Ann@example.com") is None


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ("UPDATE users SET locale = 'de'", True),
        ("UPDATE users SET password_hash = 'other'", False),
        ("UPDATE users SET is_active = false", False),
        ("UPDATE users SET deleted_at = now()", False),
    ],
)
async def test_credentials_hold_as_long_as_nothing_about_them_changed(
    users: PiccoloUsers, people: People, connection: asyncpg.Connection[Any], change: str, *, good: bool
) -> None:
    await people.add("Ann")
    known = await users.credentials("ann@example.com")
    assert known is not None
    await connection.execute(change)
    assert await users.hold(known) is good
    assert await users.replace_hash(known, "renewed") is good
    assert (await connection.fetchval("SELECT password_hash FROM users") == "renewed") is good


async def test_a_login_waits_for_a_password_that_is_being_set_and_then_fails(
    database: Database, users: PiccoloUsers, people: People, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await people.add("Ann")
    known = await users.credentials("ann@example.com")
    assert known is not None
    locked = asyncio.Event()

    async def set_password() -> None:
        state = await users.lock(ann.id)
        locked.set()
        await somebody_waits(connection)
        await users.change(state, {"password_hash": "new"}, clock.now())

    async def login() -> bool:
        await locked.wait()
        return await users.hold(known)

    _, held = await asyncio.gather(database.run(set_password), database.run(login))
    assert held is False
