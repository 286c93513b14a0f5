"""Kept answers in PostgreSQL: held by one, kept with the transaction, forgotten after a day."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.adapters.idempotency import PostgresAnswers
from service.kernel.answers import KEPT, KeptAnswer

if TYPE_CHECKING:
    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

KEY = b"k" * 32
ANSWER = KeptAnswer(b"f" * 32, 201, {"location": "/x"}, b'{"a":"\xc3\xa9"}', "cursor", (("project", UUID(int=7)),))


@pytest.fixture
def answers(database: Database, clock: FakeClock) -> PostgresAnswers:
    return PostgresAnswers(database, clock)


async def test_what_is_kept_is_found_as_it_was(database: Database, answers: PostgresAnswers) -> None:
    bare = KeptAnswer(b"f" * 32, 204, {}, b"", None, ())
    await database.run(lambda: answers.keep(KEY, ANSWER))
    await database.run(lambda: answers.keep(b"b" * 32, bare))
    assert await answers.find(KEY) == ANSWER
    assert await answers.find(b"b" * 32) == bare
    assert await answers.find(b"c" * 32) is None


async def test_an_old_answer_is_gone_and_gives_way(database: Database, answers: PostgresAnswers, clock: FakeClock) -> None:
    await database.run(lambda: answers.keep(KEY, ANSWER))
    clock.advance(KEPT)
    assert await answers.find(KEY) is None
    newer = replace(ANSWER, status=200, touched=())
    await database.run(lambda: answers.keep(KEY, newer))
    assert await answers.find(KEY) == newer


async def test_only_what_is_too_old_is_pruned(database: Database, answers: PostgresAnswers, clock: FakeClock) -> None:
    await database.run(lambda: answers.keep(KEY, ANSWER))
    clock.advance(timedelta(seconds=1))
    await database.run(lambda: answers.keep(b"b" * 32, ANSWER))
    clock.advance(KEPT - timedelta(seconds=1))
    await answers.prune()
    # Back to when both counted.
    clock.advance(-KEPT)
    assert await answers.find(KEY) is None
    assert await answers.find(b"b" * 32) == ANSWER


async def test_a_key_is_held_by_one_until_its_unit_ends(database: Database, answers: PostgresAnswers) -> None:
    held, end = asyncio.Event(), asyncio.Event()

    async def hold() -> bool:
        mine = await answers.hold(KEY)
        held.set()
        await end.wait()
        return mine

    first = asyncio.create_task(database.run(hold))
    await held.wait()
    assert not await database.run(lambda: answers.hold(KEY))
    assert await database.run(lambda: answers.hold(b"b" * 32))
    end.set()
    assert await first
    assert await database.run(lambda: answers.hold(KEY))


async def test_outside_of_a_unit_nothing_is_held_or_kept(answers: PostgresAnswers) -> None:
    with pytest.raises(RuntimeError):
        await answers.hold(KEY)
    with pytest.raises(RuntimeError):
        await answers.keep(KEY, ANSWER)
