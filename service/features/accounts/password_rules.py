"""Which passwords are accepted: long enough, not among the common ones, not a repetition, not the person's own name.

No composition rules, no expiry, no score, as NIST SP 800-63B-4 §3.1.1.2 asks.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from service.kernel.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LENGTH = 128
_PRODUCT = "worklane"
# Characters that must be left once what everyone knows about the account is taken away.
_MIN_OWN = 4
# Shorter pieces of a name or address turn up in any password.
_SHORTEST_PIECE = 3


def normalized(password: str) -> str:
    """The form that is hashed and verified, so that it doesn't matter how a keyboard composes an accent."""
    return unicodedata.normalize("NFC", password)


class PasswordRules:
    """What a new password must be."""

    def __init__(self, min_length: int, common: frozenset[str]) -> None:
        self._min_length = min_length
        self._common = common

    def accept(self, password: str, email: str, full_name: str | None, *, pointer: str = "/password") -> str:
        """The normalized password, if the owner of this address and name may use it.

        Raises:
            Invalid: it is too short, too long, common, a repetition, or little more than the address or name.
        """
        password = normalized(password)
        if len(password) < self._min_length:
            raise invalid(pointer, "too_short", f"A password has at least {self._min_length} characters.")
        if len(password) > MAX_LENGTH:
            raise invalid(pointer, "too_long", f"A password has at most {MAX_LENGTH} characters.")
        if password.lower() in self._common:
            raise invalid(pointer, "too_common", "This is one of the most common passwords; choose another.")
        if _repeats(password) or _counts(password):
            raise invalid(pointer, "too_repetitive", "This repeats or counts on; choose something less regular.")
        if _own(password, email, full_name) < _MIN_OWN:
            message = "This is little more than your name, your address or the name of this service; choose another."
            raise invalid(pointer, "too_personal", message)
        return password


def _repeats(password: str) -> bool:
    """Whether it is one piece over and over, the last time perhaps cut short."""
    length = len(password)
    return any(password[size:] == password[: length - size] for size in range(1, length // 2 + 1))


def _counts(password: str) -> bool:
    """Whether each character is the one after, or before, its neighbour: 12345678, hgfedcba."""
    return len({ord(after) - ord(before) for before, after in pairwise(password)}) == 1 and (
        abs(ord(password[1]) - ord(password[0])) == 1
    )


def _own(password: str, email: str, full_name: str | None) -> int:
    """How many characters are left without what everyone knows about the account."""
    left = password.casefold()
    for piece in sorted(set(_known(email, full_name)), key=len, reverse=True):
        left = left.replace(piece, "")
    return len(left)


def _known(email: str, full_name: str | None) -> Iterator[str]:
    yield _PRODUCT
    local = email.rpartition("@")[0]
    for text in (local, full_name or ""):
        text = unicodedata.normalize("NFC", text).casefold()  # noqa: PLW2901  (the same text, comparable)
        for piece in (text, text.replace(" ", ""), *re.split(r"[\W_]+", text)):
            if len(piece) >= _SHORTEST_PIECE:
                yield piece
