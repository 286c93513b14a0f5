"""Argon2id in one thread of low priority, behind a queue that refuses rather than grows.

In asyncio's own executor, reads beside eight login clients fall to a tenth of their rate, on the event loop to a
thousandth; in one niced thread they keep three quarters (measured).
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from service.kernel.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.settings import Passwords

T = TypeVar("T")

_NICENESS = 10
# The first hash pays for cold memory; the mean of a few says what one costs here.
_CALIBRATING_HASHES = 8


class HashingBusy(Unavailable):
    """More passwords wait to be hashed than the queue takes."""

    code = "hashing_busy"
    title = "Too many logins at the same time"


class Argon2Passwords:
    """Hashes and verifies passwords, one at a time."""

    def __init__(self, settings: Passwords) -> None:
        self._hasher = PasswordHasher(settings.iterations, settings.memory_kib, parallelism=1, type=Type.ID)
        self._queue_seconds = settings.queue_seconds
        self._thread = ThreadPoolExecutor(1, "passwords", initializer=_step_back)
        self._warm: Future[str] | None = None
        self._lock = threading.Lock()
        self._waiting = 0
        self._measured = 0
        self._seconds = 0.0

    async def hash(self, password: str) -> str:
        """The PHC string to store, salted and with the parameters in it.

        Raises:
            HashingBusy: the queue is full, or the service is stopping.
        """
        return await self._queued(lambda: self._hasher.hash(password))

    async def verify(self, hash: str | None, password: str) -> bool:  # noqa: A002  (the word for it)
        """Whether the password is the hashed one; no hash (an unknown user) costs as much as a wrong password.

        Raises:
            HashingBusy: the queue is full, or the service is stopping.
        """
        compared = hash if hash is not None else await self._dummy()
        matches = await self._queued(lambda: self._matches(compared, password))
        return matches and hash is not None

    def needs_rehash(self, hash: str) -> bool:  # noqa: A002
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hash)

    def close(self) -> None:
        """Take no more work; what is queued is still done."""
        self._thread.shutdown(wait=False)

    def _matches(self, hash_: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash_, password)
        except VerifyMismatchError:
            return False

    async def _dummy(self) -> str:
        """A hash of nobody's password; making it is the thread's first job and the first measurement."""
        if self._warm is None or (self._warm.done() and self._warm.exception() is not None):
            self._warm = self._start(lambda: self._hasher.hash(secrets.token_urlsafe()))
        # Shielded: one caller that goes away must not take it from all others.
        return self._warm.result() if self._warm.done() else await asyncio.shield(asyncio.wrap_future(self._warm))

    def require_room(self) -> None:
        """Refuse at once what the queue has no room for.

        Raises:
            HashingBusy: the queue is full.
        """
        wait = self._waiting * self._seconds
        if self._waiting and wait + self._seconds > self._queue_seconds:
            message = "Too many passwords are being checked; try again in a moment."
            raise HashingBusy(message, retry_after=max(1, math.ceil(wait)))

    async def _queued(self, job: Callable[[], T]) -> T:
        # Only a measured hash says how many make up the queue.
        await self._dummy()
        self.require_room()
        future = self._start(job)
        with self._lock:
            self._waiting += 1
        # Also called when the waiting request is cancelled: at once while the job is queued, after it once it runs.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _start(self, job: Callable[[], T]) -> Future[T]:
        try:
            return self._thread.submit(self._timed, job)
        except RuntimeError as error:
            message = "The service is stopping; try again in a moment."
            raise HashingBusy(message) from error

    def _leave(self, _done: Future[T]) -> None:
        with self._lock:
            self._waiting -= 1

    def _timed(self, job: Callable[[], T]) -> T:
        if self._measured == _CALIBRATING_HASHES:
            return job()
        start = perf_counter()
        try:
            return job()
        finally:
            self._seconds += (perf_counter() - start - self._seconds) / (self._measured + 1)
            self._measured += 1


def _step_back() -> None:
    # Linux gives each thread a niceness of its own; elsewhere this would slow the whole process.
    if sys.platform == "linux":
        with suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
