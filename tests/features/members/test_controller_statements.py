"""How many statements lists of members and invitations cost, the look-up of the session included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.member_scenes import verified
from tests.support.scenes import a_project, a_user

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(api: Api, connection: asyncpg.Connection[Any]) -> Api:
    """Ann with a project WEB of sixty members and sixty invitations, and sixty invitations of her own."""
    ann = await a_user(api, "Ann")
    await verified(connection, ann)
    web = await a_project(ann, key="WEB")
    await connection.execute(
        "INSERT INTO users (id, email, canonical_email, role, is_active, timezone, locale, created_at, updated_at, version, "
        "field_versions) SELECT gen_random_uuid(), n || '@example.com', n || '@example.com', 'user', true, 'UTC', 'en', now(), "
        "now(), 1, '{}' FROM generate_series(1, 60) AS n"
    )
    await connection.execute(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at) SELECT gen_random_uuid(), $1::uuid, id, 'viewer', "
        "now() FROM users WHERE id <> $2::uuid",
        web["id"],
        ann.user["id"],
    )
    await connection.execute(
        "INSERT INTO projects (id, key, name, require_if_match, last_number, created_at, updated_at, version, field_versions) "
        "SELECT gen_random_uuid(), 'K' || n, 'K', false, 0, now(), now(), 1, '{}' FROM generate_series(1, 60) AS n"
    )
    invite = (
        "INSERT INTO invitations (id, project_id, email, canonical_email, role, inviter_id, created_at, expires_at) "
        "SELECT gen_random_uuid(), {project}, {email}, {email}, 'viewer', $1::uuid, now(), now() + interval '1 day' FROM {source}"
    )
    to_web = invite.format(project="$2::uuid", email="n || '@example.org'", source="generate_series(1, 60) AS n")
    await connection.execute(to_web, ann.user["id"], web["id"])
    own = invite.format(project="projects.id", email="$2::text", source="projects WHERE key LIKE 'K%'")
    await connection.execute(own, ann.user["id"], ann.user["email"])
    return ann


@pytest.mark.parametrize(
    ("path", "total", "most"),
    [("/projects/WEB/members", 61, 4), ("/projects/WEB/invitations", 60, 4), ("/users/me/invitations", 60, 3)],
)
@pytest.mark.parametrize("query", ["", "?limit=10&count=exact"])
async def test_a_list_costs_the_same_however_long_it_is(ann: Api, path: str, total: int, most: int, query: str) -> None:
    seen = ann.statements()
    assert made(await ann.get(f"{path}{query}"))["total"] == total
    # The session, the project and the caller's role in it, the rows, and their number.
    assert len(seen) <= most
