"""Refresh tokens: what one is made of, how children are derived, and which texts are none."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from hashlib import sha256
from uuid import UUID

import pytest

from service.features.sessions.refresh_tokens import PREFIX, RefreshToken

SESSION = UUID(int=7)
SECRET, NONCE, KEY = b"s" * 32, b"n" * 32, b"k" * 32
FIRST = RefreshToken.first(SESSION, SECRET, NONCE)


def secret_of(token: RefreshToken) -> bytes:
    return urlsafe_b64decode(token.text.removeprefix(PREFIX) + "==")[16:48]


def test_what_a_client_holds_is_read_back_whole() -> None:
    found = RefreshToken.parse(FIRST.text)
    assert found is not None
    assert (found.session_id, found.text, found.hash) == (SESSION, FIRST.text, FIRST.hash)
    assert found.is_genuine(NONCE)
    assert FIRST.text.startswith("wl_rt_")
    assert len(FIRST.text) == 92


def test_a_child_is_the_hmac_of_its_parent_and_the_nonce() -> None:
    child = FIRST.child(KEY, NONCE)
    assert secret_of(child) == hmac.digest(KEY, SECRET + NONCE, "sha256")
    assert child.session_id == SESSION
    assert child.is_genuine(NONCE)


def test_the_same_parent_has_the_same_child() -> None:
    assert FIRST.child(KEY, NONCE).text == FIRST.child(KEY, NONCE).text


@pytest.mark.parametrize(
    "other",
    [
        FIRST.child(b"K" * 32, NONCE),
        FIRST.child(KEY, b"N" * 32),
        FIRST.child(KEY, NONCE).child(KEY, NONCE),
        FIRST,
    ],
    ids=["key", "nonce", "generation", "parent"],
)
def test_another_key_nonce_or_parent_has_another_child(other: RefreshToken) -> None:
    assert secret_of(other) != secret_of(FIRST.child(KEY, NONCE))


def test_only_the_session_s_own_nonce_makes_a_token_genuine() -> None:
    assert not FIRST.is_genuine(b"N" * 32)


@pytest.mark.parametrize("place", [6, 30, 60, 80])
def test_a_token_that_was_changed_anywhere_is_not_genuine(place: int) -> None:
    other = "A" if FIRST.text[place] != "A" else "B"
    changed = RefreshToken.parse(FIRST.text[:place] + other + FIRST.text[place + 1 :])
    assert changed is not None
    assert not changed.is_genuine(NONCE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        "x",
        FIRST.text.removeprefix(PREFIX),
        "WL_RT_" + FIRST.text.removeprefix(PREFIX),
        PREFIX + FIRST.text,
        FIRST.text[:-1],
        FIRST.text + "A",
        FIRST.text + "==",
        FIRST.text + "\n",
        " " + FIRST.text,
        FIRST.text[:40] + "." + FIRST.text[40:],
        # The last character carries two bits that count and four that don't.
        FIRST.text[:-1] + chr(ord(FIRST.text[-1]) + 1),
        FIRST.text[:-1] + "é",
        FIRST.text[:-1] + "\ud800",
        "A" * 43,
        "A" * 200,
    ],
)
def test_what_is_not_exactly_a_token_is_none(text: str) -> None:
    assert RefreshToken.parse(text) is None


def test_storage_and_logs_see_nothing_of_the_secret() -> None:
    assert FIRST.hash == sha256(FIRST.text.encode()).hexdigest()
    assert FIRST.text[30:] not in repr(FIRST)
    assert not hasattr(FIRST, "__dict__")
