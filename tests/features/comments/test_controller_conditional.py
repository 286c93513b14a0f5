"""Conditional requests on comments: tags, 304, what a stale change is told, the merge, and where a project insists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.many_tasks import dump
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB, with a task in it."""
    web = await a_project(ann, key="WEB")
    await a_task(ann, web)
    return web


@pytest.fixture
async def path(ann: Api, web: dict[str, Any]) -> str:
    """Where Ann's comment is, at version 1."""
    comment = made(await ann.post("/tasks/WEB-1/comments", {"body": "Base"}))
    return f"/comments/{comment['id']}"


def when(version: int, *, merge: bool = False) -> dict[str, str]:
    """The headers of a change that is made for this version."""
    return {"If-Match": f'"{version}.0"'} | ({"Prefer": "merge"} if merge else {})


async def test_every_answer_about_a_comment_carries_its_tag(ann: Api, web: dict[str, Any]) -> None:
    created = await ann.post("/tasks/WEB-1/comments", {"body": "Base"})
    path = f"/comments/{made(created)['id']}"
    read = await ann.get(path)
    assert created.headers["etag"] == read.headers["etag"]
    assert read.headers["etag"].startswith('"1.')
    assert (await ann.get(path, headers={"If-None-Match": read.headers["etag"]})).status_code == 304
    changed = await ann.patch(path, {"body": "New"}, headers={"If-Match": read.headers["etag"]})
    assert changed.headers["etag"].startswith('"2.')
    assert changed.headers["etag"] == (await ann.get(path)).headers["etag"]
    assert "etag" not in (await ann.get("/tasks/WEB-1/comments")).headers
    assert "etag" not in (await ann.get("/tasks/WEB-1/history")).headers


@pytest.mark.parametrize("merge", [False, True], ids=["plain", "merge"])
async def test_a_stale_edit_is_told_what_it_said_what_it_says_and_what_was_sent(
    ann: Api, path: str, connection: asyncpg.Connection[Any], *, merge: bool
) -> None:
    for body in ("Between", "Theirs"):
        made(await ann.patch(path, {"body": body}))
    before = await dump(connection)
    problem = refused(await ann.patch(path, {"body": "Yours"}, headers=when(1, merge=merge)), 412, "precondition_failed")
    assert (problem["mergeable"], problem["version"]) == (False, 3)
    assert problem["conflicts"] == [{"field": "body", "base": "Base", "theirs": "Theirs", "yours": "Yours"}]
    assert await dump(connection) == before


async def test_an_edit_is_merged_where_only_other_things_happened_since(ann: Api, path: str) -> None:
    assert (await ann.delete(path, headers=when(1))).status_code == 204
    restored = await ann.post(f"{path}/restore", headers=when(2))
    assert restored.headers["etag"].startswith('"3.')
    problem = refused(await ann.patch(path, {"body": "New"}, headers=when(1)), 412, "precondition_failed")
    assert (problem["mergeable"], problem["conflicts"]) == (True, [])
    response = await ann.patch(path, {"body": "New"}, headers=when(1, merge=True))
    assert response.headers["preference-applied"] == "merge"
    after = made(response)
    assert (after["body"], after["version"]) == ("New", 4)
    plain = await ann.patch(path, {"body": "Newer"}, headers=when(4, merge=True))
    assert plain.status_code == 200
    assert "preference-applied" not in plain.headers


async def test_an_empty_patch_changes_nothing_and_is_held_to_its_version(
    ann: Api, path: str, connection: asyncpg.Connection[Any]
) -> None:
    comment = made(await ann.patch(path, {}, headers=when(1)))
    assert (comment["version"], comment["edited_at"]) == (1, None)
    assert refused(await ann.patch(path, {}, headers=when(2)), 412, "precondition_failed")["mergeable"] is False
    assert len(await the_events(connection, comment["id"])) == 1


async def test_deleting_and_restoring_are_held_to_the_version(ann: Api, path: str) -> None:
    for version in (0, 2):
        problem = refused(await ann.delete(path, headers=when(version)), 412, "precondition_failed")
        assert (problem["mergeable"], problem["conflicts"], problem["version"]) == (False, [], 1)
    assert (await ann.delete(path, headers={"If-Match": "*"})).status_code == 204
    refused(await ann.post(f"{path}/restore", headers=when(1)), 412, "precondition_failed")
    assert made(await ann.post(f"{path}/restore", headers=when(2)))["version"] == 3


async def test_the_role_is_looked_at_before_the_version_and_the_archive_after(
    ann: Api, web: dict[str, Any], path: str, connection: asyncpg.Connection[Any]
) -> None:
    bob, eve = await a_user(ann, "Bob"), await a_user(ann, "Eve")
    await a_member(connection, web, bob)
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    stale: dict[str, Any] = {"headers": when(9)}
    changes: list[tuple[str, Callable[..., Awaitable[httpx.Response]]]] = [
        ("author_required", lambda who, **headers: who.patch(path, {"body": "N"}, **headers)),
        ("insufficient_role", lambda who, **headers: who.delete(path, **headers)),
        ("insufficient_role", lambda who, **headers: who.post(f"{path}/restore", **headers)),
    ]
    for code, change in changes:
        refused(await change(eve, **stale), 404, "comment_not_found")
        refused(await change(bob, **stale), 403, code)
        refused(await change(ann), 428, "precondition_required")
        refused(await change(ann, **stale), 412, "precondition_failed")
    made(await ann.post("/projects/WEB/archive", headers={"If-Match": "*"}))
    for _, change in changes:
        refused(await change(ann), 428, "precondition_required")
        refused(await change(ann, **stale), 412, "precondition_failed")
        refused(await change(ann, headers=when(1)), 409, "project_archived")


async def test_where_a_project_insists_commenting_needs_no_tag(ann: Api, path: str) -> None:
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    made(await ann.post("/tasks/WEB-1/comments", {"body": "More"}))
    assert made(await ann.patch(path, {"body": "New"}, headers=when(1)))["version"] == 2
    assert (await ann.delete(path, headers=when(2))).status_code == 204
    assert made(await ann.post(f"{path}/restore", headers={"If-Match": "*"}))["version"] == 4


async def test_a_conditional_change_costs_no_statement_more(ann: Api, path: str) -> None:
    seen = ann.statements()
    made(await ann.patch(path, {"body": "New"}))
    plain = len(seen)
    seen.clear()
    made(await ann.patch(path, {"body": "Newer"}, headers=when(2)))
    assert len(seen) == plain
