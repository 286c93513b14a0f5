"""The worker's jobs on demand, purges of what was deleted right now, and a look at every row there is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from service.features.comments.deleted_repository import PiccoloDeletedComments
from service.features.comments.purging import CommentPurges
from service.features.projects.deleted_repository import PiccoloDeletedProjects
from service.features.projects.purging import ProjectPurges
from service.features.tasks.deleted_repository import PiccoloDeletedTasks
from service.features.tasks.purging import TaskPurges
from service.worker import work

if TYPE_CHECKING:
    import asyncpg

    from service.wiring import Ports

AT_ONCE = timedelta(0)


async def the_night(ports: Ports) -> None:
    """Run every job of the worker once."""
    for job in work(ports)[1]:
        await job.run()


def task_purges(ports: Ports, kept: timedelta = AT_ONCE) -> TaskPurges:
    """A purge of tasks that were deleted so long ago."""
    return TaskPurges(ports.database, PiccoloDeletedTasks(ports.database), ports.outbox, ports.clock, ports.ids, kept)


def project_purges(ports: Ports, kept: timedelta = AT_ONCE) -> ProjectPurges:
    """A purge of projects that were deleted so long ago."""
    return ProjectPurges(ports.database, PiccoloDeletedProjects(ports.database), ports.outbox, ports.clock, ports.ids, kept)


def comment_purges(ports: Ports, kept: timedelta = AT_ONCE) -> CommentPurges:
    """A purge of comments that were deleted so long ago."""
    return CommentPurges(ports.database, PiccoloDeletedComments(ports.database), ports.outbox, ports.clock, ports.ids, kept)


async def everything(connection: asyncpg.Connection[Any]) -> str:
    """Every row of every table as text, binary columns as what they spell."""
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    rows = [row for (name,) in names for row in await connection.fetch(f"SELECT * FROM {name}")]  # noqa: S608
    return "\n".join(str(tuple(row)) for row in rows)
