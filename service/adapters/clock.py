"""The time of the machine."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Fills ports.Clock."""

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.now(UTC)
