"""What a client reads about a wrong value: what to send, and no word of Python or of the library."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct

from service.features.accounts.schemas import Locale
from service.features.projects.schemas import Key
from service.features.tasks.domain import Status
from service.features.tasks.schemas import Priority, Title
from service.http.wording import explain
from service.kernel.text import Instant


class Inner(Struct, forbid_unknown_fields=True):
    number: int


INSTANT = "Send an RFC 3339 instant with its offset, such as 2026-05-01T12:00:00Z."


@pytest.mark.parametrize(
    ("type_", "value", "code", "message"),
    [
        (Title, "", "too_short", "Send at least 1 character."),
        (Title, "x" * 201, "too_long", "Send at most 200 characters."),
        (list[int], "x", "wrong_type", "Send an array, not a string."),
        (Priority, 0, "too_small", "Send 1 or more."),
        (Priority, 6, "too_large", "Send 5 or less."),
        (Priority | None, "5", "wrong_type", "Send an integer or null, not a string."),
        (bool, 1, "wrong_type", "Send true or false, not an integer."),
        (UUID, "x", "wrong_format", "Send a UUID."),
        (UUID, 1, "wrong_type", "Send a UUID, not an integer."),
        (Instant, "2026-05-01", "wrong_format", INSTANT),
        (Instant, "2026-05-01T12:00:00", "offset_missing", INSTANT),
        (Status, "later", "not_allowed", "Send one of todo, in_progress, done, cancelled."),
        (Literal["a", "b"], "c", "not_allowed", "Send one of a, b."),
        (Key, "web", "wrong_format", "Send this: 2 to 10 of A to Z and 0 to 9; never changes."),
        (Locale, "?", "wrong_format", "Send this: A BCP 47 language tag of language, script and region: en, pt-BR, zh-Hant-TW."),
        (Inner, {"number": 1, "x": 2}, "unknown", "There is an unknown field `x`."),
        (Inner, {}, "missing", "There is a missing required field `number`."),
    ],
)
def test_a_wrong_value_is_explained(type_: Any, value: Any, code: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, type_)
    assert explain(str(caught.value).partition(" - at")[0], type_) == (code, message)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (Priority | None, "x", "Send an integer."),
        (Priority | None, "9", "Send 5 or less."),
        (UUID | None, "x", "Send a UUID."),
        (bool, "yes", "Send true or false."),
        (Literal["a", "b"] | None, "c", "Send one of a, b."),
    ],
)
def test_of_a_query_string_nobody_is_asked_for_null_or_told_that_it_is_text(type_: Any, value: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, type_, strict=False)
    assert explain(str(caught.value), type_, in_query=True)[1] == message


def test_a_value_inside_another_is_explained_without_knowing_its_type() -> None:
    assert explain("Expected `int | null`, got `str`", None) == ("wrong_type", "Send an integer or null, not a string.")


def test_a_pattern_without_a_description_says_at_least_that() -> None:
    assert explain("Expected `str` matching regex 'x'", str) == ("wrong_format", "This is not in the expected format.")


@pytest.mark.parametrize(("said", "code"), [("Number out of range", "out_of_range"), ("Something new", "not_allowed")])
def test_what_else_is_said_has_a_code_too(said: str, code: str) -> None:
    assert explain(said, int)[0] == code
