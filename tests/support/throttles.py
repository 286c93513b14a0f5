"""Counts of tries and device tokens in memory: fakes of the ports, and a throttle that works with them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from service.features.accounts.throttle_domain import MOST_FAILURES, WINDOW, Notice, Slot, Throttle
from service.features.accounts.throttle_ports import DeviceTokens, Throttles
from service.features.accounts.throttling import LoginThrottle, ThrottleKit
from tests.support.fakes import FakeIds, FakeVault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.kernel.ports import Clock, Outbox, UnitOfWork
    from tests.support.accounts import FakeUsers


class FakeThrottles(Throttles):
    """What is known of each slot."""

    def __init__(self, users: FakeUsers) -> None:
        self._users = users
        self.known: dict[Slot, Throttle] = {}
        self.notices: dict[Slot, UUID] = {}
        self.touched: dict[Slot, datetime] = {}

    async def charge(self, slot: Slot, lease: datetime, now: datetime) -> bool:
        known = self.known.get(slot, Throttle())
        pending = tuple(each for each in known.pending if each > now)
        failed = [time for time in known.failed_at if time > now - WINDOW]
        if known.is_locked(now) or len(pending) + len(failed) >= MOST_FAILURES:
            return False
        self.known[slot] = Throttle(
            known.failed_at, (*pending, lease), known.locks, known.last_failed_at, known.locked_until
        )  # fmt: skip
        self.touched[slot] = now
        return True

    async def find(self, slot: Slot) -> Throttle:
        return self.known.get(slot, Throttle())

    async def lock(self, slot: Slot, now: datetime) -> Throttle:
        self.touched[slot] = now
        return self.known.get(slot, Throttle())

    async def save(self, slot: Slot, throttle: Throttle, notify: UUID | None = None) -> None:
        self.known[slot] = throttle
        if throttle == Throttle():
            del self.known[slot]
        if notify is not None:
            self.notices[slot] = notify

    async def lift(self, address: bytes, now: datetime) -> bool:
        lifted = {slot: known for slot, known in self.known.items() if slot.address == address}
        self.known = {slot: known for slot, known in self.known.items() if slot not in lifted}
        return any(known.is_locked(now) for known in lifted.values())

    async def claim_notices(self) -> Sequence[Notice]:
        claimed, self.notices = self.notices, {}
        found = []
        for slot, user_id in claimed.items():
            until = self.known[slot].locked_until
            assert until is not None
            found.append(Notice(user_id, self._users.users[user_id].version, until))
        return found

    async def prune(self, before: datetime) -> None:
        self.known = {slot: known for slot, known in self.known.items() if self.touched[slot] >= before}


class FakeDeviceTokens(DeviceTokens):
    """Devices by their token: which, of what address, until when."""

    def __init__(self) -> None:
        self.devices: dict[str, tuple[UUID, bytes, datetime]] = {}

    async def find(self, secret: str, address: bytes, now: datetime) -> UUID | None:
        found = self.devices.get(secret)
        return found[0] if found and found[1] == address and found[2] > now else None

    async def add(self, device_id: UUID, secret: str, address: bytes, now: datetime, expires_at: datetime) -> None:
        self.devices[secret] = (device_id, address, expires_at)

    async def renew(self, device_id: UUID, now: datetime, expires_at: datetime) -> None:
        self.devices = {
            secret: (known, address, expires_at if known == device_id else end)
            for secret, (known, address, end) in self.devices.items()
        }

    async def drop(self, address: bytes) -> None:
        self.devices = {secret: device for secret, device in self.devices.items() if device[1] != address}

    async def prune(self, now: datetime) -> None:
        self.devices = {secret: device for secret, device in self.devices.items() if device[2] > now}


class FakeThrottling:
    """A throttle on fakes, that a test can look into."""

    def __init__(self, unit_of_work: UnitOfWork, users: FakeUsers, outbox: Outbox, clock: Clock) -> None:
        self.throttles = FakeThrottles(users)
        self.devices = FakeDeviceTokens()
        numbers = count(1)
        kit = ThrottleKit(
            unit_of_work, users, self.throttles, self.devices, FakeVault(), outbox, clock, FakeIds(),
            lambda: f"secret-{next(numbers)}",
        )  # fmt: skip
        self.throttle = LoginThrottle(kit, timedelta(seconds=5), patience=timedelta(seconds=10))
        self.impatient = LoginThrottle(kit, timedelta(seconds=5), patience=timedelta(milliseconds=100))

    @property
    def locked(self) -> bool:
        """Whether anything is."""
        return any(known.locked_until is not None for known in self.throttles.known.values())
