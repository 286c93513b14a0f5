"""What is left of events whose subject was purged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec import structs

from service.kernel.events import Change
from tests.support.stored import the_events
from tests.support.street import LampCleaned, Street

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

LAMP, OTHER, THIRD = UUID(int=7), UUID(int=8), UUID(int=9)
WEB, API = UUID(int=1), UUID(int=2)


def cleaned(lamp: UUID, version: int = 1, project_id: UUID | None = None) -> LampCleaned:
    """An event with values in both places."""
    return LampCleaned(
        subject_id=lamp, subject_version=version, project_id=project_id, changes={"oil": Change(1, 2)}, data={"by": "Ann"}
    )


async def emptied(connection: asyncpg.Connection[Any], lamp: UUID) -> list[bool]:
    """Of each event about a lamp, whether it is without values; half empty ones fail."""
    told = await the_events(connection, str(lamp))
    assert {bool(event["changes"]) == bool(event["data"]) for event in told} == {True}
    return [not event["data"] for event in told]


async def test_the_values_go_and_the_events_stay(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    street = Street(database, clock)
    await street.publish(cleaned(LAMP), cleaned(OTHER), cleaned(LAMP, 2), cleaned(THIRD))
    places = await connection.fetch("SELECT id, epoch, xid, sequence FROM events ORDER BY sequence")
    await database.run(lambda: street.outbox.forget([LAMP, THIRD]))
    assert [await emptied(connection, lamp) for lamp in (LAMP, OTHER, THIRD)] == [[True, True], [False], [True]]
    assert await connection.fetch("SELECT id, epoch, xid, sequence FROM events ORDER BY sequence") == places


async def test_what_was_told_of_others_in_the_history_of_a_subject_goes_with_it(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    street = Street(database, clock)
    await street.publish(structs.replace(cleaned(LAMP), about_id=OTHER), cleaned(OTHER), cleaned(THIRD))
    await database.run(lambda: street.outbox.forget([OTHER]))
    assert [await emptied(connection, lamp) for lamp in (LAMP, OTHER, THIRD)] == [[True], [True], [False]]
    await street.publish(structs.replace(cleaned(LAMP, 2), about_id=THIRD))
    await database.run(lambda: street.outbox.forget([LAMP]))
    assert [await emptied(connection, lamp) for lamp in (LAMP, THIRD)] == [[True, True], [False]]


async def test_the_events_of_a_project_are_emptied_in_parts(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    street = Street(database, clock)
    await street.publish(*(cleaned(LAMP, version, WEB) for version in range(1, 6)), cleaned(OTHER, 1, API), cleaned(THIRD))
    reached: list[int | None] = [0]
    while (place := reached[-1]) is not None:
        reached.append(await database.run(lambda: street.outbox.forget_project(WEB, place, 2)))
        assert sum(await emptied(connection, LAMP)) == min(2 * (len(reached) - 1), 5)
    assert len(reached) == 5
    assert await emptied(connection, OTHER) == await emptied(connection, THIRD) == [False]


async def test_nothing_is_emptied_outside_of_a_unit_of_work(database: Database, clock: FakeClock) -> None:
    street = Street(database, clock)
    for forgetting in (street.outbox.forget([LAMP]), street.outbox.forget_project(WEB, 0, 1)):
        with pytest.raises(RuntimeError):
            await forgetting
