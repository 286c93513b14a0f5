"""The embedded PostgreSQL: real clusters in temporary folders, killed, joined, deleted and refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import asyncpg
import pytest

from service.adapters import embedded_postgres
from service.adapters.embedded_postgres import EmbeddedPostgresFailed, Server, binaries, postmaster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.adapters.embedded_postgres.account import Account

# A process of its own that uses the server until its input closes.
_USER = """
import sys
import time
from pathlib import Path
from service.adapters import embedded_postgres
server = embedded_postgres.start(Path(sys.argv[1]), durable=False)
print(server.pid, flush=True)
sys.stdin.read()
embedded_postgres.stop(server)
"""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = embedded_postgres.start(folder, durable=False)
    try:
        yield server
    finally:
        embedded_postgres.stop(server)


@contextmanager
def another_user(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _USER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
        try:
            yield process
        finally:
            process.kill()


def query(server: Server, *statements: str) -> object:
    """The single value that the last statement gives."""

    async def run() -> object:
        connection = await asyncpg.connect(server.url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return anyio.run(run)


def guards_of(folder: Path) -> list[int]:
    """The processes that end the server when nobody uses it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder / "postgres.in-use").encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if postmaster.alive(pid)]


def until(happened: Callable[[], bool]) -> None:
    """Waits for another process; pytest's own timeout ends a wait in vain."""
    while not happened():
        time.sleep(0.02)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose cluster is stopped; tests start a copy of it, since making one costs seconds."""
    folder = tmp_path_factory.mktemp("made")
    with serving(folder):
        pass
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "data")


def test_a_new_folder_gets_a_database_in_utf8_that_listens_on_no_port(folder: Path) -> None:
    with serving(folder) as server:
        assert query(server, "SELECT current_database()") == "worklane"
        assert query(server, "SHOW server_encoding") == "UTF8"
        assert query(server, "SHOW listen_addresses") == ""
        assert query(server, "SELECT 'B' < 'a' AND upper('ä') = 'Ä'") is True
        assert str(query(server, "SHOW server_version")).startswith(server.version)


def test_nobody_but_the_owner_reaches_data_or_socket(folder: Path) -> None:
    with serving(folder) as server:
        record = postmaster.recorded(server.data)
        assert record is not None
        assert server.data.stat().st_mode & 0o777 == 0o700
        assert record.sockets.stat().st_mode & 0o777 == 0o700


def test_data_survive_a_stop_and_the_address_stays_the_same(folder: Path) -> None:
    with serving(folder) as first:
        query(first, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    assert not embedded_postgres.running(first)
    with serving(folder) as second:
        assert query(second, "SELECT n FROM kept") == 7
        assert second.url == first.url


def test_a_second_start_on_the_same_folder_joins_it_and_the_last_user_ends_it(folder: Path) -> None:
    with serving(folder) as first:
        with serving(folder) as second:
            assert second.pid == first.pid
        assert query(first, "SELECT 1") == 1
    assert not postmaster.alive(first.pid)


def test_stopping_twice_does_nothing(folder: Path) -> None:
    with serving(folder) as server:
        embedded_postgres.stop(server)


def test_a_killed_server_is_recovered_with_its_data(folder: Path) -> None:
    first = embedded_postgres.start(folder)
    query(first, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not embedded_postgres.running(first))
    assert (first.data / "postmaster.pid").exists()
    with serving(folder) as second:
        assert query(second, "SELECT n FROM kept") == 7
        assert second.url == first.url
        embedded_postgres.stop(first)
        assert query(second, "SELECT 1") == 1


def test_a_pid_file_that_names_a_process_of_something_else_is_no_obstacle(folder: Path) -> None:
    with serving(folder):
        text = (folder / "postgres" / "postmaster.pid").read_text(encoding="utf-8")
    lines = text.splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    (folder / "postgres" / "postmaster.pid").write_text(stale, encoding="utf-8")
    with serving(folder) as server:
        assert query(server, "SELECT 1") == 1


def test_the_server_ends_when_its_only_user_is_killed(folder: Path) -> None:
    with another_user(folder) as user:
        record = postmaster.recorded(folder / "postgres")
        assert record is not None
        user.kill()
        until(lambda: not postmaster.alive(record.pid))
    with serving(folder) as server:
        assert query(server, "SELECT 1") == 1


def test_a_second_user_needs_no_second_guard(folder: Path) -> None:
    with serving(folder), another_user(folder), serving(folder):
        assert len(guards_of(folder)) == 1


def test_the_server_stays_when_one_of_two_users_is_killed(folder: Path) -> None:
    with serving(folder) as server, another_user(folder) as user:
        user.kill()
        user.wait()
        assert query(server, "SELECT 1") == 1


def test_a_server_that_outlived_everybody_is_joined(folder: Path) -> None:
    with another_user(folder) as user:
        guards = guards_of(folder)
        for pid in guards:
            os.kill(pid, signal.SIGKILL)
        record = postmaster.recorded(folder / "postgres")
        assert record is not None
        user.kill()
        user.wait()
    assert guards
    assert postmaster.alive(record.pid)
    with serving(folder) as server:
        assert server.pid == record.pid
    assert not postmaster.alive(record.pid)


def test_a_server_whose_folder_was_deleted_ends_with_its_user(folder: Path) -> None:
    with serving(folder) as server:
        shutil.rmtree(folder)
    assert not postmaster.alive(server.pid)


def test_eight_starts_at_once_make_one_cluster(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _USER, str(tmp_path)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    pids = {user.stdout.readline() for user in users if user.stdout is not None}
    for user in users:
        user.communicate()
    assert [user.returncode for user in users] == [0] * 8
    assert len(pids) == 1
    until(lambda: not postmaster.alive(int(next(iter(pids)))))


def test_what_a_killed_first_start_left_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n", encoding="ascii")
    with serving(tmp_path) as server:
        assert query(server, "SELECT 1") == 1


def test_a_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").touch()
    with pytest.raises(EmbeddedPostgresFailed, match=r"thesis\.odt.*WORKLANE_DATA_DIR"):
        embedded_postgres.start(tmp_path)
    assert not (tmp_path / "postgres").exists()


def test_a_cluster_of_somebody_else_is_refused(folder: Path) -> None:
    (folder / "postgres" / "worklane.txt").unlink()
    with pytest.raises(EmbeddedPostgresFailed, match=r"cluster that Worklane didn't make.*DATABASE_URL"):
        embedded_postgres.start(folder)


def test_data_of_a_major_that_is_not_installed_are_refused_with_the_way_out(folder: Path) -> None:
    (folder / "postgres" / "PG_VERSION").write_text("9\n", encoding="ascii")
    with pytest.raises(EmbeddedPostgresFailed, match=r"PostgreSQL 9.*Install PostgreSQL 9.*pg_dump.*pg_restore"):
        embedded_postgres.start(folder)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresFailed, match="WORKLANE_DATA_DIR"):
        embedded_postgres.start(tmp_path / "file")


def test_a_socket_folder_that_others_may_enter_is_refused(folder: Path, tmp_path: Path) -> None:
    sockets = postmaster.sockets_of(folder / "postgres")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "file").touch()
    theirs.chmod(0o777)
    theirs.rename(sockets)
    try:
        with pytest.raises(EmbeddedPostgresFailed, match="TMPDIR"):
            embedded_postgres.start(folder)
        assert (sockets / "file").exists()
    finally:
        shutil.rmtree(sockets)


def test_without_any_postgresql_the_message_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(account: Account | None = None) -> Iterator[binaries.Binaries]:
        del account
        return iter(())

    monkeypatch.setattr(binaries, "installed", none)
    assert embedded_postgres.describe() is None
    with pytest.raises(EmbeddedPostgresFailed, match=r"embedded-postgres.*DATABASE_URL"):
        embedded_postgres.start(tmp_path)


def test_the_postgresql_of_a_new_folder_can_be_named() -> None:
    assert str(embedded_postgres.describe()).startswith("PostgreSQL ")
