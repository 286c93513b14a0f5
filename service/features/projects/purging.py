"""Removing for good what was deleted long ago."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from service.features.projects.events import ProjectPurged
from service.kernel.actor import Actor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from service.features.projects.deleted_ports import DeletedProjects, DoomedProject
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork

T = TypeVar("T")

# Tasks, views or events per transaction, well within the statement's deadline.
BATCH = 500


class _Gone(Exception):
    """Another worker has finished the project."""


class ProjectPurges:
    """Purging projects: all that is in them, and its values in what was told of it."""

    def __init__(
        self, unit_of_work: UnitOfWork, deleted_projects: DeletedProjects, outbox: Outbox, clock: Clock, ids: Ids, kept: timedelta
    ) -> None:
        self._unit_of_work = unit_of_work
        self._deleted_projects = deleted_projects
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._kept = kept

    async def run(self) -> None:
        """Purge every project that is due, each in many short transactions; what was begun is finished by a later run."""
        after = UUID(int=0)
        while project := await self._doom(after):
            after = project.id
            await self._purge(project)

    async def _doom(self, after: UUID) -> DoomedProject | None:
        now = self._clock.now()
        return await self._unit_of_work.run(lambda: self._deleted_projects.doom(now - self._kept, after, now))

    async def _purge(self, project: DoomedProject) -> None:
        with suppress(_Gone):
            while await self._held(project, partial(self._deleted_projects.purge_tasks, project.id, BATCH)):
                pass
            while await self._held(project, partial(self._forget_views, project.id)):
                pass
            reached: int | None = 0
            while reached is not None:
                reached = await self._held(project, partial(self._outbox.forget_project, project.id, reached, BATCH))
            await self._held(project, partial(self._remove, project))

    async def _held(self, project: DoomedProject, step: Callable[[], Awaitable[T]]) -> T:
        async def work() -> T:
            if not await self._deleted_projects.hold(project.id):
                raise _Gone
            return await step()

        return await self._unit_of_work.run(work)

    async def _forget_views(self, project_id: UUID) -> int:
        ids = await self._deleted_projects.purge_views(project_id, BATCH)
        await self._outbox.forget(ids)
        return len(ids)

    async def _remove(self, project: DoomedProject) -> None:
        await self._deleted_projects.purge(project.id)
        purged = ProjectPurged(
            subject_id=project.id, subject_key=project.key, subject_version=project.version + 1, project_id=project.id
        )
        await self._outbox.publish(Actor.system(f"job-{self._ids.new()}"), purged)
