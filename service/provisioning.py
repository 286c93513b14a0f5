"""What the settings leave open: a PostgreSQL of our own, and signing keys in the data folder."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from service.adapters import embedded_postgres
from service.adapters.tokens import KeyRing, create_key_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.settings import Settings


class NoKeys(Exception):
    """There are no signing keys, and none may be made up."""


@dataclass
class Provision:
    """Settings in which nothing is open any more, and the server that was started for them, if any."""

    settings: Settings
    server: embedded_postgres.Server | None


@contextmanager
def database_provisioned(settings: Settings) -> Iterator[Provision]:
    """Provides a database where `settings` name none, for as long as the context lasts.

    Raises:
        EmbeddedPostgresFailed: the embedded PostgreSQL can't run.
    """
    if settings.database.url is not None:
        yield Provision(settings, None)
        return
    provision = Provision(settings, embedded_postgres.start(settings.data_dir))
    try:
        url = provision.server.url if provision.server else None
        provision.settings = replace(settings, database=replace(settings.database, url=url))
        yield provision
    finally:
        if provision.server is not None:
            embedded_postgres.stop(provision.server)


@contextmanager
def provisioned(settings: Settings) -> Iterator[Provision]:
    """Provides database and signing keys where `settings` name none, for as long as the context lasts.

    Raises:
        NoKeys: the database is given, and no signing keys are.
        InvalidKeys: the signing keys can't be used.
        EmbeddedPostgresFailed: the embedded PostgreSQL can't run.
    """
    if settings.database.url is not None and settings.keys_file is None:
        raise NoKeys(
            "DATABASE_URL is set, and WORKLANE_KEYS_FILE is not: make signing keys once with"
            " `worklane keys create PATH`, and set WORKLANE_KEYS_FILE to that path wherever this database is served."
        )
    keys = settings.key_ring.resolve()
    if settings.keys_file is not None or keys.exists():
        # Before anything is started: a bad key is a reason to start nothing.
        KeyRing.load(keys)
    with database_provisioned(settings) as provision:
        _ensure_keys(keys)
        provision.settings = replace(provision.settings, keys_file=keys)
        yield provision


def _ensure_keys(path: Path) -> None:
    if path.exists():
        return
    try:
        create_key_file(path, "HS256")
    except Exception:
        # Another `serve` on this folder may have been faster.
        if not path.exists():
            raise
    KeyRing.load(path)
