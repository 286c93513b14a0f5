"""Millions of tasks in minutes: one large project, many small ones, and words of every frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from service.adapters.ids import UuidIds

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

# Half of all tasks are in one project, the others in projects of a thousand; the caller has the large one and some small ones.
SMALL_PROJECTS = 10
_STEP = 100_000
_TABLES = ["tasks", "task_texts"]

# The ids grow with the time, as the service's own do. "fence" is in every task, "paint" in a fifth, "zebra" in forty.
_TASKS = """
INSERT INTO tasks (id, project_id, number, title, description, status, completed_at, priority, due_date, assignee_id, reporter_id,
                   comment_count, created_at, updated_at, version, field_versions)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || left(md5(n::text), 3) || '8' || right(md5(n::text), 15))::uuid,
       CASE WHEN n % 2 = 0 THEN $1::uuid ELSE ($2::uuid[])[1 + (n / 2) % cardinality($2::uuid[])] END,
       CASE WHEN n % 2 = 0 THEN n / 2 + 1 ELSE (n / 2) / cardinality($2::uuid[]) + 1 END,
       'Task ' || n || ' of many' || CASE WHEN n % ($4::int / 20) < 2 THEN ' zebra' ELSE '' END,
       'What is to be done here, and why: the fence' || CASE WHEN n % 10 < 2 THEN ' paint' ELSE '' END
           || ' w' || n % 1999 || ' v' || n::bigint * 7919 % 2003 || ' u' || n / 100 % 1777 || ' t' || n::bigint * 104729 % 997,
       status, CASE WHEN status = 'done' THEN now() END, n % 5 + 1,
       CASE WHEN n % 3 > 0 THEN now() + (n % 30 - 10) * interval '1 day' + n * interval '1 millisecond' END,
       CASE WHEN n / 4 % 2 = 0 THEN $3::uuid END, $3::uuid, 0,
       now() - ($4::int - n) * interval '1 second', now() - ($4::int - n) * interval '1 second', 1, '{}'
FROM generate_series($5::int, $6::int) AS n, LATERAL (SELECT (ARRAY['todo', 'in_progress', 'done', 'cancelled'])[1 + n / 4 % 4])
     AS of (status)
"""
# What the triggers would do, all at once.
_TEXTS = """
INSERT INTO task_texts (task_id, project_id, block, document)
SELECT id, project_id, block, search_document(block, title, 'A') || search_document(block, description, 'B')
FROM tasks, LATERAL (SELECT search_block(project_id, number)) AS of (block)
"""


class Street(Struct, frozen=True):
    """The caller's projects."""

    large: UUID
    small: list[UUID]
    in_large: int


async def fill(connection: asyncpg.Connection[Any], tasks: int) -> Street:
    """Put so many tasks into a database that has none, its indexes built after them."""
    person, large = UuidIds().new(), UuidIds().new()
    small = [UuidIds().new() for _ in range(max(SMALL_PROJECTS, tasks // 2000))]
    await _people(connection, person, [large, *small])
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes "
        "WHERE tablename = ANY($1::text[]) AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        _TABLES,
    )
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    await connection.execute(
        "SET session_replication_role = replica; SET maintenance_work_mem = '1GB'; SET synchronous_commit = off"
    )
    for first in range(0, tasks, _STEP):
        await connection.execute(_TASKS, large, small, person, tasks, first, min(tasks, first + _STEP) - 1)
    await connection.execute(_TEXTS)
    for _, definition in indexes:
        await connection.execute(definition)
    await connection.execute(
        "UPDATE projects p SET last_number = t.newest "
        "FROM (SELECT project_id, max(number) AS newest FROM tasks GROUP BY project_id) t WHERE t.project_id = p.id"
    )
    await connection.execute("VACUUM ANALYZE")
    return Street(large, small[:SMALL_PROJECTS], tasks // 2)


async def _people(connection: asyncpg.Connection[Any], person: UUID, projects: list[UUID]) -> None:
    await connection.execute(
        "INSERT INTO users (id, email, canonical_email, role, is_active, timezone, locale, created_at, updated_at, version, "
        "field_versions) VALUES ($1, 'bob@example.com', 'bob@example.com', 'user', true, 'UTC', 'en', now(), now(), 1, '{}')",
        person,
    )
    await connection.execute(
        "INSERT INTO projects (id, key, name, require_if_match, last_number, created_at, updated_at, version, field_versions) "
        "SELECT id, 'P' || place, 'Project ' || place, false, 0, now(), now(), 1, '{}' "
        "FROM unnest($1::uuid[]) WITH ORDINALITY AS of (id, place)",
        projects,
    )
    await connection.execute(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at) "
        "SELECT gen_random_uuid(), id, $1, 'owner', now() FROM unnest($2::uuid[]) AS of (id)",
        person,
        projects,
    )
