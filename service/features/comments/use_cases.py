"""What people do with comments, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from service.features.comments.domain import CommentNotFound, require_author, require_deleter, require_restorer, written
from service.features.comments.events import CommentCreated, CommentDeleted, CommentRestored, CommentUpdated
from service.features.projects.domain import ProjectRole, acting_role
from service.features.tasks.domain import PersonRef, TaskNotFound
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from service.features.comments.domain import Comment, CommentState
    from service.features.comments.ports import Comments
    from service.features.projects.domain import ProjectState
    from service.features.tasks.ports import Tasks
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class CommentWrites:
    """Writing, editing, deleting and restoring comments."""

    def __init__(
        self, unit_of_work: UnitOfWork, comments: Comments, tasks: Tasks, outbox: Outbox, clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._comments = comments
        self._tasks = tasks
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def create(self, actor: Actor, task: str, body: str) -> Comment:
        """Comment on the task with this id or key, as its viewers may too.

        Raises:
            TaskNotFound: there is none, or the actor does not belong to its project.
            ProjectArchived: the project is read-only.
        """

        async def work() -> Comment:
            task_id, project = await self._tasks.lock_project(task, exclusively=False)
            if await self._role(actor, project.id) is None:
                raise TaskNotFound
            project.refuse_archived()
            author = PersonRef(actor.id, actor.full_name)
            comment = written(self._ids.new(), task_id, author, body, self._clock.now())
            number = await self._comments.add(comment)
            if number is None:
                raise TaskNotFound
            changes = {"body": Change(None, body)}
            await self._outbox.publish(actor, _told(CommentCreated, comment, project, number, changes))
            return comment

        return await self._unit_of_work.run(work)

    async def update(self, actor: Actor, reference: str, wanted: Mapping[str, str], precondition: Precondition = ANY) -> Comment:
        """Give one's own comment another text; the one that it has already changes nothing.

        Raises:
            CommentNotFound: there is none, or the actor does not belong to its project.
            AuthorRequired: somebody else wrote it.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the comment has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> Comment:
            state, project, number, _ = await self._locked(actor, reference)
            comment = state.comment
            if comment.deleted_at is not None:
                raise CommentNotFound
            require_author(comment, actor.id)
            await hold(precondition, state, self._outbox, sent=wanted, required=project.require_if_match)
            project.refuse_archived()
            body = wanted.get("body", comment.body)
            if body == comment.body:
                return comment
            now = self._clock.now()
            edited = structs.replace(comment, body=body, updated_at=now, edited_at=now, version=comment.version + 1)
            await self._comments.edit(edited)
            changes = {"body": Change(comment.body, body)}
            await self._outbox.publish(actor, _told(CommentUpdated, edited, project, number, changes))
            return edited

        return await self._unit_of_work.run(work)

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Delete a comment softly: its author may, and maintainers.

        Raises:
            CommentNotFound: there is none, or the actor does not belong to its project.
            InsufficientRole: somebody else wrote it, and the actor is no maintainer.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the comment has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> None:
            state, project, number, role = await self._locked(actor, reference)
            comment = state.comment
            if comment.deleted_at is not None:
                raise CommentNotFound
            require_deleter(comment, actor.id, role)
            await hold(precondition, state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            now = self._clock.now()
            deleted = structs.replace(comment, deleted_at=now, updated_at=now, version=comment.version + 1)
            await self._comments.bury(deleted)
            changes = {"deleted_at": Change(None, now)}
            await self._outbox.publish(actor, _told(CommentDeleted, deleted, project, number, changes))

        await self._unit_of_work.run(work)

    async def restore(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> Comment:
        """Bring a deleted comment back; one that is there stays as it is.

        Raises:
            CommentNotFound: there is none, or the actor may not see it.
            InsufficientRole: the actor is no maintainer.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the comment has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> Comment:
            state, project, number, role = await self._locked(actor, reference)
            comment = state.comment
            require_restorer(comment, role)
            await hold(precondition, state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            if comment.deleted_at is None:
                return comment
            now = self._clock.now()
            restored = structs.replace(comment, deleted_at=None, purge_at=None, updated_at=now, version=comment.version + 1)
            await self._comments.bury(restored)
            changes = {"deleted_at": Change(comment.deleted_at, None)}
            await self._outbox.publish(actor, _told(CommentRestored, restored, project, number, changes))
            return restored

        return await self._unit_of_work.run(work)

    async def _locked(self, actor: Actor, reference: str) -> tuple[CommentState, ProjectState, int, ProjectRole]:
        """The comment, its project, its task's number and as what the actor acts; locked in the order of every write."""
        place = await self._comments.lock_project(reference)
        role = await self._role(actor, place.project.id)
        if role is None:
            raise CommentNotFound
        try:
            task = await self._tasks.lock(place.task_id)
        except TaskNotFound:
            # The request names a comment, so that is what there is not.
            raise CommentNotFound from None
        return await self._comments.lock(place.id), place.project, task.number, role

    async def _role(self, actor: Actor, project_id: UUID) -> ProjectRole | None:
        own = (await self._tasks.lock_members(project_id, [actor.id])).get(actor.id)
        return acting_role(actor, project_id, own.role if own else None)


def _told(event: type[Event], comment: Comment, project: ProjectState, task_number: int, changes: dict[str, Change]) -> Event:
    return event(
        subject_id=comment.id,
        subject_version=comment.version,
        project_id=project.id,
        about_id=comment.task_id,
        changes=changes,
        data={"task_id": str(comment.task_id), "task_key": f"{project.key}-{task_number}"},
    )
