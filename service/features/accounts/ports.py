"""What the accounts feature needs from storage and from the hashing of passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

from service.features.accounts.domain import Role
from service.kernel.preconditions import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.domain import Credentials, PublicUser, UsedToken, User, UserState
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window
    from service.kernel.preconditions import Precondition


class UserFilter(Struct, frozen=True):
    """Which of the visible people a list shows."""

    search: str | None = None
    role: Role | None = None
    is_active: bool | None = None


@runtime_checkable
class Users(Protocol):
    """Stored accounts."""

    async def whole(self, user_id: UUID) -> User:
        """An account as its owner sees it.

        Raises:
            UserNotFound: there is none.
        """
        ...

    async def find(self, actor: Actor, reference: str) -> User | PublicUser:
        """The person with this id, whole for the person and for admins.

        Raises:
            UserNotFound: there is none, or the actor shares no project with that person.
        """
        ...

    async def page(self, actor: Actor, wanted: UserFilter, window: Window) -> Slice[User | PublicUser]:
        """A part of the people that the actor may see, whole for admins."""
        ...

    async def add(self, user: User, canonical_email: str, password_hash: str | None) -> None:
        """Store a new account.

        Raises:
            EmailTaken: another account has the address.
        """
        ...

    async def lock(self, user_id: UUID) -> UserState:
        """The account's row, locked until the unit of work ends.

        Raises:
            UserNotFound: there is none.
        """
        ...

    async def lock_with_admins(self, user_id: UUID) -> tuple[UserState, frozenset[UUID]]:
        """The account's row, and who is an active admin: all of these rows are locked until the unit of work ends.

        Raises:
            UserNotFound: there is no such account.
        """
        ...

    async def lock_by_email(self, canonical_email: str) -> UserState | None:
        """The row of the account with this address, locked until the unit of work ends."""
        ...

    async def change(self, state: UserState, changes: Mapping[str, Any], now: datetime) -> int:
        """Store new values of a locked account's fields, `password_hash` among them; the new version."""
        ...

    async def change_email(self, state: UserState, email: str, canonical_email: str, now: datetime) -> int:
        """Store another address, proven now, of a locked account; the new version.

        Raises:
            EmailTaken: another account has the address.
        """
        ...

    async def end_sessions(self, user_id: UUID, now: datetime, but: UUID | None = None) -> None:
        """End every session of the account, or every other one, from the next request on."""
        ...

    async def revoke_tokens(self, user_id: UUID, now: datetime) -> None:
        """Revoke every personal access token of the account, from the next request on."""
        ...

    async def drop_second_factor(self, user_id: UUID) -> None:
        """Take away a locked account's second factor, with recovery codes and unfinished logins; `change` says so on the row."""
        ...

    async def credentials(self, canonical_email: str) -> Credentials | None:
        """What a login with this address is checked against."""
        ...

    async def hold(self, credentials: Credentials) -> bool:
        """Whether they are still good; if so they stay until the unit of work ends, whoever wants to change them."""
        ...

    async def replace_hash(self, credentials: Credentials, password_hash: str) -> bool:
        """As `hold`, storing another hash of the same password."""
        ...


@runtime_checkable
class Registrar(Protocol):
    """How people get an account here by themselves."""

    async def register(self, actor: Actor, email: str, password: str, full_name: str | None) -> User | None:
        """Make an account for whoever asks; None where nobody is told whether there was one already.

        Raises:
            RegistrationClosed: only admins make accounts here.
            Invalid: the address or the password is not acceptable.
            EmailTaken: the address has an account.
            Unavailable: too many passwords wait to be hashed.
        """
        ...


@runtime_checkable
class Removals(Protocol):
    """How accounts are deleted, softly; a feature above fills it, since memberships and tasks change with it."""

    async def delete_own(self, actor: Actor, password: str | None, precondition: Precondition = ANY) -> None:
        """Delete the actor's own account.

        Raises:
            PasswordRequired: the password is missing or wrong, or was changed a moment ago.
            PreconditionFailed: the account has changed since the client read it.
            LastAdmin: it is the only active admin's.
            OwnsProjects: the actor owns a project that is not deleted.
            Unavailable: too many passwords wait to be hashed.
        """
        ...

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Delete somebody else's account, as an admin.

        Raises:
            UserNotFound: there is no such account, or none that the actor may see.
            PasswordRequired: it is the actor's own.
            NotYourProfile: the actor sees somebody else there, and is no admin.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
            OwnsProjects: the person owns a project that is not deleted.
        """
        ...


@runtime_checkable
class Restorations(Protocol):
    """How deleted accounts come back before they are purged."""

    async def restore(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> User:
        """Let the owner log in again, with the password of before; an account that is not deleted stays as it is.

        Raises:
            UserNotFound: there is no such account, or it was purged.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
            EmailTaken: another account has its address meanwhile.
        """
        ...


@runtime_checkable
class OneTimeTokens(Protocol):
    """Links that were issued and not used; storage knows them by their digest only."""

    async def add(
        self, secret: str, user_id: UUID, purpose: str, now: datetime, expires_at: datetime, *, new_email: str | None = None
    ) -> None:
        """Store a new one; `new_email` is the address that it proves, where that is to become the account's."""
        ...

    async def owner(self, secret: str, purpose: str, now: datetime) -> UserState | None:
        """Whose it is, if it is still good."""
        ...

    async def use(self, secret: str, purpose: str, now: datetime) -> UsedToken | None:
        """Take it away; None where it is gone already, or too old."""
        ...

    async def void(self, user_id: UUID, purpose: str | None = None) -> None:
        """Take the account's tokens of one purpose away, or all, and with them all that its owner has asked to be mailed."""
        ...

    async def prune(self, now: datetime) -> None:
        """Take away, whosever they are, all that are too old."""
        ...


@runtime_checkable
class Passwords(Protocol):
    """Hashes and verifies; slow, so never inside a unit of work."""

    def require_room(self) -> None:
        """Refuse now what would be refused later, before the database is asked for it.

        Raises:
            Unavailable: too many wait.
        """
        ...

    async def hash(self, password: str) -> str:
        """The text to store.

        Raises:
            Unavailable: too many wait.
        """
        ...

    async def verify(self, hash: str | None, password: str) -> bool:  # noqa: A002  (the word for it)
        """Whether the password is the hashed one; None costs as much and is never right.

        Raises:
            Unavailable: too many wait.
        """
        ...

    def needs_rehash(self, hash: str) -> bool:  # noqa: A002
        """Whether today's parameters are other ones."""
        ...
