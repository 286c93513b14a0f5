"""Comments in PostgreSQL: what writes lock, and what they leave."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec import structs
from uuid_utils.compat import uuid7

from service.features.comments.domain import CommentNotFound, CommentState, written
from service.features.comments.repository import PiccoloComments
from service.features.tasks.domain import PersonRef
from service.kernel.retention import DELETED_KEPT
from tests.support.factories import SOME_DAY
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user, insert, lockable, the_row

if TYPE_CHECKING:
    from uuid import UUID

    from service.adapters.database import Database
    from service.features.comments.domain import Comment
    from service.kernel.actor import Actor

pytestmark = pytest.mark.anyio


@pytest.fixture
def comments(database: Database) -> PiccoloComments:
    return PiccoloComments(database)


@pytest.fixture
async def ann(connection: asyncpg.Connection[Any]) -> Actor:
    return await a_stored_user(connection, "Ann")


@pytest.fixture
async def web(connection: asyncpg.Connection[Any], ann: Actor) -> UUID:
    """Ann's project WEB."""
    return await a_stored_project(connection, ann, "WEB")


@pytest.fixture
async def task(connection: asyncpg.Connection[Any], ann: Actor, web: UUID) -> UUID:
    """Its only task."""
    return await a_stored_task(connection, web, ann)


@pytest.fixture
async def comment(comments: PiccoloComments, database: Database, ann: Actor, task: UUID) -> Comment:
    """A stored comment of Ann's."""
    comment = written(uuid7(), task, PersonRef(ann.id, "Ann"), "Hello", SOME_DAY)
    assert await database.run(lambda: comments.add(comment)) == 1
    return comment


async def test_a_comment_is_read_as_it_was_written(comments: PiccoloComments, ann: Actor, comment: Comment) -> None:
    assert await comments.find(ann, str(comment.id)) == comment


async def test_an_unknown_comment_is_neither_found_nor_locked(comments: PiccoloComments, database: Database, ann: Actor) -> None:
    for work in (lambda: comments.find(ann, str(uuid7())), lambda: comments.lock(uuid7())):
        with pytest.raises(CommentNotFound):
            await database.run(work)


async def test_a_deleted_task_takes_no_comment(
    comments: PiccoloComments, database: Database, connection: asyncpg.Connection[Any], comment: Comment, task: UUID
) -> None:
    await connection.execute("UPDATE tasks SET deleted_at = now()")
    late = structs.replace(comment, id=uuid7())
    assert await database.run(lambda: comments.add(late)) is None
    assert (await the_row(connection, "tasks", task))["comment_count"] == 1
    assert await connection.fetchval("SELECT count(*) FROM comments") == 1


async def test_writing_locks_the_task_and_leaves_its_version(
    comments: PiccoloComments, database: Database, connection: asyncpg.Connection[Any], comment: Comment, task: UUID
) -> None:
    async def work() -> None:
        await comments.add(structs.replace(comment, id=uuid7()))
        assert not await lockable(connection, "NO KEY UPDATE", "tasks", task)

    before = await the_row(connection, "tasks", task)
    await database.run(work)
    assert await the_row(connection, "tasks", task) == before | {"comment_count": 2}


async def test_the_project_is_locked_against_archiving_but_not_against_other_writers(
    comments: PiccoloComments, database: Database, connection: asyncpg.Connection[Any], comment: Comment, web: UUID
) -> None:
    async def work() -> None:
        place = await comments.lock_project(str(comment.id))
        assert (place.id, place.task_id, place.project.id, place.project.key) == (comment.id, comment.task_id, web, "WEB")
        assert not await lockable(connection, "NO KEY UPDATE", "projects", web)
        assert await lockable(connection, "SHARE", "projects", web)
        assert await comments.lock(comment.id) == CommentState(comment)
        assert not await lockable(connection, "NO KEY UPDATE", "comments", comment.id)

    await database.run(work)


async def test_an_edit_stamps_the_version_of_the_text(
    comments: PiccoloComments, database: Database, ann: Actor, comment: Comment
) -> None:
    later = SOME_DAY + timedelta(days=1)
    edited = structs.replace(comment, body="Better", updated_at=later, edited_at=later, version=2)
    await database.run(lambda: comments.edit(edited))
    assert await comments.lock(comment.id) == CommentState(edited, {"body": 2})
    assert await comments.find(ann, str(comment.id)) == edited


async def test_burying_and_bringing_back_count_by_one(
    comments: PiccoloComments, database: Database, connection: asyncpg.Connection[Any], comment: Comment, task: UUID
) -> None:
    later = SOME_DAY + timedelta(days=1)
    deleted = structs.replace(comment, deleted_at=later, purge_at=later + DELETED_KEPT, updated_at=later, version=2)
    await database.run(lambda: comments.bury(deleted))
    assert await comments.lock(comment.id) == CommentState(deleted)
    assert (await the_row(connection, "tasks", task))["comment_count"] == 0
    restored = structs.replace(deleted, deleted_at=None, purge_at=None, version=3)
    await database.run(lambda: comments.bury(restored))
    assert await comments.lock(comment.id) == CommentState(restored)
    assert (await the_row(connection, "tasks", task))["comment_count"] == 1


async def test_comments_go_with_a_task_that_is_purged(connection: asyncpg.Connection[Any], comment: Comment, task: UUID) -> None:
    await connection.execute("DELETE FROM tasks WHERE id = $1", task)
    assert not await connection.fetchval("SELECT EXISTS (SELECT FROM comments WHERE id = $1)", comment.id)


async def test_an_author_can_not_be_dropped_beside_what_he_said(
    connection: asyncpg.Connection[Any], comment: Comment, task: UUID
) -> None:
    bob = await a_stored_user(connection, "Bob")
    await insert(
        connection, "comments",
        id=uuid7(), task_id=task, author_id=bob.id, body="Mine", created_at=SOME_DAY, updated_at=SOME_DAY, version=1,
        field_versions="{}",
    )  # fmt: skip
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await connection.execute("DELETE FROM users WHERE id = $1", bob.id)
    assert comment.author.id != bob.id
