"""Comments in memory, for tests of use cases: it refuses a write whose row was not locked first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.comments.domain import Comment, CommentNotFound, CommentState
from service.features.comments.ports import CommentPlace, Comments
from service.features.tasks.domain import TaskNotFound
from service.kernel.paging import Slice, Window
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from uuid import UUID

    from service.kernel.actor import Actor
    from tests.support.fake_tasks import FakeTasks


class FakeComments(Comments):
    """Fills ports.Comments, beside a FakeTasks."""

    def __init__(self, tasks: FakeTasks) -> None:
        self.rows: dict[UUID, Comment] = {}
        self.field_versions: dict[UUID, dict[str, int]] = {}
        # By task, as the tasks' rows would hold them.
        self.counts: dict[UUID, int] = {}
        self._tasks = tasks
        self._locked: set[UUID] = set()

    async def find(self, actor: Actor, reference: str) -> Comment:
        """See ports.Comments; no use case reads, so visibility is not here."""
        return self._row(reference)

    async def page(self, actor: Actor, task: str, window: Window, *, include_deleted: bool) -> Slice[Comment]:
        """See ports.Comments; no use case reads lists, so neither filter nor order is here."""
        return Slice(list(self.rows.values()), len(self.rows), total_is_exact=True)

    async def lock_project(self, reference: str) -> CommentPlace:
        """See ports.Comments."""
        comment = self._row(reference)
        try:
            task_id, project = await self._tasks.lock_project(str(comment.task_id), exclusively=False)
        except TaskNotFound:
            raise CommentNotFound from None
        return CommentPlace(comment.id, task_id, project)

    async def lock(self, comment_id: UUID) -> CommentState:
        """See ports.Comments."""
        comment = self._row(str(comment_id))
        assert self._tasks.is_locked(comment.task_id), "the task is locked before the comment"
        self._locked.add(comment_id)
        return CommentState(comment, self.field_versions.get(comment_id, {}))

    async def add(self, comment: Comment) -> int | None:
        """See ports.Comments."""
        self._tasks.meanwhile()
        if comment.task_id in self._tasks.deleted:
            return None
        self.rows[comment.id] = comment
        self._count(comment, 1)
        return self._tasks.rows[comment.task_id].number

    async def edit(self, comment: Comment) -> None:
        """See ports.Comments."""
        self._change(comment)
        self.field_versions[comment.id] = {"body": comment.version}

    async def bury(self, comment: Comment) -> None:
        """See ports.Comments."""
        self._change(comment)
        self._count(comment, 1 if comment.deleted_at is None else -1)

    def _row(self, reference: str) -> Comment:
        comment_id = parse_id(reference)
        if comment_id not in self.rows:
            raise CommentNotFound
        return self.rows[comment_id]

    def _change(self, comment: Comment) -> None:
        assert comment.id in self._locked, "a comment is changed after it was locked"
        assert comment.version == self.rows[comment.id].version + 1
        self.rows[comment.id] = comment

    def _count(self, comment: Comment, step: int) -> None:
        self.counts[comment.task_id] = self.counts.get(comment.task_id, 0) + step
