"""Second factors in memory, and the authenticator app of somebody who has turned one on."""

from __future__ import annotations

from base64 import b32decode
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.second_factors.challenges import Challenges
from service.features.second_factors.domain import STEP_SECONDS, Challenged, Waiting, code_at
from service.features.second_factors.ports import MfaChallenges, SecondFactors
from service.features.second_factors.use_cases import Codes
from service.kernel.ports import Clock, Vault
from tests.support.http import Api, made
from tests.support.scenes import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from tests.support.accounts import FakeUsers
    from tests.support.fakes import FakeClock, FakeOutbox


class FakeVault(Vault):
    """What is sealed is readable, and tells its place."""

    def seal(self, secret: bytes, place: str) -> bytes:
        return place.encode() + b"|" + secret

    def open(self, sealed: bytes, place: str) -> bytes:
        found, _, secret = sealed.partition(b"|")
        assert found == place.encode()
        return secret

    def digest(self, purpose: str, value: str) -> bytes:
        return f"{purpose}|{value}".encode()


class FakeSecondFactors(SecondFactors):
    """Seeds with the last step, and recovery codes, by their account."""

    def __init__(self) -> None:
        self.seeds: dict[UUID, bytes] = {}
        self.steps: dict[UUID, int] = {}
        self.codes: dict[UUID, list[bytes]] = {}

    async def begin(self, user_id: UUID, sealed_seed: bytes, now: datetime) -> None:
        self.seeds[user_id] = sealed_seed
        self.steps[user_id] = 0

    async def seed(self, user_id: UUID) -> bytes | None:
        return self.seeds.get(user_id)

    async def advance(self, user_id: UUID, step: int) -> bool:
        if self.steps[user_id] >= step:
            return False
        self.steps[user_id] = step
        return True

    async def set_recovery_codes(self, user_id: UUID, digests: Sequence[bytes], now: datetime) -> None:
        self.codes[user_id] = list(digests)

    async def use_recovery_code(self, user_id: UUID, digest: bytes) -> bool:
        there = digest in self.codes.get(user_id, [])
        if there:
            self.codes[user_id].remove(digest)
        return there


class FakeMfaChallenges(MfaChallenges):
    """Whose, with which password, from which device, until when, and tries, by the token."""

    def __init__(self, users: FakeUsers) -> None:
        self._users = users
        self.waiting: dict[str, tuple[UUID, str, UUID | None, datetime]] = {}
        self.tries: dict[str, int] = {}

    async def add(
        self, token: str, user_id: UUID, password_hash: str, device_id: UUID | None, now: datetime, expires_at: datetime
    ) -> bool:
        if not self._users.users[user_id].mfa_enabled:
            return False
        self.waiting[token] = user_id, password_hash, device_id, expires_at
        self.tries[token] = 0
        return True

    async def find(self, token: str) -> Waiting | None:
        if token not in self.waiting:
            return None
        user_id, _, device_id, _ = self.waiting[token]
        return Waiting(user_id, canonical_email(self._users.users[user_id].email)[1], device_id)

    async def lock(self, token: str) -> Challenged | None:
        if token not in self.waiting:
            return None
        user_id, password_hash, _, _ = self.waiting[token]
        user = self._users.users[user_id]
        return Challenged(user_id, user.version, user.is_active and self._users.hashes[user_id] == password_hash)

    async def count(self, token: str, tries: int, now: datetime) -> bool:
        if self.tries[token] >= tries or self.waiting[token][3] <= now:
            return False
        self.tries[token] += 1
        return True

    async def end(self, token: str) -> None:
        del self.waiting[token]

    async def prune(self, now: datetime) -> None:
        self.waiting = {token: each for token, each in self.waiting.items() if each[3] > now}


class Factors:
    """Everything that second factors work with, in memory."""

    def __init__(self, users: FakeUsers, outbox: FakeOutbox, clock: FakeClock) -> None:
        self.stored = FakeSecondFactors()
        self.waiting = FakeMfaChallenges(users)
        self.codes = Codes(self.stored, FakeVault(), clock)
        numbers = count(1)
        self.challenges = Challenges(self.waiting, self.codes, outbox, clock, lambda: f"token-{next(numbers)}")


def shown(secret: str, clock: Clock, steps: int = 0) -> str:
    """What an app with this secret shows now, or so many steps later."""
    return code_at(b32decode(secret), int(clock.now().timestamp()) // STEP_SECONDS + steps)


def wrong(secret: str, clock: FakeClock) -> str:
    """Six digits that no app with this secret shows around now."""
    near = {shown(secret, clock, steps) for steps in range(-3, 4)}
    return next(code for code in ("000000", *(f"{number:06}" for number in range(1, 10))) if code not in near)


@dataclass
class Armed:
    """Somebody whose logins need a code."""

    person: Api
    secret: str
    recovery_codes: list[str]
    clock: FakeClock

    @property
    def credentials(self) -> dict[str, str]:
        """What the first step of a login sends."""
        return {"email": self.person.user["email"], "password": PASSWORD}

    def next_code(self) -> str:
        """A code that was not shown before: it is half a minute later."""
        self.clock.advance(timedelta(seconds=STEP_SECONDS))
        return shown(self.secret, self.clock)


async def armed(person: Api, clock: FakeClock) -> Armed:
    """Turn somebody's second factor on."""
    begun = made(await person.post("/auth/mfa/totp", {"password": PASSWORD}))
    confirmed = made(await person.post("/auth/mfa/totp/confirm", {"code": shown(begun["secret"], clock)}))
    return Armed(person, begun["secret"], confirmed["recovery_codes"], clock)


async def first_step(api: Api, somebody: Armed) -> str:
    """The token of a login that waits for a code."""
    answer = made(await api.post("/auth/login", somebody.credentials))
    assert answer.keys() == {"mfa_required", "mfa_token"}
    assert answer["mfa_required"] is True
    token: str = answer["mfa_token"]
    return token
