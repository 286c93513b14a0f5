"""One-time links over HTTP: the operator makes one, its owner sets a password by it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.adapters.tokens import digest
from service.composition import create_admin
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_user

if TYPE_CHECKING:
    import asyncpg

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "Another-horse-8"


async def a_link(settings: Settings, email: str, *, promote: bool = False) -> str:
    """What `worklane admin create` prints."""
    return await create_admin(settings, email, promote)


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


async def test_a_link_of_the_operator_makes_an_admin_who_can_log_in(api: Api, settings: Settings) -> None:
    link = await a_link(settings, "Root@example.com")
    assert link.startswith("http://127.0.0.1:8000/")
    answer = await api.post("/auth/password-reset/confirm", {"token": token_of(link), "new_password": NEW_PASSWORD})
    assert (answer.status_code, list(made(answer))) == (200, ["message"])
    tokens = made(await api.post("/auth/login", {"email": "root@example.com", "password": NEW_PASSWORD}))
    admin = made(await api.as_user(tokens["access_token"], {}).get("/users/me"))
    assert (admin["role"], admin["version"]) == ("admin", 2)
    assert admin["email_verified_at"] is not None


async def test_a_promotion_ends_sessions_and_the_password_at_once(api: Api, settings: Settings) -> None:
    person = await a_user(api)
    link = await a_link(settings, person.user["email"], promote=True)
    refused(await person.get("/users/me"), 401, "session_ended")
    refused(await api.post("/auth/login", {"email": person.user["email"], "password": PASSWORD}), 401, "login_failed")
    made(await api.post("/auth/password-reset/confirm", {"token": token_of(link), "new_password": NEW_PASSWORD}))
    tokens = made(await api.post("/auth/login", {"email": person.user["email"], "password": NEW_PASSWORD}))
    assert made(await api.as_user(tokens["access_token"], {}).get("/users/me"))["role"] == "admin"


async def test_setting_a_password_ends_every_session_and_the_old_password(api: Api, connection: asyncpg.Connection[Any]) -> None:
    person = await a_user(api)
    await connection.execute(
        "INSERT INTO one_time_tokens VALUES ($1, $2::uuid, 'password', now(), now() + interval '1 hour')",
        digest("a secret"),
        person.user["id"],
    )
    confirmation = {"token": "a secret", "new_password": NEW_PASSWORD}
    made(await api.post("/auth/password-reset/confirm", confirmation))
    refused(await person.get("/users/me"), 401, "session_ended")
    refused(await api.post("/auth/login", {"email": person.user["email"], "password": PASSWORD}), 401, "login_failed")
    made(await api.post("/auth/login", {"email": person.user["email"], "password": NEW_PASSWORD}))
    refused(await api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")
    assert await connection.fetchval("SELECT count(*) FROM one_time_tokens") == 0


async def test_a_link_used_by_fifty_at_once_works_once(crowd: Api, settings: Settings) -> None:
    token = token_of(await a_link(settings, "root@example.com"))
    answers = await asyncio.gather(
        *(
            crowd.post("/auth/password-reset/confirm", {"token": token, "new_password": f"{NEW_PASSWORD}-{number}"})
            for number in range(50)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49


async def test_a_link_is_too_old_after_a_day(api: Api, settings: Settings, clock: FakeClock) -> None:
    token = token_of(await a_link(settings, "root@example.com"))
    clock.advance(timedelta(hours=24, minutes=1))
    response = await api.post("/auth/password-reset/confirm", {"token": token, "new_password": NEW_PASSWORD})
    refused(response, 400, "invalid_token")


async def test_a_weak_password_leaves_the_link_good(api: Api, settings: Settings) -> None:
    token = token_of(await a_link(settings, "root@example.com"))
    response = await api.post("/auth/password-reset/confirm", {"token": token, "new_password": "password123"})
    assert wrong_fields(refused(response, 422, "validation_failed")) == {"/new_password": "too_common"}
    made(await api.post("/auth/password-reset/confirm", {"token": token, "new_password": NEW_PASSWORD}))


@pytest.mark.parametrize("token", ["x", "\x00", "é" * 200, "../../etc/passwd", "' OR 1=1 --"])
async def test_a_token_that_never_was_one_is_refused(api: Api, token: str) -> None:
    response = await api.post("/auth/password-reset/confirm", {"token": token, "new_password": NEW_PASSWORD})
    refused(response, 400, "invalid_token")
