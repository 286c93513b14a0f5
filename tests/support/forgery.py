"""Access tokens made by hand, good and forged, and the key ring that they pretend to come from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.adapters.key_ring import KeyRing

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://tasks.example.com"
LIFETIME = timedelta(minutes=10)
USER, SESSION = UUID(int=1), UUID(int=2)
SECRET = b"k" * 32
PRIVATE = b"e" * 32
OTHER = b"o" * 32


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def write_ring(path: Path, *keys: dict[str, Any], storage_keys: tuple[dict[str, str], ...] = ()) -> KeyRing:
    path.write_text(json.dumps({"keys": keys, "storage_keys": storage_keys}))
    path.chmod(0o600)
    return KeyRing.load(path)


HS = {"kid": "hs", "algorithm": "HS256", "secret": text(SECRET)}
AT_REST = {"kid": "rest", "secret": text(b"r" * 32)}
ED = {"kid": "ed", "algorithm": "EdDSA", "private": text(PRIVATE)}


def claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "iss": ISSUER,
        "aud": "worklane",
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": "one",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + LIFETIME).timestamp()),
    }
    return {name: value for name, value in {**whole, **changed}.items() if value is not None}


def header(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {"alg": "HS256", "kid": "hs", "typ": "at+jwt", **changed}.items() if value is not None}


def forged(head: Any, payload: Any, secret: bytes = SECRET) -> str:
    """A token with a right HMAC over whatever is asked for."""
    signed = f"{text(json.dumps(head).encode())}.{text(json.dumps(payload).encode())}"
    return f"{signed}.{text(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def public_pem() -> bytes:
    return (
        Ed25519PrivateKey.from_private_bytes(PRIVATE)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def public_raw() -> bytes:
    return Ed25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()


def with_ed(head: dict[str, Any], private: bytes) -> str:
    signed = f"{text(json.dumps(head).encode())}.{text(json.dumps(claims()).encode())}"
    return f"{signed}.{text(Ed25519PrivateKey.from_private_bytes(private).sign(signed.encode()))}"


def unsigned(algorithm: str) -> str:
    return f"{text(json.dumps(header(alg=algorithm)).encode())}.{text(json.dumps(claims()).encode())}."


def without(claim: str) -> str:
    return forged(header(), claims(**{claim: None}))


def at(instant: timedelta) -> int:
    return int((NOW + instant).timestamp())
