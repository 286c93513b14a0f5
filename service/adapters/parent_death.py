"""Makes a child process end with its parent, even where the parent is killed and can't end it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# From linux/prctl.h; see prctl(2).
_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Has the kernel kill this process once `parent`, which started it, is gone; only Linux takes such a wish."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have died before the wish was heard.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
