"""The form of personal access tokens, and when one is good."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from service.features.personal_tokens.domain import (
    ALPHABET,
    LONGEST_LIFETIME,
    Bearer,
    hash_of,
    is_whole,
    refuse_lifetime,
    written,
)
from service.kernel.errors import Invalid
from tests.support.factories import SOME_DAY

SECRET = "7hQ2mZx9KfLw3VtR8cYbN1pJ5sDgA6uE0iTqXoHnMkW"
TOKEN = "wl_pat_7hQ2mZx9KfLw3VtR8cYbN1pJ5sDgA6uE0iTqXoHnMkW03cECC"


def a_bearer() -> Bearer:
    return Bearer(
        UUID(int=1), UUID(int=2), frozenset(), None, SOME_DAY, None, None,
        is_admin=False, email="ann@example.com", full_name=None, account_is_usable=True,
    )  # fmt: skip


def test_a_token_is_a_prefix_a_secret_and_a_checksum_that_double_clicks_as_one_word() -> None:
    assert written(SECRET) == TOKEN
    assert re.fullmatch(r"\w+", TOKEN)
    assert is_whole(TOKEN)


def test_the_checksum_has_its_length_whatever_the_secret() -> None:
    # CRC-32 of these starts with so many zeros that it has fewer than six digits.
    texts = [written(ALPHABET[number % 62] * 41 + ALPHABET[number // 62 % 62] * 2) for number in range(62 * 62)]
    assert {len(text) for text in texts} == {len(TOKEN)}
    assert all(is_whole(text) for text in texts)


@pytest.mark.parametrize("place", range(len("wl_pat_"), len(TOKEN)))
def test_a_token_with_one_other_character_is_none(place: int) -> None:
    other = "a" if TOKEN[place] != "a" else "b"
    assert not is_whole(TOKEN[:place] + other + TOKEN[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wl_pat_",
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN.replace("7", "é"),
        "wl_pat_" + "0" * 49,
        TOKEN.removeprefix("wl_pat_"),
        "x" + TOKEN[1:],
    ],
)
def test_what_is_cut_or_made_up_is_no_token(text: str) -> None:
    assert not is_whole(text)


def test_the_hash_tells_nothing_of_the_token() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_of(TOKEN))
    assert hash_of(TOKEN) != hash_of(written("0" * 43))


def test_a_token_is_good_until_it_expires() -> None:
    assert a_bearer().fault(SOME_DAY - timedelta(microseconds=1)) is None
    assert a_bearer().fault(SOME_DAY) == "expired"


def test_a_revoked_token_and_one_of_an_unusable_account_are_no_good() -> None:
    before = SOME_DAY - timedelta(days=1)
    assert structs.replace(a_bearer(), revoked_at=before).fault(before) == "revoked"
    assert structs.replace(a_bearer(), account_is_usable=False).fault(before) == "account_unusable"


def test_a_token_lives_for_at_most_366_days() -> None:
    refuse_lifetime(SOME_DAY + LONGEST_LIFETIME, SOME_DAY)
    refuse_lifetime(SOME_DAY + timedelta(microseconds=1), SOME_DAY)
    for expires_at in (SOME_DAY, SOME_DAY - timedelta(days=1), SOME_DAY + timedelta(days=366, microseconds=1)):
        with pytest.raises(Invalid) as refusal:
            refuse_lifetime(expires_at, SOME_DAY)
        assert [(error.pointer, error.code) for error in refusal.value.errors] == [("/expires_at", "not_allowed")]
