"""Access tokens (RFC 9068 JWTs, signed by a key ring) and opaque tokens, of which only a digest is stored."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import jwt
import msgspec
from msgspec import Struct

from service.adapters.key_file import create_key_file
from service.adapters.key_ring import InvalidKeys, Key, KeyRing
from service.kernel.errors import Unauthenticated

__all__ = [
    "LEEWAY",
    "AccessTokens",
    "Claims",
    "InvalidKeys",
    "InvalidToken",
    "KeyRing",
    "create_key_file",
    "digest",
    "new_secret",
]

_TYPE = "at+jwt"
_AUDIENCE = "worklane"
# Clocks of two instances, or of an instance and whoever set its time, may differ by this much.
LEEWAY = timedelta(seconds=10)
# Ours have some 400 characters; a longer one is not worth parsing.
_LONGEST = 4096
# About 4 MB of verified tokens; the oldest makes room.
_REMEMBERED = 4096
# 256 bits, as OWASP ASVS 5.0 §7.2.3 asks of reference tokens (at least 128).
_SECRET_BYTES = 32


class InvalidToken(Unauthenticated):
    """The access token is not ours, not whole, or no longer good."""

    code = "invalid_access_token"
    title = "The access token is not valid"


class Claims(Struct, frozen=True):
    """Whom a verified access token stands for."""

    user_id: UUID
    session_id: UUID
    expires_at: datetime


class _Payload(Struct, frozen=True):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    jti: str
    iat: int
    exp: int


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, ring: KeyRing, issuer: str, lifetime: timedelta) -> None:
        """`issuer` is the same on every instance of a service."""
        self._ring = ring
        self._issuer = issuer
        self._signatures = jwt.PyJWS()
        self._payloads = msgspec.json.Decoder(_Payload)
        # Verified tokens by their whole text, with the instant from which they are refused, and the key that vouched for them.
        self._verified: dict[str, tuple[Claims, datetime, Key]] = {}
        self.lifetime = lifetime

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> str:
        """A token for one session of one user."""
        key = self._ring.signing_key(now)
        issued = int(now.timestamp())
        payload = {
            "iss": self._issuer,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": secrets.token_urlsafe(16),
            "iat": issued,
            "exp": issued + int(self.lifetime.total_seconds()),
        }
        return jwt.encode(payload, key.signing, key.algorithm, _header(key))

    def verify(self, token: str, now: datetime) -> Claims:
        """Whom the token stands for, if all of it is right at this instant.

        Raises:
            InvalidToken: anything about it is wrong; the answer doesn't say what.
        """
        known = self._verified.get(token)
        # After a rotation every key is another object, and may have an end now.
        if known is None or self._ring.find(known[2].kid) is not known[2]:
            self._verified.pop(token, None)
            known = self._decode(token, now)
            if len(self._verified) >= _REMEMBERED:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = known
        claims, refused_from, _ = known
        if now >= refused_from:
            self._verified.pop(token, None)
            raise InvalidToken("The access token has expired; refresh it or log in again.")
        return claims

    def refresh_keys(self) -> list[bytes]:
        """What refresh tokens are derived with: the newest key first, then those whose children may be asked for again."""
        return self._ring.refresh_keys()

    def public_keys(self, now: datetime) -> list[tuple[str, bytes]]:
        """The kid and public Ed25519 key of each key that others may verify access tokens with, the newest first."""
        return self._ring.public_keys(now)

    def _decode(self, token: str, now: datetime) -> tuple[Claims, datetime, Key]:
        if len(token) > _LONGEST:
            raise InvalidToken
        try:
            key = self._key(token)
            # PyJWT checks the signature only: it would take the time from its own clock and `aud` from a list too.
            payload = self._payloads.decode(self._signatures.decode(token, key.verifying, [key.algorithm]))
            issued = datetime.fromtimestamp(payload.iat, UTC)
            expires = datetime.fromtimestamp(payload.exp, UTC)
        except (jwt.InvalidTokenError, msgspec.DecodeError, UnicodeError, ValueError, OverflowError, OSError) as error:
            raise InvalidToken from error
        if payload.iss != self._issuer or payload.aud != _AUDIENCE or not payload.jti or issued > now + LEEWAY:
            raise InvalidToken
        if key.sign_until is not None and issued > key.sign_until + LEEWAY:
            raise InvalidToken
        refused_from = expires + LEEWAY
        if key.verify_until is not None:
            refused_from = min(refused_from, key.verify_until)
        return Claims(payload.sub, payload.sid, expires), refused_from, key

    def _key(self, token: str) -> Key:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        key = self._ring.find(kid) if isinstance(kid, str) else None
        # The whole header: `alg` is the key's own (RFC 8725 §3.1), and no crit, b64, jku or jwk rides along.
        if key is None or header != _header(key):
            raise InvalidToken
        return key


def _header(key: Key) -> dict[str, str]:
    return {"alg": key.algorithm, "kid": key.kid, "typ": _TYPE}


def new_secret() -> str:
    """An opaque token of 256 random bits, fit for a URL."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(secret: str) -> str:
    """What is stored of an opaque token; a plain hash is enough for 256 random bits."""
    return sha256(secret.encode()).hexdigest()
