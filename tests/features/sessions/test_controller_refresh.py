"""Refreshing a session over HTTP: many at once, again, too late, and with what is no token."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


async def log_in(api: Api, person: Api) -> dict[str, Any]:
    return made(await api.post("/auth/login", {"email": person.user["email"], "password": PASSWORD}))


async def refresh(api: Api, token: str) -> httpx.Response:
    return await api.post("/auth/refresh", {"refresh_token": token})


async def the_session(connection: asyncpg.Connection[Any], person: Api) -> dict[str, Any]:
    """The session that somebody started last."""
    row = await connection.fetchrow("SELECT * FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT 1", UUID(person.user["id"]))
    assert row is not None
    return dict(row)


async def test_a_refresh_hands_out_new_tokens_that_no_cache_keeps(api: Api) -> None:
    person = await a_user(api)
    tokens = await log_in(api, person)
    response = await refresh(api, tokens["refresh_token"])
    renewed = made(response)
    assert response.headers["cache-control"] == "no-store"
    assert renewed.keys() == tokens.keys()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert (renewed["token_type"], renewed["expires_in"], renewed["device_token"]) == ("bearer", 600, None)
    for token in (tokens["access_token"], renewed["access_token"]):
        assert made(await api.as_user(token, {}).get("/users/me"))["id"] == person.user["id"]


async def test_who_has_only_an_expired_access_token_goes_on(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    tokens = await log_in(api, person)
    clock.advance(timedelta(hours=1))
    late = api.as_user(tokens["access_token"], person.user)
    refused(await late.get("/users/me"), 401, "invalid_access_token")
    renewed = made(await refresh(late, tokens["refresh_token"]))
    made(await api.as_user(renewed["access_token"], person.user).get("/users/me"))


async def test_twenty_refreshes_at_once_are_given_the_same_child(crowd: Api) -> None:
    tokens = await log_in(crowd, await a_user(crowd))
    answers = [made(answer) for answer in await asyncio.gather(*(refresh(crowd, tokens["refresh_token"]) for _ in range(20)))]
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert answers[0]["refresh_token"] != tokens["refresh_token"]
    made(await refresh(crowd, answers[0]["refresh_token"]))


@pytest.mark.parametrize("how", ["child used", "ten seconds"])
async def test_the_parent_used_again_ends_the_session_and_that_stays(
    api: Api, connection: asyncpg.Connection[Any], clock: FakeClock, how: str
) -> None:
    person = await a_user(api)
    tokens = await log_in(api, person)
    newest = made(await refresh(api, tokens["refresh_token"]))
    if how == "child used":
        newest = made(await refresh(api, newest["refresh_token"]))
    else:
        clock.advance(timedelta(seconds=10))
    response = await refresh(api, tokens["refresh_token"])
    refused(response, 401, "token_reused")
    assert response.headers["www-authenticate"] == "Bearer"
    refused(await api.as_user(newest["access_token"], {}).get("/users/me"), 401, "session_ended")
    refused(await refresh(api, newest["refresh_token"]), 401, "session_ended")
    session = await the_session(connection, person)
    assert (session["ended_at"], session["reuse_detected_at"]) == (clock.now(), clock.now())
    told = await the_events(connection, str(session["id"]))
    owner = {"user_id": person.user["id"]}
    assert [(event["type"], event["data"]) for event in told] == [
        ("session.started", owner | {"new_device": True}), ("session.reuse_detected", owner)
    ]  # fmt: skip
    # Somebody else's sessions, and this one's siblings, go on.
    made(await person.get("/users/me"))


async def test_twenty_reuses_at_once_are_told_once(crowd: Api, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
    person = await a_user(crowd)
    tokens = await log_in(crowd, person)
    made(await refresh(crowd, tokens["refresh_token"]))
    clock.advance(timedelta(seconds=10))
    for answer in await asyncio.gather(*(refresh(crowd, tokens["refresh_token"]) for _ in range(20))):
        refused(answer, 401, "token_reused")
    told = await the_events(connection, str((await the_session(connection, person))["id"]))
    assert [event["type"] for event in told] == ["session.started", "session.reuse_detected"]


async def test_a_refresh_after_the_logout_is_reuse(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    tokens = await log_in(api, person)
    await api.as_user(tokens["access_token"], {}).post("/auth/logout")
    for _ in range(2):
        refused(await refresh(api, tokens["refresh_token"]), 401, "token_reused")
    told = await the_events(connection, str((await the_session(connection, person))["id"]))
    assert [event["type"] for event in told] == ["session.started", "session.ended", "session.reuse_detected"]
    assert [event["subject_version"] for event in told] == [1, 2, 3]


async def test_a_session_lives_fourteen_days_from_its_last_refresh_and_thirty_in_all(api: Api, clock: FakeClock) -> None:
    token = (await log_in(api, await a_user(api)))["refresh_token"]
    for days in (13, 13, 3.9):
        clock.advance(timedelta(days=days))
        token = made(await refresh(api, token))["refresh_token"]
    clock.advance(timedelta(days=0.1))
    refused(await refresh(api, token), 401, "session_ended")


async def test_a_session_that_nobody_refreshes_for_fourteen_days_is_over(api: Api, clock: FakeClock) -> None:
    token = (await log_in(api, await a_user(api)))["refresh_token"]
    clock.advance(timedelta(days=14))
    refused(await refresh(api, token), 401, "session_ended")


@pytest.mark.parametrize("change", ["UPDATE users SET is_active = false", "UPDATE users SET deleted_at = now()"])
async def test_an_account_that_may_not_be_used_is_not_refreshed(
    api: Api, connection: asyncpg.Connection[Any], change: str
) -> None:
    token = (await log_in(api, await a_user(api)))["refresh_token"]
    await connection.execute(change)
    refused(await refresh(api, token), 401, "session_ended")


async def test_what_never_was_a_token_ends_nothing(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    tokens = await log_in(api, person)
    token = tokens["refresh_token"]
    changed = token[:60] + ("A" if token[60] != "A" else "B") + token[61:]
    for wrong in ("x", "wl_rt_", token[:-1], token.upper(), changed, tokens["access_token"][:200]):
        response = await refresh(api, wrong)
        refused(response, 401, "invalid_refresh_token")
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await the_session(connection, person))["ended_at"] is None
    made(await refresh(api, token))


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/refresh_token": "missing"}),
        ({"refresh_token": ""}, {"/refresh_token": "too_short"}),
        ({"refresh_token": "x" * 201}, {"/refresh_token": "too_long"}),
        ({"refresh_token": None}, {"/refresh_token": "wrong_type"}),
        ({"refresh_token": "x", "grant_type": "refresh_token"}, {"/grant_type": "unknown"}),
    ],
)
async def test_a_refresh_that_can_t_be_one_names_every_wrong_field(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    assert wrong_fields(refused(await api.post("/auth/refresh", body), 422, "validation_failed")) == wrong


async def test_a_refresh_is_decided_by_one_update(api: Api) -> None:
    token = (await log_in(api, await a_user(api)))["refresh_token"]
    statements = api.statements()
    made(await refresh(api, token))
    assert [statement.split(maxsplit=1)[0] for statement in statements] == ["SELECT", "UPDATE"]


async def test_no_refresh_token_is_stored(api: Api, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
    first = (await log_in(api, await a_user(api)))["refresh_token"]
    child = made(await refresh(api, first))["refresh_token"]
    clock.advance(timedelta(minutes=1))
    refused(await refresh(api, first), 401, "token_reused")
    rows = await connection.fetch(
        "SELECT row_to_json(s)::text FROM sessions s UNION ALL SELECT row_to_json(e)::text FROM events e"
    )
    stored = "".join(row[0] for row in rows)
    assert all(token not in stored and token[-40:] not in stored for token in (first, child))
