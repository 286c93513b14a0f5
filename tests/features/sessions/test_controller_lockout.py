"""Too many wrong passwords over HTTP: who is locked, who is not, and what lifts it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.adapters.tokens import digest
from service.worker import work
from tests.support.alike import but_for_the_request
from tests.support.http import Api, made, refused
from tests.support.scenes import PASSWORD, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

AUDIT = "SELECT action, reason, target_id, actor_id FROM audit_events WHERE target_digest = $1 ORDER BY sequence"


async def log_in(api: Api, email: str, password: str = PASSWORD, **fields: Any) -> httpx.Response:
    return await api.post("/auth/login", {"email": email, "password": password, **fields})


async def fail(api: Api, email: str, times: int = 5, **fields: Any) -> list[httpx.Response]:
    """Wrong passwords, one after the other."""
    return [await log_in(api, email, "Wrong-horse-7", **fields) for _ in range(times)]


async def audited(api: Api, connection: asyncpg.Connection[Any], email: str) -> list[asyncpg.Record]:
    return await connection.fetch(AUDIT, api.app.state.ports.vault.digest("login throttle", email))


def counted(answers: list[httpx.Response]) -> Counter[str]:
    return Counter(answer.json()["code"] if answer.status_code != 200 else "tokens" for answer in answers)


async def test_after_five_wrong_passwords_the_right_one_is_refused_too(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    for answer in await fail(api, person.user["email"]):
        refused(answer, 401, "login_failed")
    clock.advance(timedelta(minutes=5))
    answer = await log_in(api, person.user["email"])
    assert "locked" in refused(answer, 401, "login_locked")["detail"]
    assert (answer.headers["retry-after"], answer.headers["www-authenticate"]) == ("600", "Bearer")
    clock.advance(timedelta(minutes=10))
    made(await log_in(api, person.user["email"]))


async def test_an_address_that_nobody_has_gets_the_same_bytes_for_the_same_work(api: Api) -> None:
    person = await a_user(api)
    statements = api.statements()
    seen = []
    for email in (person.user["email"], "nobody@example.com"):
        statements.clear()
        answers = await fail(api, email, 7)
        seen.append(([but_for_the_request(answer) for answer in answers], list(statements)))
    assert seen[0] == seen[1]


async def test_each_failed_and_each_throttled_login_leaves_its_row(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    for email, owner in ((person.user["email"], UUID(person.user["id"])), ("nobody-else@example.com", None)):
        before = len(await audited(api, connection, email))
        await fail(api, email, 7)
        rows = (await audited(api, connection, email))[before:]
        told = [("login.failed", "login_failed")] * 5 + [("login.locked", "login_failed")]
        assert [(row["action"], row["reason"]) for row in rows] == told + [("login.throttled", "login_locked")] * 2
        assert {(row["target_id"], row["actor_id"]) for row in rows} == {(owner, None)}


async def test_a_lock_is_announced_once_by_the_worker(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(crowd)
    for email in ("nobody@example.com", person.user["email"]):
        await fail(crowd, email, 6)
    (announce,) = [job for job in work(crowd.app.state.ports)[1] if job.name == "announce_locks"]
    await asyncio.gather(announce.run(), announce.run())
    await announce.run()
    rows = await connection.fetch("SELECT subject_id, actor_kind, data ? 'locked_until' FROM events WHERE type = 'user.locked'")
    assert [tuple(row) for row in rows] == [(UUID(person.user["id"]), "system", True)]


async def test_the_owner_s_device_is_let_in_while_the_address_is_locked(api: Api) -> None:
    person = await a_user(api)
    device_token = made(await log_in(api, person.user["email"]))["device_token"]
    await fail(api, person.user["email"])
    refused(await log_in(api, person.user["email"]), 401, "login_locked")
    tokens = made(await log_in(api, person.user["email"], device_token=device_token))
    assert tokens["device_token"] == device_token
    refused(await log_in(api, person.user["email"]), 401, "login_locked")


async def test_a_device_is_locked_by_failures_of_its_own_only(api: Api) -> None:
    person = await a_user(api)
    first, second = [made(await log_in(api, person.user["email"]))["device_token"] for _ in range(2)]
    assert first != second
    await fail(api, person.user["email"], device_token=first)
    refused(await log_in(api, person.user["email"], device_token=first), 401, "login_locked")
    made(await log_in(api, person.user["email"], device_token=second))
    made(await log_in(api, person.user["email"]))


async def test_a_device_token_of_another_address_is_worth_nothing(api: Api) -> None:
    person, other = await a_user(api), await a_user(api, "Bob")
    device_token = made(await log_in(api, other.user["email"]))["device_token"]
    await fail(api, person.user["email"])
    refused(await log_in(api, person.user["email"], device_token=device_token), 401, "login_locked")
    assert made(await log_in(api, other.user["email"], device_token="wl_dt_made-up"))["device_token"] != "wl_dt_made-up"


async def test_sessions_never_notice_a_lock(api: Api) -> None:
    person = await a_user(api)
    tokens = made(await log_in(api, person.user["email"]))
    await fail(api, person.user["email"], 6)
    made(await person.get("/users/me"))
    assert made(await api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}))["device_token"] is None


async def test_a_mailed_link_lets_the_owner_in_and_forgets_devices(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    device_token = made(await log_in(api, person.user["email"]))["device_token"]
    await fail(api, person.user["email"])
    await connection.execute(
        "INSERT INTO one_time_tokens VALUES ($1, $2::uuid, 'password', now(), now() + interval '1 hour')",
        digest("a secret"),
        person.user["id"],
    )
    made(await api.post("/auth/password-reset/confirm", {"token": "a secret", "new_password": "Another-horse-8"}))
    tokens = made(await log_in(api, person.user["email"], "Another-horse-8", device_token=device_token))
    assert tokens["device_token"] != device_token


async def test_another_password_forgets_devices_and_its_wrong_tries_lock(api: Api) -> None:
    person = await a_user(api)
    device_token = made(await log_in(api, person.user["email"]))["device_token"]
    change = {"current_password": PASSWORD, "new_password": "Another-horse-8"}
    assert (await person.post("/auth/password-change", change)).status_code == 204
    tokens = made(await log_in(api, person.user["email"], "Another-horse-8", device_token=device_token))
    assert tokens["device_token"] != device_token
    for _ in range(5):
        refused(await person.post("/auth/password-change", change), 403, "password_required")
    refused(await log_in(api, person.user["email"], "Another-horse-8"), 401, "login_locked")


async def test_an_admin_unlocks(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, person = await an_admin(api, connection), await a_user(api)
    path = f"/users/{person.user['id']}/unlock"
    assert made(await admin.post(path)) == person.user
    await fail(api, person.user["email"])
    assert made(await admin.post(path)) == person.user
    made(await log_in(api, person.user["email"]))
    told = "SELECT a.actor_id FROM events e JOIN audit_events a ON a.event_id = e.id WHERE e.type = 'user.unlocked'"
    assert [str(row[0]) for row in await connection.fetch(told)] == [admin.user["id"]]
    refused(await person.post(path), 403, "admin_required")
    refused(await admin.post("/users/nobody/unlock"), 404, "user_not_found")


async def test_a_wrong_password_of_who_is_signed_in_counts_too(api: Api) -> None:
    person = await a_user(api)
    await fail(api, person.user["email"], 3)
    for _ in range(2):
        refused(await person.post("/auth/logout-all", {"password": "Wrong-horse-7"}), 403, "password_required")
    answer = await person.post("/auth/logout-all", {"password": PASSWORD})
    assert "locked" in refused(answer, 403, "password_required")["detail"]
    assert answer.headers["retry-after"] == "900"
    refused(await log_in(api, person.user["email"]), 401, "login_locked")


async def test_a_deactivated_account_is_told_so_after_any_number_of_right_passwords(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    person = await a_user(api)
    await connection.execute("UPDATE users SET is_active = false")
    for _ in range(6):
        refused(await log_in(api, person.user["email"]), 403, "account_inactive")
    rows = await audited(api, connection, person.user["email"])
    assert [(row["action"], row["reason"]) for row in rows][-6:] == [("login.failed", "account_inactive")] * 6
    await fail(api, person.user["email"])
    refused(await log_in(api, person.user["email"]), 401, "login_locked")


async def test_logins_and_what_happens_to_accounts_are_audited(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    await person.post("/auth/logout")
    rows = await connection.fetch(
        "SELECT a.action, a.outcome FROM audit_events a JOIN events e ON e.id = a.event_id ORDER BY a.sequence"
    )
    actions = ["user.registered", "session.started", "session.ended"]
    assert [(row["action"], row["outcome"]) for row in rows] == [(action, "success") for action in actions]


async def test_of_many_wrong_passwords_at_once_five_are_verified(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(crowd)
    for email in (person.user["email"], "nobody-at-all@example.com"):
        before = len(await audited(crowd, connection, email))
        answers = await asyncio.gather(*(log_in(crowd, email, f"Wrong-horse-{number}") for number in range(40)))
        assert counted(answers) == {"login_failed": 5, "login_locked": 35}
        actions = Counter(row["action"] for row in (await audited(crowd, connection, email))[before:])
        assert actions == {"login.failed": 5, "login.locked": 1, "login.throttled": 35}


async def test_fifty_right_passwords_at_once_all_let_in(crowd: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(crowd)
    answers = await asyncio.gather(*(log_in(crowd, person.user["email"]) for _ in range(50)))
    assert counted(answers) == {"tokens": 50}
    assert await connection.fetchval("SELECT count(*) FROM login_throttles") == 0


async def test_wrong_passwords_beside_right_ones_let_the_right_ones_in_or_lock(crowd: Api) -> None:
    person = await a_user(crowd)
    passwords = [PASSWORD, PASSWORD, "Wrong-horse-7"] * 10
    codes = counted(await asyncio.gather(*(log_in(crowd, person.user["email"], password) for password in passwords)))
    assert set(codes) <= {"tokens", "login_failed", "login_locked"}
    assert codes["login_failed"] >= 5
