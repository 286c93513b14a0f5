"""How often something may be done, and how much of that is used up."""

from __future__ import annotations

from msgspec import Struct


class Rate(Struct, frozen=True):
    """What one caller may do in a window of time, and what all callers together may."""

    per_caller: int
    overall: int
    seconds: int = 60


class Count(Struct, frozen=True):
    """What was done in the present window, this time included, and in how many seconds the window ends."""

    taken: int
    seconds: int


class Standing(Struct, frozen=True):
    """Where a caller stands; who is over the own limit is not counted among everyone."""

    caller: Count
    everyone: Count | None
