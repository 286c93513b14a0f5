"""The projects feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.projects.controller import ProjectController
from service.features.projects.deleted_repository import PiccoloDeletedProjects
from service.features.projects.purging import ProjectPurges
from service.features.projects.repository import PiccoloProjects
from service.features.projects.sight import ProjectSight
from service.features.projects.use_cases import ProjectWrites
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.kernel.ports import Sight
    from service.wiring import Ports, Provided


def provide(ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    projects = PiccoloProjects(ports.database, ports.settings.deleted_kept)
    return {
        "projects": projects,
        "project_writes": ProjectWrites(ports.database, projects, ports.outbox, ports.clock, ports.ids),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for projects."""
    deleted_projects, kept = PiccoloDeletedProjects(ports.database), ports.settings.deleted_kept
    purges = ProjectPurges(ports.database, deleted_projects, ports.outbox, ports.clock, ports.ids, kept)
    return (Job("purge_projects", timedelta(hours=1), purges.run),)


def sights(ports: Ports) -> Mapping[str, Sight]:
    """Who may still see a project, and so everything in it."""
    return {"project": ProjectSight(ports.database)}


FEATURE = Feature("projects", (ProjectController,), provide, jobs, sights=sights)
