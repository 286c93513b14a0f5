"""Comments: what they are, who may change them, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.features.projects.domain import ProjectRole, require_role
from service.features.tasks.domain import PersonRef
from service.kernel.errors import Forbidden, NotFound


class CommentNotFound(NotFound):
    """There is no such comment, or none on a task that the caller may see."""

    code = "comment_not_found"
    title = "There is no such comment"


class AuthorRequired(Forbidden):
    """What somebody said, nobody else may put in other words."""

    code = "author_required"
    title = "Only its author may edit a comment"


class Comment(Struct, frozen=True):
    """A comment as its readers see it; `edited_at` is null until its text changes."""

    id: UUID
    task_id: UUID
    author: PersonRef
    body: str
    created_at: datetime
    updated_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    purge_at: datetime | None
    version: int


class CommentState(Struct, frozen=True):
    """A comment whose row is locked, and the versions at which its fields last changed."""

    comment: Comment
    field_versions: Mapping[str, int] = {}

    @property
    def id(self) -> UUID:
        """What the events about it name."""
        return self.comment.id

    @property
    def version(self) -> int:
        """Of the comment as a whole."""
        return self.comment.version

    @property
    def body(self) -> str:
        """The only field that a request may change."""
        return self.comment.body


def written(comment_id: UUID, task_id: UUID, author: PersonRef, body: str, now: datetime) -> Comment:
    """A new comment."""
    return Comment(
        id=comment_id,
        task_id=task_id,
        author=author,
        body=body,
        created_at=now,
        updated_at=now,
        edited_at=None,
        deleted_at=None,
        purge_at=None,
        version=1,
    )


def require_author(comment: Comment, user_id: UUID) -> None:
    """Guard of editing.

    Raises:
        AuthorRequired: somebody else wrote the comment.
    """
    if comment.author.id != user_id:
        message = "Only its author may edit this comment; write one of your own instead."
        raise AuthorRequired(message)


def require_deleter(comment: Comment, user_id: UUID, role: ProjectRole) -> None:
    """Guard of deleting: authors may, and maintainers.

    Raises:
        InsufficientRole: somebody else wrote the comment, and the caller is no maintainer.
    """
    if comment.author.id != user_id:
        require_role(role, ProjectRole.MAINTAINER)


def require_restorer(comment: Comment, role: ProjectRole) -> None:
    """Guard of restoring: maintainers may, and for others a deleted comment is not there.

    Raises:
        CommentNotFound: the comment is deleted, and the caller is no maintainer.
        InsufficientRole: there is nothing to restore, and the caller is no maintainer.
    """
    if comment.deleted_at is not None and not role.covers(ProjectRole.MAINTAINER):
        raise CommentNotFound
    require_role(role, ProjectRole.MAINTAINER)
