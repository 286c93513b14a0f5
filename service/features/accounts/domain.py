"""Accounts: what a person is here, what others may know, and what is refused."""

from __future__ import annotations

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
    """This takes the account's password again, and it is missing or wrong."""

    code = "password_required"
    title = "The password is required again"


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
    version: int


class Credentials(Struct, frozen=True):
    """What a login is checked against; no hash where the owner has not set a password yet."""

    user_id: UUID
    password_hash: str | None
    is_active: bool


class VerificationLink(Struct, frozen=True):
    """What a verification mail needs: where it goes, in which language, the token in its link, and how long that is good."""

    email: str
    locale: str
    token: str
    lifetime: timedelta


def newcomer(user_id: UUID, email: str, full_name: str | None, role: Role, now: datetime) -> User:
    """An account at its first moment."""
    return User(user_id, email, full_name, role, True, None, "UTC", "en", False, now, now, 1)  # noqa: FBT003
