"""The house that tests of repositories begin with: Ann, and her project WEB. Tests over HTTP have people of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.features.tasks.repository import PiccoloTasks
from tests.support.stored import a_stored_project, a_stored_user

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock


@pytest.fixture
def tasks(database: Database, clock: FakeClock) -> PiccoloTasks:
    return PiccoloTasks(database, clock)


@pytest.fixture
async def ann(connection: asyncpg.Connection[Any]) -> Actor:
    return await a_stored_user(connection, "Ann")


@pytest.fixture
async def web(connection: asyncpg.Connection[Any], ann: Actor) -> UUID:
    """Ann's project WEB."""
    return await a_stored_project(connection, ann, "WEB")
