"""Requests with an Idempotency-Key: done once, answered again after the checks are made again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service import worker
from service.adapters.idempotency import PostgresAnswers
from service.kernel.answers import KEPT
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_member, a_project, a_task, a_user, an_admin
from tests.support.stored import somebody_waits, the_events

if TYPE_CHECKING:
    import httpx

    from service.kernel.answers import KeptAnswer
    from service.wiring import Ports
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "order 7/2026"}


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


def replayed(answer: httpx.Response) -> bool:
    """Whether the answer says that it is a repetition."""
    return bool(answer.headers.get("idempotency-replayed") == "true")


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """Whether the second answer repeats the first, by its own mark and to the byte."""
    kept = ("content-type", "location", "x-change-cursor", "content-length", "etag")
    return (
        not replayed(first)
        and replayed(second)
        and (first.status_code, first.content) == (second.status_code, second.content)
        and [first.headers.get(name) for name in kept] == [second.headers.get(name) for name in kept]
    )


async def numbers(connection: asyncpg.Connection[Any], table: str) -> int:
    """How many rows a table has."""
    count: int = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
    return count


async def test_a_repeated_create_makes_nothing_new_and_answers_the_same_bytes(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    body = {"project_id": web["id"], "title": "Once"}
    first = await ann.post("/tasks", body, headers=KEY)
    again = [await ann.post("/tasks", body, headers=KEY) for _ in range(2)]
    task = made(first)
    assert all(same(first, each) for each in again)
    assert first.headers["location"] == f"/api/v1/tasks/{task['id']}"
    assert first.headers["x-change-cursor"]
    assert again[0].headers["x-request-id"] != first.headers["x-request-id"]
    assert await numbers(connection, "tasks") == 1
    assert [event["type"] for event in await the_events(connection, task["id"])] == ["task.created"]
    assert (await a_task(ann, web))["number"] == 2


async def test_every_unsafe_method_takes_a_key(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    root = await an_admin(ann, connection)
    path = f"/tasks/{(await a_task(ann, web))['id']}"
    project = f"/projects/{web['id']}"
    bulk = {"tasks": [{"project_id": web["id"], "title": f"T{number}"} for number in range(3)]}
    calls = [
        (ann, "PATCH", path, {"title": "New"}),
        (ann, "POST", "/tasks/bulk-create", bulk),
        (ann, "POST", "/tasks/bulk-update", {"task_ids": [path[7:]], "update_data": {"priority": 5}}),
        (ann, "DELETE", path, None),
        (root, "POST", "/users", {"email": "new@example.com", "role": "user"}),
        (root, "PUT", f"/users/{ann.user['id']}/role", {"role": "admin"}),
        (root, "PATCH", f"/users/{ann.user['id']}", {"full_name": "Anna"}),
        (ann, "POST", f"{project}/archive", None),
        (ann, "POST", f"{project}/unarchive", None),
        (ann, "DELETE", project, None),
    ]
    for who, method, path_, body in calls:
        first = await who.call(method, path_, body, headers=KEY)
        assert first.is_success, first.text
        before = await numbers(connection, "events")
        assert same(first, await who.call(method, path_, body, headers=KEY)), (method, path_)
        assert await numbers(connection, "events") == before
    assert await numbers(connection, "tasks") == 4


async def test_a_key_belongs_to_its_user_method_and_path(ann: Api, web: dict[str, Any], api: Api) -> None:
    body = {"name": "Site"}
    first = await ann.post("/projects", body, headers=KEY)
    bob = await a_user(api, "Bob")
    assert not replayed(await bob.post("/projects", body, headers=KEY))
    assert not replayed(await ann.patch(f"/projects/{web['id']}", body, headers=KEY))
    assert not replayed(await ann.patch("/projects/WEB", body, headers=KEY))
    elsewhere = made(await ann.post("/auth/login", {"email": ann.user["email"], "password": PASSWORD}))
    assert same(first, await ann.as_user(elsewhere["access_token"], ann.user).post("/projects", body, headers=KEY))


async def test_a_key_is_refused_for_another_body_or_query(ann: Api) -> None:
    made(await ann.post("/projects", {"name": "Site"}, headers=KEY))
    for path, body in (
        ("/projects", {"name": "Other"}),
        ("/projects?validate_only=false", {"name": "Site"}),
        ("/projects", {"name": "Site", "key": "SITE"}),
    ):
        problem = refused(await ann.post(path, body, headers=KEY), 422, "idempotency_key_reused")
        assert problem["errors"][0]["in"] == "header"
        assert wrong_fields(problem) == {"/Idempotency-Key": "reused"}
    made(await ann.post("/projects", {"name": "Other"}, headers={"Idempotency-Key": "another"}))


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a\tb", "schlüssel".encode(), b"\x7f"])
async def test_what_is_no_key_is_refused_after_the_token_and_before_anything_else(api: Api, ann: Api, key: bytes) -> None:
    headers: Any = {"Idempotency-Key": key}
    problem = refused(await ann.post("/projects", {"name": "Site"}, headers=headers), 422, "validation_failed")
    assert wrong_fields(problem) == {"/Idempotency-Key": "not_allowed"}
    assert problem["errors"][0]["in"] == "header"
    refused(await api.post("/projects", {"name": "Site"}, headers=headers), 401, "unauthenticated")
    problem = refused(await ann.post("/projects", {"name": 1}, headers=headers), 422, "validation_failed")
    assert set(wrong_fields(problem)) == {"/name", "/Idempotency-Key"}


@pytest.mark.parametrize("key", ["x", "x" * 255, "a key", '~!"#'])
async def test_any_printable_text_is_a_key(ann: Api, key: str) -> None:
    first = await ann.post("/projects", {"name": "Site"}, headers={"Idempotency-Key": key})
    assert same(first, await ann.post("/projects", {"name": "Site"}, headers={"Idempotency-Key": key}))


async def test_a_refused_request_leaves_its_key_free(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    refused(await ann.post("/projects", {"name": "Site", "key": "WEB"}, headers=KEY), 409, "key_taken")
    refused(await ann.post("/projects", {"name": "Site", "color": "red"}, headers=KEY), 422, "validation_failed")
    refused(await ann.post("/tasks", {"project_id": ann.user["id"], "title": "T"}, headers=KEY), 404, "project_not_found")
    assert await numbers(connection, "idempotency_keys") == 0
    assert not replayed(await ann.post("/projects", {"name": "Site", "key": "SITE"}, headers=KEY))
    assert await numbers(connection, "idempotency_keys") == 1


async def test_reading_and_signing_in_look_at_no_key(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    bad: Any = {"Idempotency-Key": b""}
    assert made(await ann.get("/users/me", headers=bad))
    login = {"email": ann.user["email"], "password": PASSWORD}
    first, second = [made(await ann.post("/auth/login", login, headers=KEY)) for _ in range(2)]
    assert first["access_token"] != second["access_token"]
    assert await numbers(connection, "idempotency_keys") == 0


async def test_a_key_is_forgotten_after_a_day(
    ann: Api, clock: FakeClock, connection: asyncpg.Connection[Any], ports: Ports
) -> None:
    async def create(name: str) -> httpx.Response:
        tokens = made(await ann.post("/auth/login", {"email": ann.user["email"], "password": PASSWORD}))
        return await ann.as_user(tokens["access_token"], ann.user).post("/projects", {"name": name}, headers=KEY)

    first = await create("Site")
    clock.advance(KEPT - timedelta(seconds=1))
    assert same(first, await create("Site"))
    clock.advance(timedelta(seconds=1))
    # The row is there, and counts no more.
    assert await numbers(connection, "idempotency_keys") == 1
    second = await create("Other")
    assert second.status_code == 201
    assert not replayed(second)
    (job,) = [job for job in worker.work(ports)[1] if job.name == "prune_idempotency_keys"]
    assert job.every == timedelta(hours=1)


async def test_one_key_is_worked_on_once_at_a_time(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(crowd, "Ann")
    web = await a_project(ann)
    body = {"project_id": web["id"], "title": "Once"}
    async with connection.transaction():
        await connection.execute("SELECT FROM projects FOR UPDATE")
        first = asyncio.create_task(ann.post("/tasks", body, headers=KEY))
        await somebody_waits(connection)
        busy = await ann.post("/tasks", body, headers=KEY)
        other = asyncio.create_task(ann.post("/tasks", body, headers={"Idempotency-Key": "another"}))
    refused(busy, 409, "idempotency_in_flight")
    assert busy.headers["retry-after"] == "1"
    assert (await other).status_code == 201
    assert same(await first, await ann.post("/tasks", body, headers=KEY))


async def race(crowd: Api, connection: asyncpg.Connection[Any], rounds: int) -> None:
    ann = await a_user(crowd, "Ann")
    web = await a_project(ann)
    for number in range(rounds):
        body = {"project_id": web["id"], "title": f"Round {number}"}
        key = {"Idempotency-Key": f"round {number}"}
        answers = await asyncio.gather(*(ann.post("/tasks", body, headers=key) for _ in range(50)))
        firsts = [answer for answer in answers if answer.status_code == 201 and not replayed(answer)]
        assert len(firsts) == 1
        for answer in answers:
            if answer.status_code == 409:
                refused(answer, 409, "idempotency_in_flight")
            elif answer is not firsts[0]:
                assert same(firsts[0], answer)
        assert [event["type"] for event in await the_events(connection, made(firsts[0])["id"])] == ["task.created"]
        refused(await ann.post("/tasks", body | {"title": "Another"}, headers=key), 422, "idempotency_key_reused")
    assert await numbers(connection, "tasks") == rounds
    assert await numbers(connection, "idempotency_keys") == rounds


async def test_of_fifty_requests_at_once_one_acts(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    await race(crowd, connection, 2)


@pytest.mark.slow
async def test_of_fifty_requests_at_once_one_acts_in_every_round(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    await race(crowd, connection, 20)


class LosesTwice(PostgresAnswers):
    """Keeps nothing the first two times, as if the transaction had lost a race."""

    lost = 0

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        await super().keep(key, answer)
        if self.lost < 2:
            self.lost += 1
            raise asyncpg.SerializationError


@pytest.fixture
def losing(ports: Ports) -> LosesTwice:
    """The application's kept answers, which lose their first two races."""
    ports.answers = answers = LosesTwice(ports.database, ports.clock)
    return answers


async def test_a_lost_race_repeats_the_whole_request(losing: LosesTwice, api: Api, connection: asyncpg.Connection[Any]) -> None:
    losing.lost = 2
    ann = await a_user(api, "Ann")
    web = await a_project(ann)
    losing.lost = 0
    body = {"project_id": web["id"], "title": "Once"}
    first = await ann.post("/tasks", body, headers=KEY)
    assert made(first)["number"] == 1
    assert losing.lost == 2
    assert same(first, await ann.post("/tasks", body, headers=KEY))
    assert [event["type"] for event in await the_events(connection, made(first)["id"])] == ["task.created"]
    assert await numbers(connection, "tasks") == 1


async def test_what_can_not_be_kept_is_not_done(
    losing: LosesTwice, api: Api, connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await a_user(api, "Ann")
    monkeypatch.setattr(losing, "lost", -10)
    answer = await ann.post("/projects", {"name": "Site"}, headers=KEY)
    assert refused(answer, 503, "database_unavailable")["outcome"] == "not_applied"
    assert "x-change-cursor" not in answer.headers
    assert [await numbers(connection, table) for table in ("projects", "idempotency_keys")] == [0, 0]


async def test_whoever_lost_the_project_is_not_told_again(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob, "maintainer")
    task = await a_task(ann, web)
    of_task = f"/tasks/{task['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/tasks", {"project_id": web["id"], "title": "T"}),
        ("POST", "/tasks/bulk-create", {"tasks": [{"project_id": web["id"], "title": "T"}]}),
        ("PATCH", of_task, {"title": "New"}),
        # These two change nothing, so no event tells what they were about.
        ("PATCH", "/tasks/WEB-1", {"title": "New"}),
        ("POST", "/tasks/bulk-update", {"task_ids": [task["id"]], "update_data": {"title": "New"}}),
        ("PATCH", f"/projects/{web['id']}", {"name": "Name"}),
        ("DELETE", "/tasks/WEB-2", None),
    ]
    firsts = [await bob.call(*call, headers=KEY) for call in calls]
    assert all(first.is_success for first in firsts), firsts
    for first, call in zip(firsts, calls, strict=True):
        assert same(first, await bob.call(*call, headers=KEY)), call
    await connection.execute("DELETE FROM memberships WHERE user_id = $1::uuid", bob.user["id"])
    for call in calls:
        answer = await bob.call(*call, headers=KEY)
        if "bulk-update" in call[1]:
            # As a new request of this kind is refused: by the place of the id.
            assert wrong_fields(refused(answer, 422, "validation_failed")) == {"/task_ids/0": "not_found"}
        else:
            assert answer.status_code == 404, (call, answer.text)
        assert not replayed(answer)
    await a_member(connection, web, bob, "viewer")
    assert replayed(await bob.call(*calls[0], headers=KEY))


async def test_of_a_deleted_project_only_its_deletion_is_told_again(ann: Api, web: dict[str, Any]) -> None:
    task = {"project_id": web["id"], "title": "T"}
    made(await ann.post("/tasks", task, headers=KEY))
    deleted = await ann.delete(f"/projects/{web['id']}", headers=KEY)
    assert same(deleted, await ann.delete(f"/projects/{web['id']}", headers=KEY))
    refused(await ann.post("/tasks", task, headers=KEY), 404, "not_found")


async def test_a_repetition_is_checked_like_any_request(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    root = await an_admin(ann, connection)
    ways = [
        ("POST", "/users", {"email": "x@example.com", "role": "user"}),
        ("PATCH", f"/users/{ann.user['id']}", {"locale": "de"}),
    ]
    firsts = [await root.call(*way, headers=KEY) for way in ways]
    for first, way in zip(firsts, ways, strict=True):
        assert same(first, await root.call(*way, headers=KEY))
    mine = await root.patch("/users/me", {"locale": "de"}, headers=KEY)
    await connection.execute("UPDATE users SET role = 'user' WHERE id = $1::uuid", root.user["id"])
    refused(await root.call(*ways[0], headers=KEY), 403, "admin_required")
    refused(await root.call(*ways[1], headers=KEY), 404, "not_found")
    assert same(mine, await root.patch("/users/me", {"locale": "de"}, headers=KEY))
    made(await ann.post("/projects", {"name": "Site"}, headers=KEY))
    await ann.post("/auth/logout", {})
    refused(await ann.post("/projects", {"name": "Site"}, headers=KEY), 401, "session_ended")


async def test_what_changed_nothing_is_repeated_though_it_would_clash_now(ann: Api, web: dict[str, Any]) -> None:
    task = await a_task(ann, web)
    first = await ann.patch(f"/tasks/{task['id']}", {"title": task["title"]}, headers=KEY)
    assert "x-change-cursor" not in first.headers
    made(await ann.patch(f"/tasks/{task['id']}", {"title": "Newer"}))
    assert same(first, await ann.patch(f"/tasks/{task['id']}", {"title": task["title"]}, headers=KEY))
    made(await ann.post(f"/projects/{web['id']}/archive"))
    assert same(first, await ann.patch(f"/tasks/{task['id']}", {"title": task["title"]}, headers=KEY))
    made(await ann.post(f"/projects/{web['id']}/unarchive"))
    assert made(await ann.get(f"/tasks/{task['id']}"))["title"] == "Newer"
    assert (await ann.delete(f"/tasks/{task['id']}")).status_code == 204
    refused(await ann.patch(f"/tasks/{task['id']}", {"title": task["title"]}, headers=KEY), 404, "task_not_found")


async def test_a_key_costs_three_statements(ann: Api, web: dict[str, Any]) -> None:
    body = {"project_id": web["id"], "title": "T"}
    seen = ann.statements()
    made(await ann.post("/tasks", body))
    without = len(seen)
    made(await ann.post("/tasks", body, headers=KEY))
    assert len(seen) == 2 * without + 3
    made(await ann.post("/tasks", body, headers=KEY))
    # Authentication, the lock, the row, and whether its project may still be seen.
    assert len(seen) == 2 * without + 3 + 4
