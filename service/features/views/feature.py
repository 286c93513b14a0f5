"""The views feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.projects.ports import Projects
from service.features.views.controller import ViewController
from service.features.views.repository import PiccoloViews
from service.features.views.sight import ViewSight
from service.features.views.use_cases import ViewWrites
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.kernel.ports import Sight
    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    views = PiccoloViews(ports.database)
    projects = provided["projects", Projects]  # type: ignore[type-abstract]
    return {
        "views": views,
        "view_writes": ViewWrites(ports.database, views, projects, ports.outbox, ports.clock, ports.ids),
    }


def sights(ports: Ports) -> Mapping[str, Sight]:
    """Who may still see a private view; a shared one is seen with its project."""
    return {"view": ViewSight(ports.database)}


FEATURE = Feature("views", (ViewController,), provide, sights=sights)
