"""What the comments feature needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.comments.domain import Comment, CommentState
    from service.features.projects.domain import ProjectState
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


class CommentPlace(Struct, frozen=True):
    """A comment's id, the task that it is on, and the row of the project, which is locked."""

    id: UUID
    task_id: UUID
    project: ProjectState


@runtime_checkable
class Comments(Protocol):
    """Stored comments."""

    async def find(self, actor: Actor, reference: str) -> Comment:
        """The comment with this id.

        Raises:
            CommentNotFound: there is none, or the actor may not see it.
        """
        ...

    async def page(self, actor: Actor, task: str, window: Window, *, include_deleted: bool) -> Slice[Comment]:
        """A part of the comments on the task with this id or key.

        Raises:
            TaskNotFound: there is no such task, or the actor may not see it.
            InsufficientRole: deleted ones are asked for by somebody who is no maintainer.
        """
        ...

    async def lock_project(self, reference: str) -> CommentPlace:
        """Where the comment is, deleted or not, its project's row locked and shared with other changes of tasks.

        Raises:
            CommentNotFound: there is no such comment, or its task is deleted.
        """
        ...

    async def lock(self, comment_id: UUID) -> CommentState:
        """The comment, deleted or not, its row locked until the unit of work ends.

        Raises:
            CommentNotFound: it was purged meanwhile.
        """
        ...

    async def add(self, comment: Comment) -> int | None:
        """Store a new comment and count it on its task; the task's number, None where the task was deleted meanwhile."""
        ...

    async def edit(self, comment: Comment) -> None:
        """Store the text and version of a locked comment."""
        ...

    async def bury(self, comment: Comment) -> None:
        """Store that a locked comment was deleted or came back, and count its task's comments accordingly."""
        ...
