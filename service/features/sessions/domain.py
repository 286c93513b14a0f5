"""Sessions: how long one lives, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from service.kernel.errors import Forbidden, NotFound, Unauthenticated

# A client that asks twice at once, or whose answer got lost, may ask again with the same token for so long.
GRACE = timedelta(seconds=10)


class LoginFailed(Unauthenticated):
    """The e-mail address or the password is wrong; the answer is the same for an address that nobody has."""

    code = "login_failed"
    title = "The e-mail address or the password is wrong"


class LoginLocked(Unauthenticated):
    """Too many logins with this address have failed; nobody gets in for now, whether or not anybody has the address."""

    code = "login_locked"
    title = "Logins with this address are locked"
    retryable = True


class AccountInactive(Forbidden):
    """The password is right, but the account is deactivated."""

    code = "account_inactive"
    title = "The account is deactivated"


class EmailNotVerified(Forbidden):
    """The password is right, but the address is not verified, and this instance asks for that."""

    code = "email_not_verified"
    title = "The e-mail address is not verified"


class Unverified(StrEnum):
    """What becomes of the login of somebody whose address is not verified, after the right password."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    # As after a wrong password: who has just registered an address must not learn that nobody had it before.
    CONCEALED = "concealed"


class LoginTerms(Struct, frozen=True):
    """What this instance says about logins."""

    # A session ends after so long, or when it is not refreshed for so long.
    lifetime: timedelta
    idle_lifetime: timedelta
    unverified: Unverified = Unverified.ADMITTED


class SessionEnded(Unauthenticated):
    """The token is whole, but its session has ended, or its account is deactivated or gone."""

    code = "session_ended"
    title = "The session has ended"


class InvalidRefreshToken(Unauthenticated):
    """The refresh token was never given out, or its session is long forgotten."""

    code = "invalid_refresh_token"
    title = "The refresh token is not valid"


class TokenReused(Unauthenticated):
    """The refresh token was used before, or after a logout: somebody may have copied it, so its session has ended."""

    code = "token_reused"
    title = "The refresh token was used already"


class SessionNotFound(NotFound):
    """There is no such session of the caller's, or it has ended."""

    code = "session_not_found"
    title = "There is no such session"


class Session(Struct, frozen=True):
    """One login, as it is stored when it begins."""

    id: UUID
    user_id: UUID
    created_at: datetime
    expires_at: datetime
    idle_expires_at: datetime
    ip: str | None
    user_agent: str | None
    nonce: bytes


class Holder(Struct, frozen=True):
    """Whose live session it is."""

    user_id: UUID
    role: str
    email: str
    full_name: str | None


class LiveSession(Struct, frozen=True):
    """A session as its owner sees it."""

    id: UUID
    # What the client called itself at the login (User-Agent).
    device: str | None
    ip: str | None
    created_at: datetime
    # The login, or the last refresh.
    last_used_at: datetime
    # When it ends unless it is refreshed before.
    expires_at: datetime
    current: bool


class Presented(Struct, frozen=True):
    """What a session, locked, knows of a genuine refresh token that didn't win a rotation."""

    user_id: UUID
    is_newest: bool
    is_parent: bool
    # The token to use instead.
    newest_hash: str
    rotated_at: datetime
    # Not ended, not expired, and the account may be used.
    lives: bool
    has_ended: bool
    reuse_is_known: bool


class Verdict(StrEnum):
    """What becomes of who presents a refresh token."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    ENDED = "ended"
    REUSED = "reused"


def judge(presented: Presented, now: datetime) -> Verdict:
    """Whether a token that didn't win a rotation is answered all the same.

    The direct parent of a token that was never used gets that same token again within 10 s, and the newest token of a
    session that ended or expired is merely late. Any other was used before: who holds it may have copied it.
    """
    if presented.is_parent and presented.lives and now < presented.rotated_at + GRACE:
        return Verdict.REPEATED
    return Verdict.ENDED if presented.is_newest else Verdict.REUSED


class Tokens(Struct, frozen=True):
    """What a login or a refresh hands out; only hashes of the opaque ones are kept."""

    access_token: str
    refresh_token: str
    # A known device has a failure counter of its own, so that strangers can't lock its owner out.
    device_token: str | None
    token_type: str
    # In seconds.
    expires_in: int
