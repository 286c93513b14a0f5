"""The labels feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.labels.controller import LabelController
from service.features.labels.repository import PiccoloLabels
from service.features.labels.use_cases import LabelWrites
from service.features.projects.ports import Projects
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    labels = PiccoloLabels(ports.database)
    projects = provided["projects", Projects]  # type: ignore[type-abstract]
    return {
        "labels": labels,
        "label_writes": LabelWrites(ports.database, labels, projects, ports.outbox, ports.clock, ports.ids),
    }


FEATURE = Feature("labels", (LabelController,), provide)
