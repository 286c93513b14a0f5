"""What the operations feature asks of its surroundings."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Condition(Protocol):
    """How the process and its database are."""

    @property
    def draining(self) -> bool:
        """Whether the process was told that it will end."""
        ...

    async def migrated(self) -> bool | None:
        """Whether the schema is at this code's head; None where the database does not answer."""
        ...
