"""Lints the OpenAPI description and plays a tour with generated clients; `just accept-clients` runs it. Needs npm and uv."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = (
    "@stoplight/spectral-cli@6.16.3",
    "@types/node@20.19.0",
    "openapi-fetch@0.17.0",
    "openapi-typescript@7.13.0",
    "typescript@5.9.3",
)
GENERATOR = "openapi-python-client@0.29.1"
VALIDATOR = "openapi-spec-validator@0.9.0"
STRICT = ("--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext")


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """A service of its own with an empty database; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "WORKLANE_PORT": str(port), "WORKLANE_DATA_DIR": str(folder / "data")}
    serve = subprocess.Popen([ROOT / ".venv/bin/worklane", "serve"], env=environment)
    try:
        wait_until_ready(address, serve)
        yield address
    finally:
        serve.terminate()
        serve.wait(30)


def wait_until_ready(address: str, serve: subprocess.Popen[bytes]) -> None:
    """Return once the service answers.

    Raises:
        RuntimeError: it ended, or took longer than a minute.
    """
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{address}/api/v1/health/ready"):  # noqa: S310  (http, our own)
                return
        except (urllib.error.URLError, ConnectionError):
            if serve.poll() is not None:
                break
            time.sleep(0.2)
    message = "the service did not start: its output above says why"
    raise RuntimeError(message)


def run(folder: Path, *command: str | Path) -> None:
    """Run a command in the folder; its failure ends the check."""
    print("$", *command, flush=True)
    subprocess.run(command, cwd=folder, check=True)


def check(folder: Path, address: str) -> None:
    """Every step, in the folder."""
    urllib.request.urlretrieve(f"{address}/api/v1/openapi.json", folder / "openapi.json")  # noqa: S310  (as above)
    for file in ("tour.ts", "tour.py"):
        shutil.copy(HERE / file, folder)
    shutil.copy(ROOT / ".spectral.yaml", folder)
    (folder / "package.json").write_text("{}\n", encoding="utf-8")
    run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES)
    run(folder, "npx", "spectral", "lint", "--fail-severity", "hint", "openapi.json")
    run(folder, "uvx", "--quiet", VALIDATOR, "openapi.json")
    run(folder, "npx", "openapi-typescript", "openapi.json", "--output", "schema.d.ts")
    run(folder, "npx", "tsc", *STRICT, "tour.ts")
    run(folder, "node", "tour.js", address)
    run(folder, "uvx", "--quiet", GENERATOR, "generate", "--path", "openapi.json", "--output-path", "client", "--meta", "uv")
    run(folder, "uv", "run", "--quiet", "--no-project", "--with", "./client", "python", "tour.py", address)


def main() -> int:
    """Report as an exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with service(folder) as address:
            try:
                check(folder, address)
            except subprocess.CalledProcessError as failed:
                print(f"failed with {failed.returncode}: {failed.cmd}")
                return 1
    print("Both clients played the tour.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
