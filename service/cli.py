"""The `worklane` command: what it takes, and which part of the service does it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import service
from service.adapters.embedded_postgres import EmbeddedPostgresFailed
from service.kernel.errors import Refusal
from service.settings import InvalidSettings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; what an operator can put right is a line on stderr and code 1, bad settings are code 2."""
    asked = _parser().parse_args(arguments)
    try:
        run: Callable[[Settings, argparse.Namespace], None] = asked.run
        run(load_settings(os.environ), asked)
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = _operators_mistake(error)
        if line is None:
            raise
        print(f"worklane: {line}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="worklane", description=service.__doc__)
    parser.add_argument("--version", action="version", version=f"worklane {service.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run everything: database, schema, server, relay")
    serve.add_argument("--reload", action="store_true", help="start the processes anew when the code changes (development)")
    serve.set_defaults(run=_serve)
    commands.add_parser("worker", help="run the relay and the periodic jobs only").set_defaults(run=_worker)
    commands.add_parser("migrate", help="bring the database to the newest schema").set_defaults(run=_migrate)
    commands.add_parser("doctor", help="check the deployment, and say what to do").set_defaults(run=_doctor)
    admins = commands.add_parser("admin", help="who runs the service").add_subparsers(required=True, metavar="COMMAND")
    create = admins.add_parser("create", help="make an admin, and print the link that sets the password")
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--promote", action="store_true", help="if the address has an account, make that one an admin")
    create.set_defaults(run=_create_admin)
    keys = commands.add_parser("keys", help="signing keys").add_subparsers(required=True, metavar="COMMAND")
    create = keys.add_parser("create", help="write a new signing key ring")
    create.add_argument("path", metavar="PATH", nargs="?", type=Path, help="default: WORKLANE_KEYS_FILE, or the data folder's")
    create.add_argument("--algorithm", choices=("HS256", "EdDSA"), default="HS256", help="default: %(default)s")
    create.set_defaults(run=_create_keys)
    rotate = keys.add_parser("rotate", help="add a signing key; sessions go on, and running servers notice")
    rotate.add_argument("path", metavar="PATH", nargs="?", type=Path, help="default: WORKLANE_KEYS_FILE, or the data folder's")
    rotate.add_argument("--algorithm", choices=("HS256", "EdDSA"), help="default: that of the newest key")
    rotate.set_defaults(run=_rotate_keys)
    return parser


def _serve(settings: Settings, asked: argparse.Namespace) -> None:
    from service.serve import serve

    serve(settings, os.environ, reload=asked.reload)


def _worker(settings: Settings, _asked: argparse.Namespace) -> None:
    from service.child_process import run_relay
    from service.provisioning import provisioned

    with provisioned(settings) as provision:
        # An embedded PostgreSQL is still to be stopped.
        run_relay(provision.settings, work_follows=provision.server is not None)


def _migrate(settings: Settings, _asked: argparse.Namespace) -> None:
    from service.adapters.database.migrations import migrate
    from service.provisioning import database_provisioned

    with database_provisioned(settings) as provision:
        names = asyncio.run(migrate(provision.settings.database))
    print("\n".join(f"migrated: {name}" for name in names) or "The schema is the newest already.")


def _doctor(settings: Settings, _asked: argparse.Namespace) -> None:
    from service.doctor import examine

    findings = examine(settings)
    for finding in findings:
        print(f"{finding.level:<4}  {finding.what}: {finding.told}")
    if any(finding.level == "fail" for finding in findings):
        sys.exit(1)


def _create_admin(settings: Settings, asked: argparse.Namespace) -> None:
    from service.adapters.database.migrations import migrate
    from service.composition import create_admin
    from service.provisioning import provisioned

    async def run(settings: Settings, *, migrating: bool) -> str:
        if migrating:
            await migrate(settings.database)
        return await create_admin(settings, asked.email, asked.promote)

    with provisioned(settings) as provision:
        # Nobody else would make the schema of an embedded database that was never served.
        print(asyncio.run(run(provision.settings, migrating=provision.server is not None)))


def _create_keys(settings: Settings, asked: argparse.Namespace) -> None:
    from service.adapters.tokens import create_key_file

    path: Path = asked.path or settings.key_ring
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_key_file(path, asked.algorithm)
    print(f"Wrote {path}: keep it secret, keep a copy, and set WORKLANE_KEYS_FILE to it.")


def _rotate_keys(settings: Settings, asked: argparse.Namespace) -> None:
    from service.adapters.clock import SystemClock
    from service.adapters.key_file import rotate_key_file
    from service.adapters.tokens import LEEWAY

    path: Path = asked.path or settings.key_ring
    now, tokens_live = SystemClock().now(), settings.sessions.access_token_lifetime + LEEWAY
    kid = rotate_key_file(path, now, tokens_live, asked.algorithm)
    print(f"{path}: key {kid} signs from now on; the keys before it verify until {now + tokens_live:%H:%M:%S} UTC.")
    print("Servers that read this very file notice by themselves; give copies of it to others within 10 s.")


def _operators_mistake(error: Exception) -> str | None:
    """The line for what an operator can put right; None for what is a fault of ours."""
    from service.adapters.database.failures import is_failure
    from service.adapters.tokens import InvalidKeys
    from service.provisioning import NoKeys
    from service.serve import AddressUnusable

    if isinstance(error, (AddressUnusable, EmbeddedPostgresFailed, InvalidKeys, NoKeys, Refusal)):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    if is_failure(error):
        return f"The database can't be used: {str(error) or type(error).__name__}"
    return None


if __name__ == "__main__":
    main()
