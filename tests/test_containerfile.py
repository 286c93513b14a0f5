"""What the image is made of: all that the service needs, and nothing that it doesn't."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
# All that the processes import, where some modules can't be; and a schema made, which Piccolo has its own ideas of.
PROGRAM = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in set(sys.argv[2:]):
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Refused())
import granian.server, uvloop
import service.child_process, service.cli, service.doctor, service.serve, service.worker
import asyncio
from service.adapters.database.migrations import migrate
from service.app import create_app
from service.settings import Database

create_app().state.openapi()
print(*asyncio.run(migrate(Database(url=sys.argv[1]))))
"""


@pytest.fixture
def empty_url(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any table."""
    with empty_database(postgres_url, f"worklane_image_{id(request)}") as url:
        yield url


def left_out() -> list[str]:
    """The distributions that the Containerfile takes away again."""
    found = re.search(r"uv pip uninstall --quiet\s+(.*?)\s+&&", CONTAINERFILE)
    assert found
    return found[1].split()


def modules(distribution: str) -> Iterator[str]:
    """The names under which it is imported."""
    for file in metadata.files(distribution) or ():
        name = file.parts[0].partition(".")[0]
        if name.isidentifier() and (len(file.parts) > 1 or file.suffix in {".py", ".so"}):
            yield name


def test_no_process_imports_what_the_image_leaves_out(
    empty_url: str, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    monkeypatch.setenv("WORKLANE_KEYS_FILE", str(key_file))
    refused = {name for distribution in left_out() for name in modules(distribution)} - {"tests"}
    assert {"black", "faker", "pydantic", "rich"} <= refused
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, empty_url, *refused], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_the_lock_holds_everything_that_is_left_out() -> None:
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8")))
    assert set(left_out()) <= locked


def test_what_is_copied_gets_past_the_ignore_file_and_nothing_else_does() -> None:
    copied = {source for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", CONTAINERFILE) for source in line.split()[:-1]}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
