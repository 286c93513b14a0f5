"""Personal access tokens over HTTP: made, listed, read, used and revoked, and what ends them beside that."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.features.accounts.one_time_repository import PiccoloOneTimeTokens
from service.features.accounts.use_cases import PASSWORD as SETTING_A_PASSWORD
from service.features.personal_tokens.domain import written
from service.piccolo_app import TABLES
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import PASSWORD, a_personal_token, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


def wire(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def wish(clock: FakeClock, **fields: Any) -> dict[str, Any]:
    expires_at = wire(clock.now() + timedelta(days=30))
    return {"password": PASSWORD, "name": "Nightly report", "scopes": ["tasks:read"], "expires_at": expires_at, **fields}


async def only_token(person: Api) -> dict[str, Any]:
    """The one token that somebody has."""
    (token,) = made(await person.get("/auth/tokens"))["items"]
    assert isinstance(token, dict)
    return token


async def test_the_secret_is_in_the_answer_that_makes_the_token_and_nowhere_else(api: Api, clock: FakeClock) -> None:
    ann = await a_user(api)
    response = await ann.post("/auth/tokens", wish(clock))
    token = made(response)
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    secret = token.pop("token")
    assert secret.startswith("wl_pat_")
    assert len(secret) == len("wl_pat_") + 43 + 6
    assert token == {
        "id": token["id"],
        "name": "Nightly report",
        "scopes": ["tasks:read"],
        "project_ids": None,
        "created_at": wire(clock.now()),
        "expires_at": wire(clock.now() + timedelta(days=30)),
        "last_used_at": None,
    }
    read = await ann.get(response.headers["location"])
    assert made(read) == token
    listed = await ann.get("/auth/tokens")
    assert made(listed)["items"] == [token]
    assert secret not in read.text + listed.text


async def test_no_secret_is_in_a_dump_of_the_tables(api: Api, clock: FakeClock, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api)
    secret = made(await ann.post("/auth/tokens", wish(clock)))["token"]
    script = ann.as_user(secret, ann.user)
    made(await script.get("/tasks"))
    tables = [table._meta.tablename for table in TABLES]  # noqa: SLF001  (Piccolo 1.38 tells the name of a table by _meta alone)
    dump = "".join([str(await connection.fetch(f"SELECT t::text FROM {table} t")) for table in tables])  # noqa: S608
    assert "Nightly report" in dump
    assert secret not in dump
    assert secret.removeprefix("wl_pat_")[:43] not in dump


async def test_a_token_acts_for_its_owner_and_tells_when_it_was_last_used(api: Api, clock: FakeClock) -> None:
    ann = await a_user(api)
    web = await a_project(ann)
    script = await a_personal_token(ann, "tasks:read", "tasks:write", "users:read")
    task = await a_task(script, web)
    assert task["reporter"]["id"] == ann.user["id"]
    assert made(await script.get("/users/me"))["id"] == ann.user["id"]
    assert (await only_token(ann))["last_used_at"] == wire(clock.now())


async def test_events_and_audit_say_that_a_token_acted(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api)
    web = await a_project(ann)
    await a_task(await a_personal_token(ann, "tasks:write"), web)
    told = await connection.fetchrow("SELECT actor_kind, actor_id::text FROM events WHERE type = 'task.created'")
    assert told is not None
    assert tuple(told) == ("token", ann.user["id"])
    token = await only_token(ann)
    assert (await ann.delete(f"/auth/tokens/{token['id']}")).status_code == 204
    kept = await connection.fetch(
        "SELECT action, actor_kind, target_type FROM audit_events WHERE target_id = $1::uuid ORDER BY sequence", token["id"]
    )
    assert [tuple(row) for row in kept] == [
        ("personal_token.created", "user", "personal_token"),
        ("personal_token.revoked", "user", "personal_token"),
    ]


async def test_a_revoked_token_is_refused_from_the_next_request_on(
    api: Api, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await a_user(api)
    script = await a_personal_token(ann, "tasks:read")
    made(await script.get("/tasks"))
    token = await only_token(ann)
    response = await ann.delete(f"/auth/tokens/{token['id']}")
    assert (response.status_code, response.content) == (204, b"")
    for _ in range(2):
        refused(await script.get("/tasks"), 401, "personal_token_refused")
    refused(await ann.get(f"/auth/tokens/{token['id']}"), 404, "personal_token_not_found")
    refused(await ann.delete(f"/auth/tokens/{token['id']}"), 404, "personal_token_not_found")
    assert made(await ann.get("/auth/tokens"))["total"] == 0
    kept = await connection.fetch(
        "SELECT reason, actor_kind, actor_id FROM audit_events WHERE action = 'personal_token.refused' AND target_id = $1::uuid",
        token["id"],
    )
    assert [tuple(row) for row in kept] == [("revoked", "anonymous", None)]


async def test_every_token_that_is_no_good_is_refused_in_the_same_form(api: Api, clock: FakeClock) -> None:
    ann = await a_user(api)
    expired = await a_personal_token(ann, "tasks:read", expires_at=wire(clock.now() + timedelta(minutes=1)))
    clock.advance(timedelta(minutes=1))
    for token in (expired.token, written("0" * 43), "wl_pat_", "wl_pat_nonsense", f"{expired.token}x"):
        response = await api.as_user(str(token), {}).get("/tasks")
        refused(response, 401, "personal_token_refused")
        assert response.headers["www-authenticate"] == "Bearer"
    # Its owner still sees it, and may so find out why the script stopped.
    assert (await only_token(ann))["id"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"/name": "too_short"}),
        ({"name": "  "}, {"/name": "not_allowed"}),
        ({"scopes": []}, {"/scopes": "too_short"}),
        ({"scopes": ["tasks:read", "tasks:all"]}, {"/scopes/1": "not_allowed"}),
        ({"project_ids": []}, {"/project_ids": "too_short"}),
        ({"project_ids": ["WEB"]}, {"/project_ids/0": "wrong_format"}),
        ({"expires_at": "2026-05-04"}, {"/expires_at": "wrong_format"}),
        ({"expires_at": "2020-05-04T00:00:00Z"}, {"/expires_at": "not_allowed"}),
        ({"expires_at": None}, {"/expires_at": "wrong_type"}),
        ({"user_id": str(uuid4())}, {"/user_id": "unknown"}),
        ({"project_ids": [str(uuid4())]}, {"/project_ids/0": "not_found"}),
    ],
)
async def test_what_can_t_be_a_token_is_refused(
    api: Api, clock: FakeClock, fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    ann = await a_user(api)
    problem = refused(await ann.post("/auth/tokens", wish(clock, **fields)), 422, "validation_failed")
    assert wrong_fields(problem) == wrong
    assert made(await ann.get("/auth/tokens"))["total"] == 0


async def test_a_token_lives_for_366_days_and_not_a_second_more(api: Api, clock: FakeClock) -> None:
    ann = await a_user(api)
    longest = clock.now() + timedelta(days=366)
    made(await ann.post("/auth/tokens", wish(clock, expires_at=wire(longest))))
    problem = refused(
        await ann.post("/auth/tokens", wish(clock, expires_at=wire(longest + timedelta(seconds=1)))), 422, "validation_failed"
    )
    assert wrong_fields(problem) == {"/expires_at": "not_allowed"}


@pytest.mark.parametrize("password", [None, "", "Wrong-horse-7"])
async def test_a_token_takes_the_password_again(api: Api, clock: FakeClock, password: str | None) -> None:
    ann = await a_user(api)
    refused(await ann.post("/auth/tokens", wish(clock, password=password)), 403, "password_required")
    assert made(await ann.get("/auth/tokens"))["total"] == 0


async def test_a_project_of_others_and_none_are_refused_alike(api: Api, clock: FakeClock) -> None:
    ann, bob = await a_user(api), await a_user(api, "Bob")
    web, other = await a_project(ann), await a_project(bob)
    problem = refused(
        await ann.post("/auth/tokens", wish(clock, project_ids=[web["id"], other["id"], str(uuid4())])), 422, "validation_failed"
    )
    assert wrong_fields(problem) == {"/project_ids/1": "not_found", "/project_ids/2": "not_found"}
    assert len({error["message"] for error in problem["errors"]}) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_somebody_else_s_token_reads_as_none(api: Api, method: str) -> None:
    ann, bob = await a_user(api), await a_user(api, "Bob")
    script = await a_personal_token(bob, "tasks:read")
    for reference in ((await only_token(bob))["id"], uuid4(), "mine"):
        refused(await ann.call(method, f"/auth/tokens/{reference}"), 404, "personal_token_not_found")
    made(await script.get("/tasks"))


async def test_the_list_pages_as_others_do(api: Api) -> None:
    ann = await a_user(api)
    for _ in range(3):
        await a_personal_token(ann, "tasks:read")
    first = made(await ann.get("/auth/tokens?limit=2&sort=-last_used_at,expires_at"))
    rest = made(
        await ann.get("/auth/tokens", params={"limit": 2, "sort": "-last_used_at,expires_at", "cursor": first["next_cursor"]})
    )
    assert len({token["id"] for token in first["items"] + rest["items"]}) == 3
    problem = refused(await ann.get("/auth/tokens?sort=token_hash"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/sort": "not_allowed"}


async def a_link(api: Api, person: Api, clock: FakeClock) -> str:
    """The token of a mail that lets somebody set a password."""
    tokens = PiccoloOneTimeTokens(api.app.state.ports.database)
    secret, now = f"link-{uuid4()}", clock.now()
    await tokens.add(secret, person.user["id"], SETTING_A_PASSWORD, now, now + timedelta(minutes=30))
    return secret


async def test_a_password_reset_revokes_every_token_of_the_account(crowd: Api, clock: FakeClock) -> None:
    ann, bob = await a_user(crowd), await a_user(crowd, "Bob")
    scripts = [await a_personal_token(ann, "tasks:read") for _ in range(2)]
    other = await a_personal_token(bob, "tasks:read")
    reset = {"token": await a_link(crowd, ann, clock), "new_password": "Wandering-otter-38"}
    made(await crowd.post("/auth/password-reset/confirm", reset))
    for script in scripts:
        refused(await script.get("/tasks"), 401, "personal_token_refused")
    made(await other.get("/tasks"))


async def test_no_token_that_is_made_beside_a_password_reset_outlives_it(crowd: Api, clock: FakeClock) -> None:
    ann = await a_user(crowd)
    reset = {"token": await a_link(crowd, ann, clock), "new_password": "Wandering-otter-38"}
    answers = await asyncio.gather(
        *(ann.post("/auth/tokens", wish(clock)) for _ in range(6)),
        crowd.post("/auth/password-reset/confirm", reset),
        *(ann.post("/auth/tokens", wish(clock)) for _ in range(6)),
    )
    made(answers[6])
    tokens = [answer.json()["token"] for answer in (*answers[:6], *answers[7:]) if answer.status_code == 201]
    for token in tokens:
        refused(await crowd.as_user(token, {}).get("/tasks"), 401, "personal_token_refused")
    refused(await ann.post("/auth/tokens", wish(clock)), 401, "session_ended")


async def test_a_token_rests_while_its_owner_is_deactivated(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, root = await a_user(api), await an_admin(api, connection)
    script = await a_personal_token(ann, "tasks:read")
    made(await root.post(f"/users/{ann.user['id']}/deactivate"))
    refused(await script.get("/tasks"), 401, "personal_token_refused")
    made(await root.post(f"/users/{ann.user['id']}/activate"))
    made(await script.get("/tasks"))


async def test_a_token_of_a_deleted_account_is_refused(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api)
    script = await a_personal_token(ann, "tasks:read")
    await connection.execute("UPDATE users SET deleted_at = now()")
    refused(await script.get("/tasks"), 401, "personal_token_refused")


async def test_a_demoted_admin_s_token_is_no_admin_s_from_the_next_request_on(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    root, other = await an_admin(api, connection), await an_admin(api, connection)
    script = await a_personal_token(root, "admin", "users:read")
    body = {"email": "bob@example.com", "full_name": "Bob", "role": "user"}
    made(await script.post("/users", body))
    made(await other.call("PUT", f"/users/{root.user['id']}/role", {"role": "user"}))
    refused(await script.post("/users", {**body, "email": "eve@example.com"}), 403, "admin_required")
    assert made(await script.get("/users"))["total"] == 1


async def test_a_request_by_a_token_costs_as_many_statements_as_one_by_a_session(api: Api) -> None:
    ann = await a_user(api)
    web = await a_project(ann)
    task = await a_task(ann, web)
    script = await a_personal_token(ann, "tasks:read", project_ids=[web["id"]])
    for path, most in ((f"/tasks/{task['id']}", 2), ("/tasks?count=exact", 3)):
        seen = script.statements()
        made(await script.get(path))
        assert len(seen) <= most
