"""Logging in and out over HTTP."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher, extract_parameters

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_user

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


def credentials(person: Api, **changed: Any) -> dict[str, Any]:
    return {"email": person.user["email"], "password": PASSWORD, **changed}


def but_for_what_differs(response: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An answer without its request id."""
    body = response.json()
    headers = dict(response.headers)
    assert body.pop("request_id") == headers.pop("x-request-id")
    return response.status_code, body, headers


async def test_a_login_hands_out_tokens_that_no_cache_keeps(api: Api) -> None:
    person = await a_user(api)
    response = await api.post("/auth/login", credentials(person))
    tokens = made(response)
    assert response.headers["cache-control"] == "no-store"
    assert tokens.keys() == {"access_token", "refresh_token", "device_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 600)
    assert tokens["device_token"].startswith("wl_dt_")
    assert tokens["refresh_token"].startswith("wl_rt_")


async def test_the_access_token_opens_the_account_and_names_the_session(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    assert made(await person.get("/users/me"))["email"] == person.user["email"]
    payload = json.loads(base64.urlsafe_b64decode(str(person.token).split(".")[1] + "=="))
    row = await connection.fetchrow("SELECT user_id, ip, ended_at FROM sessions WHERE id = $1", UUID(payload["sid"]))
    assert row is not None
    assert (str(row["user_id"]), row["ended_at"]) == (person.user["id"], None)


async def test_an_address_logs_in_in_any_spelling(api: Api) -> None:
    await api.post("/auth/register", {"email": "Kim@Example.com", "password": PASSWORD})
    for spelling in ("kim@example.com", "KIM@EXAMPLE.COM", "\u212aim@example.com", "kim@ｅxample.com"):
        made(await api.post("/auth/login", {"email": spelling, "password": PASSWORD}))


async def test_a_password_may_be_composed_in_two_ways(api: Api) -> None:
    await api.post("/auth/register", {"email": "zoe@example.com", "password": "Café au lait 7"})
    made(await api.post("/auth/login", {"email": "zoe@example.com", "password": "Cafe\u0301 au lait 7"}))


async def test_a_wrong_password_and_an_unknown_address_get_the_same_bytes(api: Api) -> None:
    person = await a_user(api)
    wrong = await api.post("/auth/login", credentials(person, password="Wrong-horse-7"))
    unknown = await api.post("/auth/login", credentials(person, email="nobody@example.com"))
    assert but_for_what_differs(wrong) == but_for_what_differs(unknown)
    problem = refused(wrong, 401, "login_failed")
    assert wrong.headers["www-authenticate"] == "Bearer"
    assert person.user["email"] not in json.dumps(problem)


async def test_a_wrong_password_and_an_unknown_address_cost_the_same_work(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await a_user(api)
    work: list[object] = []
    original = PasswordHasher.verify

    def verify(hasher: PasswordHasher, stored: str, password: str) -> bool:
        work.append(extract_parameters(stored))
        return original(hasher, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    statements = api.statements()
    refused(await api.post("/auth/login", credentials(person, password="Wrong-horse-7")), 401, "login_failed")
    known = list(statements)
    statements.clear()
    refused(await api.post("/auth/login", credentials(person, email="nobody@example.com")), 401, "login_failed")
    assert statements == known
    assert len(work) == 2
    assert work[0] == work[1]


async def test_an_account_without_a_password_lets_nobody_in(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    await connection.execute("UPDATE users SET password_hash = NULL")
    refused(await api.post("/auth/login", credentials(person)), 401, "login_failed")


async def test_a_deactivated_account_is_told_so_after_the_right_password_only(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    person = await a_user(api)
    await connection.execute("UPDATE users SET is_active = false")
    refused(await api.post("/auth/login", credentials(person)), 403, "account_inactive")
    refused(await api.post("/auth/login", credentials(person, password="Wrong-horse-7")), 401, "login_failed")


async def test_a_deleted_account_reads_as_one_that_never_was(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    await connection.execute("UPDATE users SET deleted_at = now()")
    refused(await api.post("/auth/login", credentials(person)), 401, "login_failed")


async def test_a_login_renews_a_hash_of_older_parameters(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    await connection.execute("UPDATE users SET password_hash = $1", PasswordHasher(1, 64, 1).hash(PASSWORD))
    made(await api.post("/auth/login", credentials(person)))
    renewed = await connection.fetchval("SELECT password_hash FROM users")
    assert extract_parameters(renewed).memory_cost == 7168
    made(await api.post("/auth/login", credentials(person)))
    assert await connection.fetchval("SELECT password_hash FROM users") == renewed


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/email": "missing", "/password": "missing"}),
        ({"email": "notanemail", "password": ""}, {"/email": "not_allowed", "/password": "too_short"}),
        ({"email": 1, "password": 2}, {"/email": "wrong_type", "/password": "wrong_type"}),
        ({"email": "a@example.com", "password": "x" * 513}, {"/password": "too_long"}),
        ({"email": "a@example.com", "password": "x", "role": "admin"}, {"/role": "unknown"}),
    ],
)
async def test_a_login_that_can_t_be_one_names_every_wrong_field(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    assert wrong_fields(refused(await api.post("/auth/login", body), 422, "validation_failed")) == wrong


async def test_after_a_logout_the_token_is_refused_and_other_sessions_go_on(api: Api) -> None:
    person = await a_user(api)
    other = api.as_user(made(await api.post("/auth/login", credentials(person)))["access_token"], person.user)
    response = await person.post("/auth/logout")
    assert (response.status_code, response.content) == (204, b"")
    refused(await person.get("/users/me"), 401, "session_ended")
    refused(await person.post("/auth/logout"), 401, "session_ended")
    made(await other.get("/users/me"))


async def test_logging_out_needs_a_session(api: Api) -> None:
    refused(await api.post("/auth/logout"), 401, "unauthenticated")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET is_active = false",
        "UPDATE users SET deleted_at = now()",
        "UPDATE sessions SET ended_at = now()",
        "DELETE FROM sessions",
    ],
)
async def test_what_ends_a_session_holds_from_the_next_request_on(
    api: Api, connection: asyncpg.Connection[Any], change: str
) -> None:
    person = await a_user(api)
    made(await person.get("/users/me"))
    await connection.execute(change)
    refused(await person.get("/users/me"), 401, "session_ended")


async def test_a_new_role_holds_from_the_next_request_on(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person, other = await a_user(api), await a_user(api, "Bob")
    refused(await person.get(f"/users/{other.user['id']}"), 404, "user_not_found")
    await connection.execute("UPDATE users SET role = 'admin' WHERE id = $1", UUID(person.user["id"]))
    made(await person.get(f"/users/{other.user['id']}"))


async def test_an_access_token_ends_after_ten_minutes(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    clock.advance(timedelta(minutes=10))
    made(await person.get("/users/me"))
    clock.advance(timedelta(seconds=10))
    refused(await person.get("/users/me"), 401, "invalid_access_token")


async def test_a_forged_token_is_refused(api: Api) -> None:
    person = await a_user(api)
    for token in ("x", str(person.token)[:-2], "a.b.c", "x" * 10_000):
        response = await api.as_user(token, {}).get("/users/me")
        refused(response, 401, "invalid_access_token")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_finding_the_caller_takes_one_statement(api: Api) -> None:
    person = await a_user(api)
    statements = api.statements()
    made(await person.get("/users/me"))
    assert len(statements) == 2
    assert "sessions" in statements[0]


async def test_logins_and_logouts_are_told_as_events(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    await person.post("/auth/logout")
    told = await connection.fetch("SELECT type, data FROM events WHERE subject_type = 'session' ORDER BY sequence")
    owner = {"user_id": person.user["id"]}
    assert [(row["type"], json.loads(row["data"])) for row in told] == [
        ("session.started", owner | {"new_device": True}),
        ("session.ended", owner),
    ]


async def test_no_token_and_no_password_is_stored(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    tokens = made(await api.post("/auth/login", credentials(person)))
    rows = await connection.fetch(
        "SELECT row_to_json(s)::text FROM sessions s UNION ALL SELECT row_to_json(e)::text FROM events e "
        "UNION ALL SELECT row_to_json(d)::text FROM device_tokens d"
    )
    stored = "".join(row[0] for row in rows) + str(await connection.fetchval("SELECT row_to_json(u)::text FROM users u"))
    for secret in (PASSWORD, tokens["access_token"], tokens["refresh_token"], tokens["device_token"]):
        assert secret not in stored
