"""The PostgreSQL that a test run uses: the first that is there of TEST_DATABASE_URL, testcontainers, and one of our own."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from service.adapters import embedded_postgres
from service.adapters.database.migrations import migrate
from service.settings import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = "worklane_template"


@contextmanager
def postgres() -> Iterator[tuple[str, str]]:
    """A server as (URL of a database for administration, what it is)."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url, "TEST_DATABASE_URL"
    elif _engine_answers():
        with _container() as url:
            yield url, "testcontainers (postgres:18-alpine)"
    else:
        folder = Path(tempfile.mkdtemp(prefix="worklane-tests-"))
        server = embedded_postgres.start(folder, durable=False)
        try:
            yield server.url, f"embedded PostgreSQL {server.version}"
        finally:
            embedded_postgres.stop(server)
            shutil.rmtree(folder, ignore_errors=True)


def _engine_answers() -> bool:
    # A DOCKER_HOST or a docker client says nothing of an engine: only one that answers will do.
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return False
    import docker  # noqa: PLC0415  (comes with testcontainers, and is slow to import)

    try:
        client = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return False
    client.close()
    return True


@contextmanager
def _container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    command = "postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"
    with PostgresContainer("postgres:18-alpine", driver=None).with_command(command) as container:
        yield container.get_connection_url()


def make_template(url: str) -> None:
    """A migrated database that clones are made of."""

    async def make() -> None:
        await _administer(url, f'DROP DATABASE IF EXISTS "{TEMPLATE}"', f'CREATE DATABASE "{TEMPLATE}" TEMPLATE template0')
        await migrate(Database(url=named(url, TEMPLATE)))

    asyncio.run(make())


@contextmanager
def clone(url: str, name: str) -> Iterator[str]:
    """A database of its own, as the migrations leave it."""
    asyncio.run(
        _administer(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    )
    try:
        yield named(url, name)
    finally:
        asyncio.run(_administer(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@contextmanager
def empty_database(url: str, name: str) -> Iterator[str]:
    """A database without any table."""
    asyncio.run(
        _administer(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" TEMPLATE template0')
    )
    try:
        yield named(url, name)
    finally:
        asyncio.run(_administer(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def named(url: str, name: str) -> str:
    """The URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _administer(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
