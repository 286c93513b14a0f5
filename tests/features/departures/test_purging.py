"""What is left of a deleted account when its time is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.features.departures import purging
from tests.support.http import Api, made, refused
from tests.support.purges import everything, the_night
from tests.support.scenes import PASSWORD, a_member, a_personal_token, a_project, a_task, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from service.wiring import Ports

pytestmark = pytest.mark.anyio

NAME = "Zacquux"


def later(ports: Ports, **time: float) -> None:
    ports.clock.advance(timedelta(**time))  # type: ignore[attr-defined]


async def a_life(api: Api, connection: asyncpg.Connection[Any]) -> tuple[Api, dict[str, Any]]:
    """Somebody who has left traces in every feature, and the task that they reported; the account is deleted at the end."""
    ann, zac = await a_user(api, "Ann"), await a_user(api, NAME)
    web = await a_project(ann, key="WEB")
    await a_member(connection, web, zac)
    made(await zac.patch("/users/me", {"full_name": "Zach Quux", "timezone": "Asia/Tokyo", "locale": "ja"}))
    made(await zac.patch("/users/me", {"full_name": NAME}))
    await a_personal_token(zac, "tasks:read", name="Quux reports")
    account = {"email": zac.user["email"], "password": PASSWORD}
    for password in ("wrong", PASSWORD):
        await api.post("/auth/login", account | {"password": password}, headers={"User-Agent": "quux-browser/1.0"})
    await zac.post("/auth/email-change", {"new_email": "quux.next@example.com", "password": PASSWORD})
    await api.post("/auth/password-reset", {"email": zac.user["email"]})
    task = await a_task(zac, web, status="done", assignee_id=zac.user["id"])
    made(await zac.post("/views", {"name": "Quux's own", "filter": "TRUE"}))
    made(await zac.post("/views", {"name": "Open", "filter": "TRUE", "project_id": web["id"], "shared": True}))
    gone = await zac.post("/users/me/delete", {"password": PASSWORD})
    assert gone.status_code == 204
    return ann, task


async def test_a_purge_leaves_no_value_of_the_person_anywhere(
    crowd: Api, connection: asyncpg.Connection[Any], ports: Ports
) -> None:
    admin = await an_admin(crowd, connection)
    ann, task = await a_life(crowd, connection)
    zac_id = task["reporter"]["id"]
    later(ports, days=29, hours=23)
    await the_night(ports)
    assert "quux" in (await everything(connection)).lower()
    later(ports, hours=2)
    await the_night(ports)
    # The audit keeps what the client said of itself, and never held a name or address.
    left = (await everything(connection)).lower().replace("quux-browser/1.0", "")
    assert "quux" not in left
    assert "asia/tokyo" not in left
    told = await the_events(connection, zac_id)
    assert {(str(event["changes"]), str(event["data"])) for event in told} == {("{}", "{}")}
    assert told[-1]["type"] == "user.purged"
    assert await connection.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1::uuid", zac_id) == 0
    actions = await connection.fetch("SELECT action FROM audit_events WHERE target_id = $1::uuid", zac_id)
    assert {"user.registered", "user.deleted", "user.purged"} <= {row["action"] for row in actions}
    # What was shared stays the project's.
    assert [row["name"] for row in await connection.fetch("SELECT name FROM views")] == ["Open"]
    row = await connection.fetchrow("SELECT reporter_id, assignee_id FROM tasks WHERE id = $1::uuid", task["id"])
    assert {str(value) for value in row or ()} == {zac_id}
    login = made(await crowd.post("/auth/login", {"email": admin.user["email"], "password": PASSWORD}))
    admin = admin.as_user(login["access_token"], admin.user)
    refused(await admin.post(f"/users/{zac_id}/restore"), 404, "user_not_found")
    assert await connection.fetchval("SELECT version FROM users WHERE id = $1::uuid", zac_id) == 5
    await the_night(ports)
    assert await connection.fetchval("SELECT version FROM users WHERE id = $1::uuid", zac_id) == 5
    assert ann.user["id"] in await everything(connection)


async def test_many_are_purged_in_parts_and_one_that_somebody_holds_waits(
    crowd: Api, connection: asyncpg.Connection[Any], ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    admin = await an_admin(crowd, connection)
    people = [await a_user(crowd, f"P{number}") for number in range(5)]
    for person in people:
        await admin.call("DELETE", f"/users/{person.user['id']}")
    later(ports, days=31)
    async with connection.transaction():
        await connection.execute("SELECT FROM users WHERE id = $1::uuid FOR UPDATE", people[0].user["id"])
        await the_night(ports)
    purged = "SELECT id FROM users WHERE purged_at IS NOT NULL"
    assert {str(row["id"]) for row in await connection.fetch(purged)} == {person.user["id"] for person in people[1:]}
    await the_night(ports)
    assert len(await connection.fetch(purged)) == 5
