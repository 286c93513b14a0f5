"""The operations feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.operations.controller import OperationsController
from service.features.operations.repository import ProcessCondition
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """What handlers have injected."""
    return {"condition": ProcessCondition(ports.database), "service_settings": ports.settings}


FEATURE = Feature("operations", (OperationsController,), provide)
