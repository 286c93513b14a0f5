"""Runs a recipe of the justfile on a machine that has only Python and pip: `python3 just.py serve`."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TOOLS, VENV = ROOT / ".tools", ROOT / ".venv"
LOCK, STAMP = ROOT / "requirements-dev.lock", VENV / "installed"


def get_tools() -> None:
    """Takes uv and just from PATH; pip brings what is missing into .tools, which Debian's managed Python allows too."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(TOOLS / "bin")])
    missing = [package for program, package in (("uv", "uv"), ("just", "rust-just")) if not shutil.which(program)]
    if missing:
        if importlib.util.find_spec("pip") is None:
            sys.exit(f"{sys.executable} has no pip, which fetches {' and '.join(missing)}: apt install python3-pip")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        run(*pip, "--root-user-action=ignore", "--upgrade", "--target", str(TOOLS), *missing)


def make_environment() -> None:
    """Makes .venv hold what the lock says and the project itself; an up-to-date one is left alone."""
    os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
    os.environ.setdefault("UV_SYSTEM_CERTS", "true")  # trust whom the machine trusts, as pip does
    if not os.access(Path.home(), os.W_OK):
        os.environ.setdefault("UV_CACHE_DIR", str(TOOLS / "cache"))
    content = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    place = f"Python {sys.version.split()[0]} of {sys.base_prefix} in {ROOT}"  # an environment can't be moved
    wanted = f"{place}\n{content}\n"
    made = STAMP.read_text(encoding="utf-8") if STAMP.exists() else ""
    if made == wanted:
        return
    if made.split("\n")[0] != place:
        run("uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))
    STAMP.unlink(missing_ok=True)
    uv = ["uv", "pip", "--quiet", "--no-progress"]
    run(*uv, "sync", "--python", str(VENV), "--require-hashes", str(LOCK))
    run(*uv, "install", "--python", str(VENV), "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(wanted, encoding="utf-8")


def run(*command: str) -> None:
    """Runs `command`, and ends with its exit code where it fails: it has said why."""
    code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  (whoever has an older one meets this line first)
        sys.exit(f"Worklane needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    try:
        TOOLS.mkdir(exist_ok=True)
        with (TOOLS / "busy").open("w") as busy:
            fcntl.flock(busy, fcntl.LOCK_EX)  # a second recipe started meanwhile waits until both can run
            get_tools()
            make_environment()
    except PermissionError as error:
        sys.exit(f"You may not write {error.filename}: run this as the owner of {ROOT}, or in a copy of your own.")
    os.execvp("just", ["just", "--justfile", str(ROOT / "justfile"), *sys.argv[1:]])  # noqa: S606  (no shell is the point)
