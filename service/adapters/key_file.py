"""Writes the file of the key ring: a new one, or a new key in it; a crash leaves a whole file, never a part of one."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from service.adapters.key_ring import (
    KEY_BYTES,
    Algorithm,
    InvalidKeys,
    KeyRing,
    StoredKey,
    StoredRing,
    StoredStorageKey,
    read_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta
    from pathlib import Path


def create_key_file(path: Path, algorithm: Algorithm = "HS256") -> None:
    """Write a ring with one new key, mode 0600.

    Raises:
        InvalidKeys: the file exists already, or can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _draft(path, StoredRing([_new_key(algorithm)], [_new_storage_key()])) as draft:
            # A link refuses an existing name, which a rename would replace.
            path.hardlink_to(draft)
    except OSError as error:
        if path.exists():
            raise InvalidKeys(f"{path}: there is a key file already; it is left as it is.") from error
        raise InvalidKeys(f"{path}: the key file can't be written: {error.strerror}.") from error


def rotate_key_file(path: Path, now: datetime, tokens_live: timedelta, algorithm: Algorithm | None = None) -> str:
    """Add a key that signs from now on, and answer its kid; tokens of the keys of before stay good.

    `tokens_live` is how long after its signature a token may still be accepted: so long the old keys go on verifying. Those
    whose time was over before now leave the file. Without `algorithm` the new key has the newest one's.

    Raises:
        InvalidKeys: the file can't be used, or not be written.
    """
    # A ring that nobody can load must not look like one that was just rotated.
    KeyRing.load(path)
    # A link stays a link: what it points to is replaced.
    target = path.resolve()
    try:
        with _locked(target):
            stored = read_file(target)
            keys = [key for key in stored.keys if key.verify_until is None or key.verify_until > now]
            new = _new_key(algorithm or keys[-1].algorithm)
            for key in keys:
                _retire(key, now, now + tokens_live)
            _replace(target, StoredRing([*keys, new], stored.storage_keys or [_new_storage_key()]))
    except OSError as error:
        raise InvalidKeys(f"{path}: the key file can't be written: {error.strerror}.") from error
    return new.kid


def _retire(key: StoredKey, now: datetime, end: datetime) -> None:
    if key.sign_until is None or key.sign_until > now:
        key.sign_until = now
    if key.verify_until is None or key.verify_until > end:
        key.verify_until = end


def _new_key(algorithm: Algorithm) -> StoredKey:
    octets = _new_octets()
    key = StoredKey(kid=secrets.token_hex(8), algorithm=algorithm)
    if algorithm == "HS256":
        key.secret = octets
    else:
        key.private = octets
    return key


def _new_storage_key() -> StoredStorageKey:
    return StoredStorageKey(kid=secrets.token_hex(8), secret=_new_octets())


def _new_octets() -> str:
    return urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps other rotations out: of two at once, one would lose the other's key, with which tokens are signed already."""
    # The folder, since the file itself is replaced.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(path: Path, ring: StoredRing) -> None:
    before = path.stat()
    with _draft(path, ring) as draft:
        # The service may run as another user than the operator, or read the file by its group.
        if (before.st_uid, before.st_gid) != (draft.stat().st_uid, draft.stat().st_gid):
            os.chown(draft, before.st_uid, before.st_gid)
        draft.chmod(stat.S_IMODE(before.st_mode))
        draft.replace(path)


@contextmanager
def _draft(path: Path, ring: StoredRing) -> Iterator[Path]:
    """A finished file beside `path`, mode 0600; it is gone afterwards, unless it was renamed."""
    text = msgspec.json.format(msgspec.json.encode(ring), indent=2) + b"\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
