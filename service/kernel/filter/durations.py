"""Durations as ISO 8601 writes them (P7D, P1M, PT12H), and what they do to an instant."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo

from msgspec import Struct

# So that no sum of an accepted instant and durations leaves the years that Python and PostgreSQL have.
MAX_YEARS = 100
_FORM = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,6})Y)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})S)?)?"
)


class Duration(Struct, frozen=True):
    """So many months and days of the calendar, and then so many seconds."""

    text: str
    months: int
    days: int
    seconds: int


def duration(text: str) -> Duration | None:
    """The duration that the text names, None where it is none or a longer one than is accepted."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    found = Duration(text, 12 * years + months, 7 * weeks + days, 3600 * hours + 60 * minutes + seconds)
    length = timedelta(days=31 * found.months + found.days, seconds=found.seconds)
    return found if length <= timedelta(days=31 * 12 * MAX_YEARS) else None


def start_of(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day, in UTC; where clocks skip midnight, the instant at which they do."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def moved(instant: datetime, by: Duration, sign: int, zone: tzinfo) -> datetime:
    """The instant after a duration (or before it: -1), in UTC: months and days by the zone's calendar, then the time."""
    if by.months or by.days:
        there = instant.astimezone(zone)
        instant = datetime.combine(moved_day(there.date(), by, sign), there.time(), zone)
    return instant.astimezone(UTC) + timedelta(seconds=sign * by.seconds)


def moved_day(day: date, by: Duration, sign: int) -> date:
    """The day after a duration (or before it: -1), whatever its hours.

    A day that its month lacks becomes the last of the month, as in PostgreSQL.
    """
    index = 12 * day.year + day.month - 1 + sign * by.months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1])) + timedelta(days=sign * by.days)
