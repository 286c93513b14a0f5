"""The changes feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.changes.controller import HistoryController
from service.features.changes.repository import PiccoloHistories
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """What handlers have injected."""
    return {"histories": PiccoloHistories(ports.database)}


FEATURE = Feature("changes", (HistoryController,), provide)
