"""Conditional requests on people: tags for what each sees of them, and changes held to a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import a_member, a_project, a_user, an_admin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.api]


def when(version: int, *, merge: bool = False) -> dict[str, Any]:
    """The headers of a change that is made for this version."""
    return {"headers": {"If-Match": f'"{version}.0"'} | ({"Prefer": "merge"} if merge else {})}


async def test_a_person_has_a_tag_for_each_who_sees_a_part(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, bob = await a_user(api, "Ann"), await a_user(api, "Bob")
    await a_member(connection, await a_project(ann), bob)
    whole = await ann.get("/users/me")
    assert whole.headers["etag"] == (await ann.get(f"/users/{ann.user['id']}")).headers["etag"]
    part = await bob.get(f"/users/{ann.user['id']}")
    assert part.headers["etag"].startswith('"0.')
    for reader, tag in ((ann, whole.headers["etag"]), (bob, part.headers["etag"])):
        same = await reader.get(f"/users/{ann.user['id']}", headers={"If-None-Match": tag})
        assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("path", ["/users/me", None])
async def test_a_stale_profile_is_refused_with_its_conflicts_and_merged_without(api: Api, path: str | None) -> None:
    ann = await a_user(api, "Ann")
    path = path or f"/users/{ann.user['id']}"
    version = ann.user["version"]
    made(await ann.patch(path, {"full_name": "Theirs"}))
    response = await ann.patch(path, {"full_name": "Yours", "locale": "de"}, **when(version, merge=True))
    assert refused(response, 412, "precondition_failed")["conflicts"] == [
        {"field": "full_name", "base": ann.user["full_name"], "theirs": "Theirs", "yours": "Yours"}
    ]
    merged = await ann.patch(path, {"locale": "de"}, **when(version, merge=True))
    assert merged.headers["preference-applied"] == "merge"
    assert (made(merged)["full_name"], made(merged)["locale"]) == ("Theirs", "de")


async def test_what_admins_decide_is_held_to_the_version(api: Api, connection: asyncpg.Connection[Any]) -> None:
    root, bob = await an_admin(api, connection), await a_user(api, "Bob")
    path, version = f"/users/{bob.user['id']}", bob.user["version"]
    acts: list[Callable[..., Awaitable[httpx.Response]]] = [
        lambda **headers: root.post(f"{path}/deactivate", **headers),
        lambda **headers: root.post(f"{path}/activate", **headers),
        lambda **headers: root.call("PUT", f"{path}/role", {"role": "admin"}, **headers),
    ]
    for act in acts:
        problem = refused(await act(**when(version + 9)), 412, "precondition_failed")
        assert (problem["mergeable"], problem["version"]) == (False, version)
        version = made(await act(**when(version)))["version"]
    me = f"/users/{root.user['id']}"
    made(await root.call("PUT", f"{path}/role", {"role": "user"}))
    refused(await root.post(f"{me}/deactivate", **when(99)), 412, "precondition_failed")
    refused(await root.post(f"{me}/deactivate", headers={"If-Match": "*"}), 409, "last_admin")
    eve = await a_user(api, "Eve")
    refused(await eve.post(f"{me}/deactivate", **when(99)), 403, "admin_required")


async def test_a_session_goes_by_its_own_tag(api: Api) -> None:
    ann = await a_user(api, "Ann")
    (session,) = made(await ann.get("/auth/sessions"))["items"]
    path = f"/auth/sessions/{session['id']}"
    tag = (await ann.get(path)).headers["etag"]
    assert tag.startswith('"0.')
    assert (await ann.get(path, headers={"If-None-Match": tag})).status_code == 304
    refused(await ann.delete(path, **when(1)), 412, "precondition_failed")
    refused(await ann.delete("/auth/sessions/x", **when(1)), 404, "session_not_found")
    assert (await ann.delete(path, headers={"If-Match": tag})).status_code == 204
    refused(await ann.get(path), 401, "session_ended")
