"""How many tries at a password or code an address has, and for how long it is locked after too many wrong ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from service.kernel.errors import Unavailable

# OWASP ASVS 5.0 §6.3.1 asks for a limit without a figure; NIST SP 800-63B-4 §3.2.2 allows up to 100 wrong tries in a row.
MOST_FAILURES = 5
WINDOW = timedelta(minutes=15)
# The first lock, the second, and every later one.
LOCKS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60))
# After so long without a failure the next lock is a first one again.
FORGOTTEN_AFTER = timedelta(days=1)
DEVICE_TOKEN_LIFETIME = timedelta(days=90)

LOCKED_DETAIL = (
    "This address is locked after too many wrong passwords or codes; "
    "wait for as many seconds as Retry-After says, or set a new password by a mailed link."
)


class LoginsBusy(Unavailable):
    """More logins with one address wait than are checked in the time that a request may take."""

    code = "logins_busy"
    title = "Too many logins with this address at the same time"


class Slot(Struct, frozen=True):
    """Where tries are counted: those with an address, or apart from them those of one known device with it.

    Both are keyed digests, so that storage holds no address, whether or not anybody has it.
    """

    key: bytes
    address: bytes


class Attempt(Struct, frozen=True):
    """A try that may be made now; whoever was given it says how it ended, or its place is free again after the lease."""

    slot: Slot
    lease: datetime
    # The known device that it comes from.
    device_id: UUID | None = None


class Locked(Struct, frozen=True):
    """No try may be made for now."""

    # In seconds.
    retry_after: int


class Notice(Struct, frozen=True):
    """An account whose address was locked, and who has not been told."""

    user_id: UUID
    user_version: int
    locked_until: datetime


class Throttle(Struct, frozen=True):
    """What is known of the tries in one slot."""

    # Failures since the last lock; those older than the window count no more.
    failed_at: tuple[datetime, ...] = ()
    # The leases of tries that are being checked; two of the same instant are worth the same.
    pending: tuple[datetime, ...] = ()
    # Locks in a row.
    locks: int = 0
    last_failed_at: datetime | None = None
    locked_until: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        """Whether no try may be made."""
        return self.locked_until is not None and now < self.locked_until

    def settled(self, lease: datetime) -> Throttle:
        """After a try that counts neither as right nor as wrong."""
        pending = list(self.pending)
        # It is gone where the try took longer than its lease.
        if lease in pending:
            pending.remove(lease)
        return replace(self, pending=tuple(pending))

    def cleared(self, lease: datetime) -> Throttle:
        """After a right try: only what is still being checked remains."""
        return Throttle(pending=self.settled(lease).pending)

    def failed(self, lease: datetime, now: datetime) -> tuple[Throttle, bool]:
        """After a wrong try, and whether that one locked; while there is a lock it counts for nothing."""
        after = self.settled(lease)
        if self.is_locked(now):
            return after, False
        forgotten = self.last_failed_at is None or now - self.last_failed_at >= FORGOTTEN_AFTER
        locks = 0 if forgotten else self.locks
        failed_at = (*(time for time in self.failed_at if time > now - WINDOW), now)
        if len(failed_at) < MOST_FAILURES:
            return replace(after, failed_at=failed_at, locks=locks, last_failed_at=now), False
        until = now + LOCKS[min(locks, len(LOCKS) - 1)]
        return replace(after, failed_at=(), locks=locks + 1, last_failed_at=now, locked_until=until), True
