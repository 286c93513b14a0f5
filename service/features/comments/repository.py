"""Comments in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from service.adapters.database import Database
from service.features.comments import statements
from service.features.comments.domain import Comment, CommentNotFound, CommentState
from service.features.comments.ports import CommentPlace, Comments
from service.features.projects.domain import ProjectRole, ProjectState, acting_role, require_role
from service.features.tasks.domain import TaskNotFound, parse_key, person_ref
from service.kernel.paging import Slice, Window
from service.kernel.retention import DELETED_KEPT, purge_at
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from uuid import UUID

    from service.kernel.actor import Actor


class PiccoloComments(Comments):
    """Fills ports.Comments."""

    def __init__(self, database: Database, deleted_kept: timedelta = DELETED_KEPT) -> None:
        self._database = database
        self._deleted_kept = deleted_kept

    async def find(self, actor: Actor, reference: str) -> Comment:
        """See ports.Comments."""
        comment_id = parse_id(reference)
        row = comment_id and await self._database.fetch_row(statements.FIND, actor.id, actor.is_admin, comment_id)
        if not row or not actor.reaches(row[-1]):
            raise CommentNotFound
        return self._comment(row[:-1])

    async def page(self, actor: Actor, task: str, window: Window, *, include_deleted: bool) -> Slice[Comment]:
        """See ports.Comments."""
        task_id, role = await self._seen(actor, task)
        if include_deleted:
            require_role(role, ProjectRole.MAINTAINER)
        conditions = statements.conditions(task_id, include_deleted=include_deleted)
        return await statements.LIST.page(self._database, conditions, window, self._comment)

    async def lock_project(self, reference: str) -> CommentPlace:
        """See ports.Comments."""
        comment_id = parse_id(reference)
        row = comment_id and await self._database.fetch_row(statements.LOCK_PROJECT, comment_id)
        if not row:
            raise CommentNotFound
        return CommentPlace(row[0], row[1], ProjectState(*row[2:]))

    async def lock(self, comment_id: UUID) -> CommentState:
        """See ports.Comments."""
        row = await self._database.fetch_row(statements.LOCK, comment_id)
        if row is None:
            raise CommentNotFound
        *columns, field_versions = row
        return CommentState(self._comment(columns), msgspec.json.decode(field_versions))

    async def add(self, comment: Comment) -> int | None:
        """See ports.Comments."""
        row = await self._database.fetch_row(
            statements.ADD, comment.id, comment.task_id, comment.author.id, comment.body, comment.created_at
        )
        return row[0] if row else None

    async def edit(self, comment: Comment) -> None:
        """See ports.Comments."""
        await self._database.fetch(statements.EDIT, comment.id, comment.body, comment.updated_at, comment.version)

    async def bury(self, comment: Comment) -> None:
        """See ports.Comments."""
        step = 1 if comment.deleted_at is None else -1
        await self._database.fetch(statements.BURY, comment.id, comment.deleted_at, comment.updated_at, comment.version, step)

    async def _seen(self, actor: Actor, reference: str) -> tuple[UUID, ProjectRole]:
        """The task's id, and as what the actor acts in its project."""
        row = None
        if (task_id := parse_id(reference)) is not None:
            row = await self._database.fetch_row(statements.TASK_BY_ID, actor.id, task_id)
        elif key := parse_key(reference):
            row = await self._database.fetch_row(statements.TASK_BY_KEY, actor.id, *key)
        if row is None:
            raise TaskNotFound
        role = acting_role(actor, row[1], ProjectRole(row[2]) if row[2] else None)
        if role is None:
            raise TaskNotFound
        return row[0], role

    def _comment(self, row: Iterable[Any]) -> Comment:
        id_, task_id, author_id, author_name, left_at, body, created_at, updated_at, edited_at, deleted_at, version = row
        author, due = person_ref(author_id, author_name, left_at), purge_at(deleted_at, self._deleted_kept)
        return Comment(id_, task_id, author, body, created_at, updated_at, edited_at, deleted_at, due, version)
