"""The tasks feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.projects.ports import Projects
from service.features.tasks.aggregate_controller import AggregateController, StatsController
from service.features.tasks.aggregate_repository import PiccoloAggregates
from service.features.tasks.bulk_controller import BulkController
from service.features.tasks.bulk_repository import PiccoloBulkTasks
from service.features.tasks.bulk_updates import BulkUpdates
from service.features.tasks.bulk_use_cases import BulkWrites
from service.features.tasks.controller import TaskController
from service.features.tasks.deleted_repository import PiccoloDeletedTasks
from service.features.tasks.filter_controller import FilterController
from service.features.tasks.labelling import Labelling
from service.features.tasks.labelling_controller import LabellingController
from service.features.tasks.purging import TaskPurges
from service.features.tasks.relating import Relating
from service.features.tasks.relation_controller import RelationController
from service.features.tasks.relation_repository import PiccoloRelations
from service.features.tasks.repository import PiccoloTasks
from service.features.tasks.restoring import TaskRestores
from service.features.tasks.unassigning import Unassigning
from service.features.tasks.use_cases import TaskWrites
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    tasks = PiccoloTasks(ports.database, ports.clock, ports.settings.deleted_kept)
    relations = PiccoloRelations(ports.database)
    bulk_tasks = PiccoloBulkTasks(ports.database, ports.clock)
    projects = provided["projects", Projects]  # type: ignore[type-abstract]
    return {
        "tasks": tasks,
        "aggregates": PiccoloAggregates(ports.database, ports.clock),
        "task_writes": TaskWrites(ports.database, tasks, projects, ports.outbox, ports.clock, ports.ids),
        "task_restores": TaskRestores(ports.database, tasks, PiccoloDeletedTasks(ports.database), ports.outbox, ports.clock),
        "labelling": Labelling(ports.database, tasks, ports.outbox, ports.clock),
        "relations": relations,
        "relating": Relating(ports.database, tasks, relations, ports.outbox, ports.clock),
        "bulk_writes": BulkWrites(ports.database, bulk_tasks, ports.outbox, ports.clock, ports.ids, tasks.labels),
        "bulk_updates": BulkUpdates(ports.database, bulk_tasks, ports.outbox, ports.clock),
        "unassigning": Unassigning(bulk_tasks, ports.outbox, ports.clock),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for tasks."""
    deleted_tasks, kept = PiccoloDeletedTasks(ports.database), ports.settings.deleted_kept
    purges = TaskPurges(ports.database, deleted_tasks, ports.outbox, ports.clock, ports.ids, kept)
    return (Job("purge_tasks", timedelta(hours=1), purges.run),)


CONTROLLERS = (
    TaskController,
    BulkController,
    FilterController,
    LabellingController,
    RelationController,
    AggregateController,
    StatsController,
)

FEATURE = Feature("tasks", CONTROLLERS, provide, jobs)
