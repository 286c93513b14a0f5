"""Reads the values of a filter: texts, numbers, days, instants, functions, and what durations make of them."""

# A value is a text, a number, TRUE or FALSE, DATE('…'), TIMESTAMP('…'), me(), now() or today(); days and instants may be followed
# by durations, each with + or - before it.

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from service.kernel.filter.durations import MAX_YEARS, duration
from service.kernel.filter.tokens import Misread
from service.kernel.filter.tree import Call, Day, Instant, Move, Moved, Number, Text, Truth
from service.kernel.text import in_calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.kernel.filter.tokens import Token
    from service.kernel.filter.tree import Value

FUNCTIONS = ("me", "now", "today")
MAX_MOVES = 4

_VALUE = "a value: a text in single quotes, a number, TRUE, FALSE, DATE('…'), TIMESTAMP('…'), me(), now() or today()"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})")


class ValueReader:
    """The place in a list of tokens, and the rules of values."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """`tokens` ends with one of kind `end`."""
        self._tokens = tokens
        self._place = 0

    @property
    def next(self) -> Token:
        """The token that is not read yet."""
        return self._tokens[self._place]

    def take(self) -> Token:
        """The next token, which then is read."""
        self._place += 1
        return self._tokens[self._place - 1]

    def takes(self, word: str) -> bool:
        """Whether the next token is this keyword or sign; if so, it is read."""
        found = self.next.kind in {"keyword", "sign"} and self.next.value == word
        self._place += found
        return found

    def expect(self, word: str, expected: str) -> None:
        """Read this keyword or sign.

        Raises:
            Misread: something else stands there; the message says that `expected` should.
        """
        if not self.takes(word):
            raise self.unexpected(expected)

    def unexpected(self, expected: str) -> Misread:
        """The refusal of the next token, saying what should stand in its place."""
        return Misread(self.next.at, f"found {self.next.shown()}, expected {expected}.")

    def value(self) -> Value:
        """A value, with the durations behind it.

        Raises:
            Misread: there is none.
        """
        term = self._term()
        if not (self.next.kind == "sign" and self.next.value in {"+", "-"}):
            return term
        if isinstance(term, Text | Number | Truth | Moved) or (isinstance(term, Call) and term.name == "me"):
            raise Misread(self.next.at, "only days and instants can be moved: DATE('…'), TIMESTAMP('…'), now(), today().")
        moves: list[Move] = []
        while self.next.kind == "sign" and self.next.value in {"+", "-"}:
            if len(moves) == MAX_MOVES:
                raise Misread(self.next.at, f"a value is moved by at most {MAX_MOVES} durations.")
            moves.append(self._move())
        return Moved(term.at, term, tuple(moves))

    def _move(self) -> Move:
        sign = 1 if self.take().value == "+" else -1
        found = duration(self.next.value) if self.next.kind == "text" else None
        if found is None:
            raise self.unexpected(f"a duration of at most {MAX_YEARS} years in single quotes, such as 'P7D', 'P1M' or 'PT12H'")
        self.take()
        return Move(sign, found)

    def _term(self) -> Value:
        token = self.next
        if token.kind == "text":
            return Text(token.at, self.take().value)
        if token.kind == "number" or (token.kind == "sign" and token.value in {"+", "-"}):
            return self._number()
        if token.kind == "name":
            return self._call()
        return self._word(token.at)

    def _word(self, at: int) -> Value:
        for word in ("TRUE", "FALSE"):
            if self.takes(word):
                return Truth(at, word == "TRUE")
        if self.takes("DATE"):
            return self._day(at)
        if self.takes("TIMESTAMP"):
            return self._instant(at)
        if self.takes("NULL"):
            raise Misread(at, "nothing equals NULL: write IS NULL or IS NOT NULL.")
        raise self.unexpected(_VALUE)

    def _number(self) -> Number:
        at = self.next.at
        negative = self.takes("-")
        if not negative:
            self.takes("+")
        if self.next.kind != "number" or not self.next.value.isdecimal():
            raise self.unexpected("a whole number")
        number = int(self.take().value)
        return Number(at, -number if negative else number)

    def _call(self) -> Call:
        token = self.take()
        if not (self.next.kind == "sign" and self.next.value == "("):
            raise Misread(token.at, f"found {token.shown()}, expected a value: texts stand in single quotes, fields on the left.")
        if token.value not in FUNCTIONS:
            raise Misread(token.at, f"there is no function {token.shown()}(); there are me(), now() and today().")
        self.take()
        self.expect(")", ")")
        return Call(token.at, token.value)

    def _day(self, at: int) -> Day:
        token = self._quoted("a day in single quotes, such as '2026-05-01'")
        found = _date(token.value) if _DAY.fullmatch(token.value) else None
        if found is None or in_calendar(datetime(found.year, found.month, found.day, tzinfo=UTC)):
            raise Misread(token.at, f"found {token.shown()}, expected a day from 1970 to 2199, such as '2026-05-01'.")
        return Day(at, found)

    def _instant(self, at: int) -> Instant:
        token = self._quoted("an instant in single quotes, such as '2026-05-01T12:00:00Z'")
        found = _datetime(token.value) if _INSTANT.fullmatch(token.value) else None
        if found is None or in_calendar(found):
            raise Misread(
                token.at,
                f"found {token.shown()}, expected an instant with its offset, from 1970 to 2199, such as '2026-05-01T12:00:00Z'.",
            )
        return Instant(at, found.astimezone(UTC))

    def _quoted(self, expected: str) -> Token:
        self.expect("(", f"( and {expected}")
        if self.next.kind != "text":
            raise self.unexpected(expected)
        token = self.take()
        self.expect(")", ")")
        return token


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _datetime(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None
