"""Types of text, numbers and instants that clients may send, each with the check that its values must pass."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

# C0 controls and DEL: no one types them, terminals and log files obey them, and PostgreSQL refuses NUL.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)


def one_line(text: str) -> str | None:
    """What is wrong with a line of text."""
    if _CONTROL.search(text):
        return "Control characters, line breaks and NUL are not allowed here."
    return None if text.strip() else "This must not be blank."


def searchable(text: str) -> str | None:
    """What is wrong with a line that may be empty."""
    return "Control characters, line breaks and NUL are not allowed here." if _CONTROL.search(text) else None


def many_lines(text: str) -> str | None:
    """What is wrong with a text."""
    return "Control characters other than tab and line breaks are not allowed here." if _CONTROL_BUT_BREAKS.search(text) else None


def in_calendar(instant: datetime) -> str | None:
    """What is wrong with an instant."""
    return None if _FIRST <= instant < _LAST else "Instants from 1970 to 2199 are accepted."


Instant = Annotated[
    datetime,
    Meta(tz=True, description="An RFC 3339 instant with its offset, 1970 to 2199.", extra={"check": in_calendar}),
]


def parse_id(text: str) -> UUID | None:
    """The id that a path or a parameter names, None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
