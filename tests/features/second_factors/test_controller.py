"""Turning second factors on and off over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_user, an_admin
from tests.support.second_factors import armed, first_step, shown, wrong

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

WITH_PASSWORD = ["/auth/mfa/totp", "/auth/mfa/totp/remove", "/auth/mfa/recovery-codes"]


async def the_audit(connection: asyncpg.Connection[Any], person: Api) -> list[tuple[str, str, str | None]]:
    """What the audit keeps about somebody's second factor."""
    rows = await connection.fetch(
        "SELECT action, outcome, reason FROM audit_events WHERE target_id = $1::uuid AND action LIKE '%mfa%' "
        "OR target_id = $1::uuid AND action LIKE '%recovery%' ORDER BY sequence",
        person.user["id"],
    )
    return [tuple(row) for row in rows]


async def test_a_secret_comes_as_text_and_as_a_key_uri_that_no_cache_keeps(api: Api) -> None:
    person = await a_user(api)
    response = await person.post("/auth/mfa/totp", {"password": PASSWORD})
    assert (response.status_code, response.headers["cache-control"]) == (201, "no-store")
    begun = made(response)
    assert begun.keys() == {"secret", "otpauth_uri"}
    assert urlsplit(begun["otpauth_uri"]).netloc == "totp"
    assert f"secret={begun['secret']}&" in begun["otpauth_uri"]
    assert made(await person.get("/users/me"))["mfa_enabled"] is False


async def test_until_a_code_confirms_it_logins_need_none(api: Api) -> None:
    person = await a_user(api)
    made(await person.post("/auth/mfa/totp", {"password": PASSWORD}))
    tokens = made(await api.post("/auth/login", {"email": person.user["email"], "password": PASSWORD}))
    assert "access_token" in tokens


async def test_a_code_turns_it_on_and_answers_ten_recovery_codes_that_no_cache_keeps(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    begun = made(await person.post("/auth/mfa/totp", {"password": PASSWORD}))
    response = await person.post("/auth/mfa/totp/confirm", {"code": shown(begun["secret"], clock)})
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    body = made(response)
    assert body.keys() == {"recovery_codes"}
    assert len(set(body["recovery_codes"])) == 10
    me = made(await person.get("/users/me"))
    assert (me["mfa_enabled"], me["version"]) == (True, 2)


async def test_a_wrong_code_and_one_without_a_secret_confirm_nothing(
    api: Api, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    person = await a_user(api)
    refused(await person.post("/auth/mfa/totp/confirm", {"code": "123456"}), 409, "mfa_not_begun")
    begun = made(await person.post("/auth/mfa/totp", {"password": PASSWORD}))
    code = wrong(begun["secret"], clock)
    refused(await person.post("/auth/mfa/totp/confirm", {"code": code}), 403, "mfa_code_wrong")
    assert made(await person.get("/users/me"))["mfa_enabled"] is False
    assert await the_audit(connection, person) == [("mfa.failed", "failure", "mfa_code_wrong")]


async def test_what_is_on_is_turned_off_before_it_is_begun_again(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    somebody = await armed(person, clock)
    refused(await person.post("/auth/mfa/totp", {"password": PASSWORD}), 409, "mfa_enabled")
    refused(await person.post("/auth/mfa/totp/confirm", {"code": somebody.next_code()}), 409, "mfa_enabled")
    assert (await person.post("/auth/mfa/totp/remove", {"password": PASSWORD})).status_code == 204
    assert made(await person.get("/users/me"))["mfa_enabled"] is False
    again = await armed(person, clock)
    assert again.secret != somebody.secret


async def test_turned_off_a_login_needs_no_code_and_one_that_waits_is_void(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    somebody = await armed(person, clock)
    token = await first_step(api, somebody)
    assert (await person.post("/auth/mfa/totp/remove", {"password": PASSWORD})).status_code == 204
    assert (await person.post("/auth/mfa/totp/remove", {"password": PASSWORD})).status_code == 204
    refused(await api.post("/auth/mfa/verify", {"mfa_token": token, "code": somebody.next_code()}), 401, "mfa_failed")
    assert "access_token" in made(await api.post("/auth/login", somebody.credentials))


async def test_new_recovery_codes_void_the_old_ones(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    refused(await person.post("/auth/mfa/recovery-codes", {"password": PASSWORD}), 409, "mfa_not_enabled")
    somebody = await armed(person, clock)
    response = await person.post("/auth/mfa/recovery-codes", {"password": PASSWORD})
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    codes = made(response)["recovery_codes"]
    assert len(set(codes) - set(somebody.recovery_codes)) == 10
    token = await first_step(api, somebody)
    old = await api.post("/auth/mfa/verify", {"mfa_token": token, "code": somebody.recovery_codes[0]})
    refused(old, 401, "mfa_failed")
    made(await api.post("/auth/mfa/verify", {"mfa_token": token, "code": codes[0]}))


@pytest.mark.parametrize("path", WITH_PASSWORD)
@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": ""}, {"password": "Wrong-horse-7"}])
async def test_each_takes_the_password_again(api: Api, clock: FakeClock, path: str, body: dict[str, Any]) -> None:
    person = await a_user(api)
    if path != "/auth/mfa/totp":
        await armed(person, clock)
    refused(await person.post(path, body), 403, "password_required")


@pytest.mark.parametrize("path", [*WITH_PASSWORD, "/auth/mfa/totp/confirm"])
async def test_each_takes_a_session(api: Api, path: str) -> None:
    refused(await api.post(path, {"password": PASSWORD}), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/code": "missing"}),
        ({"code": ""}, {"/code": "too_short"}),
        ({"code": "1" * 41}, {"/code": "too_long"}),
        ({"code": 492039}, {"/code": "wrong_type"}),
        ({"code": "492039", "secret": "x"}, {"/secret": "unknown"}),
    ],
)
async def test_a_body_that_can_t_be_one_names_what_is_wrong(api: Api, body: dict[str, Any], found: dict[str, str]) -> None:
    person = await a_user(api)
    problem = refused(await person.post("/auth/mfa/totp/confirm", body), 422, "validation_failed")
    assert wrong_fields(problem) == found


async def test_an_admin_takes_somebody_s_away_and_nobody_else_does(
    api: Api, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    admin, person, other = await an_admin(api, connection), await a_user(api), await a_user(api, "Bob")
    somebody = await armed(person, clock)
    path = f"/users/{person.user['id']}/mfa-reset"
    refused(await other.post(path), 403, "admin_required")
    refused(await admin.post(path, headers={"If-Match": '"1.0"'}), 412, "precondition_failed")
    user = made(await admin.post(path, headers={"If-Match": '"2.0"'}))
    assert (user["id"], user["mfa_enabled"], user["version"]) == (person.user["id"], False, 3)
    assert made(await admin.post(path)) == user
    assert "access_token" in made(await api.post("/auth/login", somebody.credentials))
    # Whoever is signed in stays so.
    assert made(await person.get("/users/me"))["mfa_enabled"] is False


async def test_an_admin_s_own_takes_the_password(api: Api, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
    admin = await an_admin(api, connection)
    await armed(admin, clock)
    refused(await admin.post(f"/users/{admin.user['id']}/mfa-reset"), 403, "password_required")
    refused(await admin.post("/users/nobody/mfa-reset"), 404, "user_not_found")
    assert made(await admin.get("/users/me"))["mfa_enabled"] is True


async def test_the_audit_keeps_who_did_what(api: Api, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
    admin, person = await an_admin(api, connection), await a_user(api)
    await armed(person, clock)
    made(await person.post("/auth/mfa/recovery-codes", {"password": PASSWORD}))
    await person.post("/auth/mfa/totp/remove", {"password": PASSWORD})
    clock.advance(timedelta(minutes=1))
    await armed(person, clock)
    made(await admin.post(f"/users/{person.user['id']}/mfa-reset"))
    assert await the_audit(connection, person) == [
        ("user.mfa_enabled", "success", None),
        ("user.recovery_codes_made", "success", None),
        ("user.mfa_disabled", "success", None),
        ("user.mfa_enabled", "success", None),
        ("user.mfa_reset", "success", None),
    ]
