"""Forged access tokens: each is refused, and nothing says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest

from service.adapters.tokens import AccessTokens, InvalidToken
from service.http.problems import status_of
from tests.support.forged_tokens import FORGED
from tests.support.forgery import (
    ED,
    HS,
    ISSUER,
    LIFETIME,
    NOW,
    PRIVATE,
    SESSION,
    USER,
    claims,
    forged,
    header,
    with_ed,
    write_ring,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tokens(tmp_path: Path) -> AccessTokens:
    """HS256 signs, EdDSA verifies too."""
    return AccessTokens(write_ring(tmp_path / "keys.json", ED, HS), ISSUER, LIFETIME)


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused_with_401_and_no_reason(tokens: AccessTokens, make: Callable[[], str]) -> None:
    token = make()
    for _ in range(2):
        with pytest.raises(InvalidToken) as refused:
            tokens.verify(token, NOW)
        assert status_of(type(refused.value)) == 401
        assert refused.value.code == "invalid_access_token"


def test_the_forging_helper_makes_good_tokens_too(tokens: AccessTokens) -> None:
    assert tokens.verify(forged(header(), claims()), NOW).user_id == USER
    assert tokens.verify(with_ed(header(alg="EdDSA", kid="ed"), PRIVATE), NOW).session_id == SESSION


def test_an_oversized_token_is_refused_unread(tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "get_unverified_header", None)
    with pytest.raises(InvalidToken):
        tokens.verify("a" * 4097, NOW)
