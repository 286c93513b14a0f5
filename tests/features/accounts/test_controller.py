"""Accounts over HTTP."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from service.app import create_app
from service.composition import compose
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_member, a_project, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

WHOLE = [
    "id", "email", "full_name", "role", "is_active", "email_verified_at", "timezone", "locale", "mfa_enabled",
    "created_at", "updated_at", "version",
]  # fmt: skip
PUBLIC = ["id", "full_name", "email", "is_active"]


def registration(email: str = "ann@example.com", **changed: Any) -> dict[str, Any]:
    return {"email": email, "password": PASSWORD, **changed}


async def test_registering_answers_the_user_and_where_to_read_it(api: Api) -> None:
    response = await api.post("/auth/register", registration("Ann@Example.com", full_name="Ann Example"))
    user = made(response)
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/v1/users/{user['id']}"
    assert list(user) == WHOLE
    assert UUID(user["id"]).version == 7
    assert user["created_at"] == user["updated_at"]
    assert user["created_at"].endswith("Z")
    del user["id"], user["created_at"], user["updated_at"]
    assert user == {
        "email": "Ann@example.com",
        "full_name": "Ann Example",
        "role": "user",
        "is_active": True,
        "email_verified_at": None,
        "timezone": "UTC",
        "locale": "en",
        "mfa_enabled": False,
        "version": 1,
    }
    tokens = made(await api.post("/auth/login", registration("ann@example.com")))
    assert made(await api.as_user(tokens["access_token"], {}).get(response.headers["location"]))["version"] == 1


@pytest.mark.parametrize("password", ["SecurePass123", "Test1234!", "testpass123", "adminpass123"])
async def test_usual_passwords_of_clients_are_accepted(api: Api, password: str) -> None:
    made(await api.post("/auth/register", {"email": "someone@example.com", "password": password}))
    made(await api.post("/auth/login", {"email": "someone@example.com", "password": password}))


@pytest.mark.parametrize("spelling", ["ann@example.com", "ANN@EXAMPLE.COM", "ａｎｎ@example.com", "ann@ｅxample.com"])
async def test_an_address_registers_once_in_any_spelling(api: Api, spelling: str) -> None:
    made(await api.post("/auth/register", registration()))
    refused(await api.post("/auth/register", registration(spelling)), 409, "email_taken")


async def test_fifty_parallel_registrations_of_one_address_make_one_account(
    crowd: Api, connection: asyncpg.Connection[Any]
) -> None:
    spellings = ["kim@example.com", "KIM@example.com", "\u212aim@Example.com", "ｋim@example.com", "kim@EXAMPLE.com"] * 10
    answers = await asyncio.gather(*(crowd.post("/auth/register", registration(spelling)) for spelling in spellings))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert await connection.fetchval("SELECT count(*) FROM users") == 1
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type = 'user.registered'") == 1


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/email": "missing", "/password": "missing"}),
        ({"email": "@nodomain.com", "password": "short", "admin": True},
         {"/admin": "unknown", "/email": "not_allowed", "/password": "too_short"}),
        (registration(password="password123"), {"/password": "too_common"}),
        (registration(password="xyzxyzxyz"), {"/password": "too_repetitive"}),
        (registration("annabel@example.com", password="annabel123"), {"/password": "too_personal"}),
        (registration(password="é" * 129), {"/password": "too_long"}),
        (registration(full_name="a\x00b"), {"/full_name": "not_allowed"}),
    ],
)  # fmt: skip
async def test_a_registration_that_can_t_be_accepted_says_why(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    response = await api.post("/auth/register", body)
    assert wrong_fields(refused(response, 422, "validation_failed")) == wrong
    assert "password123" not in response.text


async def test_a_closed_instance_refuses_to_register(settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    closed = replace(settings, registration="closed")
    app = create_app(closed, compose(closed))
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8000") as client:
        response = await Api(client, app).post("/auth/register", registration())
        request_id = refused(response, 403, "registration_closed")["request_id"]
    assert await connection.fetchval("SELECT count(*) FROM users") == 0
    rows = await connection.fetch("SELECT action, outcome, reason FROM audit_events WHERE request_id = $1", request_id)
    assert [tuple(row) for row in rows] == [("registration.refused", "failure", "registration_closed")]


async def test_a_profile_changes_by_merge_patch(api: Api, clock: FakeClock) -> None:
    person = await a_user(api)
    clock.advance(timedelta(seconds=1))
    changes = {"full_name": None, "timezone": "Europe/Berlin", "locale": "de-AT"}
    changed = made(await person.patch("/users/me", changes, headers={"Content-Type": "application/merge-patch+json"}))
    assert changed == {**person.user, **changes, "version": 2, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > person.user["updated_at"]
    assert made(await person.get("/users/me")) == changed


@pytest.mark.parametrize("body", [{}, {"timezone": "UTC"}])
async def test_a_patch_that_changes_nothing_leaves_the_version(
    api: Api, connection: asyncpg.Connection[Any], body: dict[str, Any]
) -> None:
    person = await a_user(api)
    assert made(await person.patch("/users/me", body)) == person.user
    assert await connection.fetchval("SELECT count(*) FROM events WHERE type = 'user.updated'") == 0


@pytest.mark.parametrize(
    "field", ["id", "email", "role", "is_active", "email_verified_at", "password_hash", "version", "deleted_at"]
)
async def test_a_profile_has_no_other_field_to_change(api: Api, field: str) -> None:
    person = await a_user(api)
    problem = refused(await person.patch("/users/me", {field: "x"}), 422, "validation_failed")
    assert wrong_fields(problem) == {f"/{field}": "unknown"}


async def test_every_write_writes_its_event_and_says_how_far_the_sequence_goes(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    person = await a_user(api)
    response = await person.patch("/users/me", {"locale": "de"})
    assert response.headers["x-change-cursor"]
    row = await connection.fetchrow("SELECT * FROM events WHERE type = 'user.updated'")
    assert row is not None
    assert (str(row["actor_id"]), str(row["subject_id"]), row["subject_version"]) == (person.user["id"], person.user["id"], 2)
    assert json.loads(row["changes"]) == {"locale": {"old": "en", "new": "de"}}
    assert row["request_id"] == response.headers["x-request-id"]


async def test_others_in_a_project_are_seen_in_public_form_and_strangers_not_at_all(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob, cid = await a_user(api, "Ann"), await a_user(api, "Bob"), await a_user(api, "Cid")
    await a_member(connection, await a_project(ann), bob, "viewer")
    seen = made(await ann.get(f"/users/{bob.user['id']}"))
    assert list(seen) == PUBLIC
    assert seen == {name: bob.user[name] for name in PUBLIC}
    unseen = await ann.get(f"/users/{cid.user['id']}")
    nobody = await ann.get(f"/users/{UUID(int=7)}")
    assert refused(unseen, 404, "user_not_found")["detail"] == refused(nobody, 404, "user_not_found")["detail"]
    refused(await ann.get("/users/not-an-id"), 404, "user_not_found")
    listed = made(await ann.get("/users?sort=created_at"))
    assert listed["items"] == [{name: person.user[name] for name in PUBLIC} for person in (ann, bob)]
    assert made(await ann.get(f"/users/{ann.user['id']}")) == ann.user


async def test_an_admin_lists_everyone_whole_page_by_page(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    for name in ("Ann", "Bob", "Cid"):
        await a_user(api, name)
    response = await admin.get("/users?page=2&page_size=3&sort=created_at")
    page = made(response)
    assert (page["total"], page["total_is_exact"], page["page"], page["page_size"], page["pages"]) == (4, True, 2, 3, 2)
    assert response.headers["x-total-count"] == "4"
    assert 'rel="prev"' in response.headers["link"]
    assert [list(user) for user in page["items"]] == [WHOLE]
    assert page["items"][0]["full_name"] == "Cid Example"
    by_skip = made(await admin.get("/users?skip=3&limit=3&sort=created_at"))
    assert by_skip["items"] == page["items"]


async def test_a_list_is_filtered_by_its_parameters(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    await a_user(api, "Ann")
    bob = await a_user(api, "Bob")
    await connection.execute("UPDATE users SET is_active = false WHERE id = $1", UUID(bob.user["id"]))

    async def names(query: str) -> list[str]:
        return [user["full_name"] for user in made(await admin.get(f"/users?sort=full_name&{query}"))["items"]]

    assert await names("search=BOB") == ["Bob Example"]
    assert await names("search=%25") == []
    assert await names("role=admin") == ["Root Example"]
    assert await names("is_active=false") == ["Bob Example"]
    assert await names("is_active=true&role=user&search=example") == ["Ann Example"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("role=owner", "/role"),
        ("is_active=maybe", "/is_active"),
        ("search=%00", "/search"),
        ("sort=password_hash", "/sort"),
        ("limit=201", "/limit"),
        ("page=1&skip=0", "/page"),
        ("email=x", "/email"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Api, query: str, pointer: str) -> None:
    person = await a_user(api)
    problem = refused(await person.get(f"/users?{query}"), 422, "validation_failed")
    assert list(wrong_fields(problem)) == [pointer]
    assert problem["errors"][0]["in"] == "query"


@pytest.mark.parametrize("path", ["/users", "/users/me", f"/users/{UUID(int=1)}"])
async def test_people_are_shown_to_the_signed_in_only(api: Api, path: str) -> None:
    refused(await api.get(path), 401, "unauthenticated")
    refused(await api.patch("/users/me", {}), 401, "unauthenticated")


async def test_statements_do_not_grow_with_the_rows(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api)
    project = await a_project(ann)
    for number in range(5):
        await a_member(connection, project, await a_user(api, f"User{number}"))
    statements = api.statements()
    for path, most in (("/users/me", 2), ("/users?limit=2", 3), (f"/users/{ann.user['id']}", 2)):
        statements.clear()
        made(await ann.get(path))
        assert len(statements) <= most, (path, statements)


async def test_no_password_or_hash_is_ever_answered(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    stored = await connection.fetchval("SELECT password_hash FROM users")
    answers = [await admin.get("/users"), await admin.get("/users/me"), await admin.patch("/users/me", {"locale": "fr"})]
    assert all(stored not in answer.text and "password" not in answer.text for answer in answers)
