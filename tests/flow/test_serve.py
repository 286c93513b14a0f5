"""`worklane serve` as an operator meets it: started with nothing set by hand, hurt in every way, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import asyncpg
import pytest

from service.adapters import embedded_postgres
from service.adapters.embedded_postgres.postmaster import alive
from tests.support.serving import Serving, environment, serve, until

if TYPE_CHECKING:
    from collections.abc import Iterator


def query(folder: Path, *statements: str) -> object:
    """The value that the last statement gives in the database of a running or resting data folder."""

    async def run() -> object:
        connection = await asyncpg.connect(server.url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    server = embedded_postgres.start(folder)
    try:
        return anyio.run(run)
    finally:
        embedded_postgres.stop(server)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One `serve` for the tests that leave it in order."""
    with serve(tmp_path_factory.mktemp("serve") / "data") as running:
        until(lambda: "relay" in running.processes())
        yield running


def test_nothing_has_to_be_set_by_hand(running: Serving) -> None:
    assert running.status("/health/live") == 200
    assert running.status("/health/ready") == 200
    assert (running.folder / "keys.json").stat().st_mode & 0o777 == 0o600
    assert query(running.folder, "SELECT count(*) > 0 FROM migration") is True
    assert running.processes().keys() == {"server", "server worker", "relay", "postgres", "guard"}


@pytest.mark.parametrize("victim", ["server", "server worker", "relay"])
def test_a_killed_process_is_replaced_and_takes_its_own_with_it(running: Serving, victim: str) -> None:
    before = running.processes()
    os.kill(before[victim], signal.SIGKILL)
    if victim.startswith("server"):
        until(lambda: not alive(before["server"]) and not alive(before["server worker"]))
    until(lambda: before[victim] != running.processes().get(victim, before[victim]))
    until(lambda: running.status("/health/ready") == 200)


def test_a_killed_postgresql_is_started_again_and_nothing_else_is(running: Serving) -> None:
    before = running.processes()
    os.kill(before["postgres"], signal.SIGKILL)
    until(lambda: before["postgres"] != running.processes().get("postgres", before["postgres"]))
    until(lambda: running.status("/health/ready") == 200)
    assert running.processes()["server worker"] == before["server worker"]


def test_a_second_serve_on_the_port_is_refused(running: Serving, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service.cli", "serve"]
    second = subprocess.run(command, env=environment(tmp_path, running.port), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"Port {running.port}" in second.stderr
    assert running.status("/health/live") == 200


def test_a_second_serve_on_the_folder_joins_and_leaves_the_first_in_peace(running: Serving) -> None:
    with serve(running.folder) as second:
        assert second.status("/health/ready") == 200
    assert running.status("/health/ready") == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    with serve(tmp_path / "data", WORKLANE_WORKERS="2") as serving:
        processes = serving.processes()
        serving.process.send_signal(number)
        assert serving.process.wait() == 0
        until(lambda: serving.processes() == {})
    assert not any(alive(pid) for pid in processes.values())


def test_a_serve_that_ends_is_not_ready_before_it_is_gone(tmp_path: Path) -> None:
    with serve(tmp_path / "data") as serving:
        assert serving.status("/health/ready") == 200
        serving.process.terminate()
        seen = set()
        while serving.process.poll() is None:
            seen.add(serving.status("/health/ready"))
    assert 503 in seen


def test_a_killed_serve_leaves_no_process_and_loses_no_data(tmp_path: Path) -> None:
    with serve(tmp_path / "data") as serving:
        query(serving.folder, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        serving.process.kill()
        until(lambda: serving.processes() == {})
    with serve(tmp_path / "data") as again:
        assert again.status("/health/ready") == 200
        assert query(again.folder, "SELECT n FROM kept") == 7


def test_everything_killed_at_once_loses_no_data(tmp_path: Path) -> None:
    with serve(tmp_path / "data") as serving:
        until(lambda: "relay" in serving.processes())
        query(serving.folder, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        processes = serving.processes()
        for pid in (serving.process.pid, *processes.values()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: serving.processes() == {})
    with serve(tmp_path / "data") as again:
        assert query(again.folder, "SELECT n FROM kept") == 7


def test_a_database_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    server = embedded_postgres.start(tmp_path / "other", durable=False)
    embedded_postgres.stop(server)
    keys = tmp_path / "keys.json"
    make_keys = [sys.executable, "-m", "service.cli", "keys", "create", str(keys)]
    subprocess.run(make_keys, env=environment(tmp_path / "data", 8000), check=True, capture_output=True)
    with serve(tmp_path / "data", DATABASE_URL=server.url, WORKLANE_KEYS_FILE=str(keys)) as serving:
        assert serving.status("/health/live") == 200
        assert serving.status("/health/ready") == 503
        server = embedded_postgres.start(tmp_path / "other", durable=False)
        try:
            until(lambda: serving.status("/health/ready") == 200)
            serving.process.terminate()
            assert serving.process.wait() == 0
        finally:
            embedded_postgres.stop(server)
