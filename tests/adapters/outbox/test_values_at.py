"""What the events of a subject remember of its fields at an earlier version."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from service.kernel.events import Change
from tests.support.street import LampCleaned, Street

if TYPE_CHECKING:
    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

LAMP, OTHER = UUID(int=7), UUID(int=8)


async def test_a_field_had_the_value_that_the_first_change_since_found(database: Database, clock: FakeClock) -> None:
    street = Street(database, clock)
    await street.publish(
        LampCleaned(subject_id=LAMP, subject_version=2, changes={"oil": Change(1, 2), "wick": Change("a", "b")}),
        LampCleaned(subject_id=LAMP, subject_version=3, changes={"oil": Change(2, 3)}),
        LampCleaned(subject_id=LAMP, subject_version=4, changes={"oil": Change(3, 4), "glass": Change(None, {"by": "Ann"})}),
        LampCleaned(subject_id=LAMP, subject_version=5, changes={"glass": Change({"by": "Ann"}, None)}),
        LampCleaned(subject_id=OTHER, subject_version=2, changes={"oil": Change(9, 8)}),
    )
    fields = ["oil", "wick", "glass", "colour"]
    assert await street.outbox.values_at(LAMP, 1, fields) == {"oil": 1, "wick": "a", "glass": None}
    assert await street.outbox.values_at(LAMP, 2, fields) == {"oil": 2, "glass": None}
    assert await street.outbox.values_at(LAMP, 4, fields) == {"glass": {"by": "Ann"}}
    assert await street.outbox.values_at(LAMP, 1, ["oil"]) == {"oil": 1}
    assert await street.outbox.values_at(LAMP, 5, fields) == {}
