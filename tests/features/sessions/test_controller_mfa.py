"""Logging in with a second factor over HTTP, and the ways around it that there are not."""

from __future__ import annotations

from base64 import b32decode, b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.composition import create_admin
from service.piccolo_app import TABLES
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_user
from tests.support.second_factors import Armed, armed, first_step, wrong

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "Another-horse-8"


@pytest.fixture
async def ann(api: Api, clock: FakeClock) -> Armed:
    return await armed(await a_user(api), clock)


async def verify(api: Api, token: str, code: str) -> httpx.Response:
    return await api.post("/auth/mfa/verify", {"mfa_token": token, "code": code})


async def test_the_right_password_asks_for_a_code_and_the_code_starts_the_session(api: Api, ann: Armed) -> None:
    response = await api.post("/auth/login", ann.credentials)
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    asked = made(response)
    assert asked == {"mfa_required": True, "mfa_token": asked["mfa_token"]}
    response = await verify(api, asked["mfa_token"], ann.next_code())
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    tokens = made(response)
    assert tokens.keys() == {"access_token", "refresh_token", "device_token", "token_type", "expires_in"}
    assert tokens["device_token"].startswith("wl_dt_")
    me = made(await api.as_user(tokens["access_token"], {}).get("/users/me"))
    assert (me["id"], me["mfa_enabled"]) == (ann.person.user["id"], True)
    made(await api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}))


async def test_a_wrong_password_asks_for_nothing(api: Api, ann: Armed) -> None:
    body = {**ann.credentials, "password": "Wrong-horse-7"}
    refused(await api.post("/auth/login", body), 401, "login_failed")


async def test_a_code_is_good_once(api: Api, ann: Armed) -> None:
    first, second = await first_step(api, ann), await first_step(api, ann)
    code = ann.next_code()
    made(await verify(api, first, code))
    refused(await verify(api, first, code), 401, "mfa_failed")
    response = await verify(api, second, code)
    refused(response, 401, "mfa_failed")
    assert response.headers["www-authenticate"] == "Bearer"
    made(await verify(api, second, ann.next_code()))


async def test_the_code_that_turned_it_on_opens_no_login(api: Api, ann: Armed) -> None:
    token = await first_step(api, ann)
    ann.clock.advance(timedelta(seconds=-30))
    refused(await verify(api, token, ann.next_code()), 401, "mfa_failed")


async def test_a_recovery_code_is_good_once(api: Api, ann: Armed, connection: asyncpg.Connection[Any]) -> None:
    code = ann.recovery_codes[0]
    made(await verify(api, await first_step(api, ann), code.upper()))
    refused(await verify(api, await first_step(api, ann), code), 401, "mfa_failed")
    assert await connection.fetchval("SELECT count(*) FROM recovery_codes") == 9
    kept = await connection.fetch(
        "SELECT action, outcome, reason FROM audit_events WHERE target_id = $1::uuid ORDER BY sequence DESC LIMIT 2",
        ann.person.user["id"],
    )
    assert [tuple(row) for row in kept] == [
        ("mfa.failed", "failure", "mfa_failed"),
        ("user.recovery_code_used", "success", None),
    ]


async def test_the_sixth_try_is_refused_even_with_the_right_code(api: Api, ann: Armed) -> None:
    token = await first_step(api, ann)
    for _ in range(4):
        refused(await verify(api, token, wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    # Another login, completed, forgets what would lock the address; the token's own tries stay.
    made(await verify(api, await first_step(api, ann), ann.next_code()))
    refused(await verify(api, token, wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    code = ann.next_code()
    refused(await verify(api, token, code), 401, "mfa_failed")
    made(await verify(api, await first_step(api, ann), code))


async def test_wrong_codes_of_several_logins_lock_the_address_but_not_the_owner_s_device(
    api: Api, ann: Armed, connection: asyncpg.Connection[Any]
) -> None:
    device_token = made(await verify(api, await first_step(api, ann), ann.next_code()))["device_token"]
    tokens = [await first_step(api, ann) for _ in range(6)]
    for token in tokens[:5]:
        refused(await verify(api, token, wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    code = ann.next_code()
    by_code = await verify(api, tokens[5], code)
    by_password = await api.post("/auth/login", ann.credentials)
    for answer in (by_code, by_password):
        assert "locked" in refused(answer, 401, "login_locked")["detail"]
        assert (answer.headers["retry-after"], answer.headers["www-authenticate"]) == ("870", "Bearer")
    refused(await ann.person.post("/auth/logout-all", {"password": PASSWORD}), 403, "password_required")
    asked = made(await api.post("/auth/login", ann.credentials | {"device_token": device_token}))
    made(await verify(api, asked["mfa_token"], code))
    refused(await api.post("/auth/login", ann.credentials), 401, "login_locked")
    assert await connection.fetchval("SELECT count(*) FROM login_throttles WHERE locked_until IS NOT NULL") == 1
    kept = await connection.fetch(
        "SELECT action, reason FROM audit_events WHERE target_id = $1::uuid AND target_digest IS NOT NULL ORDER BY sequence",
        ann.person.user["id"],
    )
    assert [tuple(row) for row in kept] == [
        *[("mfa.failed", "mfa_failed")] * 5,
        ("login.locked", "mfa_failed"),
        *[("login.throttled", "login_locked")] * 4,
    ]


async def test_the_right_password_alone_never_clears_what_wrong_codes_count(api: Api, ann: Armed) -> None:
    for _ in range(5):
        refused(await verify(api, await first_step(api, ann), wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    refused(await api.post("/auth/login", ann.credentials), 401, "login_locked")


async def test_wrong_passwords_and_wrong_codes_are_counted_together(api: Api, ann: Armed) -> None:
    wrong_password = {**ann.credentials, "password": "Wrong-horse-7"}
    for _ in range(2):
        refused(await api.post("/auth/login", wrong_password), 401, "login_failed")
        refused(await verify(api, await first_step(api, ann), wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    refused(await api.post("/auth/login", wrong_password), 401, "login_failed")
    refused(await api.post("/auth/login", ann.credentials), 401, "login_locked")


async def test_a_login_waits_for_five_minutes(api: Api, ann: Armed) -> None:
    early, late = await first_step(api, ann), await first_step(api, ann)
    ann.clock.advance(timedelta(minutes=4, seconds=20))
    made(await verify(api, early, ann.next_code()))
    ann.clock.advance(timedelta(seconds=-20))
    refused(await verify(api, late, ann.next_code()), 401, "mfa_failed")


async def test_a_token_that_was_never_given_out_is_refused_alike(api: Api, ann: Armed) -> None:
    token = await first_step(api, ann)
    problems = [
        refused(await verify(api, each, code), 401, "mfa_failed")
        for each, code in ((token, wrong(ann.secret, ann.clock)), ("never given out", "123456"), ("\x00", "é" * 40))
    ]
    for problem in problems:
        del problem["request_id"]
    assert problems[0] == problems[1] == problems[2]


async def test_a_token_of_the_first_step_is_no_other_token(api: Api, ann: Armed) -> None:
    token = await first_step(api, ann)
    refused(await api.as_user(token, {}).get("/users/me"), 401, "invalid_access_token")
    refused(await api.post("/auth/refresh", {"refresh_token": token}), 401, "invalid_refresh_token")
    confirmation = {"token": token, "new_password": NEW_PASSWORD}
    refused(await api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")


async def test_refreshing_skips_no_code(api: Api, ann: Armed, connection: asyncpg.Connection[Any]) -> None:
    sessions = "SELECT count(*) FROM sessions"
    before = await connection.fetchval(sessions)
    response = await api.post("/auth/login", ann.credentials)
    asked = made(response)
    # Neither in the body nor beside it is anything to refresh, and no session waits for it.
    assert asked.keys() == {"mfa_required", "mfa_token"}
    assert "set-cookie" not in response.headers
    assert await connection.fetchval(sessions) == before
    token = asked["mfa_token"]
    refused(await api.post("/auth/refresh", {"refresh_token": token}), 401, "invalid_refresh_token")
    refused(await verify(api, token, wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    refused(await api.post("/auth/refresh", {"refresh_token": token}), 401, "invalid_refresh_token")
    assert await connection.fetchval(sessions) == before
    tokens = made(await verify(api, token, ann.next_code()))
    refused(await api.post("/auth/refresh", {"refresh_token": token}), 401, "invalid_refresh_token")
    made(await api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}))


async def test_turning_it_on_ends_no_session_and_these_give_no_way_around_the_next_code(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    credentials = {"email": person.user["email"], "password": PASSWORD}
    early = [made(await api.post("/auth/login", credentials)) for _ in range(2)]
    ann = await armed(person, clock)
    for tokens in early:
        made(await api.as_user(tokens["access_token"], {}).get("/users/me"))
        child = made(await api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}))
        made(await api.as_user(child["access_token"], {}).get("/users/me"))
        # Its device is known, and that spares the lock, not the code.
        asked = made(await api.post("/auth/login", credentials | {"device_token": tokens["device_token"]}))
        assert asked.keys() == {"mfa_required", "mfa_token"}
    ended = await api.as_user(early[0]["access_token"], {}).post("/auth/logout-all", {"password": PASSWORD})
    assert ended.status_code == 204
    refused(await ann.person.get("/users/me"), 401, "session_ended")


async def test_a_reset_of_the_password_skips_no_code(
    api: Api, ann: Armed, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    # The factor of an address that nobody had proved ends by this.
    await connection.execute("UPDATE users SET email_verified_at = $1", clock.now())
    tokens = made(await verify(api, await first_step(api, ann), ann.next_code()))
    waiting = await first_step(api, ann)
    await connection.execute(
        "INSERT INTO one_time_tokens SELECT encode(sha256('a secret'), 'hex'), id, 'password', $1, $2 FROM users",
        clock.now(),
        clock.now() + timedelta(minutes=30),
    )
    made(await api.post("/auth/password-reset/confirm", {"token": "a secret", "new_password": NEW_PASSWORD}))
    # Nothing from before goes on, and the new password alone opens nothing.
    refused(await api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 401, "session_ended")
    refused(await verify(api, waiting, ann.next_code()), 401, "mfa_failed")
    asked = made(await api.post("/auth/login", {**ann.credentials, "password": NEW_PASSWORD}))
    assert asked["mfa_required"] is True
    refused(await verify(api, asked["mfa_token"], wrong(ann.secret, ann.clock)), 401, "mfa_failed")
    made(await verify(api, asked["mfa_token"], ann.next_code()))


async def test_a_deactivated_account_is_not_let_in_by_a_code(api: Api, ann: Armed, connection: asyncpg.Connection[Any]) -> None:
    token = await first_step(api, ann)
    await connection.execute("UPDATE users SET is_active = false")
    refused(await verify(api, token, ann.next_code()), 401, "mfa_failed")
    refused(await api.post("/auth/login", ann.credentials), 403, "account_inactive")
    await connection.execute("UPDATE users SET is_active = true")
    await first_step(api, ann)


async def test_a_promotion_by_the_operator_takes_the_second_factor_away(
    api: Api, ann: Armed, settings: Settings, connection: asyncpg.Connection[Any]
) -> None:
    link = await create_admin(settings, ann.person.user["email"], promote=True)
    token = parse_qs(urlsplit(link).query)["token"][0]
    made(await api.post("/auth/password-reset/confirm", {"token": token, "new_password": NEW_PASSWORD}))
    tokens = made(await api.post("/auth/login", {**ann.credentials, "password": NEW_PASSWORD}))
    me = made(await api.as_user(tokens["access_token"], {}).get("/users/me"))
    assert (me["role"], me["mfa_enabled"]) == ("admin", False)
    assert await connection.fetchval("SELECT count(*) FROM second_factors") == 0


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/mfa_token": "missing", "/code": "missing"}),
        ({"mfa_token": "", "code": ""}, {"/mfa_token": "too_short", "/code": "too_short"}),
        ({"mfa_token": "x" * 201, "code": "x" * 41}, {"/mfa_token": "too_long", "/code": "too_long"}),
        ({"mfa_token": 1, "code": 2}, {"/mfa_token": "wrong_type", "/code": "wrong_type"}),
        ({"mfa_token": "x", "code": "y", "password": "z"}, {"/password": "unknown"}),
    ],
)
async def test_a_body_that_can_t_be_one_names_every_wrong_field(api: Api, body: dict[str, Any], found: dict[str, str]) -> None:
    assert wrong_fields(refused(await api.post("/auth/mfa/verify", body), 422, "validation_failed")) == found


async def test_no_table_holds_a_seed_a_code_or_a_token(api: Api, ann: Armed, connection: asyncpg.Connection[Any]) -> None:
    used, waiting = await first_step(api, ann), await first_step(api, ann)
    code = ann.next_code()
    made(await verify(api, used, code))
    refused(await verify(api, waiting, "7m2q-x01k-94te"), 401, "mfa_failed")
    dump = ""
    for output in ("hex", "escape"):
        await connection.execute(f"SET bytea_output = '{output}'")
        for table in TABLES:
            rows = await connection.fetch(f"SELECT t::text FROM {table._meta.tablename} t")  # noqa: S608, SLF001
            dump += "\n".join(row[0] for row in rows).lower()
    assert str(ann.person.user["id"]) in dump
    seed = b32decode(ann.secret)
    codes = [form for code in ann.recovery_codes for form in (code, code.replace("-", ""))]
    forms = [ann.secret, seed.hex(), b64encode(seed).decode(), *codes, used, waiting]
    forms += [form.encode().hex() for form in [ann.secret, *codes, used, waiting]]
    assert not [form for form in forms if form.lower() in dump]
    # The bytes themselves, wherever they might stand.
    for table in TABLES:
        for row in await connection.fetch(f"SELECT * FROM {table._meta.tablename}"):  # noqa: S608, SLF001
            assert not any(isinstance(value, bytes) and seed in value for value in row.values())
