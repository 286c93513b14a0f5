"""Load on one server for some seconds: by wrk where PATH has one, else by our own generator."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from bench.client import Plan, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.asgi import Request

CONNECTIONS = 32
_ROOT = Path(__file__).resolve().parents[1]
_MARK = "bench result: "
_SCRIPT = """
local requests = {%s}
local index = 0
request = function()
  index = index %% #requests + 1
  return requests[index]
end
done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('\\n%s{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "refused": {%%s}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout == 0 and '' or string.format(
      '"status above 399": %%d, "connect": %%d, "read": %%d, "write": %%d, "timeout": %%d',
      errors.status, errors.connect, errors.read, errors.write, errors.timeout)))
end
"""


def generator() -> str:
    """Which one is used: on few cores it takes part in the result."""
    return "wrk" if shutil.which("wrk") else "bench/client.py"


def load(port: int, requests: Sequence[Request], seconds: float) -> Result:
    """Keep the server busy with 32 requests at a time.

    Raises:
        RuntimeError: the generator itself broke; the message holds what it printed.
    """
    raw = [_encode(port, request) for request in requests]
    return _by_wrk(port, raw, seconds) if shutil.which("wrk") else _by_client(Plan(port, CONNECTIONS, seconds, raw))


class Pace(Struct, frozen=True):
    """So many connections, each with so many seconds from one request to its next; see bench/client.py."""

    connections: int
    pause: float
    at_once: bool


def paced(port: int, requests: Sequence[Request], seconds: float, pace: Pace) -> Result:
    """Requests that come at their own pace, however fast they are answered; always by our own generator.

    Raises:
        RuntimeError: the generator itself broke; the message holds what it printed.
    """
    raw = [_encode(port, request) for request in requests]
    return _by_client(Plan(port, pace.connections, seconds, raw, pace.pause, pace.at_once))


def _encode(port: int, request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1", f"host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in request.headers()]
    return "\r\n".join([*lines, "", ""]).encode() + request.body


def _by_client(plan: Plan) -> Result:
    command = [sys.executable, "-m", "bench.client"]
    return msgspec.json.decode(_output(command, msgspec.json.encode(plan)), type=Result)


def _by_wrk(port: int, raw: Sequence[bytes], seconds: float) -> Result:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        # As Lua's decimal escapes: every byte is one of a text in any language.
        texts = ("".join(f"\\{byte:03}" for byte in request) for request in raw)
        script.write(_SCRIPT % (", ".join(f'"{text}"' for text in texts), _MARK))
        script.flush()
        # It takes whole seconds only.
        whole = f"{max(1, round(seconds))}s"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d", whole, "-s", script.name, f"http://127.0.0.1:{port}"]
        output = _output(command, b"")
    return msgspec.json.decode(output.rpartition(_MARK.encode())[2], type=Result)


def _output(command: list[str], given: bytes) -> bytes:
    ran = subprocess.run(command, cwd=_ROOT, input=given, capture_output=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stderr.decode()[-4000:]}")
    return ran.stdout
