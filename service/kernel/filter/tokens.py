"""The words and signs of a filter, each with the column where it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYWORDS = frozenset(("AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS", "NULL", "TRUE", "FALSE", "DATE", "TIMESTAMP"))
# Such a number is a bigint in PostgreSQL, and whole in JavaScript.
MAX_DIGITS = 15
# An excerpt of what was found goes into the message, not a whole text.
_SHOWN = 40

# Possessive throughout: no input makes it go back.
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]++)"
    r"|(?P<text>'(?:[^']++|'')*+')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*+)"
    r'|"(?P<quoted>[A-Za-z_][A-Za-z0-9_]*+)"'
    r"|(?P<number>[0-9]++(?:\.[0-9]++)?+(?:[Ee][+-]?[0-9]++)?+)"
    r"|(?P<sign><>|<=|>=|[=<>(),+-])"
)
# What PostgreSQL refuses (NUL) and what nobody types; a text may hold tabs and line breaks, as descriptions do.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Misread(ValueError):
    """What is wrong with a filter, and in which column (counted in characters, from 1)."""

    def __init__(self, column: int, problem: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {problem}")


class Token(Struct, frozen=True):
    """A word, a sign or a value; `kind` is keyword, name, text, number, sign or end."""

    kind: str
    value: str
    at: int

    def shown(self) -> str:
        """The token as a message quotes it."""
        if self.kind == "end":
            return "the end"
        written = f"'{self.value}'" if self.kind == "text" else self.value
        return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"


def tokens(text: str) -> Iterator[Token]:
    """Every token of the text, and last one of kind `end`.

    Raises:
        Misread: a character that begins no token, or a text without an end.
    """
    if control := _CONTROL.search(text):
        raise Misread(control.start() + 1, "control characters other than tab and line break are not allowed.")
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Misread(place + 1, _stray(text[place], text[place + 1 : place + 2]))
        if match.lastgroup != "space":
            yield _token(match)
        place = match.end()
    yield Token("end", "", len(text) + 1)


def _token(match: re.Match[str]) -> Token:
    kind, at = match.lastgroup or "", match.start() + 1
    value = match[kind]
    if kind == "text":
        return Token(kind, value[1:-1].replace("''", "'"), at)
    if kind == "name" and value.upper() in KEYWORDS:
        return Token("keyword", value.upper(), at)
    if kind == "number" and len(value) > MAX_DIGITS:
        raise Misread(at, f"numbers have at most {MAX_DIGITS} digits.")
    return Token("name" if kind == "quoted" else kind, value, at)


def _stray(character: str, following: str) -> str:
    if character == "'":
        return "this text has no closing quote; a quote inside a text is written twice."
    if character == '"':
        return 'double quotes hold the name of a field, as in "status"; a text is written in single quotes.'
    if character == "!" and following == "=":
        return "'not equal' is written <>."
    return f"there is no use for {character!r} here."
