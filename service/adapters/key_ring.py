"""The ring of keys that sign access tokens: what its file may hold, who may read it, and how a change of it is noticed."""

from __future__ import annotations

import hmac
import os
import stat
import time
from base64 import b64decode
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Algorithm: TypeAlias = Literal["HS256", "EdDSA"]

# RFC 7518 §3.2: an HMAC key has at least the length of the hash. An Ed25519 key has exactly that (RFC 8032 §5.1.5).
KEY_BYTES = 32
# A ring of a few keys has some hundred bytes; what is larger is another file.
_LONGEST_FILE = 64 * 1024
# How often a process that meets no unknown key looks whether its file was replaced.
_LOOK_SECONDS = 1.0

log = structlog.get_logger("keys")


class InvalidKeys(Exception):
    """The key file can't be used; the message is one line for the operator."""


class StoredKey(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A key as the file holds it: `secret` for HS256, `private` for EdDSA, both base64url."""

    kid: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    algorithm: Algorithm
    secret: str | None = None
    private: str | None = None
    sign_until: Annotated[datetime, Meta(tz=True)] | None = None
    verify_until: Annotated[datetime, Meta(tz=True)] | None = None


class StoredStorageKey(Struct, forbid_unknown_fields=True, kw_only=True):
    """A key that seals what is stored; it never leaves the file, since what it sealed stays in the database."""

    kid: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    secret: str


class StoredRing(Struct, forbid_unknown_fields=True):
    """The whole file; the newest key stands last."""

    keys: list[StoredKey]
    storage_keys: list[StoredStorageKey] = []


class Key:
    """One key, and until when it signs and verifies (None: no end); no Struct, whose repr would show the secret."""

    __slots__ = ("algorithm", "kid", "refresh_key", "sign_until", "signing", "verify_until", "verifying")

    def __init__(self, stored: StoredKey) -> None:
        self.kid = stored.kid
        self.algorithm: Algorithm = stored.algorithm
        self.sign_until = stored.sign_until
        self.verify_until = stored.verify_until
        self.signing: bytes | Ed25519PrivateKey
        self.verifying: bytes | Ed25519PublicKey
        if stored.algorithm == "HS256":
            octets = _octets(stored.kid, "secret", stored.secret, stored.private)
            self.signing = self.verifying = octets
        else:
            octets = _octets(stored.kid, "private", stored.private, stored.secret)
            if len(octets) != KEY_BYTES:
                raise InvalidKeys(f"key {stored.kid}: an Ed25519 private key has {KEY_BYTES} bytes, not {len(octets)}")
            self.signing = Ed25519PrivateKey.from_private_bytes(octets)
            self.verifying = self.signing.public_key()
        # Refresh tokens are derived with a key of their own, so that nothing is said about the one that signs.
        self.refresh_key = hmac.digest(octets, b"worklane refresh tokens", "sha256")


def storage_keys(stored: StoredRing) -> dict[str, bytes]:
    """The octets of each key that seals, by its kid.

    Raises:
        InvalidKeys: one is no key, or two share a kid.
    """
    found = {key.kid: _octets(key.kid, "secret", key.secret, None) for key in stored.storage_keys}
    if len(found) < len(stored.storage_keys):
        raise InvalidKeys("two storage keys share a kid")
    return found


def _octets(kid: str, name: str, text: str | None, other: str | None) -> bytes:
    if text is None or other is not None:
        raise InvalidKeys(f"key {kid}: its algorithm takes `{name}` and nothing else")
    try:
        octets = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InvalidKeys(f"key {kid}: `{name}` is not base64url") from error
    if len(octets) < KEY_BYTES:
        raise InvalidKeys(f"key {kid}: `{name}` has {len(octets)} bytes, {KEY_BYTES} is the least")
    return octets


class KeyRing:
    """Every key that signs or verifies; the newest stands last."""

    def __init__(self, keys: list[Key], storage_keys: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Check that the ring always has a key to sign with.

        Raises:
            InvalidKeys: two keys share a kid, or each key's time to sign ends.
        """
        self._storage_keys = dict(storage_keys)
        self._keys = {key.kid: key for key in keys}
        self._newest_first = keys[::-1]
        if len(self._keys) < len(keys):
            raise InvalidKeys("two keys share a kid")
        if not any(key.sign_until is None for key in keys):
            raise InvalidKeys("no key without sign_until: there would be a day from which nobody can log in")

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read a ring that `worklane keys` or an operator wrote.

        Raises:
            InvalidKeys: the file is missing, open to others, or holds something that is no usable ring.
        """
        try:
            stored = read_file(path)
            return KeyRing([Key(key) for key in stored.keys], storage_keys(stored))
        except FileNotFoundError as error:
            raise InvalidKeys(f"{path}: there is no such key file; make one with `worklane keys create`.") from error
        except OSError as error:
            raise InvalidKeys(f"{path}: the key file can't be read: {error.strerror}.") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidKeys(f"{path}: this is no key ring: {error}.") from error
        except InvalidKeys as error:
            raise InvalidKeys(f"{path}: {error}.") from error

    def find(self, kid: str) -> Key | None:
        """The key of this name."""
        return self._keys.get(kid)

    def storage_key(self) -> tuple[str, bytes]:
        """The kid and octets of the newest key that seals.

        Raises:
            InvalidKeys: the ring is of before there were storage keys.
        """
        if not self._storage_keys:
            raise InvalidKeys("the key ring has no storage key; add one with `worklane keys rotate`")
        kid = next(reversed(self._storage_keys))
        return kid, self._storage_keys[kid]

    def find_storage_key(self, kid: str) -> bytes | None:
        """The octets of the storage key of this name."""
        return self._storage_keys.get(kid)

    def digest_key(self) -> bytes:
        """The octets of the oldest storage key: it stays the same when others are added."""
        return next(iter(self._storage_keys.values()))

    def signing_key(self, now: datetime) -> Key:
        """The newest key that may sign now."""
        return next(key for key in self._newest_first if key.sign_until is None or now < key.sign_until)

    def refresh_keys(self) -> list[bytes]:
        """What refresh tokens are derived with: the newest first, then those of before, until they leave the ring."""
        return [key.refresh_key for key in self._newest_first]

    def public_keys(self, now: datetime) -> list[tuple[str, bytes]]:
        """The kid and public key of each Ed25519 key that still verifies, the newest first."""
        return [
            (key.kid, key.verifying.public_bytes_raw())
            for key in self._newest_first
            if isinstance(key.verifying, Ed25519PublicKey) and (key.verify_until is None or now < key.verify_until)
        ]


class FollowedKeyRing(KeyRing):
    """The ring of a file that is replaced while the process runs; where the new file can't be used, the ring stays as it is.

    A file is read once per change of it, however often somebody asks for keys that don't exist.
    """

    def __init__(self, path: Path, timer: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            InvalidKeys: see `KeyRing.load`.
        """
        self._path = path
        self._timer = timer
        # Before it is read: what changes meanwhile is noticed at the next look.
        self._seen = _identity(path)
        self._next_look = timer() + _LOOK_SECONDS
        self._adopt(KeyRing.load(path))

    def find(self, kid: str) -> Key | None:
        """The key of this name; one that isn't known yet may have come with a rotation a moment ago."""
        if self._timer() >= self._next_look:
            self.look()
        key = super().find(kid)
        if key is None:
            self.look()
            key = super().find(kid)
        return key

    def signing_key(self, now: datetime) -> Key:
        """The newest key that may sign now, a moment ago included."""
        self.look()
        return super().signing_key(now)

    def find_storage_key(self, kid: str) -> bytes | None:
        """See KeyRing; another process may have sealed with a key that came a moment ago."""
        key = super().find_storage_key(kid)
        if key is None:
            self.look()
            key = super().find_storage_key(kid)
        return key

    def refresh_keys(self) -> list[bytes]:
        """See KeyRing; another process may have used a key that came a moment ago."""
        self.look()
        return super().refresh_keys()

    def look(self) -> None:
        """Read the file again if it is another one than before; asking that costs 2 µs (measured)."""
        self._next_look = self._timer() + _LOOK_SECONDS
        identity = _identity(self._path)
        if identity == self._seen:
            return
        self._seen = identity
        try:
            self._adopt(KeyRing.load(self._path))
        except InvalidKeys as error:
            log.warning("keys_not_reloaded", reason=str(error))
        else:
            log.info("keys_reloaded", kids=[key.kid for key in self._newest_first])

    def _adopt(self, ring: KeyRing) -> None:
        self._keys = ring._keys  # noqa: SLF001  (of the same class)
        self._newest_first = ring._newest_first  # noqa: SLF001
        self._storage_keys = ring._storage_keys  # noqa: SLF001


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_file(path: Path) -> StoredRing:
    """What the file holds, unchecked but for its form.

    Raises:
        InvalidKeys: other users may open it.
        OSError, msgspec.DecodeError, UnicodeDecodeError: it can't be read, or is something else.
    """
    return msgspec.json.decode(_private_text(path), type=StoredRing)


def _private_text(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        # A group may read it: that is how Kubernetes mounts a secret for a process that is not root.
        if os.name == "posix" and mode & stat.S_IRWXO:
            message = f"other users of this machine may open the key file (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
            raise InvalidKeys(message)
        return file.read(_LONGEST_FILE)
