"""Access tokens: what a good one says, forty bad ones, and how long a verified one is remembered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.adapters.key_ring import Algorithm, KeyRing, create_key_file
from service.adapters.tokens import AccessTokens, InvalidToken, digest, new_secret
from service.http.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://tasks.example.com"
LIFETIME = timedelta(minutes=10)
USER, SESSION = UUID(int=1), UUID(int=2)
SECRET = b"k" * 32
PRIVATE = b"e" * 32
OTHER = b"o" * 32


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def write_ring(path: Path, *keys: dict[str, Any]) -> KeyRing:
    path.write_text(json.dumps({"keys": keys}))
    path.chmod(0o600)
    return KeyRing.load(path)


HS = {"kid": "hs", "algorithm": "HS256", "secret": text(SECRET)}
ED = {"kid": "ed", "algorithm": "EdDSA", "private": text(PRIVATE)}


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """HS256 signs, EdDSA verifies too."""
    return write_ring(tmp_path / "keys.json", ED, HS)


@pytest.fixture
def tokens(ring: KeyRing) -> AccessTokens:
    return AccessTokens(ring, ISSUER, LIFETIME)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload))


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
    return {
        name: value
        for name, value in {"alg": "HS256", "kid": "hs", "typ": "at+jwt", **changed}.items()
        if value is not None
    }


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


FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "one word": lambda: "token",
    "two parts": lambda: "a.b",
    "four parts": lambda: forged(header(), claims()) + ".x",
    "three dots": lambda: "...",
    "not base64": lambda: "é.é.é",
    "lone surrogate": lambda: "\ud800.a.b",
    "header is no JSON": lambda: f"{text(b'{')}.{text(b'{}')}.x",
    "header is an array": lambda: forged([], claims()),
    "header is not UTF-8": lambda: f"{text(bytes([255]))}.{text(b'{}')}.x",
    "payload is an array": lambda: forged(header(), []),
    "payload is text": lambda: forged(header(), "hello"),
    "payload nested 500 deep": lambda: forged(header(), json.loads("[" * 500 + "]" * 500)),
    "header nested 900 deep": lambda: f"{text(b'[' * 1400)}.{text(b'{}')}.x",
    "signature of another key": lambda: forged(header(), claims(), OTHER),
    "signature cut": lambda: forged(header(), claims())[:-3],
    "no signature": lambda: forged(header(), claims()).rpartition(".")[0] + ".",
    "payload changed": lambda: _swapped(forged(header(), claims()), claims(sub=str(uuid4()))),
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "alg nOnE": lambda: unsigned("nOnE"),
    "alg missing": lambda: forged(header(alg=None), claims()),
    "alg HS384": lambda: forged(header(alg="HS384"), claims()),
    "alg RS256": lambda: forged(header(alg="RS256"), claims()),
    "HS256 with the public Ed25519 key as PEM": lambda: forged(header(kid="ed"), claims(), public_pem()),
    "HS256 with the public Ed25519 key": lambda: forged(header(kid="ed"), claims(), public_raw()),
    "EdDSA said, HMAC made": lambda: forged(header(alg="EdDSA", kid="ed"), claims(), public_raw()),
    "EdDSA under the kid of an HMAC key": lambda: with_ed(header(alg="EdDSA"), PRIVATE),
    "EdDSA with another key": lambda: with_ed(header(alg="EdDSA", kid="ed"), OTHER),
    "kid unknown": lambda: forged(header(kid="other"), claims()),
    "kid missing": lambda: forged(header(kid=None), claims()),
    "kid is a path": lambda: forged(header(kid="../../../../dev/null"), claims(), b""),
    "kid is SQL": lambda: forged(header(kid="' OR 1=1 --"), claims()),
    "kid is a number": lambda: forged(header(kid=1), claims()),
    "kid is a list": lambda: forged(header(kid=["hs"]), claims()),
    "typ missing": lambda: forged(header(typ=None), claims()),
    "typ JWT": lambda: forged(header(typ="JWT"), claims()),
    "typ of an ID token": lambda: forged(header(typ="id+jwt"), claims()),
    "a key of its own (jwk)": lambda: forged(header(jwk={"kty": "oct", "k": text(OTHER)}), claims(), OTHER),
    "a key elsewhere (jku)": lambda: forged(header(jku="https://evil.example/keys"), claims()),
    "crit": lambda: forged(header(crit=["exp"]), claims()),
    "b64 false": lambda: forged(header(b64=False), claims()),
    **{f"{name} missing": partial(without, name) for name in claims()},
    "iss of another service": lambda: forged(header(), claims(iss="https://evil.example")),
    "aud of another service": lambda: forged(header(), claims(aud="other")),
    "aud is a list": lambda: forged(header(), claims(aud=["worklane", "other"])),
    "sub is no id": lambda: forged(header(), claims(sub="admin")),
    "sub is a number": lambda: forged(header(), claims(sub=1)),
    "sid is no id": lambda: forged(header(), claims(sid="*")),
    "jti empty": lambda: forged(header(), claims(jti="")),
    "iat 11 s ahead": lambda: forged(header(), claims(iat=at(timedelta(seconds=11)))),
    "iat is text": lambda: forged(header(), claims(iat="0")),
    "iat is a fraction": lambda: forged(header(), claims(iat=1.5)),
    "exp 10 s ago": lambda: forged(header(), claims(exp=at(timedelta(seconds=-10)))),
    "exp is 10^30": lambda: forged(header(), claims(exp=10**30)),
    "exp is 10^15": lambda: forged(header(), claims(exp=10**15)),
    "exp is true": lambda: forged(header(), claims(exp=True)),
    "exp is text": lambda: forged(header(), claims(exp="tomorrow")),
    "1 MB": lambda: forged(header(), claims(jti="x" * 1_000_000)),
    "4097 characters": lambda: forged(header(), claims()).ljust(4097, "A"),
}


def _swapped(token: str, payload: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{text(json.dumps(payload).encode())}.{signature}"


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused_with_401_and_no_reason(tokens: AccessTokens, make: Callable[[], str]) -> None:
    token = make()
    for _ in range(2):
        with pytest.raises(InvalidToken) as refused:
            tokens.verify(token, NOW)
        assert status_of(type(refused.value)) == 401
        assert refused.value.code == "invalid_token"


def test_the_forging_helper_makes_good_tokens_too(tokens: AccessTokens) -> None:
    assert tokens.verify(forged(header(), claims()), NOW).user_id == USER
    assert tokens.verify(with_ed(header(alg="EdDSA", kid="ed"), PRIVATE), NOW).session_id == SESSION


def test_an_oversized_token_is_refused_unread(tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "get_unverified_header", None)
    with pytest.raises(InvalidToken):
        tokens.verify("a" * 4097, NOW)


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_an_issued_token_verifies_and_says_whom_it_stands_for(tmp_path: Path, algorithm: Algorithm) -> None:
    create_key_file(tmp_path / "keys.json", algorithm)
    tokens = AccessTokens(KeyRing.load(tmp_path / "keys.json"), ISSUER, LIFETIME)
    found = tokens.verify(tokens.issue(USER, SESSION, NOW), NOW)
    assert (found.user_id, found.session_id, found.expires_at) == (USER, SESSION, NOW + LIFETIME)


def test_an_issued_token_has_the_header_and_claims_of_rfc_9068(tokens: AccessTokens) -> None:
    head, payload = parts(tokens.issue(USER, SESSION, NOW))
    assert head == {"alg": "HS256", "kid": "hs", "typ": "at+jwt"}
    assert payload.pop("jti")
    assert payload == {
        "iss": ISSUER,
        "aud": "worklane",
        "sub": str(USER),
        "sid": str(SESSION),
        "iat": at(timedelta()),
        "exp": at(LIFETIME),
    }


def test_two_tokens_of_one_session_differ(tokens: AccessTokens) -> None:
    assert tokens.issue(USER, SESSION, NOW) != tokens.issue(USER, SESSION, NOW)


def test_a_token_lives_until_its_end_and_ten_seconds(tokens: AccessTokens) -> None:
    token = tokens.issue(USER, SESSION, NOW)
    last = NOW + LIFETIME + timedelta(seconds=10)
    assert tokens.verify(token, last - timedelta(microseconds=1)).user_id == USER
    with pytest.raises(InvalidToken):
        tokens.verify(token, last)


def test_a_remembered_token_ends_at_the_same_moment(tokens: AccessTokens) -> None:
    token = tokens.issue(USER, SESSION, NOW)
    for _ in range(2):
        tokens.verify(token, NOW)
    with pytest.raises(InvalidToken):
        tokens.verify(token, NOW + timedelta(hours=1))


def test_a_clock_ten_seconds_behind_accepts_a_new_token(tokens: AccessTokens) -> None:
    assert tokens.verify(tokens.issue(USER, SESSION, NOW), NOW - timedelta(seconds=10)).user_id == USER


def test_the_time_is_the_caller_s_and_not_the_machine_s(tokens: AccessTokens) -> None:
    past = datetime(2001, 1, 1, tzinfo=UTC)
    assert tokens.verify(tokens.issue(USER, SESSION, past), past).expires_at == past + LIFETIME


def test_a_token_of_another_service_with_the_same_keys_is_refused(ring: KeyRing, tokens: AccessTokens) -> None:
    other = AccessTokens(ring, "https://other.example.com", LIFETIME)
    with pytest.raises(InvalidToken):
        tokens.verify(other.issue(USER, SESSION, NOW), NOW)


def test_a_verified_token_is_not_decoded_again(tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.issue(USER, SESSION, NOW)
    found = tokens.verify(token, NOW)
    monkeypatch.setattr(jwt, "get_unverified_header", None)
    assert tokens.verify(token, NOW) is found


def test_the_memory_of_verified_tokens_is_bounded_and_forgets_the_oldest(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.adapters.tokens._REMEMBERED", 2)
    first, *others = (tokens.issue(USER, SESSION, NOW) for _ in range(3))
    for token in (first, *others):
        tokens.verify(token, NOW)
    monkeypatch.setattr(jwt, "get_unverified_header", None)
    for token in others:
        assert tokens.verify(token, NOW).user_id == USER
    with pytest.raises(TypeError):
        tokens.verify(first, NOW)


def test_after_a_rotation_old_tokens_verify_until_the_old_key_ends(tmp_path: Path) -> None:
    ended = (NOW + timedelta(minutes=5)).isoformat()
    before = AccessTokens(write_ring(tmp_path / "before", HS), ISSUER, LIFETIME)
    old = before.issue(USER, SESSION, NOW)
    rotated = write_ring(tmp_path / "after", {**HS, "sign_until": NOW.isoformat(), "verify_until": ended}, ED)
    tokens = AccessTokens(rotated, ISSUER, LIFETIME)
    assert parts(tokens.issue(USER, SESSION, NOW))[0]["kid"] == "ed"
    assert tokens.verify(old, NOW).user_id == USER
    with pytest.raises(InvalidToken):
        tokens.verify(old, NOW + timedelta(minutes=5))


def test_the_newest_key_signs_until_its_time_is_over(tmp_path: Path) -> None:
    last = (NOW + timedelta(minutes=1)).isoformat()
    tokens = AccessTokens(write_ring(tmp_path / "keys", HS, {**ED, "sign_until": last}), ISSUER, LIFETIME)
    assert parts(tokens.issue(USER, SESSION, NOW))[0]["kid"] == "ed"
    assert parts(tokens.issue(USER, SESSION, NOW + timedelta(minutes=1)))[0]["kid"] == "hs"


def test_a_key_that_may_no_longer_sign_vouches_for_no_later_token(tmp_path: Path) -> None:
    ring = write_ring(tmp_path / "keys", {**HS, "sign_until": (NOW - timedelta(hours=1)).isoformat()}, ED)
    with pytest.raises(InvalidToken):
        AccessTokens(ring, ISSUER, LIFETIME).verify(forged(header(), claims()), NOW)


def test_no_repr_shows_a_secret(ring: KeyRing) -> None:
    key = ring.find("hs")
    assert key is not None
    assert "k" * 8 not in repr(key) + repr(ring) + str(vars(ring))
    assert text(SECRET)[:8] not in repr(key) + repr(ring) + str(vars(ring))


def test_opaque_tokens_have_256_bits_and_fit_into_a_url() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(base64.urlsafe_b64decode(secret + "=")) == 32 for secret in made)


def test_what_is_stored_of_a_token_is_its_sha_256() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
