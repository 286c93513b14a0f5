"""One's own sessions over HTTP: listed, read, ended one by one and all at once; and the keys that verify their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import jwt
import pytest
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from service.adapters.key_file import create_key_file
from service.app import create_app
from service.composition import compose
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


async def log_in(api: Api, person: Api, device: str = "Firefox") -> Api:
    """The same person on another device."""
    credentials = {"email": person.user["email"], "password": PASSWORD}
    tokens = made(await api.post("/auth/login", credentials, headers={"User-Agent": device}))
    return api.as_user(tokens["access_token"], {**person.user, "refresh_token": tokens["refresh_token"]})


async def current(person: Api) -> dict[str, Any]:
    """The session that somebody speaks in."""
    (found,) = [session for session in made(await person.get("/auth/sessions"))["items"] if session["current"]]
    assert isinstance(found, dict)
    return found


async def test_the_list_says_where_somebody_is_logged_in(api: Api, clock: FakeClock) -> None:
    ann = await a_user(api)
    await a_user(api, "Bob")
    clock.advance(timedelta(minutes=5))
    phone = await log_in(api, ann, "Worklane for phones/1.0")
    page = made(await phone.get("/auth/sessions"))
    assert page["total"] == 2
    here, there = page["items"]
    started = clock.now().isoformat().replace("+00:00", "Z")
    assert here == {
        "id": here["id"],
        "device": "Worklane for phones/1.0",
        "ip": here["ip"],
        "created_at": started,
        "last_used_at": started,
        "expires_at": (clock.now() + timedelta(days=14)).isoformat().replace("+00:00", "Z"),
        "current": True,
    }
    assert (there["current"], there["created_at"] < started) == (False, True)
    assert [session["id"] for session in made(await phone.get("/auth/sessions?sort=created_at"))["items"]] == [
        there["id"],
        here["id"],
    ]


async def test_a_refresh_shows_as_the_last_use(api: Api, clock: FakeClock) -> None:
    phone = await log_in(api, await a_user(api))
    clock.advance(timedelta(minutes=5))
    made(await api.post("/auth/refresh", {"refresh_token": phone.user["refresh_token"]}))
    session = await current(phone)
    assert session["last_used_at"] == clock.now().isoformat().replace("+00:00", "Z")
    assert session["created_at"] < session["last_used_at"]


async def test_the_list_pages_as_others_do_and_refuses_unknown_keys(api: Api) -> None:
    ann = await a_user(api)
    for _ in range(2):
        await log_in(api, ann)
    first = made(await ann.get("/auth/sessions?limit=2"))
    rest = made(await ann.get("/auth/sessions", params={"limit": 2, "cursor": first["next_cursor"]}))
    assert len({session["id"] for session in first["items"] + rest["items"]}) == 3
    problem = refused(await ann.get("/auth/sessions?sort=ip"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/sort": "not_allowed"}
    assert wrong_fields(refused(await ann.get("/auth/sessions?user=1"), 422, "validation_failed")) == {"/user": "unknown"}


async def test_a_session_is_read_by_its_id(api: Api) -> None:
    ann = await a_user(api)
    session = await current(ann)
    assert made(await ann.get(f"/auth/sessions/{session['id']}")) == session


async def test_a_session_that_is_ended_elsewhere_is_refused_from_the_next_request_on(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann = await a_user(api)
    phone = await log_in(api, ann)
    path = f"/auth/sessions/{(await current(phone))['id']}"
    response = await ann.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    refused(await phone.get("/users/me"), 401, "session_ended")
    refused(await api.post("/auth/refresh", {"refresh_token": phone.user["refresh_token"]}), 401, "session_ended")
    refused(await ann.delete(path), 404, "session_not_found")
    refused(await ann.get(path), 404, "session_not_found")
    assert made(await ann.get("/auth/sessions"))["total"] == 1
    told = await connection.fetch("SELECT type FROM events WHERE subject_type = 'session' ORDER BY sequence")
    assert [row["type"] for row in told] == ["session.started", "session.started", "session.ended"]


async def test_ending_the_session_one_speaks_in_is_a_logout(api: Api) -> None:
    ann = await a_user(api)
    assert (await ann.delete(f"/auth/sessions/{(await current(ann))['id']}")).status_code == 204
    refused(await ann.get("/users/me"), 401, "session_ended")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_somebody_else_s_session_reads_as_none(api: Api, method: str) -> None:
    ann, bob = await a_user(api), await a_user(api, "Bob")
    session = await current(bob)
    problems = [
        refused(await ann.call(method, f"/auth/sessions/{reference}"), 404, "session_not_found")
        for reference in (session["id"], uuid4(), "mine")
    ]
    for problem in problems:
        del problem["instance"], problem["request_id"]
    assert problems[0] == problems[1] == problems[2]
    made(await bob.get("/users/me"))


async def test_the_password_ends_every_session(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, bob = await a_user(api), await a_user(api, "Bob")
    phone = await log_in(api, ann)
    response = await ann.post("/auth/logout-all", {"password": PASSWORD})
    assert (response.status_code, response.content) == (204, b"")
    for one in (ann, phone):
        refused(await one.get("/users/me"), 401, "session_ended")
    made(await bob.get("/users/me"))
    told = await connection.fetch("SELECT data->>'user_id' AS whose FROM events WHERE type = 'session.ended'")
    assert [row["whose"] for row in told] == [ann.user["id"]] * 2


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": ""}, {"password": "Wrong-horse-7"}])
async def test_without_the_password_all_sessions_go_on(api: Api, body: dict[str, Any]) -> None:
    ann = await a_user(api)
    refused(await ann.post("/auth/logout-all", body), 403, "password_required")
    made(await ann.get("/users/me"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth/logout-all"),
        ("GET", "/auth/sessions"),
        ("GET", f"/auth/sessions/{UUID(int=1)}"),
        ("DELETE", f"/auth/sessions/{UUID(int=1)}"),
    ],
)
async def test_one_s_own_sessions_take_a_session(api: Api, method: str, path: str) -> None:
    body = {"password": PASSWORD} if method == "POST" else None
    refused(await api.call(method, path, body), 401, "unauthenticated")


async def test_a_ring_of_secret_keys_publishes_none(api: Api) -> None:
    assert made(await api.get("/auth/jwks")) == {"keys": []}


@pytest.fixture
async def signed_by_ed25519(
    settings: Settings, clock: FakeClock, tmp_path: Path, connection: asyncpg.Connection[Any]
) -> AsyncIterator[Api]:
    """The service with a ring of Ed25519 keys."""
    create_key_file(tmp_path / "keys.json", "EdDSA")
    settings = replace(settings, keys_file=tmp_path / "keys.json")
    app = create_app(settings, compose(settings, clock=clock))
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield Api(client, app)


async def test_public_keys_verify_access_tokens_without_asking_the_service(signed_by_ed25519: Api) -> None:
    ann = await a_user(signed_by_ed25519)
    (key,) = made(await signed_by_ed25519.get("/auth/jwks"))["keys"]
    assert {name: value for name, value in key.items() if name not in {"kid", "x"}} == {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
    }
    token = str(ann.token)
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]
    claims = jwt.decode(token, jwt.PyJWK(key), ["EdDSA"], audience="worklane")
    assert claims["sub"] == ann.user["id"]
