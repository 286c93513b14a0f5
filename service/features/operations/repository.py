"""The state of the database and of this process."""

from __future__ import annotations

from piccolo.querystring import QueryString

from service.adapters import draining
from service.adapters.database import Database, Param, Statement
from service.adapters.database.migrations import APP_NAME, head
from service.features.operations.ports import Condition
from service.kernel.errors import Unavailable

MIGRATED = Statement(lambda: QueryString("SELECT 1 FROM migration WHERE app_name = {} AND name = {}", Param(1), Param(2)))


class ProcessCondition(Condition):
    """Fills ports.Condition."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._head = head()

    @property
    def draining(self) -> bool:
        """See ports.Condition."""
        return draining.requested()

    async def migrated(self) -> bool | None:
        """See ports.Condition."""
        try:
            return bool(await self._database.fetch(MIGRATED, APP_NAME, self._head))
        except Unavailable:
            return None
