"""The comments feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.comments.controller import CommentController, TaskCommentController
from service.features.comments.deleted_repository import PiccoloDeletedComments
from service.features.comments.purging import CommentPurges
from service.features.comments.repository import PiccoloComments
from service.features.comments.use_cases import CommentWrites
from service.features.tasks.ports import Tasks
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    comments = PiccoloComments(ports.database, ports.settings.deleted_kept)
    tasks = provided["tasks", Tasks]  # type: ignore[type-abstract]
    return {
        "comments": comments,
        "comment_writes": CommentWrites(ports.database, comments, tasks, ports.outbox, ports.clock, ports.ids),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for comments."""
    deleted_comments, kept = PiccoloDeletedComments(ports.database), ports.settings.deleted_kept
    purges = CommentPurges(ports.database, deleted_comments, ports.outbox, ports.clock, ports.ids, kept)
    return (Job("purge_comments", timedelta(hours=1), purges.run),)


FEATURE = Feature("comments", (TaskCommentController, CommentController), provide, jobs)
