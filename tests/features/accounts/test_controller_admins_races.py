"""Many admins at once: whatever they decide about each other, one active admin remains."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, refused
from tests.support.scenes import PASSWORD, a_user, an_admin
from tests.support.stored import somebody_waits

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import asyncpg
    import httpx

pytestmark = pytest.mark.anyio

ACTIVE_ADMINS = "SELECT count(*) FROM users WHERE role = 'admin' AND is_active"


def deactivate(actor: Api, target: Api) -> Awaitable[httpx.Response]:
    return actor.post(f"/users/{target.user['id']}/deactivate")


def demote(actor: Api, target: Api) -> Awaitable[httpx.Response]:
    return actor.call("PUT", f"/users/{target.user['id']}/role", {"role": "user"})


async def test_fifty_decisions_at_once_never_leave_an_instance_without_an_admin(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    admins = [await an_admin(crowd, connection) for _ in range(5)]
    calls = [act(actor, target) for actor in admins for target in admins for act in (deactivate, demote)]
    answers = await asyncio.gather(*calls)
    assert len(answers) == 50
    assert {answer.status_code for answer in answers} <= {200, 401, 403, 409}
    assert await connection.fetchval(ACTIVE_ADMINS) == 1
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "last_admin")


async def test_admins_who_all_resign_at_once_leave_one(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    admins = [await an_admin(crowd, connection) for _ in range(6)]
    answers = await asyncio.gather(*(act(admin, admin) for admin, act in zip(admins, [deactivate, demote] * 3, strict=True)))
    assert Counter(answer.status_code for answer in answers) == {200: 5, 409: 1}
    assert await connection.fetchval(ACTIVE_ADMINS) == 1


async def test_whoever_is_deactivated_while_the_request_waits_decides_nothing(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob, cid = [await an_admin(crowd, connection) for _ in range(3)]
    target = await a_user(crowd)
    async with connection.transaction():
        await connection.execute("UPDATE users SET is_active = false WHERE id = $1::uuid", ann.user["id"])
        waiting = asyncio.gather(deactivate(ann, bob), deactivate(ann, target), demote(ann, cid))
        await somebody_waits(connection)
    for answer in await waiting:
        # Those that the pool let in after the commit are not signed in any more.
        assert answer.status_code in {401, 403}
    assert await connection.fetchval(ACTIVE_ADMINS) == 2


async def test_a_login_that_began_before_a_deactivation_starts_no_session(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    admin, ann = await an_admin(crowd, connection), await a_user(crowd)
    account = {"email": ann.user["email"], "password": PASSWORD}
    await asyncio.gather(deactivate(admin, ann), *(crowd.post("/auth/login", account) for _ in range(5)))
    live = "SELECT count(*) FROM sessions WHERE user_id = $1::uuid AND ended_at IS NULL"
    assert await connection.fetchval(live, ann.user["id"]) == 0
