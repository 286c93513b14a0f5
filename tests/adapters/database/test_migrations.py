"""Migrations: any number of processes at once, each migration once and whole, and what is said when they can't run."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.adapters.database import DatabaseUnavailable, migrations
from service.adapters.database.migrations import APP_NAME, head, migrate, modules
from service.settings import Database
from tests.support.postgres import clone, empty_database, named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

LOCK = migrations._LOCK  # noqa: SLF001  (what another process holds)
PROGRAM = """
import asyncio, sys
from pathlib import Path
from service.adapters.database import migrations
from service.settings import Database
if len(sys.argv) > 2:
    migrations.FOLDER = Path(sys.argv[2])
print(*asyncio.run(migrations.migrate(Database(url=sys.argv[1]))))
"""
HALF = """
async def forwards():
    await ENGINE.run_ddl("CREATE TABLE half (id integer)")
    {then}
"""


@pytest.fixture
def empty(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any table."""
    with empty_database(postgres_url, f"worklane_empty_{id(request)}") as url:
        yield url


@pytest.fixture
def migrated(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database at this code's head."""
    with clone(postgres_url, f"worklane_migrated_{id(request)}") as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations of the test's own."""
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    return tmp_path


def write(folder: Path, name: str, source: str) -> None:
    """A migration with the code."""
    text = f"import asyncio, sys\nfrom service.adapters.database.engine import ENGINE\nID = {name!r}\n{dedent(source)}"
    (folder / f"worklane_{name}.py").write_text(text, encoding="utf-8")


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """A process that migrates."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, *arguments, stdout=pipe, stderr=pipe)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def marks(url: str) -> list[str]:
    """The migrations that are marked as done, as often as they are."""
    async with connected(url) as connection:
        return [row[0] for row in await connection.fetch("SELECT name FROM migration WHERE app_name = $1 ORDER BY id", APP_NAME)]


async def exists(url: str, relation: str) -> bool:
    async with connected(url) as connection:
        return await connection.fetchval("SELECT to_regclass($1)", relation) is not None


async def seen(connection: asyncpg.Connection[Any], query: str) -> None:
    """Return once another session of this database has sent the query."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1 AND datname = current_database()"
    while not await connection.fetchval(count, query):  # noqa: ASYNC110  (another process's doing, which sets no Event here)
        await asyncio.sleep(0.01)


async def test_eight_processes_migrate_an_empty_database_at_once(empty: str) -> None:
    processes = [await start(empty) for _ in range(8)]
    outputs = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 8, outputs
    ran = [name for output, _ in outputs for name in output.decode().split()]
    everything = [module.ID for module in modules()]
    assert sorted(ran) == everything
    assert await marks(empty) == everything


async def test_a_second_run_does_nothing(empty: str) -> None:
    first = await migrate(Database(url=empty))
    assert first[-1] == head()
    assert await migrate(Database(url=empty)) == []
    assert await marks(empty) == first


async def test_a_process_killed_in_a_migration_leaves_nothing_half_done(migrated: str, folder: Path) -> None:
    before = await marks(migrated)
    write(folder, "1", HALF.format(then="print('half', file=sys.stderr, flush=True); await asyncio.Event().wait()"))
    process = await start(migrated, str(folder))
    assert process.stderr is not None
    assert await process.stderr.readline() == b"half\n"
    process.kill()
    await process.communicate()
    assert not await exists(migrated, "half")
    assert await marks(migrated) == before
    write(folder, "1", HALF.format(then="pass"))
    assert await migrate(Database(url=migrated)) == ["1"]
    assert await exists(migrated, "half")


async def test_a_migration_that_fails_is_undone_and_can_be_tried_again(migrated: str, folder: Path) -> None:
    write(folder, "1", HALF.format(then="await ENGINE.run_ddl('SELECT 1 / 0')"))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(Database(url=migrated))
    assert not await exists(migrated, "half")
    write(folder, "1", HALF.format(then="pass"))
    assert await migrate(Database(url=migrated)) == ["1"]


async def test_migrations_before_the_one_that_fails_stay(migrated: str, folder: Path) -> None:
    before = await marks(migrated)
    write(folder, "2", "async def forwards(): raise ValueError")
    write(folder, "1", HALF.format(then="pass"))
    with pytest.raises(ValueError):  # noqa: PT011  (its own, as it is)
        await migrate(Database(url=migrated))
    assert await marks(migrated) == [*before, "1"]


async def test_a_concurrent_migration_runs_outside_of_a_transaction(migrated: str, folder: Path) -> None:
    source = """
    async def forwards():
        await ENGINE.run_ddl("CREATE INDEX CONCURRENTLY users_locale ON users (locale)")
    """
    write(folder, "1", source)
    with pytest.raises(asyncpg.ActiveSQLTransactionError):
        await migrate(Database(url=migrated))
    write(folder, "1", f"CONCURRENT = True\n{dedent(source)}")
    assert await migrate(Database(url=migrated)) == ["1"]
    assert await exists(migrated, "users_locale")
    assert await migrate(Database(url=migrated)) == []


async def test_an_index_whose_build_was_cut_off_is_built_anew(migrated: str, folder: Path) -> None:
    async with connected(migrated) as connection:
        await connection.execute("CREATE TABLE twice AS SELECT 1 AS id UNION ALL SELECT 1")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY twice_id ON twice (id)")
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'twice_id'::regclass"
        assert await connection.fetchval(valid) is False
        source = """
        from service.adapters.database.indexes import build_concurrently
        CONCURRENT = True
        async def forwards():
            for _ in range(2):
                await build_concurrently({"twice_id": "ON twice (id)"})
        """
        write(folder, "1", source)
        assert await migrate(Database(url=migrated)) == ["1"]
        assert await connection.fetchval(valid) is True


async def test_whoever_finds_another_at_work_waits_for_it(migrated: str, folder: Path) -> None:
    write(folder, "1", HALF.format(then="pass"))
    async with connected(migrated) as other:
        await other.execute("SELECT pg_advisory_lock($1)", LOCK)
        waiting = asyncio.create_task(migrate(Database(url=migrated)))
        await seen(other, "SELECT pg_try_advisory_lock%")
        assert not await exists(migrated, "half")
        await other.execute("SELECT pg_advisory_unlock($1)", LOCK)
        assert await waiting == ["1"]


async def test_waiting_for_another_has_an_end(migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_PATIENCE", -1.0)
    async with connected(migrated) as other:
        await other.execute("SELECT pg_advisory_lock($1)", LOCK)
        with pytest.raises(DatabaseUnavailable, match="Another process has been migrating"):
            await migrate(Database(url=migrated))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "Connect call failed"),
        ("postgresql://nobody@/none?host=/no/such/folder", "No such file"),
        ("mysql://nobody@127.0.0.1/none", "invalid DSN"),
    ],
)
async def test_a_database_that_is_not_there_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=f"The database can't be reached: .*{reason}"):
        await migrate(Database(url=url))


async def test_an_address_that_cannot_be_read_is_no_outage() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await migrate(Database(url="postgresql://nobody@127.0.0.1:port/none"))


async def test_a_server_without_this_database_is_refused(postgres_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        await migrate(Database(url=named(postgres_url, "worklane_never_made")))


def test_migrations_run_in_the_order_of_their_ids(folder: Path) -> None:
    for name in ("2026-02", "2025-12", "2026-01"):
        write(folder, name, "")
    (folder / "__init__.py").write_text("raise AssertionError", encoding="utf-8")
    assert [module.ID for module in modules()] == ["2025-12", "2026-01", "2026-02"]
    assert head() == "2026-02"
