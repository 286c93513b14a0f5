"""The operations feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.operations.controller import OperationsController
from service.features.operations.repository import ProcessCondition
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """What handlers have injected."""
    return {"condition": ProcessCondition(ports.database), "service_settings": ports.settings}


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for the running of the service."""
    return (
        Job("prune_rate_limits", timedelta(minutes=10), ports.rate_limiter.prune),
        Job("prune_idempotency_keys", timedelta(hours=1), ports.answers.prune),
    )


FEATURE = Feature("operations", (OperationsController,), provide, jobs)
