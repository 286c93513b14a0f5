"""Guessing a password at two servers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.scenes import PASSWORD
from tests.support.serving import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import asyncpg

    from service.wiring import Ports

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ACTIONS = "SELECT action FROM audit_events WHERE target_digest = $1"


@pytest.fixture
async def servers(
    tmp_path: Path, worker_database: str, key_file: Path, connection: asyncpg.Connection[Any]
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two processes of the same instance, each with its own port."""
    # The limits per caller are another matter than the lock.
    settings = {"DATABASE_URL": worker_database, "WORKLANE_KEYS_FILE": str(key_file), "WORKLANE_RATE_LIMITS": "off"}
    with ExitStack() as stack:
        running = [stack.enter_context(serve(tmp_path / name, **settings)) for name in ("one", "two")]
        async with AsyncExitStack() as clients:
            limits = httpx.Limits(max_connections=None)
            yield [
                await clients.enter_async_context(
                    httpx.AsyncClient(base_url=f"http://127.0.0.1:{each.port}/api/v1", limits=limits, timeout=60)
                )
                for each in running
            ]


async def log_in(servers: Sequence[httpx.AsyncClient], email: str, passwords: Sequence[str]) -> Counter[str]:
    """How many logins ended how, each on the next server, all at once."""
    answers = await asyncio.gather(
        *(
            servers[number % 2].post("/auth/login", json={"email": email, "password": password})
            for number, password in enumerate(passwords)
        )
    )
    return Counter(answer.json().get("code", "tokens") for answer in answers)


async def test_of_two_hundred_wrong_passwords_five_are_verified_whether_or_not_anybody_has_the_address(
    servers: list[httpx.AsyncClient], connection: asyncpg.Connection[Any], ports: Ports
) -> None:
    made = await servers[0].post("/auth/register", json={"email": "ann.lockout@example.com", "password": PASSWORD})
    assert made.status_code == 201
    wrong = [f"Wrong-horse-{number}" for number in range(200)]
    for email in ("ann.lockout@example.com", "nobody.lockout@example.com"):
        assert await log_in(servers, email, wrong) == {"login_failed": 5, "login_locked": 195}
        rows = await connection.fetch(ACTIONS, ports.vault.digest("login throttle", email))
        assert Counter(row["action"] for row in rows) == {"login.failed": 5, "login.locked": 1, "login.throttled": 195}
    # Neither server verifies the right one now.
    assert await log_in(servers, "ann.lockout@example.com", [PASSWORD] * 2) == {"login_locked": 2}


async def test_fifty_right_passwords_over_two_servers_all_let_in(servers: list[httpx.AsyncClient]) -> None:
    made = await servers[0].post("/auth/register", json={"email": "bob.lockout@example.com", "password": PASSWORD})
    assert made.status_code == 201
    assert await log_in(servers, "bob.lockout@example.com", [PASSWORD] * 50) == {"tokens": 50}
