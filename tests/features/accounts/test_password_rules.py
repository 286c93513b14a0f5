"""Which passwords are accepted, and with which reason one is not."""

from __future__ import annotations

import pytest

from service.adapters.common_passwords import common_passwords
from service.features.accounts.password_rules import PasswordRules, normalized
from service.kernel.errors import Invalid

RULES = PasswordRules(8, common_passwords())
EMAIL, NAME = "ann.example@example.com", "Ann Beispiel"


def refusal(password: str, email: str = EMAIL, full_name: str | None = NAME, rules: PasswordRules = RULES) -> str | None:
    """The code of the reason."""
    try:
        rules.accept(password, email, full_name)
    except Invalid as refused:
        (error,) = refused.errors
        assert error.pointer == "/password"
        return error.code
    return None


@pytest.mark.parametrize(
    "password",
    [
        "SecurePass123",
        "Test1234!",
        "testpass123",
        "adminpass123",
        "correct horse battery staple",
        "пароль для Анны",
        "🔑🗝🔐🚪🏠🪟🧱🪜",
        "x7" * 3 + "y9",
        "a" * 127 + "b",
        "Ann likes 42 cats",
    ],
)
def test_a_password_that_is_hard_to_guess_is_accepted(password: str) -> None:
    assert RULES.accept(password, EMAIL, NAME) == password


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("Short7!", "too_short"),
        ("🔑🗝🔐🚪🏠🪟🧱", "too_short"),
        ("Zo" + "e\u0301" * 5, "too_short"),
        ("ab" * 64 + "c", "too_long"),
        ("password", "too_common"),
        ("PassWord1", "too_common"),
        ("password123", "too_common"),
        ("qwertyuiop", "too_common"),
        ("12345678", "too_common"),
        ("éééééééé", "too_repetitive"),
        ("        ", "too_repetitive"),
        ("xyzxyzxyzx", "too_repetitive"),
        ("Kitten7Kitten7", "too_repetitive"),
        ("mnopqrstuvw", "too_repetitive"),
        ("zyxwvutsrq", "too_repetitive"),
        ("worklane7!", "too_personal"),
        ("WorkLane12", "too_personal"),
        ("ann.example1", "too_personal"),
        ("Beispiel-1", "too_personal"),
        ("AnnBeispiel!!!", "too_personal"),
        ("example+ANN+99", None),
        ("ann-worklane", "too_personal"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, code: str | None) -> None:
    assert refusal(password) == code


def test_the_longest_password_has_128_code_points() -> None:
    assert refusal("ab" * 63 + "cd") is None
    assert refusal("ab" * 63 + "cde") == "too_long"


def test_the_shortest_length_is_a_setting() -> None:
    strict = PasswordRules(15, common_passwords())
    assert refusal("SecurePass123", rules=strict) == "too_short"
    assert refusal("SecurePass123-4", rules=strict) is None


def test_a_refusal_points_to_the_field_that_is_asked_for() -> None:
    with pytest.raises(Invalid) as refused:
        RULES.accept("short", EMAIL, None, pointer="/new_password")
    assert refused.value.errors[0].pointer == "/new_password"


def test_a_person_without_a_name_may_use_any_name() -> None:
    assert refusal("Beispiel-1", full_name=None) is None


def test_two_letters_of_a_name_forbid_nothing() -> None:
    assert refusal("abkara-raab", "ab@example.com", "Ra Ka") is None


def test_a_password_is_kept_in_one_normal_form() -> None:
    composed = "Café au lait"
    assert RULES.accept("Cafe\u0301 au lait", EMAIL, NAME) == composed == normalized(composed)


def test_the_packaged_list_is_long_enough_and_in_the_form_that_is_compared() -> None:
    listed = common_passwords()
    assert len(listed) >= 3_000
    assert all(len(password) >= 8 and password == password.lower() == normalized(password) for password in listed)
    assert {"password", "12345678", "password123", "iloveyou", "qwertyuiop"} <= listed
    assert not {"securepass123", "test1234!", "testpass123", "adminpass123"} & listed


def test_every_listed_password_is_refused_in_any_case() -> None:
    assert {refusal(password) for password in common_passwords()} == {"too_common"}
    assert {refusal(password.title(), full_name=None) for password in common_passwords()} == {"too_common"}
