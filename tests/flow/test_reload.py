"""`worklane serve --reload` as a developer meets it: a copy of the code, changed while it is served."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(service.__file__).parents[1]


@contextmanager
def serving(code: Path, folder: Path) -> Iterator[tuple[int, Path]]:
    """The port of a `serve --reload` of the code, and what it says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    told = {name: value for name, value in os.environ.items() if not name.startswith(("WORKLANE_", "DATABASE_URL"))}
    environ = {**told, "PYTHONPATH": str(code), "WORKLANE_DATA_DIR": str(folder / "data"), "WORKLANE_PORT": str(port)}
    log = folder / "serve.log"
    command = [sys.executable, "-P", "-m", "service.cli", "serve", "--reload"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environ) as process:
        try:
            until(lambda: process.poll() is not None or "answers on" in log.read_text(encoding="utf-8"))
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield port, log
        finally:
            process.terminate()


def until(happened: Callable[[], object]) -> None:
    """Waits for other processes; pytest's own timeout ends a wait in vain."""
    while not happened():
        time.sleep(0.02)


def version(port: int) -> str | None:
    """Which code answers; None while none does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=10) as answer:
            return str(json.load(answer)["version"])
    except OSError:
        return None


def test_what_changes_in_the_code_is_served_at_once_and_a_new_migration_is_run(tmp_path: Path) -> None:
    code = tmp_path / "code"
    for name in ("service", "piccolo_migrations"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    with serving(code, tmp_path) as (port, log):
        assert version(port) == service.__version__
        changed = code / "service" / "__init__.py"
        changed.write_text(changed.read_text(encoding="utf-8").replace(service.__version__, "99.0.0"), encoding="utf-8")
        until(lambda: version(port) == "99.0.0")
        migration = code / "piccolo_migrations" / "worklane_2999_01_01t00_00_00_000000.py"
        migration.write_text('ID = "2999-01-01T00:00:00:000000"\nasync def forwards(): pass\n', encoding="utf-8")
        until(lambda: "Migrated: 2999-01-01T00:00:00:000000." in log.read_text(encoding="utf-8"))
        until(lambda: version(port) == "99.0.0")


def test_a_migration_that_fails_is_told_and_ends_nothing(tmp_path: Path) -> None:
    code = tmp_path / "code"
    for name in ("service", "piccolo_migrations"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    with serving(code, tmp_path) as (port, log):
        migration = code / "piccolo_migrations" / "worklane_2999_01_01t00_00_00_000000.py"
        migration.write_text("half a line (", encoding="utf-8")
        until(lambda: "The migration fails:" in log.read_text(encoding="utf-8"))
        assert version(port) == service.__version__
