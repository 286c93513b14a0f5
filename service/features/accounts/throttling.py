"""Counting tries at passwords and codes by the address they are for, whether or not anybody has it.

Each try is charged before it is checked, so that any number of tries at once, over any number of processes, has no more
of them checked than one after the other would. Checking is slow, so between the charge and the outcome nothing is held:

    attempt = await throttle.admit(actor, canonical_email, device_token)     # Attempt, or Locked: refuse
    …check the password or code…
    await throttle.succeed(attempt)                      # right: earlier failures and locks are forgotten
    await throttle.fail(actor, attempt, user_id, code)   # wrong: the fifth in 15 minutes locks
    await throttle.release(attempt)                      # neither: it could not be checked, or a code is to follow
    await throttle.refuse(actor, attempt, user_id, code) # right, and refused all the same

Whoever has sent the right password and owes a second factor is released and not cleared: who knows the password only
could otherwise try codes without end. The code is a try of its own, and clears.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.accounts.addresses import address_digest
from service.features.accounts.events import UserLocked
from service.features.accounts.throttle_domain import DEVICE_TOKEN_LIFETIME, FORGOTTEN_AFTER, Attempt, Locked, LoginsBusy, Slot
from service.kernel.actor import Actor
from service.kernel.audit import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.features.accounts.ports import Users
    from service.features.accounts.throttle_domain import Throttle
    from service.features.accounts.throttle_ports import DeviceTokens, Throttles
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork, Vault

# Of the 20 s that a request may take, what is left after the hashing's own queue.
PATIENCE = timedelta(seconds=15)
# How soon a place that another process frees is noticed.
_POLL_SECONDS = 0.05
DEVICE_PREFIX = "wl_dt_"


class ThrottleKit(Struct, frozen=True):
    """What the counting of tries works with."""

    unit_of_work: UnitOfWork
    users: Users
    throttles: Throttles
    devices: DeviceTokens
    vault: Vault
    outbox: Outbox
    clock: Clock
    ids: Ids
    new_secret: Callable[[], str]


class _Line:
    """Those of this process who wait for a place in one slot, in the order in which they came; only the first asks storage."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.freed = asyncio.Event()
        self.waiting = 0


class LoginThrottle:
    """Admits tries and books how they ended; one per process."""

    def __init__(self, kit: ThrottleKit, lease: timedelta, patience: timedelta = PATIENCE) -> None:
        """`lease` is longer than a check may take; after it the place of a try that nobody settled is free again."""
        self._kit = kit
        self._lease = lease
        self._patience = patience
        self._lines: dict[bytes, _Line] = {}

    async def admit(self, actor: Actor, canonical_email: str, device_token: str | None = None) -> Attempt | Locked:
        """Book a try, waiting while all places are taken by tries that are being checked; outside of any unit of work.

        A device token that is good for the address has places of its own, so that strangers can't lock its owner out.

        Raises:
            LoginsBusy: no place became free in time.
        """
        kit = self._kit
        address = self._digest(canonical_email)
        device_id = await kit.devices.find(device_token, address, kit.clock.now()) if device_token else None
        return await self.readmit(actor, canonical_email, device_id)

    async def readmit(self, actor: Actor, canonical_email: str, device_id: UUID | None) -> Attempt | Locked:
        """As `admit`, for the code that follows a right password; `device_id` is the device that was known then.

        Raises:
            LoginsBusy: no place became free in time.
        """
        kit = self._kit
        address = self._digest(canonical_email)
        key = address if device_id is None else kit.vault.digest("device throttle", str(device_id))
        line = self._lines.setdefault(key, _Line())
        line.waiting += 1
        try:
            async with asyncio.timeout(self._patience.total_seconds()), line.turn:
                booked = await self._book(Slot(key, address), device_id, line)
                if isinstance(booked, Locked):
                    await self._record_throttled(actor, address, canonical_email)
                return booked
        except TimeoutError as error:
            message = "Too many logins with this address are being checked; try again in a moment."
            raise LoginsBusy(message) from error
        finally:
            line.waiting -= 1
            if not line.waiting:
                del self._lines[key]

    async def succeed(self, attempt: Attempt) -> None:
        """Forget the failures before a right try; joins an open unit of work, after the account's row."""
        await self._settle(attempt, lambda known: known.cleared(attempt.lease))

    async def release(self, attempt: Attempt) -> None:
        """Give the place back without counting the try."""
        await self._settle(attempt, lambda known: known.settled(attempt.lease))

    async def refuse(self, actor: Actor, attempt: Attempt, user_id: UUID, reason: str, *, action: str = "login.failed") -> None:
        """As `release`, leaving a trace: what was sent is not wrong, and refused for `reason`."""

        async def work() -> None:
            await self.release(attempt)
            await self._kit.outbox.record(actor, _entry(action, attempt.slot.address, user_id, reason))

        await self._kit.unit_of_work.run(work)

    async def fail(
        self, actor: Actor, attempt: Attempt, user_id: UUID | None, reason: str, *, action: str = "login.failed"
    ) -> None:
        """Count a wrong try, which may lock; `user_id` is whose address it is, `reason` the code of the refusal.

        `action` is what the audit calls it.
        """
        kit = self._kit
        slot = attempt.slot

        async def work() -> None:
            now = kit.clock.now()
            after, locks = (await kit.throttles.lock(slot, now)).failed(attempt.lease, now)
            # An event written here would take longer for an address that has an account: the worker writes it.
            of_address = locks and attempt.device_id is None
            await kit.throttles.save(slot, after, user_id if of_address else None)
            actions = (action, "login.locked") if locks else (action,)
            await kit.outbox.record(actor, *(_entry(each, slot.address, user_id, reason) for each in actions))

        await kit.unit_of_work.run(work)
        self._free(slot)

    async def remember_device(self, attempt: Attempt, device_token: str | None) -> str:
        """In the unit of work of a login: the device's token, which is the presented one where that was good.

        A known device whose token is not at hand is given another one; both are good.
        """
        kit = self._kit
        now = kit.clock.now()
        if attempt.device_id is not None and device_token is not None:
            await kit.devices.renew(attempt.device_id, now, now + DEVICE_TOKEN_LIFETIME)
            return device_token
        secret = DEVICE_PREFIX + kit.new_secret()
        await kit.devices.add(kit.ids.new(), secret, attempt.slot.address, now, now + DEVICE_TOKEN_LIFETIME)
        return secret

    async def lift(self, canonical_email: str) -> bool:
        """In a unit of work: forget failures and locks of an address; whether it, or a device of it, was locked."""
        return await self._kit.throttles.lift(self._digest(canonical_email), self._kit.clock.now())

    async def forget_devices(self, canonical_email: str) -> None:
        """In a unit of work: let no device token of the address be good any more.

        Whoever sets a new password may have lost a device together with the old one.
        """
        await self._kit.devices.drop(self._digest(canonical_email))

    async def announce_locks(self) -> None:
        """Publish `user.locked` for each address with an account that was locked; a job of the worker."""
        kit = self._kit
        actor = Actor.system(f"job-{kit.ids.new()}")

        async def work() -> None:
            notices = await kit.throttles.claim_notices()
            await kit.outbox.publish(
                actor,
                *(
                    UserLocked(
                        subject_id=notice.user_id,
                        subject_version=notice.user_version,
                        data={"locked_until": notice.locked_until.isoformat()},
                    )
                    for notice in notices
                ),
            )

        await kit.unit_of_work.run(work)

    async def prune(self) -> None:
        """Forget tries of days ago, and devices that were not used for long; a job of the worker."""
        kit = self._kit
        await kit.throttles.prune(kit.clock.now() - FORGOTTEN_AFTER)
        await kit.devices.prune(kit.clock.now())

    def _digest(self, canonical_email: str) -> bytes:
        return address_digest(self._kit.vault, canonical_email)

    async def _book(self, slot: Slot, device_id: UUID | None, line: _Line) -> Attempt | Locked:
        kit = self._kit
        while True:
            line.freed.clear()
            now = kit.clock.now()
            lease = now + self._lease
            if await kit.throttles.charge(slot, lease, now):
                return Attempt(slot, lease, device_id)
            until = (await kit.throttles.find(slot)).locked_until
            if until is not None and now < until:
                return Locked(math.ceil((until - now).total_seconds()))
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await line.freed.wait()

    async def _settle(self, attempt: Attempt, settle: Callable[[Throttle], Throttle]) -> None:
        kit = self._kit

        async def work() -> None:
            now = kit.clock.now()
            await kit.throttles.save(attempt.slot, settle(await kit.throttles.lock(attempt.slot, now)))

        await kit.unit_of_work.run(work)
        self._free(attempt.slot)

    def _free(self, slot: Slot) -> None:
        if line := self._lines.get(slot.key):
            line.freed.set()

    async def _record_throttled(self, actor: Actor, address: bytes, canonical_email: str) -> None:
        kit = self._kit

        async def work() -> None:
            known = await kit.users.credentials(canonical_email)
            await kit.outbox.record(actor, _entry("login.throttled", address, known.user_id if known else None, "login_locked"))

        await kit.unit_of_work.run(work)


def _entry(action: str, address: bytes, user_id: UUID | None, reason: str) -> AuditEntry:
    return AuditEntry(action=action, target_type="user", target_id=user_id, target_digest=address, reason=reason)
