"""The tasks feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.projects.ports import Projects
from service.features.tasks.bulk_controller import BulkController
from service.features.tasks.bulk_repository import PiccoloBulkTasks
from service.features.tasks.bulk_use_cases import BulkWrites
from service.features.tasks.controller import TaskController
from service.features.tasks.repository import PiccoloTasks
from service.features.tasks.use_cases import TaskWrites
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    tasks = PiccoloTasks(ports.database, ports.clock)
    projects = provided["projects", Projects]  # type: ignore[type-abstract]
    return {
        "tasks": tasks,
        "task_writes": TaskWrites(ports.database, tasks, projects, ports.outbox, ports.clock, ports.ids),
        "bulk_writes": BulkWrites(ports.database, PiccoloBulkTasks(ports.database), ports.outbox, ports.clock, ports.ids),
    }


FEATURE = Feature("tasks", (TaskController, BulkController), provide)
