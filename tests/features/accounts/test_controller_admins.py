"""What admins do with accounts over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from service.app import create_app
from service.composition import compose
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_member, a_project, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_an_admin_makes_an_account_for_somebody(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    response = await admin.post("/users", {"email": "Bob@Example.com", "full_name": "Bob Example", "role": "admin"})
    user = made(response)
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/v1/users/{user['id']}"
    assert (user["email"], user["full_name"], user["role"]) == ("Bob@example.com", "Bob Example", "admin")
    assert (user["is_active"], user["email_verified_at"], user["version"]) == (True, None, 1)
    assert made(await admin.get(response.headers["location"])) == user
    (event,) = await the_events(connection, user["id"])
    assert (event["type"], event["subject_version"], event["data"]) == ("user.invited", 1, {"role": "admin"})
    assert str(event["actor_id"]) == admin.user["id"]
    refused(await api.post("/auth/login", {"email": "bob@example.com", "password": PASSWORD}), 401, "login_failed")


async def test_an_address_that_is_taken_in_any_spelling_is_not_invited(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api)
    body = {"email": ann.user["email"].upper(), "role": "user"}
    refused(await admin.post("/users", body), 409, "email_taken")


async def test_an_invitation_that_can_t_be_accepted_says_why(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    body = {"email": "bob", "full_name": "", "role": "owner", "password": PASSWORD}
    problem = refused(await admin.post("/users", body), 422, "validation_failed")
    assert set(wrong_fields(problem)) == {"/email", "/full_name", "/role", "/password"}
    problem = refused(await admin.post("/users", {}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/email": "missing", "/role": "missing"}


async def test_an_admin_makes_accounts_where_nobody_may_register(settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    closed = replace(settings, registration="closed")
    app = create_app(settings, compose(settings))
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8000") as client:
        admin = await an_admin(Api(client, app), connection)
    app = create_app(closed, compose(closed))
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8000") as client:
        made(await Api(client, app, admin.token).post("/users", {"email": "bob@example.com", "role": "user"}))


async def test_only_admins_administer(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, bob = await a_user(api, "Ann"), await a_user(api, "Bob")
    await a_member(connection, await a_project(ann), bob)
    path = f"/users/{bob.user['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/users", {"email": "cid@example.com", "role": "user"}),
        ("POST", f"{path}/activate", None),
        ("POST", f"{path}/deactivate", None),
        ("PUT", f"{path}/role", {"role": "admin"}),
    ]
    for method, where, body in calls:
        problem = refused(await ann.call(method, where, body), 403, "admin_required")
        assert problem["required_role"] == "admin"
        refused(await api.call(method, where, body), 401, "unauthenticated")
    assert made(await bob.get("/users/me")) == bob.user


async def test_deactivation_holds_from_the_next_request_on(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api)
    account = {"email": ann.user["email"], "password": PASSWORD}
    path = f"/users/{ann.user['id']}"
    user = made(await admin.post(f"{path}/deactivate"))
    assert user == {**ann.user, "is_active": False, "version": 2, "updated_at": user["updated_at"]}
    refused(await ann.get("/users/me"), 401, "session_ended")
    refused(await api.post("/auth/login", account), 403, "account_inactive")
    assert made(await admin.post(f"{path}/deactivate")) == user
    assert made(await admin.post(f"{path}/activate"))["version"] == 3
    refused(await ann.get("/users/me"), 401, "session_ended")
    made(await api.post("/auth/login", account))
    told = [event for event in await the_events(connection, ann.user["id"]) if event["type"] != "user.registered"]
    assert [(event["type"], event["changes"]) for event in told] == [
        ("user.deactivated", {"is_active": {"old": True, "new": False}}),
        ("user.activated", {"is_active": {"old": False, "new": True}}),
    ]


async def test_a_role_holds_from_the_next_request_on_in_the_same_session(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api)
    path = f"/users/{ann.user['id']}/role"
    refused(await ann.post("/users", {"email": "bob@example.com", "role": "user"}), 403, "admin_required")
    user = made(await admin.call("PUT", path, {"role": "admin"}))
    assert (user["role"], user["version"]) == ("admin", 2)
    assert made(await admin.call("PUT", path, {"role": "admin"})) == user
    made(await ann.post("/users", {"email": "bob@example.com", "role": "user"}))
    made(await admin.call("PUT", path, {"role": "user"}))
    refused(await ann.post("/users", {"email": "cid@example.com", "role": "user"}), 403, "admin_required")
    told = [event for event in await the_events(connection, ann.user["id"]) if event["type"] == "user.role_changed"]
    assert [event["changes"] for event in told] == [
        {"role": {"old": "user", "new": "admin"}},
        {"role": {"old": "admin", "new": "user"}},
    ]


async def test_the_last_admin_can_t_be_taken_away(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    path = f"/users/{admin.user['id']}"
    refused(await admin.post(f"{path}/deactivate"), 409, "last_admin")
    refused(await admin.call("PUT", f"{path}/role", {"role": "user"}), 409, "last_admin")
    assert made(await admin.get("/users/me"))["version"] == 1
    other = await an_admin(api, connection)
    assert made(await other.post(f"{path}/deactivate"))["is_active"] is False
    refused(await other.post(f"/users/{other.user['id']}/deactivate"), 409, "last_admin")


@pytest.mark.parametrize("reference", [str(UUID(int=1)), "me", "not-an-id"])
async def test_who_is_not_there_is_not_administered(api: Api, connection: asyncpg.Connection[Any], reference: str) -> None:
    admin = await an_admin(api, connection)
    for action in ("activate", "deactivate"):
        refused(await admin.post(f"/users/{reference}/{action}"), 404, "user_not_found")
    refused(await admin.call("PUT", f"/users/{reference}/role", {"role": "user"}), 404, "user_not_found")


@pytest.mark.parametrize("body", [{}, {"role": "owner"}, {"role": None}, {"role": "user", "is_active": False}])
async def test_a_role_that_is_none_is_refused(api: Api, connection: asyncpg.Connection[Any], body: dict[str, Any]) -> None:
    admin = await an_admin(api, connection)
    refused(await admin.call("PUT", f"/users/{admin.user['id']}/role", body), 422, "validation_failed")


async def test_a_profile_is_changed_by_its_owner_and_by_admins_only(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    ann, bob, cid = await a_user(api, "Ann"), await a_user(api, "Bob"), await a_user(api, "Cid")
    await a_member(connection, await a_project(ann), bob)
    path = f"/users/{ann.user['id']}"
    assert made(await ann.patch(path, {"locale": "de"}))["version"] == 2
    changed = made(await admin.patch(path, {"full_name": "Ann Other"}))
    assert (changed["full_name"], changed["locale"], changed["version"]) == ("Ann Other", "de", 3)
    problem = refused(await bob.patch(path, {"locale": "fr"}), 403, "not_your_profile")
    assert problem["required_role"] == "admin"
    unseen = refused(await cid.patch(path, {"locale": "fr"}), 404, "user_not_found")
    nobody = refused(await cid.patch(f"/users/{UUID(int=7)}", {"locale": "fr"}), 404, "user_not_found")
    assert unseen["detail"] == nobody["detail"]
    refused(await api.patch(path, {"locale": "fr"}), 401, "unauthenticated")
    problem = refused(await admin.patch(path, {"role": "admin"}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/role": "unknown"}
    assert made(await ann.get("/users/me")) == changed
    told = [event for event in await the_events(connection, ann.user["id"]) if event["type"] == "user.updated"]
    assert [str(event["actor_id"]) for event in told] == [ann.user["id"], admin.user["id"]]


async def test_a_decision_takes_few_statements(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api)
    statements = api.statements()
    for method, path, body, most in (
        ("POST", "/users", {"email": "bob@example.com", "role": "user"}, 4),
        ("POST", f"/users/{ann.user['id']}/deactivate", None, 7),
        ("POST", f"/users/{ann.user['id']}/activate", None, 6),
        ("PUT", f"/users/{ann.user['id']}/role", {"role": "admin"}, 6),
    ):
        statements.clear()
        made(await admin.call(method, path, body))
        assert len(statements) <= most, (path, statements)
