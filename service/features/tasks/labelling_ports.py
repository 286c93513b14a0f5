"""What putting labels on tasks needs from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from service.features.tasks.domain import LabelRef


@runtime_checkable
class TaskLabels(Protocol):
    """The labels of tasks; whoever asks has locked the project, so that no label comes or goes."""

    async def known(self, label_ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, LabelRef]]:
        """Those of the labels that there are by their id, each after the id of its project."""
        ...

    async def of(self, task_id: UUID) -> list[LabelRef]:
        """The labels of a task, by name."""
        ...

    async def put(self, pairs: Sequence[tuple[UUID, UUID]]) -> None:
        """Put labels on tasks of the same project, as pairs of a task and a label; those that it has already stay."""
        ...

    async def remove(self, task_id: UUID, label_id: UUID) -> None:
        """Take a label off a task."""
        ...
