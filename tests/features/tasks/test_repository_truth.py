"""Three-valued logic: what filters mean where a field has no value, compared with an oracle."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.features.tasks import filter_statements
from service.features.tasks.filter_domain import Moment, task_filter
from service.features.tasks.ports import TaskFilter
from service.features.tasks.repository import PiccoloTasks
from service.kernel.paging import Window
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user
from tests.support.truth import ATOMS, ROWS, Expression, Row, deeper

if TYPE_CHECKING:
    from uuid import UUID

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

EVERYTHING = Window(len(ROWS), 0, ("number",), "none")


class World:
    """One stored task for every row, and the filters on them."""

    def __init__(self, database: Database, clock: FakeClock, ann: Actor, rows: dict[UUID, Row]) -> None:
        self.database = database
        self.tasks = PiccoloTasks(database, clock)
        self.moment = Moment(clock.now(), ann.id)
        self.ann = ann
        self.rows = rows

    async def wrong(self, expressions: list[Expression]) -> list[str]:
        """The expressions that find other rows than the oracle says."""
        found = []
        for text, judge in expressions:
            meant = await self.tasks.page(self.ann, TaskFilter(filter=task_filter(text)), EVERYTHING)
            if {task.id for task in meant.items} != {id_ for id_, row in self.rows.items() if judge(row) is True}:
                found.append(text)
        return found

    async def misjudged(self, expressions: list[Expression]) -> list[str]:
        """The expressions that are true, false or unknown for a row where the oracle says otherwise; all in one statement."""
        arguments: list[Any] = []
        conditions: list[Any] = []
        for text, _ in expressions:
            condition = filter_statements.condition(task_filter(text), self.moment)
            params = [Param(len(arguments) + number + 1) for number in range(len(condition.arguments))]
            conditions.append(condition.build(*params))
            arguments += condition.arguments
        together = ", ".join("{}" for _ in conditions)
        statement = Statement(lambda: QueryString(f"SELECT id, ARRAY[{together}] FROM tasks", *conditions))  # noqa: S608
        found = {row[0]: row[1] for row in await self.database.fetch(statement, *arguments)}
        assert found.keys() == self.rows.keys()
        return [
            text
            for place, (text, judge) in enumerate(expressions)
            if any(found[id_][place] is not judge(row) for id_, row in self.rows.items())
        ]


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
    return World(database, clock, ann, rows)


TWO = list(deeper(ATOMS))


async def test_every_expression_of_depth_two_finds_the_rows_that_the_oracle_finds(world: World) -> None:
    assert len(TWO) == 8 + 8 + 2 * 64
    assert await world.wrong(TWO) == []


async def test_some_expressions_of_depth_three_do(world: World) -> None:
    # Others at each run; what is wrong names itself.
    chosen = SystemRandom().sample(list(deeper(TWO)), 1000)
    assert await world.wrong(chosen[:100]) == []
    for start in range(0, 1000, 200):
        assert await world.misjudged(chosen[start : start + 200]) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_expression_of_depth_three_does(world: World) -> None:
    every = list(deeper(TWO))
    assert len(every) == len(TWO) * 2 + 2 * len(TWO) ** 2
    for start in range(0, len(every), 200):
        assert await world.misjudged(every[start : start + 200]) == []


async def test_an_oracle_that_is_wrong_is_found_out(world: World) -> None:
    wrong: list[Expression] = [
        ("due_date IS NULL", lambda _: True),
        ("due_date < now()", lambda _: None),
        ("TRUE", lambda _: True),
    ]
    assert await world.wrong(wrong[:1] + wrong[2:]) == ["due_date IS NULL"]
    assert await world.misjudged(wrong) == ["due_date IS NULL", "due_date < now()"]
