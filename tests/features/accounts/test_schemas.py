"""What bodies about accounts may hold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.features.accounts.schemas import PasswordConfirmation, Registration, UserPatch
from service.http.decoding import Model, given
from service.kernel.errors import Invalid

REGISTRATION = Model(Registration)
PATCH = Model(UserPatch)
CONFIRMATION = Model(PasswordConfirmation)


def wrong(model: Model[Any], body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        model.from_json(msgspec.json.encode(body))
    return {error.pointer: error.code for error in refused.value.errors}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/email": "missing", "/password": "missing"}),
        ({"email": "a@", "password": "short"}, {"/email": "not_allowed", "/password": "too_short"}),
        ({"email": "a" * 255, "password": "x" * 513}, {"/email": "too_long", "/password": "too_long"}),
        ({"email": None, "password": None}, {"/email": "wrong_type", "/password": "wrong_type"}),
        ({"email": "a@example.com", "password": "NUL\x00 in here"}, {"/password": "not_allowed"}),
        ({"email": "a@example.com", "password": "long enough", "full_name": ""}, {"/full_name": "too_short"}),
        ({"email": "a@example.com", "password": "long enough", "full_name": " "}, {"/full_name": "not_allowed"}),
        ({"email": "a@example.com", "password": "long enough", "full_name": "a\nb"}, {"/full_name": "not_allowed"}),
        ({"email": "a@example.com", "password": "long enough", "role": "admin"}, {"/role": "unknown"}),
        ({"email": "a@example.com", "password": "long enough", "is_active": True}, {"/is_active": "unknown"}),
    ],
)
def test_a_registration_names_every_wrong_field(body: dict[str, Any], found: dict[str, str]) -> None:
    assert wrong(REGISTRATION, body) == found


@pytest.mark.parametrize(
    "body",
    [
        {"timezone": "Europe/Berlin"},
        {"timezone": "UTC"},
        {"locale": "en"},
        {"locale": "pt-BR"},
        {"locale": "zh-Hant-TW"},
        {"locale": "es-419"},
        {"full_name": "Ann"},
        {"full_name": None},
        {},
    ],
)
def test_a_profile_takes_what_is_well_formed(body: dict[str, Any]) -> None:
    assert given(PATCH.from_json(msgspec.json.encode(body))) == body


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("timezone", "Mars/Olympus", "not_allowed"),
        ("timezone", "europe/berlin", "not_allowed"),
        ("timezone", "../../etc/passwd", "not_allowed"),
        ("timezone", "localtime", "not_allowed"),
        ("timezone", "x" * 65, "too_long"),
        ("timezone", "", "not_allowed"),
        ("timezone", None, "wrong_type"),
        ("locale", "english", "wrong_format"),
        ("locale", "en_US", "wrong_format"),
        ("locale", "en\n", "not_allowed"),
        ("locale", "", "wrong_format"),
        ("locale", None, "wrong_type"),
        ("full_name", "x" * 201, "too_long"),
        ("email", "new@example.com", "unknown"),
        ("role", "admin", "unknown"),
        ("version", 7, "unknown"),
    ],
)
def test_a_profile_takes_nothing_else(field: str, value: object, code: str) -> None:
    assert wrong(PATCH, {field: value}) == {f"/{field}": code}


def test_a_confirmation_needs_a_token_and_a_password() -> None:
    assert wrong(CONFIRMATION, {}) == {"/token": "missing", "/new_password": "missing"}
    assert wrong(CONFIRMATION, {"token": "", "new_password": "short"}) == {"/token": "too_short", "/new_password": "too_short"}
