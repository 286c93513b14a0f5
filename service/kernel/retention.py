"""How long what was deleted can be restored."""

from __future__ import annotations

from datetime import datetime, timedelta

# Unless WORKLANE_DELETED_KEPT says otherwise.
DELETED_KEPT = timedelta(days=30)


def purge_at(deleted_at: datetime | None, kept: timedelta) -> datetime | None:
    """From when on something may be purged; None for what is not deleted."""
    return None if deleted_at is None else deleted_at + kept
