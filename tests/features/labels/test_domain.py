"""When two names of labels are the same, and how they are stored."""

from __future__ import annotations

import pytest

from service.features.labels.domain import name_key, tidy


@pytest.mark.parametrize("name", ["Straße", "STRASSE", "  strasse "])
def test_names_that_differ_in_capitals_and_blanks_around_are_one(name: str) -> None:
    assert name_key(name) == "strasse"


@pytest.mark.parametrize(("composed", "decomposed"), [("\u00e9", "e\u0301"), ("\u00c5", "\u212b"), ("\u00c9", "E\u0301")])
def test_names_that_differ_in_composition_are_one(composed: str, decomposed: str) -> None:
    assert name_key(composed) == name_key(decomposed) == name_key(composed.lower())


def test_names_that_read_differently_are_two() -> None:
    assert len({name_key(name) for name in ("bug", "bugs", "b ug", "büg")}) == 4


def test_a_name_is_stored_composed_and_trimmed_and_a_color_in_small_letters() -> None:
    assert tidy({"name": " Cafe\u0301 ", "color": "#AbCdEf"}) == {"name": "Caf\u00e9", "color": "#abcdef"}
    assert tidy({}) == {}
