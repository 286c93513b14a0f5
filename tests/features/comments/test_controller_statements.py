"""How many statements a request on comments or a history costs, the look-up of its session included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_project, a_task, a_user

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    """Ann, with a task WEB-1 and a comment on it."""
    ann = await a_user(api, "Ann")
    await a_task(ann, await a_project(ann, key="WEB"))
    made(await ann.post("/tasks/WEB-1/comments", {"body": "One"}))
    return ann


async def cost(person: Api, method: str, path: str, body: Any = None) -> int:
    """The number of statements that a request runs."""
    seen = person.statements()
    response = await person.call(method, path, body)
    assert response.status_code < 300, response.text
    return len(seen)


async def sixty(connection: asyncpg.Connection[Any]) -> None:
    """Sixty more comments, each with its event."""
    await connection.execute(
        "INSERT INTO comments (id, task_id, author_id, body, created_at, updated_at, version, field_versions) "
        "SELECT gen_random_uuid(), task_id, author_id, body, created_at, updated_at, 1, '{}' "
        "FROM comments, generate_series(1, 60)"
    )
    columns = "epoch, xid, type, time, actor_kind, subject_type, subject_id, subject_version, changes, data, request_id, about_id"
    await connection.execute(
        f"INSERT INTO events (id, {columns}) SELECT gen_random_uuid(), {columns} FROM events, generate_series(1, 60) "  # noqa: S608
        "WHERE type = 'comment.created'"
    )


LISTS = (
    "/tasks/WEB-1/comments",
    "/tasks/WEB-1/comments?limit=10&count=exact&sort=-updated_at",
    "/tasks/WEB-1/comments?limit=10&include_deleted=true",
    "/tasks/WEB-1/history",
    "/tasks/WEB-1/history?limit=10",
)


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_costs_three_statements_beside_the_session_s_however_long_it_is(
    ann: Api, connection: asyncpg.Connection[Any], path: str
) -> None:
    few = await cost(ann, "GET", path)
    await sixty(connection)
    assert few <= await cost(ann, "GET", path) <= 1 + 3


async def test_reading_a_comment_costs_two_statements(ann: Api) -> None:
    comment = made(await ann.get("/tasks/WEB-1/comments"))["items"][0]
    assert await cost(ann, "GET", f"/comments/{comment['id']}") == 2


async def test_writing_costs_as_many_statements_as_it_has_locks_and_effects(ann: Api) -> None:
    assert await cost(ann, "POST", "/tasks/WEB-1/comments", {"body": "Two"}) == 5
    comment = made(await ann.get("/tasks/WEB-1/comments"))["items"][0]
    assert await cost(ann, "PATCH", f"/comments/{comment['id']}", {"body": "Better"}) == 7
    assert await cost(ann, "DELETE", f"/comments/{comment['id']}") == 7
    assert await cost(ann, "POST", f"/comments/{comment['id']}/restore") == 7
