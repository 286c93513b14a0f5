"""The `worklane` command: what it answers to an operator's mistakes, each with one line and an exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import service
from service import cli
from service.adapters.tokens import KeyRing

if TYPE_CHECKING:
    from pathlib import Path

# A port of the loopback that nothing listens on: 1 is reserved (RFC 6335 tcpmux) and needs root.
UNREACHABLE = "postgresql://worklane@127.0.0.1:1/worklane"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("WORKLANE_", "DATABASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WORKLANE_DATA_DIR", str(tmp_path / "data"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """Exit code and the one line of a command that is refused."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return stopped.value.code, printed.err


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)


@pytest.fixture
def key_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    cli.main(["keys", "create", str(tmp_path / "keys.json")])
    capsys.readouterr()
    return tmp_path / "keys.json"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"worklane {service.__version__}\n"


def test_an_unknown_setting_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKLANE_PROT", "8000")
    code, line = refused(capsys, "migrate")
    assert code == 2
    assert "WORKLANE_PROT" in line


def test_every_wrong_setting_is_named_at_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKLANE_PORT", "http")
    monkeypatch.setenv("WORKLANE_WORKERS", "none")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["migrate"])
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert [line.partition("=")[0] for line in lines] == ["WORKLANE_PORT", "WORKLANE_WORKERS"]


def test_a_command_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([])
    assert stopped.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_a_new_key_ring_is_private_and_can_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "new" / "keys.json"
    cli.main(["keys", "create", str(path), "--algorithm", algorithm])
    assert str(path) in capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o600
    assert isinstance(KeyRing.load(path), KeyRing)


def test_a_key_ring_lands_in_the_data_folder_unless_told_otherwise(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cli.main(["keys", "create"])
    assert str(tmp_path / "data" / "keys.json") in capsys.readouterr().out
    assert isinstance(KeyRing.load(tmp_path / "data" / "keys.json"), KeyRing)


def test_an_existing_key_ring_is_never_overwritten(capsys: pytest.CaptureFixture[str], key_file: Path) -> None:
    before = key_file.read_bytes()
    code, line = refused(capsys, "keys", "create", str(key_file))
    assert code == 1
    assert str(key_file) in line
    assert key_file.read_bytes() == before


def test_a_rotated_ring_has_a_new_key_beside_the_old_one(capsys: pytest.CaptureFixture[str], key_file: Path) -> None:
    (before,) = json.loads(key_file.read_text(encoding="utf-8"))["keys"]
    cli.main(["keys", "rotate", str(key_file), "--algorithm", "EdDSA"])
    old, new = json.loads(key_file.read_text(encoding="utf-8"))["keys"]
    assert (old["kid"], new["algorithm"]) == (before["kid"], "EdDSA")
    told = capsys.readouterr().out
    assert new["kid"] in told
    assert str(key_file) in told
    assert not any(secret in told for secret in (old["secret"], new["private"]))


def test_the_data_folder_s_ring_is_rotated_unless_told_otherwise(tmp_path: Path) -> None:
    cli.main(["keys", "create"])
    cli.main(["keys", "rotate"])
    assert len(json.loads((tmp_path / "data" / "keys.json").read_text(encoding="utf-8"))["keys"]) == 2


def test_a_ring_that_is_not_there_is_not_rotated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, line = refused(capsys, "keys", "rotate", str(tmp_path / "none.json"))
    assert code == 1
    assert "worklane keys create" in line


def test_a_key_ring_in_a_folder_that_is_a_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, line = refused(capsys, "keys", "create", str(tmp_path / "file" / "keys.json"))
    assert code == 1
    assert str(tmp_path / "file") in line


@pytest.mark.parametrize("command", [("serve",), ("worker",), ("admin", "create", "ada@example.org")])
def test_a_database_of_ones_own_asks_for_keys_of_ones_own(command: tuple[str, ...]) -> None:
    answer = run(*command, DATABASE_URL=UNREACHABLE, WORKLANE_PORT=str(free_port()))
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "WORKLANE_KEYS_FILE" in answer.stderr
    assert "worklane keys create" in answer.stderr


def test_migrating_an_unreachable_database_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE)
    code, line = refused(capsys, "migrate")
    assert code == 1
    assert "can't be reached" in line


def test_making_an_admin_in_an_unreachable_database_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key_file: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE)
    monkeypatch.setenv("WORKLANE_KEYS_FILE", str(key_file))
    code, line = refused(capsys, "admin", "create", "ada@example.org")
    assert code == 1
    assert "database" in line


def test_a_busy_port_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        answer = run("serve", WORKLANE_PORT=port)
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert f"Port {port}" in answer.stderr
    assert "WORKLANE_PORT" in answer.stderr
    assert not (tmp_path / "data").exists()


def test_an_address_of_another_machine_is_refused() -> None:
    # From the block for documentation, RFC 5737.
    answer = run("serve", WORKLANE_HOST="192.0.2.1", WORKLANE_PORT=str(free_port()))
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "WORKLANE_HOST" in answer.stderr


def test_a_foreign_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.odt").touch()
    answer = run("serve", WORKLANE_PORT=str(free_port()))
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "thesis.odt" in answer.stderr


def test_a_short_secret_is_refused_before_anything_is_started(tmp_path: Path, key_file: Path) -> None:
    shortened = shorten(json.loads(key_file.read_text(encoding="utf-8")))
    key_file.write_text(json.dumps(shortened), encoding="utf-8")
    answer = run("serve", WORKLANE_KEYS_FILE=str(key_file), WORKLANE_PORT=str(free_port()))
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert str(key_file) in answer.stderr
    assert not (tmp_path / "data").exists()


def shorten(ring: object) -> object:
    """The same ring with every secret cut to four characters."""
    if isinstance(ring, dict):
        return {name: value[:4] if name == "secret" else shorten(value) for name, value in ring.items()}
    if isinstance(ring, list):
        return [shorten(item) for item in ring]
    return ring


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
