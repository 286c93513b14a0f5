"""Durations: which texts are some, and where they lead in which time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from service.kernel.filter.durations import Duration, duration, moved, moved_day, start_of

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("P1Y2M3W4DT5H6M7S", (14, 25, 18367)),
        ("P7D", (0, 7, 0)),
        ("P0D", (0, 0, 0)),
        ("PT36H", (0, 0, 129600)),
        ("PT1M", (0, 0, 60)),
        ("P1M", (1, 0, 0)),
        ("P100Y", (1200, 0, 0)),
        ("P999999D", None),
        ("P37200D", (0, 37200, 0)),
        ("P37201D", None),
        ("P99Y13M", None),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("", None),
        ("1D", None),
        ("P1S", None),
        ("PT1D", None),
        ("P1D1Y", None),
        ("P1.5D", None),
        ("P1234567D", None),
        ("P1D\n", None),
    ],
)
def test_durations_are_written_as_iso_8601_has_them(text: str, parts: tuple[int, int, int] | None) -> None:
    assert duration(text) == (None if parts is None else Duration(text, *parts))


@pytest.mark.parametrize(
    ("start", "text", "sign", "end"),
    [
        ("2026-05-01T12:00:00Z", "P1D", 1, "2026-05-02T12:00:00Z"),
        ("2026-05-01T12:00:00Z", "P1D", -1, "2026-04-30T12:00:00Z"),
        # Clocks go forward on 2026-03-29 and back on 2026-10-25: a day is 23 or 25 hours, PT24H is always 24.
        ("2026-03-28T12:00:00Z", "P1D", 1, "2026-03-29T11:00:00Z"),
        ("2026-03-28T12:00:00Z", "PT24H", 1, "2026-03-29T12:00:00Z"),
        ("2026-10-24T12:00:00Z", "P1D", 1, "2026-10-25T13:00:00Z"),
        ("2026-10-24T12:00:00Z", "P1DT1H", 1, "2026-10-25T14:00:00Z"),
        # 02:30 does not exist on that day: it is half an hour after the clocks went forward.
        ("2026-03-28T01:30:00Z", "P1D", 1, "2026-03-29T01:30:00Z"),
        ("2026-01-31T12:00:00Z", "P1M", 1, "2026-02-28T12:00:00Z"),
        ("2026-03-31T10:00:00Z", "P1M", -1, "2026-02-28T11:00:00Z"),
        ("2024-02-29T12:00:00Z", "P1Y", 1, "2025-02-28T12:00:00Z"),
        ("2026-12-31T12:00:00Z", "P1M", 1, "2027-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00Z", "P1M1D", 1, "2026-03-01T12:00:00Z"),
    ],
)
def test_months_and_days_go_by_the_calendar_and_the_rest_by_the_clock(start: str, text: str, sign: int, end: str) -> None:
    by = duration(text)
    assert by is not None
    assert moved(datetime.fromisoformat(start), by, sign, BERLIN) == datetime.fromisoformat(end)


def test_a_day_begins_at_its_midnight_or_where_clocks_skip_that_at_once() -> None:
    assert start_of(date(2026, 3, 29), BERLIN) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    # Beirut skips from 00:00 to 01:00, which is 22:00 UTC; a day before and one day on begins at the same instant.
    beirut = ZoneInfo("Asia/Beirut")
    assert start_of(date(2025, 3, 30), beirut) == datetime(2025, 3, 29, 22, tzinfo=UTC)
    by = duration("P1D")
    assert by is not None
    assert start_of(moved_day(date(2025, 3, 30), by, 1), beirut) == datetime(2025, 3, 30, 21, tzinfo=UTC)
