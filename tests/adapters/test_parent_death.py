"""A child process whose parent is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import service
from service.adapters.embedded_postgres.postmaster import alive

# Starts a process that ends with it, says its id, and waits to be killed.
_PARENT = """
import subprocess, sys, os, time
code = ('import os, sys, time; from service.adapters.parent_death import die_with;'
        f'die_with({os.getpid()}); print(os.getpid(), flush=True); time.sleep(600)')
subprocess.Popen([sys.executable, '-c', code])
time.sleep(600)
"""

# Asks to die with a process that isn't its parent: its own.
_ORPHAN = "import os; from service.adapters.parent_death import die_with; die_with(os.getpid()); print('lived')"


@pytest.fixture
def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(service.__file__).parents[1])}


def test_a_child_dies_with_its_killed_parent(environ: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True, env=environ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
        while alive(child):
            time.sleep(0.01)


def test_a_child_whose_parent_died_before_it_could_ask_ends_at_once(environ: dict[str, str]) -> None:
    orphan = subprocess.run([sys.executable, "-c", _ORPHAN], capture_output=True, text=True, env=environ, check=False)
    assert orphan.returncode == -9
    assert orphan.stdout == ""
