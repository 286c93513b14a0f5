"""Until when what was deleted is kept."""

from __future__ import annotations

from datetime import timedelta

from service.kernel.retention import DELETED_KEPT, purge_at
from tests.support.factories import SOME_DAY


def test_only_what_is_deleted_is_ever_purged() -> None:
    assert purge_at(None, DELETED_KEPT) is None
    assert purge_at(SOME_DAY, timedelta(days=7)) == SOME_DAY + timedelta(days=7)
