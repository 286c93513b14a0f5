"""The ring of keys that sign access tokens: a JSON file, who may read it, and what it may hold."""

from __future__ import annotations

import os
import secrets
import stat
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from pathlib import Path

Algorithm: TypeAlias = Literal["HS256", "EdDSA"]

# RFC 7518 §3.2: an HMAC key has at least the length of the hash. An Ed25519 key has exactly that (RFC 8032 §5.1.5).
KEY_BYTES = 32
# A ring of a few keys has some hundred bytes; what is larger is another file.
_LONGEST_FILE = 64 * 1024


class InvalidKeys(Exception):
    """The key file can't be used; the message is one line for the operator."""


class _StoredKey(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    kid: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    algorithm: Algorithm
    secret: str | None = None
    private: str | None = None
    sign_until: Annotated[datetime, Meta(tz=True)] | None = None
    verify_until: Annotated[datetime, Meta(tz=True)] | None = None


class _StoredRing(Struct, forbid_unknown_fields=True):
    keys: list[_StoredKey]


class Key:
    """One key, and until when it signs and verifies (None: no end); no Struct, whose repr would show the secret."""

    __slots__ = ("algorithm", "kid", "sign_until", "signing", "verify_until", "verifying")

    def __init__(self, stored: _StoredKey) -> None:
        self.kid = stored.kid
        self.algorithm: Algorithm = stored.algorithm
        self.sign_until = stored.sign_until
        self.verify_until = stored.verify_until
        self.signing: bytes | Ed25519PrivateKey
        self.verifying: bytes | Ed25519PublicKey
        if stored.algorithm == "HS256":
            self.signing = self.verifying = _octets(stored.kid, "secret", stored.secret, stored.private)
        else:
            octets = _octets(stored.kid, "private", stored.private, stored.secret)
            if len(octets) != KEY_BYTES:
                raise InvalidKeys(f"key {stored.kid}: an Ed25519 private key has {KEY_BYTES} bytes, not {len(octets)}")
            self.signing = Ed25519PrivateKey.from_private_bytes(octets)
            self.verifying = self.signing.public_key()


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

    def __init__(self, keys: list[Key]) -> None:
        """Check that the ring always has a key to sign with.

        Raises:
            InvalidKeys: two keys share a kid, or each key's time to sign ends.
        """
        self._keys = {key.kid: key for key in keys}
        self._newest_first = keys[::-1]
        if len(self._keys) < len(keys):
            raise InvalidKeys("two keys share a kid")
        if not any(key.sign_until is None for key in keys):
            raise InvalidKeys("no key without sign_until: there would be a day from which nobody can log in")

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read a ring that `create_key_file` or an operator wrote.

        Raises:
            InvalidKeys: the file is missing, open to others, or holds something that is no usable ring.
        """
        try:
            stored = msgspec.json.decode(_private_text(path), type=_StoredRing)
            return cls([Key(key) for key in stored.keys])
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

    def signing_key(self, now: datetime) -> Key:
        """The newest key that may sign now."""
        return next(key for key in self._newest_first if key.sign_until is None or now < key.sign_until)


def _private_text(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        # A group may read it: that is how Kubernetes mounts a secret for a process that is not root.
        if os.name == "posix" and mode & stat.S_IRWXO:
            message = f"other users of this machine may open the key file (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
            raise InvalidKeys(message)
        return file.read(_LONGEST_FILE)


def create_key_file(path: Path, algorithm: Algorithm = "HS256") -> None:
    """Write a ring with one new key, mode 0600; a crash leaves the whole file or none.

    Raises:
        InvalidKeys: the file exists already, or can't be written.
    """
    octets = urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")
    key = _StoredKey(kid=secrets.token_hex(8), algorithm=algorithm)
    if algorithm == "HS256":
        key.secret = octets
    else:
        key.private = octets
    text = msgspec.json.format(msgspec.json.encode(_StoredRing([key])), indent=2) + b"\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(draft, text)
            # A link refuses an existing name, which a rename would replace.
            path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if path.exists():
            raise InvalidKeys(f"{path}: there is a key file already; it is left as it is.") from error
        raise InvalidKeys(f"{path}: the key file can't be written: {error.strerror}.") from error


def _write(path: Path, text: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
