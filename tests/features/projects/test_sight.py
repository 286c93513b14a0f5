"""Which projects somebody may still see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from service.features.projects.sight import ProjectSight
from tests.support.factories import SOME_DAY
from tests.support.stored import a_stored_project, a_stored_user

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database

pytestmark = [pytest.mark.anyio, pytest.mark.integration]


async def test_members_see_their_projects_and_admins_all(database: Database, connection: asyncpg.Connection[Any]) -> None:
    sight = ProjectSight(database)
    ann, bob = await a_stored_user(connection, "Ann"), await a_stored_user(connection, "Bob")
    root = await a_stored_user(connection, "Root", is_admin=True)
    web = await a_stored_project(connection, ann, "WEB", viewer=bob)
    own = await a_stored_project(connection, ann, "OWN")
    gone = await a_stored_project(connection, ann, "GONE", deleted_at=SOME_DAY)
    assert await sight.sees(ann, [web, own], deleted=False)
    assert await sight.sees(bob, [web], deleted=False)
    assert not await sight.sees(bob, [web, own], deleted=True)
    assert await sight.sees(root, [web, own], deleted=False)
    assert not await sight.sees(root, [uuid4()], deleted=True)
    for person in (ann, root):
        assert not await sight.sees(person, [web, gone], deleted=False)
        assert await sight.sees(person, [web, gone], deleted=True)


async def test_a_token_sees_no_more_than_it_is_for(database: Database, connection: asyncpg.Connection[Any]) -> None:
    sight = ProjectSight(database)
    ann = await a_stored_user(connection, "Ann")
    web, own = await a_stored_project(connection, ann, "WEB"), await a_stored_project(connection, ann, "OWN")
    token = replace(ann, project_ids=frozenset({web}))
    assert await sight.sees(token, [web], deleted=False)
    assert not await sight.sees(token, [web, own], deleted=True)
