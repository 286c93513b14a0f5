"""Personal access tokens: what one looks like, when it is good, and what is refused."""

from __future__ import annotations

from binascii import crc32
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from service.kernel.actor import Scope
from service.kernel.errors import NotFound, Unauthenticated, invalid

# So that scanners of source code and logs know one when they see it.
PREFIX = "wl_pat_"
# No other characters, so that a double click marks the whole token.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# 62 ** 43 is a little more than 2 ** 256; OWASP ASVS 5.0 §7.2.3 asks 128 bits of reference tokens.
SECRET_LENGTH = 43
# 62 ** 6 is more than 2 ** 32, the values of a CRC-32.
_CHECKSUM_LENGTH = 6
LONGEST_LIFETIME = timedelta(days=366)


class PersonalTokenRefused(Unauthenticated):
    """The personal access token was never given out, has expired or was revoked, or its owner's account may not be used."""

    code = "personal_token_refused"
    title = "The personal access token is not valid"


class PersonalTokenNotFound(NotFound):
    """There is no such token of the caller's, or it was revoked."""

    code = "personal_token_not_found"
    title = "There is no such personal access token"


class PersonalToken(Struct, frozen=True):
    """A token as its owner sees it."""

    id: UUID
    name: str
    scopes: tuple[Scope, ...]
    # The projects that it is narrowed to; none named: all that its owner belongs to.
    project_ids: tuple[UUID, ...] | None
    created_at: datetime
    expires_at: datetime
    # To the minute.
    last_used_at: datetime | None


class NewPersonalToken(PersonalToken, frozen=True):
    """A token at the one moment at which it can be read; only its hash is kept."""

    token: str


class Bearer(Struct, frozen=True):
    """What is stored of a token that was presented, and of its owner."""

    token_id: UUID
    user_id: UUID
    scopes: frozenset[Scope]
    project_ids: frozenset[UUID] | None
    expires_at: datetime
    revoked_at: datetime | None
    # When the audit was last told of a use that was refused.
    refused_at: datetime | None
    is_admin: bool
    email: str
    full_name: str | None
    account_is_usable: bool

    def fault(self, now: datetime) -> str | None:
        """Why the token is good no more, in the word that the audit keeps; None where it is good."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.expires_at:
            return "expired"
        return None if self.account_is_usable else "account_unusable"


def written(secret: str) -> str:
    """The token of a secret of 43 characters: prefix, secret, and a checksum that tells a mistyped token from an unknown one."""
    return PREFIX + secret + _checksum(secret)


def is_whole(text: str) -> bool:
    """Whether this can be a token at all, for which nothing stored is asked."""
    if not text.isascii() or len(text) != len(PREFIX) + SECRET_LENGTH + _CHECKSUM_LENGTH:
        return False
    return text == written(text[len(PREFIX) : -_CHECKSUM_LENGTH])


def hash_of(text: str) -> str:
    """What is stored of a token; a plain SHA-256 is enough for 256 bits that nobody can guess."""
    return sha256(text.encode()).hexdigest()


def refuse_lifetime(expires_at: datetime, now: datetime) -> None:
    """Guard of a new token.

    Raises:
        Invalid: it would be too old from the start, or live for more than 366 days.
    """
    if expires_at <= now:
        raise invalid("/expires_at", "not_allowed", "This is past: send an instant to come.")
    if expires_at > now + LONGEST_LIFETIME:
        raise invalid("/expires_at", "not_allowed", f"A token lives for at most {LONGEST_LIFETIME.days} days.")


def _checksum(secret: str) -> str:
    rest = crc32(secret.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
