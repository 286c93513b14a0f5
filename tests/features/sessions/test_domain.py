"""Which refresh tokens are answered though they didn't win, and which end their session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.sessions.domain import Presented, Verdict, judge

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
# What a session knows of the parent of its newest token, a moment after the rotation.
PARENT = Presented(
    UUID(int=1), is_newest=False, is_parent=True, newest_hash="hash", rotated_at=NOW, lives=True, has_ended=False,
    reuse_is_known=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (timedelta(0), Verdict.REPEATED),
        # An instance whose clock is behind.
        (timedelta(seconds=-10), Verdict.REPEATED),
        (timedelta(seconds=10, microseconds=-1), Verdict.REPEATED),
        (timedelta(seconds=10), Verdict.REUSED),
        (timedelta(days=1), Verdict.REUSED),
    ],
)
def test_the_parent_of_an_unused_token_may_ask_again_for_ten_seconds(after: timedelta, verdict: Verdict) -> None:
    assert judge(PARENT, NOW + after) is verdict


@pytest.mark.parametrize("changed", [{"is_parent": False}, {"lives": False}, {"lives": False, "has_ended": True}])
def test_an_older_token_and_one_of_a_session_that_has_ended_are_reused(changed: dict[str, Any]) -> None:
    assert judge(replace(PARENT, **changed), NOW) is Verdict.REUSED


@pytest.mark.parametrize("has_ended", [True, False])
def test_the_newest_token_of_a_session_that_is_over_is_merely_late(*, has_ended: bool) -> None:
    late = replace(PARENT, is_newest=True, is_parent=False, lives=False, has_ended=has_ended)
    assert judge(late, NOW) is Verdict.ENDED
