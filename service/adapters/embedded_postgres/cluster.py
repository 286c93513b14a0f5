"""One PostgreSQL cluster in a data folder: made at the first start, joined where it runs, recovered after a crash."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from service.adapters.embedded_postgres import binaries, locks, postmaster
from service.adapters.embedded_postgres.account import Account, account_for
from service.adapters.embedded_postgres.failure import EmbeddedPostgresFailed

if TYPE_CHECKING:
    from service.adapters.embedded_postgres.binaries import Binaries

_NAME = "worklane"
# Says that a cluster is ours; written last, so that one without it is somebody else's.
_MARKER = "worklane.txt"
_MARKER_TEXT = "This PostgreSQL cluster was made by `worklane serve`, which starts and stops it.\n"
# What may lie in the data folder before the first start: ours, and what file systems put there.
_OURS = {
    "keys.json",
    "mail",
    "postgres",
    "postgres.log",
    "postgres.starting",
    "postgres.in-use",
    "postgres.guard",
    "postgres.new",
}
_FILE_SYSTEMS = {"lost+found", ".DS_Store", ".gitignore", ".gitkeep"}
# Crash recovery replays at most max_wal_size; pg_ctl gives up after this many seconds.
_START_SECONDS = 120
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # PostgreSQL's own default, named because the data set of a small team fits in it.
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Refused inserts are everyday life here, and their DETAIL holds people's addresses.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
}
_PAUSE = 0.02
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Server:
    """A running embedded PostgreSQL, and our hold on it."""

    url: str
    version: str
    data: Path
    pid: int
    hold: int = field(repr=False, compare=False)


def describe() -> str | None:
    """Which PostgreSQL a new data folder would get, or None where none is installed."""
    account = account_for(Path(tempfile.gettempdir()) / "postgres")
    return next((str(found) for found in binaries.installed(account)), None)


def start(folder: Path, *, durable: bool = True) -> Server:
    """Starts the PostgreSQL of the data folder `folder`, or joins it where it runs; it ends with its last user.

    `durable=False` trades crash safety for speed, for tests.

    Raises:
        EmbeddedPostgresFailed: no PostgreSQL fits, or the folder can't be used.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locks.starting(folder):
            hold = locks.hold(folder)
            try:
                return _started(folder, hold, durable=durable)
            except BaseException:
                os.close(hold)
                raise
    except OSError as error:
        raise EmbeddedPostgresFailed(
            f"Can't use the data folder {folder}: {error.strerror} ({error.filename})."
            " Set WORKLANE_DATA_DIR to a folder that you can write."
        ) from error


def stop(server: Server) -> None:
    """Lets go of the server, and ends it unless someone else uses it; a second call does nothing.

    Raises:
        EmbeddedPostgresFailed: it does not end.
    """
    try:
        alone = locks.claim_alone(server.hold)
    except OSError:
        return
    try:
        if alone and not postmaster.end_server_of(server.data, server.pid):
            raise EmbeddedPostgresFailed(f"PostgreSQL (process {server.pid}) on {server.data} does not stop. End it by hand.")
    finally:
        os.close(server.hold)


def running(server: Server) -> bool:
    """Whether the server still lives: someone may have killed it."""
    return postmaster.serves(server.pid, server.data) is not False


def _started(folder: Path, hold: int, *, durable: bool) -> Server:
    data = folder / "postgres"
    _refuse_foreign(folder, data)
    account = account_for(data)
    account.admit(folder)
    if (found := _living(data)) is not None:
        version = _running_version(data, account)
        pid, sockets = found.pid, found.sockets
    else:
        chosen = binaries.choose(data, account)
        if not data.exists():
            _create(folder, data, chosen, account, durable=durable)
        account.own(data)
        _sweep(data)
        pid, sockets = _launch(folder, chosen, account, durable=durable)
        version = chosen.version
    postmaster.guard(locks.in_use(folder), data, pid)
    query = urlencode({"host": str(sockets), "port": 5432}, safe="/")
    return Server(url=f"postgresql://{_NAME}@/{_NAME}?{query}", version=version, data=data, pid=pid, hold=hold)


def _refuse_foreign(folder: Path, data: Path) -> None:
    if (data / _MARKER).exists():
        return
    strangers = sorted({entry.name for entry in folder.iterdir()} - _OURS - _FILE_SYSTEMS)
    if strangers:
        raise EmbeddedPostgresFailed(
            f"{folder} holds files that aren't Worklane's ({', '.join(strangers[:3])})."
            " Set WORKLANE_DATA_DIR to an empty or a new folder."
        )
    if data.exists():
        if any(data.iterdir()):
            what = "a PostgreSQL cluster" if (data / "PG_VERSION").exists() else "files"
            raise EmbeddedPostgresFailed(
                f"{data} holds {what} that Worklane didn't make. Set WORKLANE_DATA_DIR to an empty or a new folder,"
                " or DATABASE_URL to use that PostgreSQL."
            )
        data.rmdir()


def _living(data: Path) -> postmaster.Record | None:
    """The postmaster on `data` that some other process started, once it accepts connections."""
    deadline = time.monotonic() + _START_SECONDS
    while (record := postmaster.recorded(data)) is not None:
        serving = postmaster.serves(record.pid, data)
        if serving is False:
            return None
        if record.ready and serving:
            break
        # Recovering, or ending: both pass. A process that isn't ours to look at does not.
        if serving is None or time.monotonic() > deadline:
            raise EmbeddedPostgresFailed(f"Process {record.pid} may be PostgreSQL on {data}, but doesn't serve. Stop it.")
        time.sleep(_PAUSE)
    if record is not None and not record.sockets.is_dir():
        raise EmbeddedPostgresFailed(
            f"PostgreSQL runs on {data} (process {record.pid}), but its socket folder {record.sockets} is not there."
            " Stop the process, and try again."
        )
    return record


def _running_version(data: Path, account: Account) -> str:
    major = int((data / "PG_VERSION").read_text(encoding="ascii"))
    return next((found.version for found in binaries.installed(account) if found.major == major), str(major))


def _create(folder: Path, data: Path, chosen: Binaries, account: Account, *, durable: bool) -> None:
    """Makes the cluster beside its place and moves it there when complete, so that a kill leaves no half cluster."""
    new = folder / "postgres.new"
    if new.exists():
        _end_survivors(new)
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    account.own(new)
    sync = [] if durable else ["--no-sync"]
    made = account.run([*_initdb(chosen), *sync, "-D", str(new)])
    if made.returncode != 0:
        raise EmbeddedPostgresFailed(f"{chosen} can't make its data folder in {folder}: {_last_line(made.stdout)}")
    fast = [] if durable else ["-F"]
    single = [str(chosen.folder / "postgres"), "--single", "-D", str(new), *fast, "postgres"]
    made = account.run(single, text=f"CREATE DATABASE {_NAME};\n")
    if made.returncode != 0 or b"ERROR" in made.stdout:
        raise EmbeddedPostgresFailed(f"{chosen} can't make the database {_NAME} in {folder}: {_last_line(made.stdout)}")
    (new / _MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
    new.rename(data)
    _write_out(folder)


def _write_out(folder: Path) -> None:
    """Makes a rename in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _initdb(chosen: Binaries) -> list[str]:
    if chosen.major >= 17:
        # One order of text on every system, from PostgreSQL itself and not from its C library.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        locale = ["--locale=C.UTF-8"] if os.uname().sysname == "Linux" else ["--locale=C"]
    access = ["-U", _NAME, "--auth-local=trust", "--auth-host=reject"]
    return [str(chosen.folder / "initdb"), *locale, "-E", "UTF8", *access, "--data-checksums", "--no-instructions"]


def _end_survivors(data: Path) -> None:
    for pid in postmaster.survivors(data):
        if not postmaster.end_at_once(pid):
            raise EmbeddedPostgresFailed(f"Process {pid} of an earlier PostgreSQL on {data} does not end. End it by hand.")


def _sweep(data: Path) -> None:
    """Removes what a killed postmaster leaves: its backends, its pid file, its socket and the lock on it."""
    _end_survivors(data)
    # PostgreSQL takes a zombie's or a recycled process id for a living postmaster, and would refuse.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _socket_folder(data: Path, account: Account) -> Path:
    """The folder for the socket, empty and ours alone."""
    path = postmaster.sockets_of(data)
    owner = os.geteuid() if account.uid is None else account.uid
    path.mkdir(mode=0o700, exist_ok=True)
    account.own(path)
    state = path.lstat()
    if path.is_symlink() or state.st_uid != owner or state.st_mode & 0o077:
        raise EmbeddedPostgresFailed(
            f"{path}, the folder for PostgreSQL's socket, is not ours alone. Remove it, or set TMPDIR to another folder."
        )
    for leftover in path.iterdir():
        leftover.unlink()
    return path


def _launch(folder: Path, chosen: Binaries, account: Account, *, durable: bool) -> tuple[int, Path]:
    data = folder / "postgres"
    sockets = _socket_folder(data, account)
    settings = {**_SETTINGS, "unix_socket_directories": str(sockets), **({} if durable else _NOT_DURABLE)}
    options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    log = folder / "postgres.log"
    command = [str(chosen.folder / "pg_ctl"), "start", "-w", "-t", str(_START_SECONDS), "-o", options]
    # To a file: the server keeps the output open, so a pipe would never end.
    with log.open("wb") as output:
        log.chmod(0o600)
        # By variable, since pg_ctl hands -D to a shell.
        result = account.run(command, output=output, PGDATA=str(data))
    record = postmaster.recorded(data)
    if result.returncode != 0 or record is None:
        raise EmbeddedPostgresFailed(f"{chosen} does not start on {data}: {_last_line(log.read_bytes())} More in {log}.")
    return record.pid, sockets


def _last_line(output: bytes) -> str:
    """What a program complained about, in one line."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "ERROR" in line or "error:" in line]
    return (telling or lines or ["no message."])[-1].strip()
