"""`worklane doctor`: what it finds in deployments that are well, and in each that isn't."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import asyncpg
import pytest
import time_machine
from msgspec.structs import replace

from service import cli
from service.adapters import embedded_postgres
from service.adapters.database.examination import Finding, examine_database
from service.doctor import examine
from service.settings import Database, Network, Origin, Settings, SmtpUrl
from tests.support.postgres import clone, empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def healthy(key_file: Path, tmp_path: Path) -> Settings:
    """An instance on this machine that was never started."""
    return Settings(port=free_port(), keys_file=key_file, data_dir=tmp_path / "data")


@pytest.fixture
def migrated(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of the test's own, at head."""
    with clone(postgres_url, f"worklane_doctor_{id(request)}") as url:
        yield Database(url=url)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def found(settings: Settings, what: str) -> Finding:
    """The one line about it."""
    (finding,) = [finding for finding in examine(settings) if finding.what == what]
    return finding


def found_in(database: Database, what: str, workers: int = 1) -> Finding:
    """The one line about it."""
    (finding,) = [finding for finding in anyio.run(examine_database, database, workers) if finding.what == what]
    return finding


def execute(database: Database, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(database.url)
        try:
            for statement in statements:
                # CREATE INDEX CONCURRENTLY is meant to fail half way.
                with suppress(asyncpg.UniqueViolationError):
                    await connection.execute(statement)
        finally:
            await connection.close()

    anyio.run(run)


def test_an_instance_on_this_machine_needs_nothing(healthy: Settings) -> None:
    assert not [finding for finding in examine(healthy) if finding.level == "fail"]


PROXIED: dict[str, Any] = {"host": "0.0.0.0", "public_url": "https://tracker.example.org"}


@pytest.mark.parametrize(
    ("changes", "what", "level", "words"),
    [
        ({"keys_file": None}, "signing keys", "ok", "first start"),
        ({"keys_file": Path("nowhere.json")}, "signing keys", "fail", "worklane keys create"),
        ({"keys_file": None, "database": Database(url="postgresql://127.0.0.1:1/x")}, "signing keys", "fail", "keys create"),
        (PROXIED, "TLS", "ok", "https://tracker.example.org"),
        (PROXIED | {"public_url": None}, "TLS", "fail", "WORKLANE_PUBLIC_URL"),
        (PROXIED | {"public_url": "http://tracker.example.org"}, "TLS", "fail", "in clear"),
        (PROXIED | {"public_url": "http://localhost:8000"}, "TLS", "warn", "this machine only"),
        (PROXIED, "proxies", "fail", "WORKLANE_TRUSTED_PROXIES"),
        (PROXIED | {"trusted_proxies": (Network("10.0.0.5/32"),)}, "proxies", "ok", "10.0.0.5/32"),
        ({"trusted_proxies": (Network("10.0.0.5/32"), Network("::/0"))}, "proxies", "fail", "::/0 lets every caller"),
        ({"cors_origins": (Origin("https://app.example.org"), Origin("http://localhost:3000"))}, "CORS", "ok", "only for https"),
        ({"cors_origins": (Origin("http://app.example.org"),)}, "CORS", "warn", "http://app.example.org"),
        ({"workers": 64}, "processes", "warn", "WORKLANE_WORKERS"),
        ({"log_level": "debug"}, "logging", "warn", "WORKLANE_LOG_LEVEL"),
        ({"rate_limits": "off"}, "rate limits", "fail", "WORKLANE_RATE_LIMITS"),
        ({"smtp_url": None}, "mail", "warn", "WORKLANE_SMTP_URL"),
        ({"smtp_url": SmtpUrl("smtp://127.0.0.1:1")}, "mail", "fail", "WORKLANE_SMTP_URL"),
        ({"database": Database(url="postgresql://127.0.0.1:1/x")}, "database", "fail", "DATABASE_URL"),
    ],
)
def test_each_setting_is_judged_with_what_to_do(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], what: str, level: str, words: str
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    finding = found(replace(healthy, **changes), what)
    assert finding.level == level
    assert words in finding.told


def test_a_key_file_that_others_may_read_is_a_fault(healthy: Settings, tmp_path: Path) -> None:
    open_file = tmp_path / "keys.json"
    open_file.write_bytes(healthy.key_ring.read_bytes())
    open_file.chmod(0o644)
    assert found(replace(healthy, keys_file=open_file), "signing keys").level == "fail"


def test_a_mail_server_that_answers_is_well(healthy: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = SmtpUrl(f"smtp://127.0.0.1:{listener.getsockname()[1]}")
        assert found(replace(healthy, smtp_url=url), "mail").level == "ok"


@pytest.mark.parametrize(("gib", "level"), [(0.5, "fail"), (2, "warn"), (50, "ok")])
def test_a_full_disk_is_told_before_it_is_full(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch, gib: float, level: str
) -> None:
    usage = shutil._ntuple_diskusage(10**12, 0, int(gib * 2**30))  # noqa: SLF001  (its own type)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert found(healthy, "disk").level == level


def test_a_data_folder_that_is_not_ours_is_a_fault(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert found(healthy, "disk").level == "fail"


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not status:
                return
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name there)
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "level"), [(200, "ok"), (503, "fail"), (0, "fail")])
def test_whether_what_listens_is_ready_is_told(healthy: Settings, status: int, level: str) -> None:
    with answering(status) as port:
        assert found(replace(healthy, port=port), "health").level == level


def test_a_migrated_database_is_well(migrated: Database) -> None:
    levels = {finding.what: finding.level for finding in anyio.run(examine_database, migrated, 1)}
    # A database for tests is fast because it isn't durable.
    assert levels.pop("durability") in {"ok", "fail"}
    assert set(levels.values()) == {"ok"}
    assert {"database", "migrations", "indexes", "connections", "clock", "database TLS", "X-Forwarded-For"} == levels.keys()


def test_the_database_of_the_data_folder_is_looked_into(healthy: Settings) -> None:
    embedded_postgres.stop(embedded_postgres.start(healthy.data_dir, durable=False))
    assert found(healthy, "migrations").level == "fail"


def test_a_data_folder_that_holds_no_database_is_a_fault(healthy: Settings) -> None:
    (healthy.data_dir / "postgres").mkdir(parents=True)
    (healthy.data_dir / "postgres" / "thesis.odt").touch()
    finding = found(healthy, "database")
    assert finding.level == "fail"
    assert str(healthy.data_dir) in finding.told


def test_a_database_without_schema_is_a_fault(postgres_url: str, request: pytest.FixtureRequest) -> None:
    with empty_database(postgres_url, f"worklane_bare_{id(request)}") as url:
        assert found_in(Database(url=url), "migrations").level == "fail"


def test_a_missing_migration_is_a_fault(migrated: Database) -> None:
    execute(migrated, "DELETE FROM migration WHERE id = (SELECT max(id) FROM migration)")
    assert found_in(migrated, "migrations") == ("fail", "migrations", "1 are missing: run `worklane migrate`")


def test_a_newer_schema_is_told(migrated: Database) -> None:
    execute(migrated, "INSERT INTO migration (name, app_name) VALUES ('2999-01-01T00:00:00:000000', 'worklane')")
    assert found_in(migrated, "migrations").level == "warn"


def test_an_index_that_was_left_half_made_is_named(migrated: Database) -> None:
    execute(
        migrated,
        "CREATE TABLE twins (n int)",
        "INSERT INTO twins VALUES (1), (1)",
        "CREATE UNIQUE INDEX CONCURRENTLY twins_n ON twins (n)",
    )
    finding = found_in(migrated, "indexes")
    assert finding.level == "fail"
    assert "twins_n" in finding.told


def test_pools_that_postgresql_has_no_room_for_are_a_fault(migrated: Database) -> None:
    finding = found_in(replace(migrated, pool_size=200), "connections", workers=64)
    assert finding.level == "fail"
    assert "WORKLANE_DATABASE__POOL_SIZE" in finding.told


def test_a_proxy_that_was_not_believed_is_told_until_it_is_trusted(migrated: Database) -> None:
    for age, ip in ((1, "10.0.0.5"), (6, "fd00::7"), (8, "10.0.0.9")):
        execute(
            migrated,
            "INSERT INTO audit_events (id, time, action, outcome, actor_kind, request_id, ip) VALUES (gen_random_uuid(), "  # noqa: S608
            f"now() - interval '{age} days', 'forwarded_for.ignored', 'failure', 'anonymous', 'request-0001', '{ip}')",
        )
    assert found_in(migrated, "X-Forwarded-For").level == "fail"
    assert "from 10.0.0.5, fd00::7: if that is your proxy" in found_in(migrated, "X-Forwarded-For").told
    proxies = ("10.0.0.0/24", "fd00::7/128")
    (finding,) = [each for each in anyio.run(examine_database, migrated, 1, proxies) if each.what == "X-Forwarded-For"]
    assert finding.level == "ok"


def test_a_clock_out_of_step_is_a_fault(migrated: Database) -> None:
    with time_machine.travel("2020-01-01T00:00:00Z"):
        assert found_in(migrated, "clock").level == "fail"


def test_the_command_prints_a_line_each_and_fails_with_the_worst(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(("WORKLANE_", "DATABASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WORKLANE_DATA_DIR", str(healthy.data_dir))
    monkeypatch.setenv("WORKLANE_PORT", str(healthy.port))
    cli.main(["doctor"])
    assert all(line.split(" ")[0] in {"ok", "warn"} for line in capsys.readouterr().out.splitlines())
    monkeypatch.setenv("WORKLANE_RATE_LIMITS", "off")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["doctor"])
    assert stopped.value.code == 1
    assert "fail  rate limits: " in capsys.readouterr().out
    assert not healthy.data_dir.exists()
