"""Many who leave at once, and what others do meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.features.departures.purging import UserPurges
from service.features.departures.repository import PiccoloDepartures
from tests.support.http import Api, refused
from tests.support.scenes import PASSWORD, a_member, a_project, a_user, an_admin
from tests.support.stored import somebody_waits

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import asyncpg
    import httpx

    from service.wiring import Ports

pytestmark = pytest.mark.anyio

ACTIVE_ADMINS = "SELECT count(*) FROM users WHERE role = 'admin' AND is_active AND deleted_at IS NULL"
ORPHANS = (
    "SELECT count(*) FROM projects p JOIN memberships m ON m.project_id = p.id AND m.role = 'owner' "
    "JOIN users u ON u.id = m.user_id WHERE p.deleted_at IS NULL AND u.deleted_at IS NOT NULL"
)
LEFTOVERS = (
    "SELECT count(*) FROM tasks t JOIN users u ON u.id = t.assignee_id "
    "WHERE u.deleted_at IS NOT NULL AND t.status IN ('todo', 'in_progress')"
)


ROUNDS = pytest.mark.parametrize(
    "rounds", [pytest.param(1, id="once"), pytest.param(20, id="20 rounds", marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)


def remove(actor: Api, target: Api) -> Awaitable[httpx.Response]:
    return actor.call("DELETE", f"/users/{target.user['id']}")


def demote(actor: Api, target: Api) -> Awaitable[httpx.Response]:
    return actor.call("PUT", f"/users/{target.user['id']}/role", {"role": "user"})


def leave(person: Api) -> Awaitable[httpx.Response]:
    return person.post("/users/me/delete", {"password": PASSWORD})


async def fifty_decisions(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    """Admins who delete and demote each other, all at once."""
    admins = [await an_admin(crowd, connection) for _ in range(5)]
    pairs = [(actor, target) for actor in admins for target in admins]
    calls = [act(actor, target) for actor, target in pairs for act in (remove, demote)]
    answers = await asyncio.gather(*calls)
    assert len(answers) == 50
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 403, 404, 409}
    assert await connection.fetchval(ACTIVE_ADMINS) == 1


@ROUNDS
async def test_fifty_deletions_and_demotions_at_once_leave_one_admin(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    for _ in range(rounds):
        await fifty_decisions(crowd, connection)
        await connection.execute("UPDATE users SET role = 'user'")


async def test_admins_who_all_leave_at_once_leave_one(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    admins = [await an_admin(crowd, connection) for _ in range(4)]
    answers = await asyncio.gather(*(leave(admin) for admin in admins))
    assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 409]
    assert await connection.fetchval(ACTIVE_ADMINS) == 1


async def projects_while_leaving(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    """Somebody founds projects while an admin deletes the account."""
    admin, ann = await an_admin(crowd, connection), await a_user(crowd)
    founding = [ann.post("/projects", {"name": f"Project {number}"}) for number in range(8)]
    answers = await asyncio.gather(*founding[:4], remove(admin, ann), *founding[4:])
    assert {answer.status_code for answer in answers} <= {201, 204, 401, 409}
    assert await connection.fetchval(ORPHANS) == 0
    owned = "SELECT count(*) FROM memberships WHERE user_id = $1::uuid"
    if answers[4].status_code == 204:
        assert await connection.fetchval(owned, ann.user["id"]) == 0


@ROUNDS
async def test_no_project_is_founded_by_who_is_deleted_meanwhile(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    for _ in range(3 * rounds):
        await projects_while_leaving(crowd, connection)


async def test_no_task_is_given_to_who_is_deleted_meanwhile(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann, bob = await an_admin(crowd, connection), await a_user(crowd, "Ann"), await a_user(crowd, "Bob")
    web = await a_project(ann, key="WEB")
    await a_member(connection, web, bob)
    task = {"project_id": web["id"], "title": "T", "assignee_id": bob.user["id"]}
    given = [ann.post("/tasks", task) for _ in range(8)]
    answers = await asyncio.gather(*given[:4], remove(admin, bob), *given[4:])
    assert answers[4].status_code == 204
    assert {answer.status_code for answer in answers} <= {201, 204, 422}
    assert await connection.fetchval(LEFTOVERS) == 0


async def test_of_a_deletion_and_restores_at_once_the_account_is_one_or_the_other(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    admin, ann = await an_admin(crowd, connection), await a_user(crowd)
    restores = [admin.post(f"/users/{ann.user['id']}/restore") for _ in range(5)]
    answers = await asyncio.gather(*(remove(admin, ann) for _ in range(5)), *restores)
    assert {answer.status_code for answer in answers} <= {200, 204, 404}
    told = await connection.fetch(
        "SELECT type FROM events WHERE subject_id = $1::uuid AND type <> 'user.registered' ORDER BY subject_version",
        ann.user["id"],
    )
    # Each one follows the other, whoever came first.
    assert [row["type"] for row in told] == [("user.deleted", "user.restored")[number % 2] for number in range(len(told))]
    deleted = await connection.fetchval("SELECT deleted_at IS NOT NULL FROM users WHERE id = $1::uuid", ann.user["id"])
    assert deleted == (len(told) % 2 == 1)


async def test_a_restore_waits_for_a_purge_and_finds_nobody(
    crowd: Api, connection: asyncpg.Connection[Any], ports: Ports
) -> None:
    admin, ann = await an_admin(crowd, connection), await a_user(crowd)
    assert (await remove(admin, ann)).status_code == 204
    at_once = UserPurges(ports.database, PiccoloDepartures(ports.database), ports.outbox, ports.clock, ports.ids, timedelta(0))
    restored, _ = await asyncio.gather(admin.post(f"/users/{ann.user['id']}/restore"), at_once.run())
    row = await connection.fetchrow("SELECT email, deleted_at, purged_at FROM users WHERE id = $1::uuid", ann.user["id"])
    assert row is not None
    if restored.status_code == 200:
        assert (row["email"], row["deleted_at"], row["purged_at"]) == (ann.user["email"], None, None)
    else:
        refused(restored, 404, "user_not_found")
        assert row["email"] == ""
        assert row["purged_at"] is not None


async def test_who_founds_a_project_while_the_deletion_commits_is_not_signed_in_any_more(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann = await a_user(crowd)
    async with connection.transaction():
        await connection.execute("UPDATE users SET deleted_at = now() WHERE id = $1::uuid", ann.user["id"])
        founding = asyncio.ensure_future(ann.post("/projects", {"name": "Late"}))
        await somebody_waits(connection)
    problem = refused(await founding, 401, "unauthenticated")
    assert "deleted" in problem["detail"]
    assert await connection.fetchval("SELECT count(*) FROM projects") == 0


@ROUNDS
async def test_a_project_does_not_come_back_while_its_owner_leaves(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    admin = await an_admin(crowd, connection)
    for _ in range(3 * rounds):
        ann = await a_user(crowd)
        web = await a_project(ann)
        assert (await ann.call("DELETE", f"/projects/{web['id']}")).status_code == 204
        back = f"/projects/{web['id']}/restore"
        answers = await asyncio.gather(ann.post(back), admin.post(back), remove(admin, ann), admin.post(back))
        assert {answer.status_code for answer in answers} <= {200, 204, 401, 409}
        assert await connection.fetchval(ORPHANS) == 0
