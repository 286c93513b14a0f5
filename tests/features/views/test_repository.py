"""What PostgreSQL reads for a list of views when there are many more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from uuid_utils.compat import uuid7

from service.features.views.repository import PiccoloViews
from service.kernel.paging import Window
from tests.support.factories import SOME_DAY
from tests.support.plans import rows_read
from tests.support.stored import a_stored_project, a_stored_user, insert

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.adapters.database import Database
    from service.kernel.actor import Actor

pytestmark = pytest.mark.anyio

STRANGERS = 300
# Each with a project, and ten views there of which each second is shared.
THEIRS = """
WITH people AS (
    INSERT INTO users
        (id, email, canonical_email, role, is_active, timezone, locale, created_at, updated_at, version, field_versions)
    SELECT gen_random_uuid(), n || '@example.com', n || '@example.com', 'user', true, 'UTC', 'en', now(), now(), 1, '{}'
    FROM generate_series(1, $1::int) AS n RETURNING id
), projects AS (
    INSERT INTO projects (id, key, name, require_if_match, last_number, created_at, updated_at, version, field_versions)
    SELECT id, 'P' || row_number() OVER (), 'Theirs', false, 0, now(), now(), 1, '{}' FROM people
), memberships AS (
    INSERT INTO memberships (id, project_id, user_id, role, created_at)
    SELECT gen_random_uuid(), id, id, 'owner', now() FROM people
)
INSERT INTO views (id, owner_id, project_id, name, filter, sort, shared, created_at, updated_at, version, field_versions)
SELECT gen_random_uuid(), id, id, md5(n::text), 'priority = 5', '-created_at', n % 2 = 0, now(), now(), 1, '{}'
FROM people, generate_series(1, 10) AS n
"""


async def a_stored_view(
    connection: asyncpg.Connection[Any], owner: Actor, project_id: UUID | None = None, *, shared: bool = False
) -> None:
    """A view that somebody has made."""
    await insert(
        connection, "views", id=uuid7(), owner_id=owner.id, project_id=project_id, name="Mine", filter="priority = 5",
        sort="number", shared=shared, created_at=SOME_DAY, updated_at=SOME_DAY, version=1, field_versions="{}",
    )  # fmt: skip


@pytest.mark.parametrize("sort", ["name", "-created_at"])
async def test_a_list_reads_ones_own_views_and_those_shared_with_one_and_no_others(
    database: Database, connection: asyncpg.Connection[Any], sort: str
) -> None:
    ann, bob = await a_stored_user(connection, "Ann"), await a_stored_user(connection, "Bob")
    web = await a_stored_project(connection, bob, "WEB", member=ann)
    shop = await a_stored_project(connection, bob, "SHOP")
    await a_stored_view(connection, ann)
    await a_stored_view(connection, ann, web)
    await a_stored_view(connection, bob, web, shared=True)
    await a_stored_view(connection, bob, web)
    await a_stored_view(connection, bob, shop, shared=True)
    # Of a project that she doesn't belong to any more.
    await a_stored_view(connection, ann, shop)
    await connection.execute(THEIRS, STRANGERS)
    await connection.execute("ANALYZE views, projects, memberships, users")

    async def read() -> None:
        assert len((await PiccoloViews(database).page(ann, None, Window(50, 0, (sort,)))).items) == 3

    # Six at most are hers or in a project of hers; each is come by once to find it, and once to show it.
    assert await rows_read(database, connection, "views", read) <= 2 * 6
