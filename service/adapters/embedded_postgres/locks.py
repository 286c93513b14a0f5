"""File locks of the data folder: who is starting its PostgreSQL, and who uses it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from service.adapters.embedded_postgres.failure import EmbeddedPostgresFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A first start takes seconds, a recovery can take minutes; longer than this, someone hangs.
PATIENCE = 180.0
_PAUSE = 0.02


def in_use(folder: Path) -> Path:
    """The file that every user of the server holds shared; who gets it alone knows that nobody uses the server."""
    return folder / "postgres.in-use"


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Lets one process at a time make or start the cluster in `folder`.

    Raises:
        EmbeddedPostgresFailed: another one has been at it for minutes.
    """
    with (folder / "postgres.starting").open("ab") as file:
        _wait(file.fileno(), fcntl.LOCK_EX, folder)
        yield


def hold(folder: Path) -> int:
    """Marks the server of `folder` as used, until the returned descriptor is closed or this process is gone.

    Raises:
        EmbeddedPostgresFailed: someone has been stopping the server for minutes.
    """
    descriptor = os.open(in_use(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, fcntl.LOCK_SH, folder)
    except EmbeddedPostgresFailed:
        os.close(descriptor)
        raise
    return descriptor


def claim_alone(descriptor: int) -> bool:
    """Turns a hold into the only one; False when others hold the server too.

    A guard or another stopping user may be ending the server right now: that is waited for.
    """
    while True:
        if _try(descriptor, fcntl.LOCK_EX):
            return True
        if _try(descriptor, fcntl.LOCK_SH):
            return False
        time.sleep(_PAUSE)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(descriptor: int, kind: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _try(descriptor, kind):
        if time.monotonic() > deadline:
            raise EmbeddedPostgresFailed(
                f"Another process has been starting or stopping the PostgreSQL in {folder} for {PATIENCE:.0f} s."
                " End that one, and try again."
            )
        time.sleep(_PAUSE)
