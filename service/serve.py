"""`worklane serve`: database, keys, schema, server processes and relay from one command, and the end of all of it."""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import service
from service.adapters import embedded_postgres
from service.adapters.database.failures import is_failure
from service.adapters.database.migrations import FOLDER, migrate
from service.adapters.embedded_postgres import EmbeddedPostgresFailed
from service.adapters.hung_lookups import leave_soon
from service.adapters.source_changes import SourceFiles
from service.child_process import numeric
from service.kernel.errors import Unavailable
from service.provisioning import Provision, provisioned
from service.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.settings import Settings

# How often a missing database is tried again, and a living one looked at: it is served again within 3 s of its return.
_RETRY_SECONDS = 0.5
_LISTENING_SECONDS = 60.0


class AddressUnusable(Exception):
    """`serve` can't listen where the settings say."""


def serve(settings: Settings, environ: Mapping[str, str], *, reload: bool = False) -> None:
    """Serves until Ctrl-C or SIGTERM; with `reload`, what changes in the code is served at once.

    Raises:
        AddressUnusable: the port is busy, or the address isn't ours.
        NoKeys, InvalidKeys, EmbeddedPostgresFailed: see `provisioned`.
    """
    # Before the event loop takes signals over, they must still unwind what was started.
    for number in _ending_signals():
        signal.signal(number, _leave)
    with reserved(settings.host, settings.port), provisioned(settings) as provision:
        asyncio.run(_Serve(provision, environ, reload=reload).run())


def _ending_signals() -> list[signal.Signals]:
    # Under `nohup` the end of the terminal is not ours.
    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hangup]


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def reserved(host: str, port: int) -> socket.socket:
    """A socket that keeps the port ours while server processes come and go; it never listens itself.

    Raises:
        AddressUnusable: something listens there, or nothing may.
    """
    try:
        address = (numeric(host, port), port)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        # Granian shares its port (SO_REUSEPORT), so that a second `serve` would take half of the first one's requests.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        holder = socket.socket(family)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Not refused but unprotected, where connections of another program linger on the port.
        with suppress(OSError):
            holder.bind(address)
    except OSError as error:
        raise AddressUnusable(_why(error, host, port)) from error
    return holder


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use. End what listens there, or set WORKLANE_PORT to a free port."
    if error.errno == errno.EACCES:
        return f"This account may not listen on port {port}. Set WORKLANE_PORT to one above 1023."
    return f"Can't listen on {host}: {error.strerror}. Set WORKLANE_HOST to an address of this machine."


class _Serve:
    def __init__(self, provision: Provision, environ: Mapping[str, str], *, reload: bool) -> None:
        self._provision = provision
        self._reload = reload
        self._settings = provision.settings
        self._supervisor = Supervisor(_environ(provision.settings, environ), _say)
        self._data_dir = provision.settings.data_dir.resolve()
        self._told_data_dir = environ.get("WORKLANE_DATA_DIR")

    async def run(self) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _ending_signals():
            loop.add_signal_handler(number, lambda: hurry.set() if stop.is_set() else stop.set())
        work = [asyncio.ensure_future(part) for part in (stop.wait(), self._start(), self._supervisor.failed())]
        if self._provision.server is not None:
            work.append(asyncio.ensure_future(self._keep_database()))
        if self._reload:
            work.append(asyncio.ensure_future(self._follow_code()))
        try:
            # Everything but `_start` ends only by `stop`, or because it broke.
            while not stop.is_set():
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    work.remove(task)
                    task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self._supervisor.end(hurry)
        if self._provision.server is None:
            leave_soon()

    async def _start(self) -> None:
        """Starts the server processes; the relay once the schema is there, for which a missing database is waited."""
        migrated = await self._try_to_migrate(None)
        for number in range(1, self._settings.workers + 1):
            self._supervisor.keep(Child(f"server process {number}", _child("server"), drains=True))
        await self._announce()
        while migrated is not None:
            await asyncio.sleep(_RETRY_SECONDS)
            migrated = await self._try_to_migrate(migrated)
        self._supervisor.keep(Child("relay", _child("relay")))

    async def _try_to_migrate(self, said: str | None) -> str | None:
        """Why it didn't work, said once; None when it did."""
        try:
            names = await migrate(self._settings.database)
        except Exception as error:
            if not (is_failure(error) or isinstance(error, Unavailable)):
                raise
            reason = str(error) or type(error).__name__
            if reason != said:
                _say(f"{reason} Trying again until it works.")
            return reason
        if said is not None:
            _say("The database is there.")
        if names:
            _say(f"Migrated: {', '.join(names)}.")
        return None

    async def _announce(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        await _listening(self._settings.host, self._settings.port)
        server = self._provision.server
        if server is not None:
            _say(f"Data folder: {self._data_dir} (PostgreSQL {server.version})")
        prefix = f"WORKLANE_DATA_DIR={shlex.quote(str(self._data_dir))} " if self._told_data_dir and server else ""
        _say(f"First admin: {prefix}{_program()} admin create you@example.org")
        _say(f"Worklane {service.__version__} answers on http://{host}:{self._settings.port} until Ctrl-C.")

    async def _follow_code(self) -> None:
        """Starts the children anew when the code changes, a new migration included; this process itself stays as it is."""
        code = SourceFiles((Path(service.__file__).parent, FOLDER))
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            if not await asyncio.to_thread(code.changed):
                continue
            try:
                await self._try_to_migrate(None)
            except Exception as error:  # noqa: BLE001  (half a migration in an editor is no reason to end)
                _say(f"The migration fails: {error}")
                continue
            _say("The code changed; the processes start anew.")
            self._supervisor.restart()

    async def _keep_database(self) -> None:
        """Starts the embedded PostgreSQL again when someone kills it; its address stays the same."""
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            server = self._provision.server
            if server is None or embedded_postgres.running(server):
                continue
            _say(f"PostgreSQL (process {server.pid}) is gone; starting it again.")
            try:
                self._provision.server = await asyncio.to_thread(embedded_postgres.start, self._data_dir)
            except EmbeddedPostgresFailed as error:
                _say(str(error))
                continue
            await asyncio.to_thread(embedded_postgres.stop, server)


async def _listening(host: str, port: int) -> None:
    deadline = asyncio.get_running_loop().time() + _LISTENING_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _environ(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What the children see: our environment, and what was left open in it."""
    # `-P` keeps the working folder out of their path, where another package named `service` may lie.
    root = str(Path(service.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))
    told = {name: value for name, value in environ.items() if name != "DATABASE_URL_FILE"}
    return {
        **told,
        "PYTHONPATH": path,
        "DATABASE_URL": settings.database.url or "",
        "WORKLANE_KEYS_FILE": str(settings.keys_file),
    }


def _child(kind: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "service.child_process", kind, str(os.getpid()))


def _program() -> str:
    return sys.argv[0] if Path(sys.argv[0]).name == "worklane" else "worklane"


def _say(line: str) -> None:
    print(line, flush=True)
