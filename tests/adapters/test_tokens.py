"""Access tokens: what a good one says, how long it is good, and how long it is remembered."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from service.adapters.key_file import create_key_file
from service.adapters.key_ring import Algorithm, KeyRing
from service.adapters.tokens import AccessTokens, InvalidToken, digest, new_secret
from tests.support.forgery import (
    ED,
    HS,
    ISSUER,
    LIFETIME,
    NOW,
    SECRET,
    SESSION,
    USER,
    at,
    claims,
    forged,
    header,
    text,
    write_ring,
)

if TYPE_CHECKING:
    from pathlib import Path


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
