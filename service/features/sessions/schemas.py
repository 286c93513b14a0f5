"""Logins on the wire."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from service.features.accounts.schemas import Email
from service.features.sessions.domain import LiveSession, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

TokensResponse = Tokens
SessionResponse = LiveSession

Password = Annotated[str, Meta(min_length=1, max_length=512, description="The account's password.")]


class Login(Struct, forbid_unknown_fields=True):
    """Who wants in; `device_token` is what an earlier login on this device answered."""

    email: Email
    password: Password
    device_token: Annotated[str, Meta(max_length=200, description="`wl_dt_…`; others can't lock out who sends it.")] | None = None


class Refresh(Struct, forbid_unknown_fields=True):
    """The refresh token that the last login or refresh answered."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=200, description="`wl_rt_…`; it is good once.")]


class MfaVerification(Struct, forbid_unknown_fields=True):
    """What completes a login that was answered `mfa_required`."""

    mfa_token: Annotated[str, Meta(min_length=1, max_length=200, description="What the login answered.")]
    code: Annotated[str, Meta(min_length=1, max_length=40, description="Six digits of the app, or a recovery code.")]


class PublicKey(Struct, frozen=True):
    """An Ed25519 key as a JSON Web Key (RFC 8037 §2)."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class KeySet(Struct, frozen=True):
    """A JSON Web Key Set (RFC 7517 §5)."""

    keys: list[PublicKey]


def key_set(keys: Iterable[tuple[str, bytes]]) -> KeySet:
    """The set of these keys, each as kid and public key."""
    return KeySet([PublicKey(kid, urlsafe_b64encode(key).decode().rstrip("=")) for kid, key in keys])
