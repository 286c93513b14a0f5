"""Deletions and restores on PostgreSQL against a model: a restore brings back exactly what its deletion took along."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from service.adapters.ids import UuidIds
from service.adapters.outbox import PostgresOutbox
from service.features.projects.repository import PiccoloProjects
from service.features.tasks.deleted_repository import PiccoloDeletedTasks
from service.features.tasks.domain import TaskNotFound
from service.features.tasks.repository import PiccoloTasks
from service.features.tasks.restoring import TaskRestores
from service.features.tasks.tree_domain import ParentDeleted
from service.features.tasks.use_cases import TaskWrites
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user

if TYPE_CHECKING:
    from service.adapters.database import Database
    from tests.support.fakes import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

SIZE = 12
STEPS = 30


class Model:
    """Which task went with which deletion, in the simplest way there is."""

    def __init__(self, above: dict[int, int | None]) -> None:
        self.above = above
        self.gone_with: dict[int, int] = {}

    def delete(self, task: int) -> bool:
        """Whether there was anything to delete."""
        if task in self.gone_with:
            return False
        for other in self.above:
            if other not in self.gone_with and task in self.path(other):
                self.gone_with[other] = task
        return True

    def restore(self, task: int) -> bool:
        """Whether nothing stood in the way."""
        above = self.above[task]
        if task in self.gone_with and above is not None and above in self.gone_with:
            return False
        for other, top in list(self.gone_with.items()):
            if top == task:
                del self.gone_with[other]
        return True

    def path(self, task: int | None) -> list[int]:
        """The task and all above it."""
        return [] if task is None else [task, *self.path(self.above[task])]


@pytest.mark.parametrize("seed", [1, 2, 3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 104))])
async def test_a_restore_brings_back_exactly_what_its_deletion_took_along(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock, seed: int
) -> None:
    # The clock stands still, so that the same instant of two deletions must not make them one.
    chance = random.Random(seed)
    ids = UuidIds()
    tasks, outbox = PiccoloTasks(database, clock), PostgresOutbox(database, clock, ids, {})
    writes = TaskWrites(database, tasks, PiccoloProjects(database), outbox, clock, ids)
    restores = TaskRestores(database, tasks, PiccoloDeletedTasks(database), outbox, clock)
    ann = await a_stored_user(connection)
    web = await a_stored_project(connection, ann)
    model, stored = Model({}), list[UUID]()
    for number in range(SIZE):
        candidates = [None, *(other for other in range(number) if len(model.path(other)) < 5)]
        model.above[number] = above = chance.choice(candidates)
        stored.append(await a_stored_task(connection, web, ann, parent_id=None if above is None else stored[above]))
    for _ in range(STEPS):
        number = chance.randrange(SIZE)
        if chance.random() < 0.5:
            done = model.delete(number)
            try:
                await writes.delete(ann, str(stored[number]))
                assert done
            except TaskNotFound:
                assert not done
        else:
            done = model.restore(number)
            try:
                await restores.restore(ann, str(stored[number]))
                assert done
            except ParentDeleted:
                assert not done
        rows = await connection.fetch("SELECT id, deleted_at, deleted_with FROM tasks")
        found = {stored.index(id_): stored.index(with_) for id_, _, with_ in rows if with_ is not None}
        assert found == model.gone_with
        assert {stored.index(id_) for id_, deleted_at, _ in rows if deleted_at} == model.gone_with.keys()
