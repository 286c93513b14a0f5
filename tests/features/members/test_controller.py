"""Members over HTTP: listing, giving roles, leaving, removing, and handing a project over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.kernel.actor import Scope
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.member_scenes import an_invitation, verified
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def bob(api: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> Api:
    """A member of WEB."""
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob)
    return bob


async def test_a_member_is_seen_by_the_others(ann: Api, bob: Api) -> None:
    page = made(await bob.get("/projects/WEB/members"))
    assert page["total"] == 2
    first, second = page["items"]
    since = first.pop("since")
    assert first == {
        "id": bob.user["id"],
        "full_name": "Bob Example",
        "email": bob.user["email"],
        "is_active": True,
        "role": "member",
        "version": 1,
    }
    assert since.endswith("Z")
    assert (second["id"], second["role"]) == (ann.user["id"], "owner")


@pytest.mark.parametrize(
    ("sort", "names"), [("full_name", ["Ann", "Bob"]), ("-email", ["Bob", "Ann"]), ("since", ["Ann", "Bob"])]
)
async def test_members_are_sorted_and_paged(ann: Api, bob: Api, sort: str, names: list[str]) -> None:
    found = []
    cursor = None
    while True:
        query = {"sort": sort, "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = made(await ann.get("/projects/WEB/members", params=query))
        found += [member["full_name"].split()[0] for member in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == names
    problem = refused(await ann.get("/projects/WEB/members?sort=role"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/sort": "not_allowed"}


async def test_a_deleted_account_is_no_member_to_see_and_no_heir(ann: Api, bob: Api, connection: asyncpg.Connection[Any]) -> None:
    await connection.execute("UPDATE users SET deleted_at = now() WHERE id = $1::uuid", bob.user["id"])
    page = made(await ann.get("/projects/WEB/members"))
    assert ([member["id"] for member in page["items"]], page["total"]) == ([ann.user["id"]], 1)
    problem = refused(await ann.post("/projects/WEB/transfer", {"user_id": bob.user["id"]}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/user_id": "inactive"}


async def test_a_role_holds_from_the_next_request_on(ann: Api, bob: Api) -> None:
    refused(await bob.patch("/projects/WEB", {"name": "Mine"}), 403, "insufficient_role")
    member = made(await ann.call("PUT", f"/projects/WEB/members/{bob.user['id']}", {"role": "maintainer"}))
    assert (member["role"], member["version"]) == ("maintainer", 2)
    assert made(await bob.patch("/projects/WEB", {"name": "Ours"}))["my_role"] == "maintainer"
    again = made(await ann.call("PUT", f"/projects/WEB/members/{bob.user['id']}", {"role": "maintainer"}))
    assert again == member


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "owner"}, "/role"),
        ({"role": "king"}, "/role"),
        ({}, "/role"),
        ({"role": None}, "/role"),
        ({"role": "viewer", "x": 1}, "/x"),
    ],
)
async def test_only_the_three_roles_can_be_given(ann: Api, bob: Api, body: dict[str, Any], pointer: str) -> None:
    problem = refused(await ann.call("PUT", f"/projects/WEB/members/{bob.user['id']}", body), 422, "validation_failed")
    assert list(wrong_fields(problem)) == [pointer]


async def test_the_refusal_of_a_role_names_the_one_that_would_do(
    ann: Api, bob: Api, web: dict[str, Any], api: Api, connection: asyncpg.Connection[Any]
) -> None:
    cid = await a_user(api, "Cid")
    await a_member(connection, web, cid, "maintainer")
    path = f"/projects/WEB/members/{bob.user['id']}"
    problem = refused(await cid.call("PUT", path, {"role": "maintainer"}), 403, "insufficient_role")
    assert problem["required_role"] == "owner"
    problem = refused(await bob.call("PUT", path, {"role": "viewer"}), 403, "insufficient_role")
    assert problem["required_role"] == "maintainer"
    problem = refused(await ann.delete(f"/projects/WEB/members/{ann.user['id']}"), 409, "owner_must_transfer")
    assert "transfer" in problem["detail"]


async def test_an_admin_repairs_what_nobody_else_can(
    ann: Api, api: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    admin, cid = await an_admin(api, connection), await a_user(api, "Cid")
    path = f"/projects/WEB/members/{cid.user['id']}"
    refused(await ann.call("PUT", path, {"role": "member"}), 404, "member_not_found")
    assert made(await admin.call("PUT", path, {"role": "member"}))["role"] == "member"
    project = made(await admin.post("/projects/WEB/transfer", {"user_id": cid.user["id"]}))
    assert (project["owner"]["id"], project["my_role"]) == (cid.user["id"], None)
    rows = await connection.fetch(
        "SELECT a.action, a.actor_id FROM audit_events a JOIN events e ON e.id = a.event_id "
        "WHERE e.project_id = $1::uuid ORDER BY a.sequence",
        web["id"],
    )
    admins = [row["action"] for row in rows if str(row["actor_id"]) == admin.user["id"]]
    assert admins == ["member.added", "project.transferred", "member.role_changed", "member.role_changed"]
    plain = await a_personal_token(admin, *(set(Scope) - {Scope.ADMIN}))
    refused(await plain.call("PUT", path, {"role": "viewer"}), 404, "project_not_found")


async def test_whoever_leaves_leaves_the_open_tasks_and_nothing_else(
    ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    todo = await a_task(ann, web, assignee_id=bob.user["id"])
    done = await a_task(ann, web, assignee_id=bob.user["id"], status="done")
    response = await bob.delete(f"/projects/WEB/members/{bob.user['id']}")
    assert (response.status_code, response.content) == (204, b"")
    refused(await bob.get("/projects/WEB"), 404, "project_not_found")
    refused(await bob.get(f"/tasks/{todo['id']}"), 404, "task_not_found")
    after = made(await ann.get(f"/tasks/{todo['id']}"))
    assert (after["assignee"], after["version"]) == (None, 2)
    assert made(await ann.get(f"/tasks/{done['id']}"))["assignee"]["id"] == bob.user["id"]
    created, updated = await the_events(connection, todo["id"])
    (left,) = await connection.fetch("SELECT xid FROM events WHERE type = 'member.left'")
    assert updated["changes"] == {"assignee_id": {"old": bob.user["id"], "new": None}}
    assert created["xid"] != updated["xid"] == left["xid"]
    assert str(updated["actor_id"]) == bob.user["id"]
    refused(await bob.delete(f"/projects/WEB/members/{bob.user['id']}"), 404, "project_not_found")


async def test_a_deleted_open_task_comes_back_to_nobody_once_its_assignee_has_left(
    ann: Api, bob: Api, web: dict[str, Any]
) -> None:
    theirs = {"assignee_id": bob.user["id"]}
    above = await a_task(ann, web)
    todo = await a_task(ann, web, **theirs, parent_id=above["id"])
    done = await a_task(ann, web, **theirs, parent_id=above["id"], status="done")
    for answer in (
        await ann.delete(f"/tasks/{above['id']}"),
        await bob.delete(f"/projects/WEB/members/{bob.user['id']}"),
    ):
        assert answer.status_code == 204
    made(await ann.post(f"/tasks/{above['id']}/restore"))
    assert made(await ann.get(f"/tasks/{todo['id']}"))["assignee"] is None
    assert made(await ann.get(f"/tasks/{done['id']}"))["assignee"]["id"] == bob.user["id"]


async def test_a_project_changes_hands_and_back(ann: Api, bob: Api) -> None:
    project = made(await ann.post("/projects/WEB/transfer", {"user_id": bob.user["id"]}))
    assert (project["owner"]["id"], project["my_role"], project["version"]) == (bob.user["id"], "maintainer", 2)
    refused(await ann.post("/projects/WEB/archive"), 403, "insufficient_role")
    refused(await ann.post("/projects/WEB/transfer", {"user_id": ann.user["id"]}), 403, "insufficient_role")
    assert made(await bob.post("/projects/WEB/transfer", {"user_id": ann.user["id"]}))["owner"]["id"] == ann.user["id"]


async def test_in_an_archived_project_members_stand_still(
    ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], api: Api
) -> None:
    cid = await a_user(api, "Cid")
    await verified(connection, cid)
    invitation = await an_invitation(connection, web["id"], ann, cid.user["email"])
    made(await ann.post("/projects/WEB/archive"))
    member = f"/projects/WEB/members/{bob.user['id']}"
    for person, method, path, body in (
        (ann, "PUT", member, {"role": "viewer"}),
        (ann, "DELETE", member, None),
        (bob, "DELETE", member, None),
        (ann, "POST", "/projects/WEB/transfer", {"user_id": bob.user["id"]}),
        (ann, "POST", "/projects/WEB/invitations", {"email": "new@example.com", "role": "viewer"}),
        (ann, "DELETE", f"/invitations/{invitation}", None),
        (cid, "POST", f"/invitations/{invitation}/accept", None),
    ):
        refused(await person.call(method, path, body), 409, "project_archived")
    assert made(await ann.get("/projects/WEB/members"))["total"] == 2


async def test_a_narrowed_token_works_in_its_project_only(ann: Api, bob: Api, web: dict[str, Any]) -> None:
    other = await a_project(ann, key="APP")
    script = await a_personal_token(ann, "projects:read", "projects:write", project_ids=[other["id"]])
    refused(await script.get("/projects/WEB/members"), 404, "project_not_found")
    refused(await script.delete(f"/projects/WEB/members/{bob.user['id']}"), 404, "project_not_found")
    assert made(await script.get("/projects/APP/members"))["total"] == 1


async def test_a_membership_changes_only_in_the_state_that_if_match_names(ann: Api, bob: Api) -> None:
    path = f"/projects/WEB/members/{bob.user['id']}"
    response = await ann.call("PUT", path, {"role": "viewer"}, headers={"If-Match": '"1.x"'})
    assert made(response)["version"] == 2
    stale = {"If-Match": '"1.x"'}
    refused(await ann.call("PUT", path, {"role": "member"}, headers=stale), 412, "precondition_failed")
    refused(await ann.delete(path, headers=stale), 412, "precondition_failed")
    refused(
        await ann.post("/projects/WEB/transfer", {"user_id": bob.user["id"]}, headers={"If-Match": '"9.x"'}),
        412,
        "precondition_failed",
    )
    assert (await ann.delete(path, headers={"If-Match": response.headers["etag"]})).status_code == 204


async def test_who_is_no_member_matches_no_state(
    ann: Api, web: dict[str, Any], api: Api, connection: asyncpg.Connection[Any]
) -> None:
    admin, cid = await an_admin(api, connection), await a_user(api, "Cid")
    path = f"/projects/WEB/members/{cid.user['id']}"
    refused(await admin.call("PUT", path, {"role": "member"}, headers={"If-Match": "*"}), 412, "precondition_failed")
    assert made(await ann.get("/projects/WEB/members"))["total"] == 1


async def test_members_can_be_tried_out(ann: Api, bob: Api) -> None:
    path = f"/projects/WEB/members/{bob.user['id']}"
    assert made(await ann.call("PUT", f"{path}?validate_only=true", {"role": "viewer"}))["role"] == "viewer"
    assert (await ann.delete(f"{path}?validate_only=true")).status_code == 204
    transfer = await ann.post("/projects/WEB/transfer?validate_only=true", {"user_id": bob.user["id"]})
    assert made(transfer)["owner"]["id"] == bob.user["id"]
    assert [member["role"] for member in made(await bob.get("/projects/WEB/members"))["items"]] == ["member", "owner"]
