"""The end of a process whose threads hang."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, threading
from service.adapters.hung_lookups import leave_soon

async def main():
    hanging = asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    leave_soon(0.1)
    print("done", flush=True)

asyncio.run(main())
"""


def test_a_thread_that_hangs_holds_no_process_up() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "done\n")
