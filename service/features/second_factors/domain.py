"""Second factors: time-based codes (RFC 6238), recovery codes, and what is refused."""

from __future__ import annotations

import hmac
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote, urlencode
from uuid import UUID

from msgspec import Meta, Struct

from service.kernel.errors import Conflict, Forbidden, Unauthenticated

# RFC 4226 §4, R6: as long as the hash, 160 bits.
SEED_BYTES = 20
# RFC 6238 §5.2.
STEP_SECONDS = 30
# RFC 6238 §5.2: one step either way, for clocks that differ and for slow fingers.
DRIFT = 1
DIGITS = 6
# What authenticator apps show above the code.
ISSUER = "Worklane"

RECOVERY_CODES = 10
# Crockford's base 32 (crockford.com/base32): no letter that reads as a digit, so that a code can be copied from paper.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# 12 characters of 5 bits: 60 bits.
_GROUPS, _GROUP_LENGTH = 3, 4
_AS_READ = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})

# How long a login waits for its code, and how many it may try.
CHALLENGE_LIFETIME = timedelta(minutes=5)
CHALLENGE_TRIES = 5


class MfaFailed(Unauthenticated):
    """The code is wrong or was used, or the login's token is: too old, tried five times, used, or void by another password."""

    code = "mfa_failed"
    title = "The second step of the login failed"


class WrongCode(Forbidden):
    """The code is not one that the authenticator app shows right now."""

    code = "mfa_code_wrong"
    title = "The code is wrong"


class SecondFactorOn(Conflict):
    """The account has a second factor already."""

    code = "mfa_enabled"
    title = "There is a second factor already"


class SecondFactorOff(Conflict):
    """The account has no second factor."""

    code = "mfa_not_enabled"
    title = "There is no second factor"


class NothingToConfirm(Conflict):
    """No second factor was begun that a code could confirm."""

    code = "mfa_not_begun"
    title = "No second factor waits to be confirmed"


class TotpSeed(Struct, frozen=True):
    """What an authenticator app is fed with, shown this once: as text, and as the address of a QR code."""

    secret: str
    otpauth_uri: str


class RecoveryCodes(Struct, frozen=True):
    """Codes that stand in for the authenticator app, each once; shown this once."""

    recovery_codes: list[str]


class MfaRequired(Struct, frozen=True):
    """The password was right, and a code is needed too: send it with `mfa_token` to /auth/mfa/verify."""

    mfa_token: str
    # By which the answer of a login is told from tokens.
    mfa_required: Annotated[bool, Meta(extra_json_schema={"const": True})] = True


class Waiting(Struct, frozen=True):
    """A login that waits for a code: whose, and from which known device; its tries are counted there."""

    user_id: UUID
    canonical_email: str
    device_id: UUID | None


class Verdict(StrEnum):
    """What becomes of a login's code."""

    RIGHT = "right"
    # Also one that was right and is used.
    WRONG = "wrong"
    # It was not looked at, for the login is too old, tried too often, completed, or of another password.
    VOID = "void"


class Challenged(Struct, frozen=True):
    """Whose login waits for a code, on the locked row of the account."""

    user_id: UUID
    version: int
    # The account may be used, and its password is the one that the login sent.
    stands: bool


def code_at(seed: bytes, step: int) -> str:
    """The code of one time step (RFC 4226 §5.3, with HMAC-SHA-1)."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(seed: bytes, code: str, now: datetime) -> int | None:
    """The latest time step around now whose code this is; takes the same time for every code."""
    present = int(now.timestamp()) // STEP_SECONDS
    steps = range(present - DRIFT, present + DRIFT + 1)
    matching = [step for step in steps if hmac.compare_digest(code_at(seed, step).encode(), code.encode())]
    return max(matching, default=None)


def totp_seed(seed: bytes, email: str) -> TotpSeed:
    """What the app of this account's owner is fed with (the Key URI format of Google Authenticator)."""
    secret = b32encode(seed).decode().rstrip("=")
    label = quote(f"{ISSUER}:{email}", safe="")
    query = urlencode({"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS})
    return TotpSeed(secret, f"otpauth://totp/{label}?{query}")


def new_recovery_codes() -> RecoveryCodes:
    """Ten of them, `xxxx-xxxx-xxxx`."""
    return RecoveryCodes([_new_recovery_code() for _ in range(RECOVERY_CODES)])


def _new_recovery_code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))


def as_read(code: str) -> str:
    """A code without what people add or mistake when they copy it."""
    return code.lower().translate(_AS_READ)


def is_totp(code: str) -> bool:
    """Whether a code, as read, has the form of an app's; recovery codes are longer."""
    return len(code) == DIGITS
