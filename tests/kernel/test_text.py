"""Types of text and instants: what passes, and what is said of what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from service.kernel.text import in_calendar, many_lines, one_line, parse_id, searchable

CONTROLS = [chr(number) for number in (*range(32), 127)]
HARMLESS = ["a", " a ", "Ä", "é", "漢字", "🗄", "\u200b a", "a\u00a0b", "𝒳", "'; DROP TABLE tasks; --", "%_\\"]


@pytest.mark.parametrize("text", HARMLESS)
def test_text_of_any_script_passes(text: str) -> None:
    assert one_line(text) is searchable(text) is many_lines(text) is None


@pytest.mark.parametrize("control", CONTROLS)
def test_no_control_character_passes_in_a_line(control: str) -> None:
    for check in (one_line, searchable):
        message = check(f"a{control}b")
        assert message is not None
        assert message.startswith("Control characters")


@pytest.mark.parametrize("control", CONTROLS)
def test_a_text_may_hold_tabs_and_line_breaks_and_no_other_control(control: str) -> None:
    assert (many_lines(f"a{control}b") is None) is (control in "\t\n\r")


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\u3000  "])
def test_a_line_that_says_nothing_is_blank_but_may_be_searched(blank: str) -> None:
    assert one_line(blank) == "This must not be blank."
    assert searchable(blank) is many_lines(blank) is None


@pytest.mark.parametrize(
    ("instant", "fits"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), True),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), False),
        (datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=1))), False),
        (datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), True),
        (datetime(2200, 1, 1, tzinfo=UTC), False),
        (datetime(2200, 1, 1, tzinfo=timezone(timedelta(hours=1))), True),
        (datetime.min.replace(tzinfo=UTC), False),
        (datetime.max.replace(tzinfo=UTC), False),
    ],
)
def test_instants_from_1970_to_2199_fit(instant: datetime, fits: bool) -> None:  # noqa: FBT001
    assert (in_calendar(instant) is None) is fits


def test_an_id_is_read_and_anything_else_is_none() -> None:
    assert parse_id("00000000-0000-7000-8000-000000000001") == UUID("00000000-0000-7000-8000-000000000001")
    for text in ("", "x", "WEB-1", "me", "0" * 31, "0" * 33, "\x00", "٠" * 40):
        assert parse_id(text) is None
