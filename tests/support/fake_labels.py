"""The labels of tasks in memory, for tests of use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from service.features.tasks.domain import LabelRef
from service.features.tasks.labelling_ports import TaskLabels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class FakeTaskLabels(TaskLabels):
    """Fills labelling_ports.TaskLabels."""

    def __init__(self) -> None:
        # The labels that there are, each after the id of its project, and which of them the tasks have.
        self.stored: dict[UUID, tuple[UUID, LabelRef]] = {}
        self.pairs: set[tuple[UUID, UUID]] = set()

    def a_label(self, project_id: UUID, number: int, name: str) -> LabelRef:
        """A stored label of the project."""
        label = LabelRef(UUID(int=0xABE1_0000 + number), name, "#ededed")
        self.stored[label.id] = (project_id, label)
        return label

    async def known(self, label_ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, LabelRef]]:
        """See labelling_ports.TaskLabels."""
        return {id_: self.stored[id_] for id_ in label_ids if id_ in self.stored}

    async def of(self, task_id: UUID) -> list[LabelRef]:
        """See labelling_ports.TaskLabels."""
        found = [self.stored[label_id][1] for id_, label_id in self.pairs if id_ == task_id]
        return sorted(found, key=lambda label: label.name)

    async def put(self, pairs: Sequence[tuple[UUID, UUID]]) -> None:
        """See labelling_ports.TaskLabels."""
        self.pairs.update(pairs)

    async def remove(self, task_id: UUID, label_id: UUID) -> None:
        """See labelling_ports.TaskLabels."""
        self.pairs.discard((task_id, label_id))
