"""Whether this server process was told that it will end: the supervisor says so by SIGUSR1, before SIGTERM."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

SIGNAL = signal.SIGUSR1

_told = False


def requested() -> bool:
    """Whether a balancer should look elsewhere; requests are still answered."""
    return _told


def ignore() -> None:
    """Lets the signal pass by, in a process that shares the group of a server process but serves nothing itself."""
    signal.signal(SIGNAL, signal.SIG_IGN)


def listen() -> None:
    """Takes the signal from now on; to be called in the main thread."""
    signal.signal(SIGNAL, _take)


def _take(_number: int, _frame: FrameType | None) -> None:
    global _told  # noqa: PLW0603  (a signal belongs to the process, and so does what it says)
    _told = True
