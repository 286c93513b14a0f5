"""Comments over HTTP: what is sent and answered, what is refused, and what readers no longer see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import API, Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events, the_row

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def task(ann: Api, web: dict[str, Any]) -> dict[str, Any]:
    """Its only task, WEB-1."""
    return await a_task(ann, web)


async def said(person: Api, body: str = "Looks good.", task: str = "WEB-1") -> dict[str, Any]:
    """A comment on the task."""
    return made(await person.post(f"/tasks/{task}/comments", {"body": body}))


async def listed(person: Api, query: str = "") -> list[str]:
    """What the list of the comments on WEB-1 says."""
    return [comment["body"] for comment in made(await person.get(f"/tasks/WEB-1/comments{query}"))["items"]]


async def test_a_comment_is_answered_whole_and_can_be_read_where_it_says(ann: Api, task: dict[str, Any]) -> None:
    response = await ann.post(f"/tasks/{task['id']}/comments", {"body": "# Hello\n\n\tboats ⛵"})
    comment = made(response)
    assert response.status_code == 201
    assert response.headers["location"] == f"{API}/comments/{comment['id']}"
    assert comment == {
        "id": comment["id"],
        "task_id": task["id"],
        "author": {"id": ann.user["id"], "full_name": "Ann Example"},
        "body": "# Hello\n\n\tboats ⛵",
        "created_at": comment["created_at"],
        "updated_at": comment["created_at"],
        "edited_at": None,
        "deleted_at": None,
        "purge_at": None,
        "version": 1,
    }
    assert comment["created_at"].endswith("Z")
    assert made(await ann.get(response.headers["location"])) == comment


async def test_the_task_counts_its_comments_and_keeps_its_version(ann: Api, task: dict[str, Any]) -> None:
    first = await said(ann)
    await said(ann)
    counted = made(await ann.get("/tasks/WEB-1"))
    assert counted == task | {"comment_count": 2}
    await ann.delete(f"/comments/{first['id']}")
    assert made(await ann.get("/tasks/WEB-1"))["comment_count"] == 1
    made(await ann.post(f"/comments/{first['id']}/restore"))
    assert made(await ann.get("/tasks"))["items"] == [counted]


@pytest.mark.usefixtures("task")
async def test_an_edit_shows_when_it_was_made(ann: Api, clock: FakeClock, connection: asyncpg.Connection[Any]) -> None:
    comment = await said(ann)
    clock.advance(timedelta(minutes=1))
    edited = made(await ann.patch(f"/comments/{comment['id']}", {"body": "Better."}))
    assert edited == made(await ann.get(f"/comments/{comment['id']}"))
    assert edited == comment | {
        "body": "Better.", "version": 2, "updated_at": edited["updated_at"], "edited_at": edited["updated_at"],
    }  # fmt: skip
    assert edited["edited_at"] > comment["created_at"]
    stored = await the_row(connection, "comments", comment["id"])
    assert stored["field_versions"] == {"body": 2}
    assert made(await ann.patch(f"/comments/{comment['id']}", {})) == edited
    types = [event["type"] for event in await the_events(connection, comment["id"])]
    assert types == ["comment.created", "comment.updated"]


@pytest.mark.usefixtures("task")
async def test_a_deleted_comment_is_gone_until_it_is_restored(ann: Api, clock: FakeClock) -> None:
    comment = await said(ann)
    clock.advance(timedelta(minutes=1))
    response = await ann.delete(f"/comments/{comment['id']}")
    assert (response.status_code, response.content) == (204, b"")
    for call in (ann.get, ann.delete):
        refused(await call(f"/comments/{comment['id']}"), 404, "comment_not_found")
    refused(await ann.patch(f"/comments/{comment['id']}", {"body": "Back"}), 404, "comment_not_found")
    assert await listed(ann) == []
    (deleted,) = made(await ann.get("/tasks/WEB-1/comments?include_deleted=true"))["items"]
    assert deleted == comment | {
        "deleted_at": deleted["deleted_at"], "updated_at": deleted["deleted_at"], "purge_at": deleted["purge_at"], "version": 2,
    }  # fmt: skip
    deleted_at, purge_at = (datetime.fromisoformat(deleted[name]) for name in ("deleted_at", "purge_at"))
    assert purge_at - deleted_at == timedelta(days=30)
    response = await ann.post(f"/comments/{comment['id']}/restore")
    assert response.status_code == 200
    restored = made(response)
    assert restored == comment | {"updated_at": restored["updated_at"], "version": 3}
    assert await listed(ann) == ["Looks good."]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/body": "missing"}),
        ({"body": ""}, {"/body": "too_short"}),
        ({"body": " \n\t"}, {"/body": "not_allowed"}),
        ({"body": "x" * 20_001}, {"/body": "too_long"}),
        ({"body": "a\u0000b"}, {"/body": "not_allowed"}),
        ({"body": None}, {"/body": "wrong_type"}),
        ({"body": "x", "author_id": MISSING}, {"/author_id": "unknown"}),
    ],
)
@pytest.mark.usefixtures("task")
async def test_a_text_that_is_none_is_refused(ann: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    comment = await said(ann)
    problem = refused(await ann.post("/tasks/WEB-1/comments", body), 422, "validation_failed")
    assert wrong_fields(problem) == wrong
    if body:
        refused(await ann.patch(f"/comments/{comment['id']}", body), 422, "validation_failed")
    assert await listed(ann) == ["Looks good."]


@pytest.mark.usefixtures("task")
async def test_a_comment_may_have_twenty_thousand_characters(ann: Api) -> None:
    assert len((await said(ann, "é" * 20_000))["body"]) == 20_000


@pytest.mark.parametrize("reference", ["WEB-2", MISSING, "nonsense", "WEB-99999999999"])
@pytest.mark.usefixtures("task")
async def test_there_are_no_comments_on_a_task_that_is_not_there(ann: Api, reference: str) -> None:
    refused(await ann.get(f"/tasks/{reference}/comments"), 404, "task_not_found")
    refused(await ann.post(f"/tasks/{reference}/comments", {"body": "Hello"}), 404, "task_not_found")


@pytest.mark.parametrize("reference", [MISSING, "nonsense"])
@pytest.mark.usefixtures("task")
async def test_a_comment_that_is_not_there_is_not_found(ann: Api, reference: str) -> None:
    refused(await ann.get(f"/comments/{reference}"), 404, "comment_not_found")
    refused(await ann.patch(f"/comments/{reference}", {"body": "Hello"}), 404, "comment_not_found")
    refused(await ann.delete(f"/comments/{reference}"), 404, "comment_not_found")
    refused(await ann.post(f"/comments/{reference}/restore"), 404, "comment_not_found")


@pytest.mark.parametrize("path", ["/tasks/WEB-1", "/projects/WEB"])
@pytest.mark.usefixtures("task")
async def test_comments_go_with_their_task_and_project(ann: Api, path: str) -> None:
    comment = await said(ann)
    assert (await ann.delete(path)).status_code == 204
    refused(await ann.get("/tasks/WEB-1/comments"), 404, "task_not_found")
    refused(await ann.get(f"/comments/{comment['id']}"), 404, "comment_not_found")
    refused(await ann.delete(f"/comments/{comment['id']}"), 404, "comment_not_found")


@pytest.mark.usefixtures("task")
async def test_the_oldest_comment_comes_first_and_pages_go_on_from_there(ann: Api, clock: FakeClock) -> None:
    for body in "abcde":
        await said(ann, body)
        clock.advance(timedelta(seconds=1))
    assert await listed(ann) == list("abcde")
    assert await listed(ann, "?sort=-created_at") == list("edcba")
    first = made(await ann.get("/tasks/WEB-1/comments?limit=2"))
    assert (first["total"], first["total_is_exact"]) == (5, True)
    await said(ann, "f")
    seen = [comment["body"] for comment in first["items"]]
    cursor = first["next_cursor"]
    while cursor:
        page = made(await ann.get(f"/tasks/WEB-1/comments?limit=2&cursor={cursor}"))
        seen += [comment["body"] for comment in page["items"]]
        cursor = page["next_cursor"]
    assert seen == list("abcdef")


@pytest.mark.usefixtures("task")
async def test_comments_are_sorted_by_their_last_change_too(ann: Api, clock: FakeClock) -> None:
    ids = []
    for body in "abc":
        ids.append((await said(ann, body))["id"])
        clock.advance(timedelta(seconds=1))
    made(await ann.patch(f"/comments/{ids[0]}", {"body": "A"}))
    assert await listed(ann, "?sort=-updated_at") == ["A", "c", "b"]
    problem = refused(await ann.get("/tasks/WEB-1/comments?sort=body"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/sort": "not_allowed"}


async def test_each_task_has_its_own_comments(ann: Api, web: dict[str, Any], task: dict[str, Any]) -> None:
    other = await a_task(ann, web)
    await said(ann, "here")
    await said(ann, "there", other["key"])
    assert await listed(ann) == ["here"]
    assert made(await ann.get(f"/tasks/{task['id']}"))["comment_count"] == 1


@pytest.mark.usefixtures("task")
async def test_an_author_who_left_reads_and_changes_nothing(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob, "viewer")
    comment = await said(bob)
    await connection.execute("DELETE FROM memberships WHERE user_id = $1::uuid", bob.user["id"])
    refused(await bob.get(f"/comments/{comment['id']}"), 404, "comment_not_found")
    refused(await bob.patch(f"/comments/{comment['id']}", {"body": "Mine"}), 404, "comment_not_found")
    assert await listed(ann) == ["Looks good."]
