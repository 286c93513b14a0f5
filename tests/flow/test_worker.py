"""The worker as one: it delivers what it is notified of, does every job, and waits for a database that is away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from msgspec.structs import replace

from service import worker
from service.composition import compose
from service.features.sessions.feature import KEPT
from service.settings import Settings, SmtpUrl
from tests.support.scenes import a_user
from tests.support.smtp import mail_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from service.wiring import Job, Ports
    from tests.support.fakes import FakeClock
    from tests.support.http import Api

pytestmark = pytest.mark.anyio


@pytest.fixture
async def jobs(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[dict[str, Job]]:
    """The jobs of all features by name, on an open database of the test's own event loop."""
    ports: Ports = compose(settings, clock=clock)
    await ports.database.open()
    try:
        yield {job.name: job for job in worker.work(ports)[1]}
    finally:
        await ports.database.close()
        ports.passwords.close()


async def test_a_running_worker_mails_whoever_registers(api: Api, settings: Settings, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()

    def tell() -> bool:
        loop.call_soon_threadsafe(arrived.set)
        return True

    with mail_server() as server:
        server.on_mail = tell
        task = asyncio.create_task(worker.run(replace(settings, smtp_url=SmtpUrl(server.url), data_dir=tmp_path)))
        people = []
        for _ in range(3):
            people.append(await a_user(api))
            await arrived.wait()
            arrived.clear()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    assert server.addresses() == [person.user["email"] for person in people]


async def test_tokens_are_forgotten_when_nobody_can_use_them(
    api: Api, jobs: dict[str, Job], connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    person = await a_user(api)
    now = clock.now()
    for name, expires_at in (("past", now - timedelta(seconds=1)), ("now", now), ("good", now + timedelta(seconds=1))):
        await connection.execute(
            "INSERT INTO one_time_tokens (token_hash, user_id, purpose, created_at, expires_at) "
            "VALUES ($1, $2::uuid, 'verify', $3, $4)",
            name, person.user["id"], now, expires_at,
        )  # fmt: skip
    await jobs["prune_one_time_tokens"].run()
    assert [row[0] for row in await connection.fetch("SELECT token_hash FROM one_time_tokens")] == ["good"]


@pytest.mark.parametrize("column", ["ended_at", "expires_at", "idle_expires_at"])
async def test_sessions_are_forgotten_a_month_after_their_end(
    api: Api, jobs: dict[str, Job], connection: asyncpg.Connection[Any], clock: FakeClock, column: str
) -> None:
    old, recent, living = [await a_user(api) for _ in range(3)]
    update = f"UPDATE sessions SET {column} = $2 WHERE user_id = $1::uuid"  # noqa: S608
    await connection.execute(update, old.user["id"], clock.now() - KEPT - timedelta(seconds=1))
    await connection.execute(update, recent.user["id"], clock.now() - KEPT + timedelta(seconds=1))
    await jobs["prune_sessions"].run()
    left = {str(row[0]) for row in await connection.fetch("SELECT user_id FROM sessions")}
    assert left == {recent.user["id"], living.user["id"]}


async def test_every_job_bears_to_run_twice_at_once(jobs: dict[str, Job]) -> None:
    assert {"prune_one_time_tokens", "prune_sessions"} <= jobs.keys()
    await asyncio.gather(*(job.run() for job in (*jobs.values(), *jobs.values())))
