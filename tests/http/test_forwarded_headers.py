"""X-Forwarded-For from somebody who is no trusted proxy: ignored, and kept for `worklane doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import raw
from tests.support.raw import HOST

if TYPE_CHECKING:
    import asyncpg
    from litestar import Litestar

pytestmark = pytest.mark.anyio


async def test_the_first_header_that_is_ignored_is_kept_in_the_audit_with_its_peer_and_no_other(
    app: Litestar, connection: asyncpg.Connection[Any]
) -> None:
    before = await connection.fetchval("SELECT coalesce(max(sequence), 0) FROM audit_events")
    headers = [HOST, (b"x-forwarded-for", b"198.51.100.7")]
    async with app.lifespan():
        for _ in range(3):
            assert (await raw.call(app, "GET", "/api/v1/health", headers=headers)).status == 200
    rows = await connection.fetch("SELECT action, reason, ip FROM audit_events WHERE sequence > $1", before)
    assert [tuple(row) for row in rows] == [("forwarded_for.ignored", "untrusted_proxy", "192.0.2.7")]


async def test_a_header_is_ignored_without_a_database_too(app: Litestar) -> None:
    answer = await raw.call(app, "GET", "/api/v1/health", headers=[HOST, (b"x-forwarded-for", b"198.51.100.7")])
    assert answer.status == 200
