"""Accounts and passwords in memory: fakes of the ports, for tests of use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import asdict, replace

from service.features.accounts.domain import (
    Credentials,
    EmailTaken,
    MailRequest,
    PublicUser,
    Role,
    UsedToken,
    User,
    UserNotFound,
    UserState,
    newcomer,
)
from service.features.accounts.mail_ports import MailRequests
from service.features.accounts.ports import OneTimeTokens, Passwords, UserFilter, Users
from service.kernel.paging import Slice, Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from service.kernel.actor import Actor


class FakeUsers(Users):
    """Accounts by their id, beside address and hash."""

    def __init__(self) -> None:
        self.users: dict[UUID, User] = {}
        self.addresses: dict[str, UUID] = {}
        self.hashes: dict[UUID, str | None] = {}
        self.sessions_ended_at: dict[UUID, datetime] = {}
        self.tokens_revoked_at: dict[UUID, datetime] = {}
        self.factors_dropped: list[UUID] = []
        self.sessions_kept: dict[UUID, UUID | None] = {}

    async def whole(self, user_id: UUID) -> User:
        user = self.users.get(user_id)
        if user is None:
            raise UserNotFound
        return user

    async def find(self, actor: Actor, reference: str) -> User | PublicUser:
        # Everybody shares a project.
        return await self.whole(UUID(reference))

    async def page(self, actor: Actor, wanted: UserFilter, window: Window) -> Slice[User | PublicUser]:
        return Slice(list(self.users.values()), len(self.users), total_is_exact=True)

    async def add(self, user: User, canonical_email: str, password_hash: str | None) -> None:
        if canonical_email in self.addresses:
            raise EmailTaken
        self.users[user.id] = user
        self.addresses[canonical_email] = user.id
        self.hashes[user.id] = password_hash

    async def lock(self, user_id: UUID) -> UserState:
        user = self.users.get(user_id)
        if user is None:
            raise UserNotFound
        return state_of(user)

    async def lock_with_admins(self, user_id: UUID) -> tuple[UserState, frozenset[UUID]]:
        admins = (user.id for user in self.users.values() if user.is_active and user.role is Role.ADMIN)
        return await self.lock(user_id), frozenset(admins)

    async def lock_by_email(self, canonical_email: str) -> UserState | None:
        user_id = self.addresses.get(canonical_email)
        return None if user_id is None else state_of(self.users[user_id])

    async def change(self, state: UserState, changes: Mapping[str, Any], now: datetime) -> int:
        fields = dict(changes)
        if "password_hash" in fields:
            self.hashes[state.id] = fields.pop("password_hash")
        version = state.version + 1
        self.users[state.id] = replace(self.users[state.id], **fields, version=version, updated_at=now)
        return version

    async def change_email(self, state: UserState, email: str, canonical_email: str, now: datetime) -> int:
        if self.addresses.get(canonical_email, state.id) != state.id:
            raise EmailTaken
        self.addresses = {known: user_id for known, user_id in self.addresses.items() if user_id != state.id}
        self.addresses[canonical_email] = state.id
        return await self.change(state, {"email": email, "email_verified_at": now}, now)

    async def end_sessions(self, user_id: UUID, now: datetime, but: UUID | None = None) -> None:
        self.sessions_ended_at[user_id] = now
        self.sessions_kept[user_id] = but

    async def revoke_tokens(self, user_id: UUID, now: datetime) -> None:
        self.tokens_revoked_at[user_id] = now

    async def drop_second_factor(self, user_id: UUID) -> None:
        self.factors_dropped.append(user_id)

    async def credentials(self, canonical_email: str) -> Credentials | None:
        user_id = self.addresses.get(canonical_email)
        if user_id is None:
            return None
        user = self.users[user_id]
        return Credentials(user_id, self.hashes[user_id], user.is_active, user.email_verified_at is not None)

    async def hold(self, credentials: Credentials) -> bool:
        user = self.users[credentials.user_id]
        return user.is_active and self.hashes[user.id] == credentials.password_hash

    async def replace_hash(self, credentials: Credentials, password_hash: str) -> bool:
        good = await self.hold(credentials)
        if good:
            self.hashes[credentials.user_id] = password_hash
        return good


class FakeOneTimeTokens(OneTimeTokens):
    """Tokens by their secret: whose, what for, until when."""

    def __init__(self, users: FakeUsers) -> None:
        self._users = users
        self.tokens: dict[str, tuple[UUID, str, datetime]] = {}
        self.new_emails: dict[str, str | None] = {}

    async def add(
        self, secret: str, user_id: UUID, purpose: str, now: datetime, expires_at: datetime, *, new_email: str | None = None
    ) -> None:
        self.tokens[secret] = (user_id, purpose, expires_at)
        self.new_emails[secret] = new_email

    async def owner(self, secret: str, purpose: str, now: datetime) -> UserState | None:
        found = self.tokens.get(secret)
        good = found is not None and found[1] == purpose and found[2] > now
        return state_of(self._users.users[found[0]]) if found and good else None

    async def use(self, secret: str, purpose: str, now: datetime) -> UsedToken | None:
        if await self.owner(secret, purpose, now) is None:
            return None
        del self.tokens[secret]
        return UsedToken(self.new_emails[secret])

    async def void(self, user_id: UUID, purpose: str | None = None) -> None:
        kept = {secret: token for secret, token in self.tokens.items() if token[0] != user_id or purpose not in (None, token[1])}
        self.tokens = kept

    async def prune(self, now: datetime) -> None:
        self.tokens = {secret: token for secret, token in self.tokens.items() if token[2] > now}


class FakeMailRequests(MailRequests):
    """Requests by their id; every address has its share of mails, unless a test says so."""

    def __init__(self) -> None:
        self.requests: dict[UUID, MailRequest] = {}
        self.admitted: list[tuple[UUID, bytes]] = []
        self.is_full = False

    async def add(self, request: MailRequest, now: datetime) -> None:
        self.requests[request.id] = request

    async def find(self, request_id: UUID) -> MailRequest | None:
        return self.requests.get(request_id)

    async def take(self, request_id: UUID) -> MailRequest | None:
        return self.requests.get(request_id)

    async def forget(self, request_id: UUID) -> None:
        self.requests.pop(request_id, None)

    async def admit(self, cause_id: UUID, address_digest: bytes, now: datetime, share: int) -> bool:
        self.admitted.append((cause_id, address_digest))
        return not self.is_full

    async def prune(self, now: datetime) -> None:
        self.requests.clear()


class FakePasswords(Passwords):
    """The hash of a password is the password, marked with today's parameters."""

    def __init__(self) -> None:
        self.parameters = "new"
        self.verified: list[tuple[str | None, str]] = []

    def require_room(self) -> None:
        """There always is."""

    async def hash(self, password: str) -> str:
        return f"{self.parameters}:{password}"

    async def verify(self, hash: str | None, password: str) -> bool:  # noqa: A002
        self.verified.append((hash, password))
        return hash is not None and hash.partition(":")[2] == password

    def needs_rehash(self, hash: str) -> bool:  # noqa: A002
        return hash.partition(":")[0] != self.parameters


def state_of(user: User) -> UserState:
    """The row that a write would lock."""
    return UserState(**{name: value for name, value in asdict(user).items() if name in UserState.__struct_fields__})


def a_stored_user(users: FakeUsers, email: str, password_hash: str | None, now: datetime, **fields: Any) -> User:
    """An account that is there already."""
    user = replace(newcomer(UUID(int=500 + len(users.users)), email, "Ann Example", Role.USER, now), **fields)
    users.users[user.id] = user
    users.addresses[email] = user.id
    users.hashes[user.id] = password_hash
    return user
