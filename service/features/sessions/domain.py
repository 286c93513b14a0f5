"""Sessions: how long one lives, and what is refused."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.kernel.errors import Forbidden, Unauthenticated


class LoginFailed(Unauthenticated):
    """The e-mail address or the password is wrong; the answer is the same for an address that nobody has."""

    code = "login_failed"
    title = "The e-mail address or the password is wrong"


class AccountInactive(Forbidden):
    """The password is right, but the account is deactivated."""

    code = "account_inactive"
    title = "The account is deactivated"


class SessionEnded(Unauthenticated):
    """The token is whole, but its session has ended, or its account is deactivated or gone."""

    code = "session_ended"
    title = "The session has ended"


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


class Tokens(Struct, frozen=True):
    """What a login hands out; only digests of the opaque ones are kept."""

    access_token: str
    refresh_token: str
    # A known device has a failure counter of its own, so that strangers can't lock its owner out.
    device_token: str | None
    token_type: str
    # In seconds.
    expires_in: int
