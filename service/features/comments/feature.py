"""The comments feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.comments.controller import CommentController, TaskCommentController
from service.features.comments.repository import PiccoloComments
from service.features.comments.use_cases import CommentWrites
from service.features.tasks.ports import Tasks
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    comments = PiccoloComments(ports.database)
    tasks = provided["tasks", Tasks]  # type: ignore[type-abstract]
    return {
        "comments": comments,
        "comment_writes": CommentWrites(ports.database, comments, tasks, ports.outbox, ports.clock, ports.ids),
    }


FEATURE = Feature("comments", (TaskCommentController, CommentController), provide)
