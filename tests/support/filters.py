"""Filters made at random: ones that the grammar makes, and those with some characters spoilt."""

from __future__ import annotations

from random import Random

from service.features.tasks.filter_domain import task_filter
from service.kernel.filter import parser
from service.kernel.filter.printing import as_json, as_text
from service.kernel.filter.tokens import Misread

_FIELDS = ("status", "priority", "due_date", "title", "is_overdue", "assignee", "key", "project", '"number"', "nothing", '"and"')
_TEXTS = ("'todo'", "'it''s'", "''", "'WEB-12'", "'%a_'", "'\\\\'", "'\\'", "'00000000-0000-7000-8000-000000000000'", "'🙂'")
_TIMES = ("now()", "today()", "DATE('2026-02-28')", "TIMESTAMP('2026-05-01T12:00:00.5+02:00')", "DATE('2026-02-29')")
_DURATIONS = ("'P1D'", "'P1Y2M3W4DT5H6M7S'", "'PT0S'", "'P100Y'", "'P'", "'P1M'")
_WORDS = (
    "AND",
    "or",
    "NOT",
    "(",
    ")",
    ",",
    "=",
    "<>",
    "<=",
    "'",
    '"',
    "IN",
    "LIKE",
    "BETWEEN",
    "IS",
    "NULL",
    "TRUE",
    "+",
    "-",
    "P",
)


def grown(random: Random, depth: int = 5) -> str:
    """A filter, by the grammar; what it means may be refused."""
    shape = random.randrange(8 if depth else 4)
    if shape < 4:
        return _predicate(random)
    if shape == 4:
        return f"NOT {grown(random, depth - 1)}"
    if shape == 5:
        return f"({grown(random, depth - 1)})"
    word = random.choice((" AND ", " OR ", "\nand ", " Or\t"))
    return word.join(grown(random, depth - 1) for _ in range(random.randint(2, 4)))


def _predicate(random: Random) -> str:
    field, contrary = random.choice(_FIELDS), random.choice(("", "NOT "))
    return random.choice(
        (
            f"{field}{random.choice(('=', ' <> ', '<', ' <=', '> ', '>='))}{_value(random)}",
            f"{field} {contrary}IN ({', '.join(_value(random) for _ in range(random.randint(1, 4)))})",
            f"{field} {contrary}LIKE {random.choice(_TEXTS)}",
            f"{field} {contrary}BETWEEN {_value(random)} AND {_value(random)}",
            f"{field} IS {contrary}NULL",
            random.choice(("TRUE", "false")),
        )
    )


def _value(random: Random) -> str:
    number = random.choice(("0", "-7", "+3", "999999999999999", "1.5", "1e9"))
    term = random.choice((number, random.choice(_TEXTS), random.choice(_TIMES), random.choice(("TRUE", "FALSE", "me()", "NULL"))))
    moves = random.choice((0, 0, 0, 1, 2, 5))
    return term + "".join(random.choice((" + ", "-")) + random.choice(_DURATIONS) for _ in range(moves))


def spoilt(random: Random, text: str) -> str:
    """The text with some characters or words put in, taken out, doubled or replaced."""
    for _ in range(random.randint(1, 6)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice((0, 1, 1, 2, 8)))
        new = random.choice(
            ("", random.choice(_WORDS), chr(random.randrange(128)), chr(random.randrange(0x2FFF)), text[start:end] * 2, "(" * 40)
        )
        text = text[:start] + new + text[end:]
    return text


def try_out(text: str) -> bool:
    """Whether it is a filter; whatever it is, it is read or refused properly."""
    try:
        tree = parser.parse(text)
    except Misread as error:
        _point(error, text)
        return False
    normal = as_text(tree)
    if len(normal) <= parser.MAX_LENGTH:
        again = parser.parse(normal)
        assert as_json(again) == as_json(tree), text
        assert as_text(again) == normal, text
    try:
        task_filter(text)
    except Misread as error:
        _point(error, text)
    return True


def _point(error: Misread, text: str) -> None:
    assert 1 <= error.column <= len(text) + 1, text
    assert str(error).endswith("."), text


def fuzz(seed: int, rounds: int) -> tuple[int, int]:
    """How many texts of so many were filters and how many were not, none of which may fail otherwise."""
    random = Random(seed)
    accepted = 0
    for _ in range(rounds):
        text = grown(random)
        if random.random() < 0.7:
            text = spoilt(random, text)
        accepted += try_out(text[: parser.MAX_LENGTH])
    return accepted, rounds - accepted
