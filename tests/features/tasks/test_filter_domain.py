"""Which filters of tasks are refused, and where they are wrong."""

from __future__ import annotations

import pytest

from service.features.tasks.domain import Status
from service.features.tasks.filter_domain import FIELDS, is_of_one, task_filter
from service.kernel.filter.parser import MAX_LENGTH
from service.kernel.filter.printing import as_text
from service.kernel.filter.tokens import Misread
from tests.features.tasks.bad_filters import GRAMMAR, MEANING, SIZE

BAD = GRAMMAR | MEANING | SIZE


@pytest.mark.parametrize("marked", BAD)
def test_a_bad_filter_is_refused_with_the_column_and_what_was_expected(marked: str) -> None:
    assert marked.count("¦") == 1
    with pytest.raises(Misread) as refusal:
        task_filter(marked.replace("¦", ""))
    column = marked.index("¦") + 1
    assert refusal.value.column == column
    assert str(refusal.value).startswith(f"column {column}: ")
    assert BAD[marked] in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_the_table_is_long() -> None:
    assert len(BAD) >= 200
    assert all(BAD.values())


def test_a_filter_longer_than_is_accepted_is_refused() -> None:
    assert as_text(task_filter("TRUE".ljust(MAX_LENGTH))) == "TRUE"
    with pytest.raises(Misread, match="column 4001"):
        task_filter("TRUE".ljust(MAX_LENGTH + 1))


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_can_be_asked_for_null(field: str) -> None:
    text = f"{field} IS NULL AND {field} IS NOT NULL"
    assert as_text(task_filter(text)) == text


def test_every_status_is_one_to_filter_by() -> None:
    text = " OR ".join(f"status = '{status}'" for status in Status)
    assert as_text(task_filter(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "(" * 16 + "TRUE" + ")" * 16,
        "NOT " * 16 + "TRUE",
        " OR ".join(["priority=1"] * 100),
        "number IN (" + ",".join(["1"] * 200) + ")",
        "due_date < today() + 'P100Y' + 'P100Y' + 'P100Y' + 'P100Y'",
        "due_date < DATE('1970-01-01') - 'P100Y' - 'P100Y' - 'P100Y' - 'P100Y'",
        "due_date < TIMESTAMP('2199-12-31T23:59:59.999999Z') + 'P100Y' + 'P100Y' + 'P100Y' + 'P100Y'",
        "priority = 999999999999999 OR priority = -999999999999999",
    ],
)
def test_what_is_just_within_the_bounds_is_accepted(text: str) -> None:
    assert len(as_text(task_filter(text))) > 3


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("assignee = me()", True),
        ("priority > 2 AND (status = 'todo' AND assignee = me())", True),
        ("assignee = me() OR priority = 5", False),
        ("assignee <> me()", False),
        ("NOT assignee = me()", False),
        ("assignee IS NULL", False),
        ("assignee IN (me())", False),
        ("reporter = me()", False),
    ],
)
def test_a_filter_is_of_one_person_where_nothing_else_can_pass(text: str, *, is_one: bool) -> None:
    assert is_of_one(task_filter(text)) is is_one
