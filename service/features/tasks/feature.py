"""The tasks feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.projects.ports import Projects
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
    }


FEATURE = Feature("tasks", (TaskController,), provide)
