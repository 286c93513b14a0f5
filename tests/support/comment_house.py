"""The use cases of comments on fakes, in a house with one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.comments.use_cases import CommentWrites
from service.features.projects.domain import ProjectRole
from tests.support.fake_comments import FakeComments
from tests.support.fakes import FakeIds, an_actor
from tests.support.task_house import VIEWER, House

if TYPE_CHECKING:
    from service.features.comments.domain import Comment
    from service.kernel.actor import Actor

MAINTAINER = an_actor(6)


class CommentHouse(House):
    """One project with a task in it, and its comments."""

    def __init__(self) -> None:
        super().__init__()
        self.projects.roles[self.project.id][MAINTAINER.id] = ProjectRole.MAINTAINER
        self.task = self.a_task(number=12)
        self.comments = FakeComments(self.tasks)
        self.comment_writes = CommentWrites(
            self.unit_of_work, self.comments, self.tasks, self.outbox, self.clock, FakeIds()
        )  # fmt: skip

    async def comment(self, author: Actor = VIEWER, body: str = "Looks good.") -> Comment:
        """A stored comment, of whose writing nothing is told any more."""
        comment = await self.comment_writes.create(author, str(self.task.id), body)
        self.outbox.events.clear()
        self.unit_of_work.committed = 0
        return comment

    async def deleted(self, author: Actor = VIEWER) -> Comment:
        """A comment that its author has deleted."""
        comment = await self.comment(author)
        await self.comment_writes.delete(author, str(comment.id))
        self.outbox.events.clear()
        self.unit_of_work.committed = 0
        return self.stored(comment)

    def stored(self, comment: Comment) -> Comment:
        """The comment as it is now."""
        return self.comments.rows[comment.id]

    @property
    def count(self) -> int:
        """How many comments the task counts."""
        return self.comments.counts[self.task.id]

    def told(self) -> dict[str, Any]:
        """What the one event says of itself."""
        event = self.event
        return {"type": event.type, "version": event.subject_version, "changes": event.changes}
