"""Invitations over HTTP: inviting, reading, accepting, declining, revoking."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.adapters.tokens import digest
from tests.support.http import API, Api, made, refused, wrong_fields
from tests.support.member_scenes import an_invitation, verified
from tests.support.scenes import a_member, a_personal_token, a_project, a_user, an_admin

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
async def bob(api: Api, connection: asyncpg.Connection[Any]) -> Api:
    """Somebody with a verified address."""
    bob = await a_user(api, "Bob")
    await verified(connection, bob)
    return bob


async def invited(ann: Api, email: str, role: str = "member") -> dict[str, Any]:
    """An invitation to WEB."""
    return made(await ann.post("/projects/WEB/invitations", {"email": email, "role": role}))


async def test_the_answer_is_the_same_with_an_account_and_without(ann: Api, bob: Api, web: dict[str, Any]) -> None:
    answers = []
    for email in (bob.user["email"], "nobody@example.com"):
        response = await ann.post("/projects/WEB/invitations", {"email": email, "role": "member"})
        invitation = made(response)
        assert response.status_code == 201
        assert response.headers["location"] == f"{API}/invitations/{invitation['id']}"
        assert made(await ann.get(f"/invitations/{invitation['id']}")) == invitation
        assert invitation.pop("email") == email
        answers.append({name: value for name, value in invitation.items() if name not in {"id", "created_at", "expires_at"}})
    assert (
        answers[0]
        == answers[1]
        == {
            "project": {"id": web["id"], "key": "WEB", "name": "Web Site"},
            "role": "member",
            "invited_by": {"id": ann.user["id"], "full_name": "Ann Example"},
        }
    )


async def test_the_person_invited_finds_it_and_becomes_a_member(ann: Api, bob: Api, web: dict[str, Any]) -> None:
    invitation = await invited(ann, bob.user["email"].upper(), "maintainer")
    page = made(await bob.get("/users/me/invitations"))
    assert (page["items"], page["total"]) == ([{**invitation}], 1)
    project = made(await bob.post(f"/invitations/{invitation['id']}/accept"))
    assert project == made(await bob.get("/projects/WEB"))
    assert project["my_role"] == "maintainer"
    assert made(await bob.get("/users/me/invitations"))["items"] == []
    assert made(await ann.get("/projects/WEB/invitations"))["items"] == []
    refused(await bob.get(f"/invitations/{invitation['id']}"), 404, "invitation_not_found")
    refused(await bob.post(f"/invitations/{invitation['id']}/accept"), 404, "invitation_not_found")


async def test_before_the_address_is_verified_nothing_is_seen_but_the_mailed_token_works(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    cid = await a_user(api, "Cid")
    invitation = await an_invitation(connection, web["id"], ann, cid.user["email"], token_hash=digest("mailed"))
    assert made(await cid.get("/users/me/invitations"))["total"] == 0
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/accept")):
        refused(await cid.call(method, f"/invitations/{invitation}{path}"), 404, "invitation_not_found")
    assert made(await cid.post("/invitations/accept", {"token": "mailed"}))["my_role"] == "member"
    assert made(await cid.get("/users/me"))["email_verified_at"] is None
    refused(await cid.post("/invitations/accept", {"token": "mailed"}), 400, "invalid_token")


async def test_a_token_in_other_hands_is_refused_and_stays_good(
    api: Api, ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    eve = await a_user(api, "Eve")
    await an_invitation(connection, web["id"], ann, bob.user["email"], token_hash=digest("mailed"))
    problem = refused(await eve.post("/invitations/accept", {"token": "mailed"}), 403, "not_invited")
    assert bob.user["email"] not in problem["detail"]
    for token in ("x", "é" * 200, "../../etc/passwd", "' OR 1=1 --", "\x00"):
        refused(await eve.post("/invitations/accept", {"token": token}), 400, "invalid_token")
    refused(await eve.post("/invitations/accept", {"token": ""}), 422, "validation_failed")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/accept")):
        refused(await eve.call(method, f"/invitations/no-id{path}"), 404, "invitation_not_found")
    assert made(await bob.post("/invitations/accept", {"token": "mailed"}))["my_role"] == "member"


async def test_after_a_fortnight_it_is_over_and_the_address_can_be_invited_again(
    ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    invitation = await invited(ann, bob.user["email"])
    await connection.execute("UPDATE invitations SET token_hash = $1", digest("mailed"))
    refused(await ann.post("/projects/WEB/invitations", {"email": bob.user["email"], "role": "viewer"}), 409, "already_invited")
    # Sessions live shorter than invitations, so the invitation is made older.
    aged = "UPDATE invitations SET created_at = created_at - $1::interval, expires_at = expires_at - $1::interval"
    await connection.execute(aged, timedelta(days=14))
    for person in (ann, bob):
        refused(await person.get(f"/invitations/{invitation['id']}"), 404, "invitation_not_found")
    assert made(await bob.get("/users/me/invitations"))["total"] == 0
    assert made(await ann.get("/projects/WEB/invitations"))["total"] == 0
    refused(await bob.post(f"/invitations/{invitation['id']}/accept"), 404, "invitation_not_found")
    refused(await bob.post("/invitations/accept", {"token": "mailed"}), 400, "invalid_token")
    refused(await ann.delete(f"/invitations/{invitation['id']}"), 404, "invitation_not_found")
    again = await invited(ann, bob.user["email"], "viewer")
    assert (again["id"] != invitation["id"], again["role"]) == (True, "viewer")
    assert await connection.fetchval("SELECT token_hash FROM invitations") is None


async def test_it_is_declined_by_whom_it_is_for_and_taken_back_by_maintainers(
    ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    for person in (bob, ann):
        invitation = await invited(ann, bob.user["email"])
        assert (await person.delete(f"/invitations/{invitation['id']}")).status_code == 204
        refused(await person.delete(f"/invitations/{invitation['id']}"), 404, "invitation_not_found")
    actions = [row["action"] for row in await connection.fetch("SELECT action FROM audit_events ORDER BY sequence DESC LIMIT 4")]
    assert actions == ["invitation.revoked", "invitation.created", "invitation.declined", "invitation.created"]


async def test_the_right_of_who_invited_is_asked_again(
    api: Api, ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    cid = await a_user(api, "Cid")
    await a_member(connection, web, cid, "maintainer")
    invitation = await invited(cid, bob.user["email"])
    made(await ann.call("PUT", f"/projects/WEB/members/{cid.user['id']}", {"role": "member"}))
    refused(await bob.post(f"/invitations/{invitation['id']}/accept"), 409, "invitation_void")
    made(await ann.call("PUT", f"/projects/WEB/members/{cid.user['id']}", {"role": "maintainer"}))
    await connection.execute("UPDATE users SET is_active = false WHERE id = $1::uuid", cid.user["id"])
    refused(await bob.post(f"/invitations/{invitation['id']}/accept"), 409, "invitation_void")
    await connection.execute("UPDATE users SET is_active = true WHERE id = $1::uuid", cid.user["id"])
    assert made(await bob.post(f"/invitations/{invitation['id']}/accept"))["my_role"] == "member"


async def test_an_admin_who_was_invited_by_an_admin_is_one_member_more(
    api: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    admin = await an_admin(api, connection)
    invitation = made(await admin.post("/projects/WEB/invitations", {"email": bob.user["email"], "role": "maintainer"}))
    assert made(await bob.post(f"/invitations/{invitation['id']}/accept"))["my_role"] == "maintainer"


async def test_who_belongs_to_the_project_is_not_invited(
    api: Api, ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    invitation = await invited(ann, bob.user["email"], "maintainer")
    await a_member(connection, web, bob, "viewer")
    refused(await ann.post("/projects/WEB/invitations", {"email": bob.user["email"], "role": "viewer"}), 409, "already_member")
    refused(await bob.post(f"/invitations/{invitation['id']}/accept"), 409, "already_member")
    assert made(await bob.get("/projects/WEB"))["my_role"] == "viewer"
    # Undone with the rest of the refused request.
    assert made(await ann.get("/projects/WEB/invitations"))["total"] == 1


async def test_an_invitation_to_a_deleted_project_is_gone(ann: Api, bob: Api, web: dict[str, Any]) -> None:
    invitation = await invited(ann, bob.user["email"])
    assert (await ann.delete("/projects/WEB")).status_code == 204
    assert made(await bob.get("/users/me/invitations"))["total"] == 0
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/accept")):
        refused(await bob.call(method, f"/invitations/{invitation['id']}{path}"), 404, "invitation_not_found")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/email", "/role"}),
        ({"email": "nobody", "role": "viewer"}, {"/email"}),
        ({"email": "bob@example.com", "role": "owner"}, {"/role"}),
        ({"email": "bob@example.com", "role": "viewer", "name": "Bob"}, {"/name"}),
    ],
)
async def test_what_can_not_be_invited_is_told_field_by_field(
    ann: Api, web: dict[str, Any], body: dict[str, Any], pointers: set[str]
) -> None:
    problem = refused(await ann.post("/projects/WEB/invitations", body), 422, "validation_failed")
    assert set(wrong_fields(problem)) == pointers


async def test_lists_are_sorted_and_paged(ann: Api, web: dict[str, Any]) -> None:
    for name in ("b", "c", "a"):
        await invited(ann, f"{name}@example.com")
    page = made(await ann.get("/projects/WEB/invitations?sort=email&limit=2"))
    assert [each["email"][0] for each in page["items"]] == ["a", "b"]
    rest = made(await ann.get("/projects/WEB/invitations", params={"sort": "email", "limit": 2, "cursor": page["next_cursor"]}))
    assert [each["email"][0] for each in rest["items"]] == ["c"]
    newest = made(await ann.get("/projects/WEB/invitations"))["items"]
    assert [each["email"][0] for each in newest] == ["a", "c", "b"]
    refused(await ann.get("/projects/WEB/invitations?sort=role"), 422, "validation_failed")


async def test_a_narrowed_token_sees_none_from_elsewhere(
    ann: Api, bob: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    invitation = await an_invitation(connection, web["id"], ann, bob.user["email"], token_hash=digest("mailed"))
    own = await a_project(bob, key="APP")
    script = await a_personal_token(bob, "projects:read", "projects:write", project_ids=[own["id"]])
    assert made(await script.get("/users/me/invitations"))["total"] == 0
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/accept")):
        refused(await script.call(method, f"/invitations/{invitation}{path}"), 404, "invitation_not_found")
    refused(await script.post("/invitations/accept", {"token": "mailed"}), 403, "token_narrowed")
    whole = await a_personal_token(bob, "projects:read", "projects:write")
    assert made(await whole.get("/users/me/invitations"))["total"] == 1
    assert made(await whole.post("/invitations/accept", {"token": "mailed"}))["my_role"] == "member"


async def test_an_invitation_has_one_state_only(ann: Api, bob: Api, web: dict[str, Any]) -> None:
    invitation = await invited(ann, bob.user["email"])
    path = f"/invitations/{invitation['id']}"
    for method, rest in (("DELETE", ""), ("POST", "/accept")):
        refused(await bob.call(method, f"{path}{rest}", headers={"If-Match": '"3.x"'}), 412, "precondition_failed")
    tag = (await bob.get(path)).headers["etag"]
    assert made(await bob.post(f"{path}/accept", headers={"If-Match": tag}))["my_role"] == "member"
