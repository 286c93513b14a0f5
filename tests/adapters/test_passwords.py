"""Argon2id off the event loop: what it verifies, what it refuses when busy, and what a cancelled caller leaves."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher, extract_parameters

from service.adapters import passwords as module
from service.adapters.passwords import Argon2Passwords, HashingBusy
from service.http.problems import status_of
from service.settings import Passwords

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

# As little as Argon2 allows: what is tested here is the way to it.
CHEAP = Passwords(memory_kib=64, iterations=1)


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    made = Argon2Passwords(CHEAP)
    yield made
    made.close()


class Gate:
    """Holds every hash after the first (the calibrating one) until it opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.hashed: list[str] = []
        self._calls = count()
        self._hash = PasswordHasher.hash
        monkeypatch.setattr(PasswordHasher, "hash", lambda hasher, password: self.hash(hasher, password))  # noqa: PLW0108
        # Every hash seems to take one second.
        monkeypatch.setattr(module, "perf_counter", count().__next__)

    def hash(self, hasher: PasswordHasher, password: str) -> str:
        if next(self._calls):
            self.entered.set()
            assert self.opened.wait(30)
            self.hashed.append(password)
        return self._hash(hasher, password)

    async def is_entered(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 30)
        # Who came next has been told of the measured hash as well, and takes its place in the queue.
        await one_turn()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.opened.set()


@pytest.fixture
def for_two_hashes(gate: Gate) -> Iterator[Argon2Passwords]:
    made = Argon2Passwords(Passwords(memory_kib=64, iterations=1, queue_seconds=2))
    yield made
    gate.opened.set()
    made.close()


async def one_turn() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_hash_verifies_its_own_password_and_no_other(passwords: Argon2Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "Correct horse")


async def test_the_same_password_never_has_the_same_hash(passwords: Argon2Passwords) -> None:
    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_any_unicode_is_a_password(passwords: Argon2Passwords) -> None:
    stored = await passwords.hash("пароль 🔑 \u0000")
    assert await passwords.verify(stored, "пароль 🔑 \u0000")


async def test_the_hash_is_argon2id_with_the_parameters_that_are_set() -> None:
    passwords = Argon2Passwords(Passwords())
    parameters = extract_parameters(await passwords.hash("correct horse"))
    passwords.close()
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        "ID",
        19456,
        2,
        1,
    )


async def test_an_unknown_user_has_no_password_but_costs_one_verification(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    original = PasswordHasher.verify

    def verify(hasher: PasswordHasher, stored: str, password: str) -> bool:
        verified.append(stored)
        return original(hasher, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert not await passwords.verify(None, "correct horse")
    assert len(verified) == 1
    assert not passwords.needs_rehash(verified[0])


async def test_a_hash_with_older_parameters_asks_to_be_replaced(passwords: Argon2Passwords) -> None:
    older = PasswordHasher(1, 32, 1).hash("correct horse")
    assert passwords.needs_rehash(older)
    assert await passwords.verify(older, "correct horse")
    assert not passwords.needs_rehash(await passwords.hash("correct horse"))


async def test_hashing_leaves_the_event_loop_its_own_thread_and_priority(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    original = PasswordHasher.hash

    def hash_(hasher: PasswordHasher, password: str) -> str:
        seen.append((threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
        return original(hasher, password)

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    monkeypatch.setattr(PasswordHasher, "hash", hash_)
    await passwords.hash("correct horse")
    await passwords.hash("correct horse")
    threads = {thread for thread, _ in seen}
    assert len(threads) == 1
    assert threads != {threading.get_native_id()}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
    if sys.platform == "linux":
        assert {niceness for _, niceness in seen} == {max(before, 10)}


async def test_a_full_queue_refuses_with_503_and_says_when_to_come_back(gate: Gate, for_two_hashes: Argon2Passwords) -> None:
    waiting = [asyncio.create_task(for_two_hashes.hash(name)) for name in ("first", "second")]
    await gate.is_entered()
    with pytest.raises(HashingBusy) as refused:
        await for_two_hashes.hash("third")
    assert refused.value.retry_after == 2
    assert refused.value.members == {"outcome": "not_applied"}
    assert status_of(HashingBusy) == 503
    gate.opened.set()
    await asyncio.gather(*waiting)
    assert gate.hashed == ["first", "second"]


async def test_a_queued_caller_that_goes_away_frees_its_place_at_once(gate: Gate, for_two_hashes: Argon2Passwords) -> None:
    first, second = (asyncio.create_task(for_two_hashes.hash(name)) for name in ("first", "second"))
    await gate.is_entered()
    await one_turn()
    second.cancel()
    await one_turn()
    third = asyncio.create_task(for_two_hashes.hash("third"))
    await one_turn()
    assert not third.done()
    gate.opened.set()
    await asyncio.gather(first, third)
    assert gate.hashed == ["first", "third"]


async def test_a_caller_that_goes_away_during_its_hash_frees_the_place_after_it(
    gate: Gate, for_two_hashes: Argon2Passwords
) -> None:
    first = asyncio.create_task(for_two_hashes.hash("first"))
    await gate.is_entered()
    first.cancel()
    await one_turn()
    second = asyncio.create_task(for_two_hashes.hash("second"))
    await one_turn()
    with pytest.raises(HashingBusy):
        await for_two_hashes.hash("third")
    gate.opened.set()
    await second
    assert await for_two_hashes.hash("fourth")


async def test_hundreds_of_cancelled_callers_leave_an_empty_queue(gate: Gate, for_two_hashes: Argon2Passwords) -> None:
    running = asyncio.create_task(for_two_hashes.hash("first"))
    await gate.is_entered()
    for _ in range(300):
        task = asyncio.create_task(for_two_hashes.hash("gone"))
        await one_turn()
        task.cancel()
        await one_turn()
    gate.opened.set()
    await running
    await asyncio.gather(for_two_hashes.hash("second"), for_two_hashes.hash("third"))
    assert gate.hashed == ["first", "second", "third"]


async def test_the_first_caller_may_go_away_while_the_thread_warms_up(passwords: Argon2Passwords) -> None:
    first = asyncio.create_task(passwords.hash("first"))
    second = asyncio.create_task(passwords.hash("second"))
    await asyncio.sleep(0)
    first.cancel()
    assert await passwords.verify(await second, "second")


async def test_one_failure_of_the_first_hash_does_not_break_the_next(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(hasher: PasswordHasher, password: str) -> str:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(PasswordHasher, "hash", fail)
        with pytest.raises(MemoryError):
            await passwords.hash("correct horse")
    assert await passwords.hash("correct horse")


async def test_a_machine_that_refuses_the_lower_priority_hashes_all_the_same(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(which: int, who: int, priority: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    assert await passwords.hash("correct horse")


async def test_another_system_hashes_without_changing_priorities(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "setpriority", None)
    assert await passwords.hash("correct horse")


async def test_a_stopping_service_refuses_new_work(passwords: Argon2Passwords) -> None:
    stored = await passwords.hash("correct horse")
    passwords.close()
    with pytest.raises(HashingBusy):
        await passwords.verify(stored, "correct horse")
