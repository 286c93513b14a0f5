"""Deleting accounts and bringing them back over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import PASSWORD, a_member, a_personal_token, a_project, a_task, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg
    import httpx

pytestmark = pytest.mark.anyio


async def leave(person: Api, password: str | None = PASSWORD) -> httpx.Response:
    """The person deletes the own account."""
    return await person.post("/users/me/delete", {"password": password})


def gone(response: httpx.Response) -> None:
    """The deletion worked."""
    assert response.status_code == 204, response.text


def account_of(person: Api) -> dict[str, Any]:
    return {"email": person.user["email"], "password": PASSWORD}


async def test_a_deleted_account_is_unknown_from_the_next_request_on(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    token = await a_personal_token(ann, "users:read", "tasks:read")
    other = made(await api.post("/auth/login", account_of(ann)))
    gone(await leave(ann))
    refused(await ann.get("/users/me"), 401, "session_ended")
    refused(await ann.as_user(other["access_token"], ann.user).get("/users/me"), 401, "session_ended")
    assert (await token.get("/users/me")).status_code == 401
    assert (await api.post("/auth/refresh", {"refresh_token": other["refresh_token"]})).status_code == 401
    unknown = await api.post("/auth/login", {"email": "nobody@example.com", "password": PASSWORD})
    known = await api.post("/auth/login", account_of(ann) | {"device_token": other["device_token"]})
    same = {"type", "title", "status", "detail", "code"}
    assert {key: known.json()[key] for key in same} == {key: unknown.json()[key] for key in same}
    for path in (f"/users/{ann.user['id']}", f"/users/{ann.user['id']}/activate"):
        refused(await admin.call("GET" if path.count("/") == 2 else "POST", path), 404, "user_not_found")
    refused(await admin.call("DELETE", f"/users/{ann.user['id']}"), 404, "user_not_found")
    listed = made(await admin.get("/users"))
    assert (listed["total"], [item["id"] for item in listed["items"]]) == (1, [admin.user["id"]])
    assert made(await admin.get("/users?search=ann"))["items"] == []


async def test_nothing_that_was_mailed_or_remembered_opens_the_account(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api, "Ann")
    made(await api.post("/auth/login", account_of(ann)))
    enrolled = await ann.post("/auth/mfa/totp", {"password": PASSWORD})
    assert enrolled.status_code == 201
    await api.post("/auth/password-reset", {"email": ann.user["email"]})
    await connection.execute("UPDATE users SET mfa_enabled = true")
    gone(await leave(ann))
    told = (await the_events(connection, ann.user["id"]))[-1]
    assert told["changes"]["mfa_enabled"] == {"old": True, "new": False}
    assert not await connection.fetchval("SELECT mfa_enabled FROM users")
    for table in ("one_time_tokens", "second_factors", "recovery_codes", "mfa_challenges", "device_tokens"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608


async def test_the_address_is_free(api: Api) -> None:
    ann = await a_user(api, "Ann")
    gone(await leave(ann))
    again = made(await api.post("/auth/register", account_of(ann) | {"full_name": "Another"}))
    assert again["id"] != ann.user["id"]


@pytest.mark.parametrize("password", [None, "not the password"])
async def test_deleting_oneself_takes_the_password(api: Api, password: str | None) -> None:
    ann = await a_user(api, "Ann")
    refused(await leave(ann, password), 403, "password_required")
    problem = refused(await ann.call("DELETE", f"/users/{ann.user['id']}"), 403, "password_required")
    assert "POST /users/me/delete" in problem["detail"]
    assert made(await ann.get("/users/me"))["version"] == 1


async def test_only_sessions_remove_accounts(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    token = await a_personal_token(admin, "admin")
    refused(await token.call("DELETE", f"/users/{ann.user['id']}"), 403, "session_required")
    refused(await token.post("/users/me/delete", {"password": PASSWORD}), 403, "session_required")


async def test_who_sees_somebody_may_not_delete_them_and_others_are_not_there(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob, cid = await a_user(api, "Ann"), await a_user(api, "Bob"), await a_user(api, "Cid")
    await a_member(connection, await a_project(ann), bob)
    problem = refused(await ann.call("DELETE", f"/users/{bob.user['id']}"), 403, "not_your_profile")
    assert problem["required_role"] == "admin"
    for reference in (cid.user["id"], str(UUID(int=1)), "not-an-id"):
        refused(await ann.call("DELETE", f"/users/{reference}"), 404, "user_not_found")
        refused(await ann.post(f"/users/{reference}/restore"), 403, "admin_required")


async def test_an_admin_deletes_somebody_and_the_audit_knows(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    path = f"/users/{ann.user['id']}"
    gone(await admin.call("DELETE", path))
    refused(await ann.get("/users/me"), 401, "session_ended")
    made(await admin.post(f"{path}/restore"))
    told = (await the_events(connection, ann.user["id"]))[-2:]
    assert [(event["type"], event["subject_version"], list(event["changes"])) for event in told] == [
        ("user.deleted", 2, ["deleted_at"]),
        ("user.restored", 3, ["deleted_at"]),
    ]
    rows = await connection.fetch("SELECT action, actor_id FROM audit_events WHERE target_id = $1::uuid", ann.user["id"])
    audited = {(row["action"], str(row["actor_id"])) for row in rows}
    assert {("user.deleted", admin.user["id"]), ("user.restored", admin.user["id"])} <= audited


async def test_a_deletion_looks_at_if_match(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    stale = {"If-Match": '"7.0"'}
    path = f"/users/{ann.user['id']}"
    refused(await admin.call("DELETE", path, headers=stale), 412, "precondition_failed")
    refused(await ann.call("POST", "/users/me/delete", {"password": PASSWORD}, headers=stale), 412, "precondition_failed")
    gone(await admin.call("DELETE", path, headers={"If-Match": '"1.0"'}))
    refused(await admin.call("POST", f"{path}/restore", headers=stale), 412, "precondition_failed")
    made(await admin.call("POST", f"{path}/restore", headers={"If-Match": '"2.0"'}))


async def test_the_last_admin_stays(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin = await an_admin(api, connection)
    refused(await leave(admin), 409, "last_admin")
    other = await an_admin(api, connection)
    gone(await leave(admin))
    refused(await leave(other), 409, "last_admin")
    # Who is restored is the admin of before.
    assert made(await other.post(f"/users/{admin.user['id']}/restore"))["role"] == "admin"
    gone(await leave(other))


async def test_whoever_owns_projects_hands_them_over_or_deletes_them_first(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    for key in ("WEB", "OLD"):
        await a_project(ann, key=key)
    for answer in (await leave(ann), await admin.call("DELETE", f"/users/{ann.user['id']}")):
        problem = refused(answer, 409, "owns_projects")
        assert problem["projects"] == ["OLD", "WEB"]
        assert "OLD, WEB" in problem["detail"]
    assert made(await ann.get("/users/me"))["version"] == 1
    gone(await ann.call("DELETE", "/projects/WEB"))
    gone(await ann.call("DELETE", "/projects/OLD"))
    gone(await leave(ann))


async def test_memberships_end_and_open_tasks_are_nobodys(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, bob = await a_user(api, "Ann"), await a_user(api, "Bob")
    web, old, dead = [await a_project(ann, key=key) for key in ("WEB", "OLD", "DEAD")]
    for project in (web, old, dead):
        await a_member(connection, project, bob)
    theirs = {"assignee_id": bob.user["id"]}
    todo, doing = await a_task(ann, web, **theirs), await a_task(ann, old, **theirs, status="in_progress")
    done, deleted = await a_task(bob, web, **theirs, status="done"), await a_task(ann, dead, **theirs)
    mine = await a_task(ann, web, assignee_id=ann.user["id"])
    binned = await a_task(ann, web, **theirs)
    gone(await ann.call("DELETE", f"/tasks/{binned['id']}"))
    made(await ann.post("/projects/OLD/archive"))
    gone(await ann.call("DELETE", "/projects/DEAD"))
    gone(await leave(bob))
    assert made(await ann.post(f"/tasks/{binned['id']}/restore"))["assignee"] is None
    for task in (todo, doing):
        now = made(await ann.get(f"/tasks/{task['id']}"))
        assert (now["assignee"], now["version"]) == (None, 2)
        (_, told) = await the_events(connection, task["id"])
        assert (told["type"], told["changes"]) == ("task.updated", {"assignee_id": {"old": bob.user["id"], "new": None}})
    kept = made(await ann.get(f"/tasks/{done['id']}"))
    nameless = {"id": bob.user["id"], "full_name": None, "deleted": True}
    assert (kept["assignee"], kept["reporter"], kept["version"]) == (nameless, nameless, 1)
    assert made(await ann.get(f"/tasks/{mine['id']}")) == mine
    assert await connection.fetchval("SELECT assignee_id FROM tasks WHERE id = $1::uuid", deleted["id"]) is None
    assert await connection.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1::uuid", bob.user["id"]) == 0
    left = await connection.fetch("SELECT project_id, data FROM events WHERE type = 'member.left'")
    assert {str(row["project_id"]) for row in left} == {web["id"], old["id"], dead["id"]}


async def test_who_is_restored_logs_in_with_the_old_password_and_is_in_no_project(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    admin, ann, bob = await an_admin(api, connection), await a_user(api, "Ann"), await a_user(api, "Bob")
    web = await a_project(ann, key="WEB")
    await a_member(connection, web, bob)
    task = await a_task(ann, web, assignee_id=bob.user["id"], status="done")
    gone(await leave(bob))
    user = made(await admin.post(f"/users/{bob.user['id']}/restore"))
    assert user == {**bob.user, "version": 3, "updated_at": user["updated_at"]}
    assert made(await admin.post(f"/users/{bob.user['id']}/restore")) == user
    refused(await bob.get("/users/me"), 401, "session_ended")
    again = bob.as_user(made(await api.post("/auth/login", account_of(bob)))["access_token"], user)
    assert made(await again.get("/projects"))["items"] == []
    refused(await again.get(f"/tasks/{task['id']}"), 404, "task_not_found")
    stored = await connection.fetchrow("SELECT assignee_id FROM tasks WHERE id = $1::uuid", task["id"])
    assert str(stored and stored["assignee_id"]) == bob.user["id"]


async def test_a_restore_clashes_with_who_took_the_address(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    gone(await leave(ann))
    other = made(await api.post("/auth/register", account_of(ann)))
    refused(await admin.post(f"/users/{ann.user['id']}/restore"), 409, "email_taken")
    gone(await admin.call("DELETE", f"/users/{other['id']}"))
    made(await admin.post(f"/users/{ann.user['id']}/restore"))
    refused(await admin.post(f"/users/{other['id']}/restore"), 409, "email_taken")


@pytest.mark.parametrize("reference", [str(UUID(int=1)), "not-an-id"])
async def test_who_never_was_is_not_restored(api: Api, connection: asyncpg.Connection[Any], reference: str) -> None:
    admin = await an_admin(api, connection)
    refused(await admin.post(f"/users/{reference}/restore"), 404, "user_not_found")


async def test_a_deleted_project_comes_back_after_its_owner_only(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann = await an_admin(api, connection), await a_user(api, "Ann")
    web = await a_project(ann, key="WEB")
    gone(await ann.call("DELETE", "/projects/WEB"))
    gone(await leave(ann))
    (listed,) = made(await admin.get("/projects?include_deleted=true"))["items"]
    assert listed["owner"] == {"id": ann.user["id"], "full_name": None, "deleted": True}
    refused(await admin.post(f"/projects/{web['id']}/restore"), 409, "owner_deleted")
    made(await admin.post(f"/users/{ann.user['id']}/restore"))
    restored = made(await admin.post(f"/projects/{web['id']}/restore"))
    assert restored["owner"] == web["owner"]
