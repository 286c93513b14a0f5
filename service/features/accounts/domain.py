"""Accounts: what a person is here, what others may know, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from service.kernel.errors import Conflict, Forbidden, Malformed, NotFound


class Role(StrEnum):
    """What a person is on the whole instance."""

    USER = "user"
    ADMIN = "admin"


class EmailTaken(Conflict):
    """There is an account with this e-mail address, perhaps in another spelling."""

    code = "email_taken"
    title = "There is an account with this e-mail address"


class RegistrationClosed(Forbidden):
    """On this instance only an admin makes accounts."""

    code = "registration_closed"
    title = "Registration is closed"


class InvalidToken(Malformed):
    """The one-time token was never issued, is used, or is too old."""

    code = "invalid_token"
    title = "The token is not valid"


class UserNotFound(NotFound):
    """There is no such person, or none that the caller may see."""

    code = "user_not_found"
    title = "There is no such user"


class PasswordRequired(Forbidden):
    """This takes the account's password again, and it is missing or wrong, or was wrong too often."""

    code = "password_required"
    title = "The password is required again"
    retryable = True


class NotYourProfile(Forbidden):
    """A profile is changed by the person it is about, and by admins."""

    code = "not_your_profile"
    title = "This is the profile of somebody else"


class LastAdmin(Conflict):
    """Without this account the instance would have no active admin."""

    code = "last_admin"
    title = "This is the last active admin"


class OwnsProjects(Conflict):
    """A project has one owner: whoever owns any hands them over, or deletes them, before leaving."""

    code = "owns_projects"
    title = "This person owns projects"


class User(Struct, frozen=True):
    """An account as its owner and admins see it."""

    id: UUID
    email: str
    full_name: str | None
    role: Role
    is_active: bool
    email_verified_at: datetime | None
    timezone: str
    locale: str
    mfa_enabled: bool
    created_at: datetime
    updated_at: datetime
    version: int


class PublicUser(Struct, frozen=True):
    """A person as others see them."""

    id: UUID
    full_name: str | None
    email: str
    is_active: bool


class UserState(Struct, frozen=True):
    """The row that a write decides on."""

    id: UUID
    email: str
    full_name: str | None
    role: Role
    is_active: bool
    email_verified_at: datetime | None
    timezone: str
    locale: str
    mfa_enabled: bool
    version: int
    field_versions: Mapping[str, int] = {}


class Credentials(Struct, frozen=True):
    """What a login is checked against; no hash where the owner has not set a password yet."""

    user_id: UUID
    password_hash: str | None
    is_active: bool
    # Whether the owner has proven to read what is mailed to the address.
    is_verified: bool


class UsedToken(Struct, frozen=True):
    """What a one-time token carried; an address where it proves a new one."""

    new_email: str | None = None


class MailRequest(Struct, frozen=True):
    """What somebody asked for by naming an address, until it is handled."""

    id: UUID
    address: str
    # Who asked, where that is somebody signed in.
    user_id: UUID | None = None
    # Of the account to make, where registering is what was asked for.
    password_hash: str | None = None
    full_name: str | None = None


class MailedNotice(Struct, frozen=True):
    """What a mail without a link needs: where it goes, and its language."""

    email: str
    locale: str


class MailedLink(Struct, frozen=True):
    """What a mail with a one-time link needs: where it goes, its language, the token, and how long that is good."""

    email: str
    locale: str
    token: str
    lifetime: timedelta


def require_admin(user_id: UUID | None, admins: frozenset[UUID]) -> None:
    """Refuse who is no active admin any more, on the locked rows of those who are.

    Raises:
        Forbidden: the request began as an admin's, and meanwhile another admin has decided otherwise.
    """
    if user_id not in admins:
        message = "You are no active admin any more."
        raise Forbidden(message, required_role="admin")


def require_another_admin(user_id: UUID, admins: frozenset[UUID]) -> None:
    """Refuse to take away the only one of the active admins.

    Raises:
        LastAdmin: there is no other.
    """
    if admins == {user_id}:
        message = "There must be an active admin: make somebody else one first."
        raise LastAdmin(message)


def newcomer(user_id: UUID, email: str, full_name: str | None, role: Role, now: datetime) -> User:
    """An account at its first moment."""
    return User(user_id, email, full_name, role, True, None, "UTC", "en", False, now, now, 1)  # noqa: FBT003
