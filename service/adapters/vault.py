"""Keeps secrets that must be readable again, and recognizes values that must not be kept: by the ring's storage keys."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from service.adapters.key_ring import KeyRing

# NIST SP 800-38D §5.2.1.1: what AES-GCM takes without hashing it.
_NONCE_BYTES = 12


class CantOpen(Exception):
    """The sealed value belongs elsewhere, was altered, or its key has left the ring."""


class Vault:
    """Fills ports.Vault with AES-256-GCM and HMAC-SHA-256."""

    def __init__(self, ring: KeyRing) -> None:
        """Check that the ring can seal.

        Raises:
            InvalidKeys: it has no storage key.
        """
        ring.storage_key()
        self._ring = ring

    def seal(self, secret: bytes, place: str) -> bytes:
        """The secret, readable only by `open` with the same place, `table:id:column`."""
        kid, key = self._ring.storage_key()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(_derived(key, b"worklane seal")).encrypt(nonce, secret, place.encode())
        return kid.encode() + b"." + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for this place.

        Raises:
            CantOpen: it is no sealed value of this place, or its key is gone.
        """
        kid, _, rest = sealed.partition(b".")
        key = self._ring.find_storage_key(kid.decode("ascii", "replace"))
        if key is None:
            raise CantOpen("the key that this was sealed with is not in the key ring")
        try:
            return AESGCM(_derived(key, b"worklane seal")).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise CantOpen("this was sealed for another place, or altered") from error

    def digest(self, purpose: str, value: str) -> bytes:
        """32 bytes by which the same value is known again, and from which nobody without the ring finds it by trying.

        The ring's first storage key makes them, so a rotation changes nothing.
        """
        return hmac.digest(_derived(self._ring.digest_key(), purpose.encode()), value.encode(), "sha256")


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
