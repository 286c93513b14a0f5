"""Three-valued logic: what filters mean where a field has no value, compared with an oracle."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.features.tasks.filter_domain import task_filter
from service.features.tasks.repository import PiccoloTasks
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user
from tests.support.truth import ATOMS, ROWS, Expression, Row, deeper

if TYPE_CHECKING:
    from uuid import UUID

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]


class World:
    """One stored task for every row, and the filters on them."""

    def __init__(self, tasks: PiccoloTasks, ann: Actor, rows: dict[UUID, Row]) -> None:
        self.tasks = tasks
        self.ann = ann
        self.rows = rows

    async def wrong(self, expressions: list[Expression]) -> list[str]:
        """The expressions that find other rows than the oracle says."""
        found = []
        for text, judge in expressions:
            ids = await self.tasks.matching(self.ann, task_filter(text), 100)
            if set(ids) != {id_ for id_, row in self.rows.items() if judge(row) is True}:
                found.append(text)
        return found


@pytest.fixture
async def world(database: Database, clock: FakeClock, connection: asyncpg.Connection[Any]) -> World:
    ann, bob = await a_stored_user(connection, "Ann"), await a_stored_user(connection, "Bob")
    web = await a_stored_project(connection, ann, "WEB")
    rows: dict[UUID, Row] = {}
    for row in ROWS:
        due, assignee = row["due_date"], row["assignee"]
        id_ = await a_stored_task(
            connection, web, ann, description=row["description"],
            due_date=due and datetime.fromisoformat(due).replace(tzinfo=UTC),
            assignee_id=assignee and {"me": ann, "other": bob}[assignee].id,
        )  # fmt: skip
        rows[id_] = row
    return World(PiccoloTasks(database, clock), ann, rows)


TWO = list(deeper(ATOMS))


async def test_every_expression_of_depth_two_finds_the_rows_that_the_oracle_finds(world: World) -> None:
    assert len(TWO) == 8 + 8 + 2 * 64
    assert await world.wrong(TWO) == []


async def test_some_expressions_of_depth_three_do(world: World) -> None:
    # Others at each run; what is wrong names itself.
    chosen = SystemRandom().sample(list(deeper(TWO)), 300)
    assert await world.wrong(chosen) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_every_expression_of_depth_three_does(world: World) -> None:
    every = list(deeper(TWO))
    assert len(every) == len(TWO) * 2 + 2 * len(TWO) ** 2
    assert await world.wrong(every) == []


async def test_an_oracle_that_is_wrong_is_found_out(world: World) -> None:
    assert await world.wrong([("due_date IS NULL", lambda _: True), ("TRUE", lambda _: True)]) == ["due_date IS NULL"]
