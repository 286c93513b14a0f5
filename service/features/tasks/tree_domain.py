"""Trees of tasks: how deep they go, and where a task may not stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.kernel.errors import Conflict, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from service.features.tasks.domain import TaskState

MAX_DEPTH = 5


class ParentCycle(Conflict):
    """A task can't be below itself."""

    code = "parent_cycle"
    title = "A task can't be its own ancestor"


class ParentDeleted(Conflict):
    """A subtask comes back with its parent or after it."""

    code = "parent_deleted"
    title = "The parent of the task is deleted"


class ParentTooDeep(Conflict):
    """The parent was moved meanwhile, so that the task would stand too deep below it."""

    code = "parent_too_deep"
    title = "The parent of the task stands too deep by now"


def levels(top: UUID, tasks: Sequence[TaskState]) -> int:
    """How many levels a tree has, by its tasks in any order."""
    below: dict[UUID | None, list[UUID]] = {}
    for task in tasks:
        below.setdefault(task.parent_id, []).append(task.id)
    level, height = [top], 0
    while level:
        level, height = [id_ for above in level for id_ in below.get(above, ())], height + 1
    return height


def refuse_unfitting(parent_path: Sequence[UUID] | None, height: int) -> None:
    """Guard of restoring a tree, `height` levels tall, below the parent that `parent_path` leads to from the top.

    Raises:
        ParentDeleted: there is no such path, since the parent is deleted.
        ParentTooDeep: the tree would be too deep.
    """
    if parent_path is None:
        message = "The task above this one is deleted: restore that first."
        raise ParentDeleted(message)
    if len(parent_path) + height > MAX_DEPTH:
        message = f"Subtasks go at most {MAX_DEPTH} levels deep: move the task above this one up, then restore this one."
        raise ParentTooDeep(message)


def refuse_misplaced(parent_path: Sequence[UUID], height: int, task_id: UUID | None) -> None:
    """Guard of putting a task, `height` levels tall, below the parent that `parent_path` leads to from the top.

    Raises:
        ParentCycle: the parent stands below the task.
        Invalid: the tree would be too deep.
    """
    if task_id in parent_path:
        message = "The parent stands below this task, or is the task itself."
        raise ParentCycle(message, path=[str(id_) for id_ in parent_path])
    if len(parent_path) + height > MAX_DEPTH:
        raise invalid("/parent_id", "too_deep", f"Subtasks go at most {MAX_DEPTH} levels deep.")
