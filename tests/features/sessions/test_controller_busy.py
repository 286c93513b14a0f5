"""More logins than can be hashed: they are refused with a time to come back, and everything else goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from service.settings import Passwords
from tests.support.http import made, refused
from tests.support.scenes import PASSWORD, a_project, a_user

if TYPE_CHECKING:
    from service.settings import Settings
    from tests.support.http import Api

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One password may wait, whatever a hash takes here."""
    return replace(settings, passwords=Passwords(memory_kib=7168, iterations=1, queue_seconds=1e-9))


async def test_a_full_queue_answers_503_and_reading_and_writing_go_on(crowd: Api) -> None:
    ann = await a_user(crowd)
    account = {"email": ann.user["email"], "password": PASSWORD}
    held = threading.Event()
    passwords = crowd.app.state.ports.passwords
    # The one thread that hashes is kept busy until the test lets it go on.
    passwords._thread.submit(held.wait, 30)  # noqa: SLF001
    try:
        logins = [asyncio.create_task(crowd.post("/auth/login", account)) for _ in range(20)]
        done: set[asyncio.Task[object]] = set()
        while len(done) < 19:
            finished, _ = await asyncio.wait(set(logins) - done, return_when=asyncio.FIRST_COMPLETED, timeout=30)
            assert finished
            done |= finished
        project = await a_project(ann)
        made(await ann.get(f"/projects/{project['id']}"))
        # Who finds the queue full costs the database nothing.
        statements = crowd.statements()
        refused(await crowd.post("/auth/login", account), 503, "hashing_busy")
        assert statements == []
        refused(await ann.post("/auth/logout-all", {"password": PASSWORD}), 503, "hashing_busy")
    finally:
        held.set()
    answers = await asyncio.gather(*logins)
    assert sorted(answer.status_code for answer in answers) == [200] + [503] * 19
    for answer in answers:
        if answer.status_code == 503:
            problem = refused(answer, 503, "hashing_busy")
            assert problem["outcome"] == "not_applied"
            assert int(answer.headers["retry-after"]) >= 1
    made(await crowd.post("/auth/login", account))
