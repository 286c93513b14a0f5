"""Our own load generator: keep-alive connections that send prepared requests, in a process that does nothing else.

It reads a Plan on standard input and writes a Result on standard output.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from itertools import cycle
from typing import cast

import msgspec
import uvloop
from msgspec import Struct, field

_END_OF_HEAD = b"\r\n\r\n"


class Plan(Struct):
    """What to send, how many at a time, and for how long."""

    port: int
    connections: int
    seconds: float
    requests: list[bytes]
    # Seconds from one request of a connection to its next; without it the next follows the answer at once.
    pause: float = 0
    # Whether all connections begin in the same moment, as a storm does, or spread over the first pause.
    at_once: bool = True


class Result(Struct):
    """What came back; latencies are in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    # How many answers of each kind were no success, and the first of them.
    refused: dict[str, int] = field(default_factory=dict)
    example: str = ""


class _Load:
    """What the connections share."""

    def __init__(self, plan: Plan) -> None:
        self.requests = cycle(plan.requests)
        self.pause = plan.pause
        self.spread = 0 if plan.at_once else plan.pause
        self.latencies: list[float] = []
        self.refused: dict[str, int] = {}
        self.example = ""
        self.over = False
        self.last = 0.0

    def refuse(self, kind: str, example: str) -> None:
        self.example = self.example or example
        self.refused[kind] = self.refused.get(kind, 0) + 1


class _Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""
        # Bytes of the answer's body that are still to come, once its head is there.
        self._missing: int | None = None
        self._sent = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._later(random.uniform(0, self._load.spread))

    def data_received(self, data: bytes) -> None:
        if self._missing is None:
            self._received += data
            head, found, body = self._received.partition(_END_OF_HEAD)
            if not found:
                return
            if head[9:10] != b"2":
                self._load.refuse(head[9:12].decode(), self._received[:2000].decode("utf-8", "replace"))
            self._missing = _length(head) - len(body)
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._answered()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self._load.refuse("connection lost", "The server closed a connection in the middle.")
            self.done.set_result(None)

    def _send(self) -> None:
        self._received, self._missing = b"", None
        self._sent = time.perf_counter()
        self._transport.write(next(self._load.requests))

    def _answered(self) -> None:
        self._load.last = time.perf_counter()
        self._load.latencies.append(self._load.last - self._sent)
        self._later(self._sent + self._load.pause - self._load.last)

    def _later(self, seconds: float) -> None:
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._load.over:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._send()


def _length(head: bytes) -> int:
    # Both servers say how long their answers are; one that did not would never be seen to end.
    value = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(value)


async def run(plan: Plan) -> Result:
    """Send the plan's requests until its time is over, and wait for the last answers."""
    load = _Load(plan)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    connections = [
        (await loop.create_connection(lambda: _Connection(load), "127.0.0.1", plan.port))[1] for _ in range(plan.connections)
    ]
    await asyncio.sleep(plan.seconds)
    load.over = True
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in connections)), plan.seconds + 30)
    latencies = sorted(load.latencies)
    p50, p99 = (latencies[int(len(latencies) * part)] * 1000 for part in (0.5, 0.99))
    return Result(len(latencies), load.last - started, p50, p99, load.refused, load.example)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(given))))
