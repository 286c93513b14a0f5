"""Codes by the vectors of their RFCs, and recovery codes that people can copy."""

from __future__ import annotations

import re
from base64 import b32decode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from service.features.second_factors.domain import as_read, code_at, is_totp, matching_step, new_recovery_codes, totp_seed

SEED = b"12345678901234567890"
NOW = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


# RFC 4226, appendix D.
@pytest.mark.parametrize(
    ("step", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])),
)
def test_codes_are_those_of_rfc_4226(step: int, code: str) -> None:
    assert code_at(SEED, step) == code


# RFC 6238, appendix B, the rows of SHA-1: the last six of its eight digits.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert code_at(SEED, seconds // 30) == code
    assert matching_step(SEED, code, now) == seconds // 30


@pytest.mark.parametrize(("away", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_taken_one_step_early_or_late(away: int, taken: bool) -> None:  # noqa: FBT001
    assert matching_step(SEED, code_at(SEED, STEP + away), NOW) == (STEP + away if taken else None)


def test_a_step_lasts_thirty_seconds() -> None:
    code = code_at(SEED, STEP)
    start = datetime.fromtimestamp(STEP * 30, UTC)
    assert matching_step(SEED, code, start - timedelta(seconds=30)) == STEP
    assert matching_step(SEED, code, start - timedelta(seconds=31)) is None
    assert matching_step(SEED, code, start + timedelta(seconds=59)) == STEP
    assert matching_step(SEED, code, start + timedelta(seconds=60)) is None


@pytest.mark.parametrize("code", ["", "1", "é", "000000000000", "\U0001d7ce" * 6])
def test_what_is_no_code_matches_no_step(code: str) -> None:
    assert matching_step(SEED, code, NOW) is None


def test_of_two_steps_with_one_code_the_later_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.features.second_factors.domain.code_at", lambda _seed, _step: "123456")
    assert matching_step(SEED, "123456", NOW) == STEP + 1


def test_an_app_is_fed_with_a_key_uri() -> None:
    fed = totp_seed(SEED, "ann+work@example.com")
    assert fed.secret == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert b32decode(fed.secret) == SEED
    uri = urlsplit(fed.otpauth_uri)
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Worklane:ann+work@example.com")
    assert {name: value for name, (value,) in parse_qs(uri.query).items()} == {
        "secret": fed.secret, "issuer": "Worklane", "algorithm": "SHA1", "digits": "6", "period": "30",
    }  # fmt: skip


def test_ten_recovery_codes_of_sixty_bits_without_letters_that_read_as_digits() -> None:
    codes = new_recovery_codes().recovery_codes
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){2}[0-9a-hjkmnp-tv-z]{4}", code) for code in codes)
    assert not set(codes) & set(new_recovery_codes().recovery_codes)


@pytest.mark.parametrize("written", ["7M2Q-X01K-94TE", "7m2qx01k94te", " 7m2q x0lk 94te ", "7m2q-xoIk-94te"])
def test_a_recovery_code_is_read_as_people_copy_it(written: str) -> None:
    assert as_read(written) == "7m2qx01k94te"


@pytest.mark.parametrize(("code", "of_the_app"), [("492039", True), ("492 039", True), ("7m2q-x01k-94te", False), ("", False)])
def test_six_digits_are_the_app_s(code: str, of_the_app: bool) -> None:  # noqa: FBT001
    assert is_totp(as_read(code)) is of_the_app
