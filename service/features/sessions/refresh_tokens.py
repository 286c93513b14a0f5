"""Refresh tokens: what one is made of, and how each is derived from the one before it."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

# So that scanners of source code and logs know one when they see it.
PREFIX = "wl_rt_"
_ID_BYTES = 16
SECRET_BYTES = 32
_TAG_BYTES = 16
_BYTES = _ID_BYTES + SECRET_BYTES + _TAG_BYTES


class RefreshToken:
    """`wl_rt_` and the base64url of session id, secret and tag; no Struct, whose repr would show the secret.

    The first secret of a session is random. Each child is `HMAC(key, parent's secret ‖ nonce of the session)`, so whoever
    asks a second time with the parent is given the same child, though storage holds hashes only. The nonce alone derives
    nothing: the key is in the key ring and not in the database, so that a dump beside an old token opens no session.

    The key may change between two askings. That is why a child is looked for with every key of the ring, by comparing its
    hash with the stored one: a rotated key stays in its ring for as long as an access token lives and 10 s more, which is
    at least the 10 s in which a parent may ask again. Older children are never derived again, so nothing else depends on a
    key, and a session outlives any number of rotations.

    The tag is `HMAC(nonce, id ‖ secret)`. It tells a token that was once given out, whose second use must end the session,
    from one that somebody made up, which must not; no list of used tokens is kept. Who reads the nonce in a dump could end
    the session with it, and nothing more.
    """

    __slots__ = ("_secret", "_tag", "session_id")

    def __init__(self, session_id: UUID, secret: bytes, tag: bytes) -> None:
        """A token as its parts, genuine or not; see `first`, `child` and `parse`."""
        self.session_id = session_id
        self._secret = secret
        self._tag = tag

    @classmethod
    def first(cls, session_id: UUID, secret: bytes, nonce: bytes) -> RefreshToken:
        """The token that a login hands out; `secret` has 256 random bits."""
        return cls(session_id, secret, _tag(session_id, secret, nonce))

    @classmethod
    def parse(cls, text: str) -> RefreshToken | None:
        """The token that a client sent, None where it can't be one."""
        try:
            octets = urlsafe_b64decode(text.removeprefix(PREFIX) + "==")
        except ValueError:
            return None
        if len(octets) != _BYTES:
            return None
        secret = octets[_ID_BYTES : _ID_BYTES + SECRET_BYTES]
        token = cls(UUID(bytes=octets[:_ID_BYTES]), secret, octets[-_TAG_BYTES:])
        # Decoding passes over characters that are none of base64url, and over bits that don't count.
        return token if token.text == text else None

    def child(self, key: bytes, nonce: bytes) -> RefreshToken:
        """The token that replaces this one."""
        return RefreshToken.first(self.session_id, hmac.digest(key, self._secret + nonce, "sha256"), nonce)

    def is_genuine(self, nonce: bytes) -> bool:
        """Whether it was given out in the session with this nonce, whenever that was."""
        return hmac.compare_digest(self._tag, _tag(self.session_id, self._secret, nonce))

    @property
    def text(self) -> str:
        """What the client holds."""
        return PREFIX + urlsafe_b64encode(self.session_id.bytes + self._secret + self._tag).decode().rstrip("=")

    @property
    def hash(self) -> str:
        """What is stored; a plain SHA-256 is enough for 256 bits that nobody can guess."""
        return sha256(self.text.encode()).hexdigest()


def _tag(session_id: UUID, secret: bytes, nonce: bytes) -> bytes:
    return hmac.digest(nonce, session_id.bytes + secret, "sha256")[:_TAG_BYTES]
