"""Many who join, leave, hand over and write at once: one owner always, and no write of who is not there any more."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from service.adapters.tokens import digest
from tests.support.http import Api, made
from tests.support.member_scenes import an_invitation, verified
from tests.support.scenes import a_member, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    import httpx

pytestmark = pytest.mark.anyio

ROUNDS = [2, pytest.param(20, marks=pytest.mark.slow)]
OWNERS = "SELECT user_id::text FROM memberships WHERE project_id = $1::uuid AND role = 'owner'"
OPEN_TASKS = "SELECT count(*) FROM tasks WHERE assignee_id = $1::uuid AND status IN ('todo', 'in_progress')"


def put(actor: Api, project: dict[str, Any], person: Api, role: str) -> Awaitable[httpx.Response]:
    return actor.call("PUT", f"/projects/{project['id']}/members/{person.user['id']}", {"role": role})


def remove(actor: Api, project: dict[str, Any], person: Api) -> Awaitable[httpx.Response]:
    return actor.delete(f"/projects/{project['id']}/members/{person.user['id']}")


def transfer(actor: Api, project: dict[str, Any], person: Api) -> Awaitable[httpx.Response]:
    return actor.post(f"/projects/{project['id']}/transfer", {"user_id": person.user["id"]})


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_fifty_at_once_who_hand_over_leave_and_remove_each_other_leave_one_owner(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    people = [await a_user(crowd, name) for name in ("Ann", "Bob", "Cid", "Dan", "Eve")]
    admin = await an_admin(crowd, connection)
    for _ in range(rounds):
        project = await a_project(people[0])
        for person, role in zip(people[1:], ("maintainer", "maintainer", "member", "viewer"), strict=True):
            await a_member(connection, project, person, role)
        calls = [transfer(actor, project, heir) for actor in people for heir in people]
        calls += [remove(person, project, person) for person in people]
        calls += [put(admin, project, person, "viewer") for person in people]
        calls += [remove(admin, project, person) for person in people]
        calls += [put(people[0], project, person, "maintainer") for person in people]
        calls += [transfer(admin, project, person) for person in people]
        answers = await asyncio.gather(*calls)
        assert len(answers) == 50
        assert {answer.status_code for answer in answers} <= {200, 204, 403, 404, 409, 422}
        (owner,) = [row[0] for row in await connection.fetch(OWNERS, project["id"])]
        assert made(await admin.get(f"/projects/{project['id']}"))["owner"]["id"] == owner


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_of_many_heirs_each_hand_over_has_one(crowd: Api, connection: asyncpg.Connection[Any], rounds: int) -> None:
    ann, *heirs = [await a_user(crowd) for _ in range(11)]
    for _ in range(rounds):
        project = await a_project(ann)
        for heir in heirs:
            await a_member(connection, project, heir)
        answers = await asyncio.gather(*(transfer(ann, project, heir) for heir in heirs * 5))
        # Whoever comes after the first is no owner any more.
        assert Counter(answer.status_code for answer in answers) == {200: 1, 403: 49}
        assert len(await connection.fetch(OWNERS, project["id"])) == 1


class Writers:
    """Requests that are made again and again until a removal is acknowledged, and once more."""

    def __init__(self) -> None:
        self.removed = asyncio.Event()
        self.before: list[int] = []
        self.after: list[int] = []

    async def write(self, request: Callable[[], Awaitable[httpx.Response]]) -> None:
        while not self.removed.is_set():
            self.before.append((await request()).status_code)
        self.after.append((await request()).status_code)

    async def end(self, removal: Awaitable[httpx.Response]) -> None:
        assert (await removal).status_code == 204
        self.removed.set()


def writes_of(bob: Api, project: dict[str, Any], task: dict[str, Any]) -> list[Callable[[], Awaitable[httpx.Response]]]:
    mine = {"project_id": project["id"], "title": "T", "assignee_id": bob.user["id"]}
    change = {"task_ids": [task["id"]], "update_data": {"priority": 5}}
    return [
        lambda: bob.post("/tasks", mine),
        lambda: bob.patch(f"/tasks/{task['id']}", {"assignee_id": bob.user["id"]}),
        lambda: bob.post("/tasks/bulk-update", change),
        lambda: bob.patch(f"/projects/{project['id']}", {"name": "Mine"}),
        lambda: put(bob, project, bob, "viewer"),
    ]


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_no_write_is_accepted_that_began_after_a_removal_was_acknowledged(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    ann, bob = await a_user(crowd, "Ann"), await a_user(crowd, "Bob")
    for number in range(rounds):
        project = await a_project(ann)
        task = await a_task(ann, project)
        await a_member(connection, project, bob, "maintainer")
        writers = Writers()
        going = [writers.write(request) for request in writes_of(bob, project, task) for _ in range(10)]
        # By turns removed by the owner, and leaving.
        going.insert(25, writers.end(remove(bob if number % 2 else ann, project, bob)))
        await asyncio.gather(*going)
        assert set(writers.before) <= {200, 201, 403, 404, 422}
        assert Counter(writers.after) == {404: 40, 422: 10}
        # Whichever came first, the removal or the assignment: nothing open is left to who is gone.
        assert await connection.fetchval(OPEN_TASKS, bob.user["id"]) == 0


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_whoever_is_removed_while_others_assign_tasks_to_him_keeps_none(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    ann, bob = await a_user(crowd, "Ann"), await a_user(crowd, "Bob")
    for _ in range(rounds):
        project = await a_project(ann)
        ids = [(await a_task(ann, project))["id"] for _ in range(10)]
        await a_member(connection, project, bob)
        wish = {"assignee_id": bob.user["id"]}
        new = {"project_id": project["id"], "title": "T"} | wish
        calls: list[Awaitable[httpx.Response]] = [ann.patch(f"/tasks/{id_}", wish) for id_ in ids]
        calls += [ann.post("/tasks", new) for _ in range(10)]
        calls.insert(10, remove(ann, project, bob))
        calls += [ann.post("/tasks/bulk-update", {"task_ids": ids, "update_data": wish}) for _ in range(10)]
        answers = await asyncio.gather(*calls)
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 422}
        assert await connection.fetchval(OPEN_TASKS, bob.user["id"]) == 0


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_an_invitation_is_accepted_once_however_often_at_once(
    crowd: Api, connection: asyncpg.Connection[Any], rounds: int
) -> None:
    ann, bob = await a_user(crowd, "Ann"), await a_user(crowd, "Bob")
    await verified(connection, bob)
    for number in range(rounds):
        project = await a_project(ann)
        token = f"mailed-{number}"
        invitation = await an_invitation(connection, project["id"], ann, bob.user["email"], token_hash=digest(token))
        calls = [bob.post(f"/invitations/{invitation}/accept") for _ in range(25)]
        calls += [bob.post("/invitations/accept", {"token": token}) for _ in range(25)]
        answers = Counter([answer.status_code for answer in await asyncio.gather(*calls)])
        assert answers.pop(200) == 1
        assert set(answers) <= {400, 404}
        rows = await connection.fetch("SELECT role FROM memberships WHERE project_id = $1::uuid", project["id"])
        assert sorted(row["role"] for row in rows) == ["member", "owner"]


async def test_an_address_invited_fifty_times_at_once_has_one_invitation(crowd: Api) -> None:
    ann = await a_user(crowd, "Ann")
    await a_project(ann, key="WEB")
    spellings = ("Bob@Example.com", "bob@EXAMPLE.com", "BOB@example.com")
    calls = [
        ann.post("/projects/WEB/invitations", {"email": spellings[number % 3], "role": "viewer"}) for number in range(50)
    ]  # fmt: skip
    answers = Counter([answer.status_code for answer in await asyncio.gather(*calls)])
    assert answers == {201: 1, 409: 49}


async def test_a_maintainer_who_is_lowered_while_he_invites_lets_nobody_in_any_more(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob, cid = [await a_user(crowd, name) for name in ("Ann", "Bob", "Cid")]
    await verified(connection, cid)
    project = await a_project(ann)
    await a_member(connection, project, bob, "maintainer")
    invitation = await an_invitation(connection, project["id"], bob, cid.user["email"])
    lowered, accepted = await asyncio.gather(
        put(ann, project, bob, "member"), cid.post(f"/invitations/{invitation}/accept")
    )  # fmt: skip
    made(lowered)
    assert accepted.status_code in {200, 409}
    there = await connection.fetchval(
        "SELECT count(*) FROM memberships WHERE user_id = $1::uuid AND project_id = $2::uuid", cid.user["id"], project["id"]
    )
    assert there == (accepted.status_code == 200)
