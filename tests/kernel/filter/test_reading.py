"""Filters as trees, as normalized text and as CQL2 JSON."""

from __future__ import annotations

import msgspec
import pytest

from service.kernel.filter import normalized, read
from service.kernel.filter.printing import as_json
from service.kernel.filter.tokens import Token
from service.kernel.filter.tree import And, Comparison, Name, Not, Or, Text, Truth, predicates

# As it is sent: as it is normalized.
NORMAL = {
    "a=1": "a = 1",
    "  a\t<>\r\n'x'  ": "a <> 'x'",
    '"a" = 1': "a = 1",
    '"Not" = 1': '"Not" = 1',
    '"in" in (1)': '"in" IN (1)',
    "a = +5": "a = 5",
    "a = -0": "a = 0",
    "a = 007": "a = 7",
    "a=true or b=False": "a = TRUE OR b = FALSE",
    "a = 'it''s'": "a = 'it''s'",
    "not a = 1": "NOT a = 1",
    "not (a = 1)": "NOT a = 1",
    "not not a = 1": "a = 1",
    "not a not in (1)": "a IN (1)",
    "not a in (1,2)": "a NOT IN (1, 2)",
    "not a is null": "a IS NOT NULL",
    "not (a is not null)": "a IS NULL",
    "not a like 'x'": "a NOT LIKE 'x'",
    "not a between 1 and 2": "a NOT BETWEEN 1 AND 2",
    "not true": "NOT TRUE",
    "((a = 1))": "a = 1",
    "a = 1 and (b = 2 and (c = 3))": "a = 1 AND b = 2 AND c = 3",
    "(a = 1 or b = 2) or c = 3": "a = 1 OR b = 2 OR c = 3",
    "(a = 1 and b = 2) or c = 3": "a = 1 AND b = 2 OR c = 3",
    "a = 1 and (b = 2 or c = 3)": "a = 1 AND (b = 2 OR c = 3)",
    "not (a = 1 and b = 2)": "NOT (a = 1 AND b = 2)",
    "not (a = 1 or not (b = 2 and c = 3))": "NOT (a = 1 OR NOT (b = 2 AND c = 3))",
    "a between 1 and 2 and b = 3": "a BETWEEN 1 AND 2 AND b = 3",
    "a < date('2026-05-01')": "a < DATE('2026-05-01')",
    "a < timestamp('2026-05-01t12:00:00z')": "a < TIMESTAMP('2026-05-01T12:00:00Z')",
    "a < TIMESTAMP('2026-05-01T12:00:00.25+02:00')": "a < TIMESTAMP('2026-05-01T10:00:00.250000Z')",
    "a < now ( )-'P1D'+'PT0S'": "a < now() - 'P1D' + 'PT0S'",
    '"me" = me()': "me = me()",
}


@pytest.mark.parametrize("text", NORMAL)
def test_a_filter_has_one_normal_form_which_means_the_same(text: str) -> None:
    assert normalized(text) == NORMAL[text]
    assert normalized(NORMAL[text]) == NORMAL[text]
    assert as_json(read(NORMAL[text])) == as_json(read(text))


def test_and_binds_tighter_than_or() -> None:
    for text, shape in {
        "a = 1 OR b = 1 AND c = 1": [1, [1, 1]],
        "a = 1 AND b = 1 OR c = 1": [[1, 1], 1],
        "a = 1 AND b = 1 OR c = 1 AND d = 1 AND e = 1": [[1, 1], [1, 1, 1]],
        "NOT a = 1 AND b = 1 OR c = 1": [[1, 1], 1],
    }.items():
        tree = read(text)
        assert isinstance(tree, Or)
        assert [[1] * len(item.items) if isinstance(item, And) else 1 for item in tree.items] == shape
    assert isinstance(read("(a = 1 OR b = 1) AND c = 1"), And)


def test_every_part_knows_its_column() -> None:
    assert read(" NOT t = 'x'") == Not(Comparison(Name(6, "t"), 8, "=", Text(10, "x")))
    assert read("TRUE AND t='x'") == And((Truth(1, value=True), Comparison(Name(10, "t"), 11, "=", Text(12, "x"))))
    assert [predicate.field.at for predicate in predicates(read("a=1 OR NOT (b IS NULL AND c LIKE 'd')"))] == [1, 13, 27]


JSON = {
    "TRUE": True,
    "NOT FALSE": {"op": "not", "args": [False]},
    "a <> 'x'": {"op": "<>", "args": [{"property": "a"}, "x"]},
    "a IN (TRUE, 2)": {"op": "in", "args": [{"property": "a"}, [True, 2]]},
    "a NOT LIKE 'x%'": {"op": "not", "args": [{"op": "like", "args": [{"property": "a"}, "x%"]}]},
    "a BETWEEN DATE('2026-01-01') AND TIMESTAMP('2026-01-02T00:00:00Z')": {
        "op": "between",
        "args": [{"property": "a"}, {"date": "2026-01-01"}, {"timestamp": "2026-01-02T00:00:00Z"}],
    },
    "a = me() OR b IS NULL": {
        "op": "or",
        "args": [
            {"op": "=", "args": [{"property": "a"}, {"op": "me", "args": []}]},
            {"op": "isNull", "args": [{"property": "b"}]},
        ],
    },
    "a > today() - 'P1M' + 'PT1H'": {
        "op": ">",
        "args": [
            {"property": "a"},
            {"op": "+", "args": [{"op": "-", "args": [{"op": "today", "args": []}, "P1M"]}, "PT1H"]},
        ],
    },
}


@pytest.mark.parametrize("text", JSON)
def test_a_filter_is_cql2_json_too(text: str) -> None:
    assert msgspec.to_builtins(as_json(read(text))) == JSON[text]


def test_a_long_token_is_quoted_in_part() -> None:
    assert Token("text", "x" * 100, 1).shown() == "'" + "x" * 39 + "…"
