"""The check that migrations make what the code declares: which differences it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from piccolo.columns import JSONB, UUID, BigSerial, ForeignKey, Integer, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from tests.migration_drift import Shape, declared, differences, stored

if TYPE_CHECKING:
    import asyncpg


class Shelf(Table, tablename="drift_shelves", db=ENGINE):
    id = UUID(primary_key=True, default=None)
    name = Varchar(length=40)


class Book(Table, tablename="drift_books", db=ENGINE):
    number = BigSerial(primary_key=True)
    title = Text(null=True)
    notes = JSONB(default="{}")
    printed_at = Timestamptz(default=None)
    shelf = ForeignKey(Shelf, db_column_name="shelf_id", on_delete=OnDelete.restrict, null=False)


SCHEMA = """
CREATE TABLE drift_shelves (id uuid PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE drift_books (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text,
    length integer GENERATED ALWAYS AS (length(title)) STORED,
    notes jsonb NOT NULL,
    printed_at timestamptz NOT NULL,
    shelf_id uuid NOT NULL REFERENCES drift_shelves (id) ON DELETE RESTRICT
);
"""


def books(**changes: Any) -> dict[str, Shape]:
    """A small schema with one thing changed."""
    shape = Shape({"id": ("uuid", False), "title": ("text", True)}, {"id"}, {"id": "shelves.id ON DELETE CASCADE"})
    return {"books": Shape(**(vars(shape) | changes))}


@pytest.mark.anyio
async def test_a_stored_schema_reads_like_its_declaration_and_computed_columns_are_passed_over(
    connection: asyncpg.Connection[Any],
) -> None:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(SCHEMA)
        found = {name: shape for name, shape in (await stored(connection)).items() if name.startswith("drift_")}
    finally:
        await transaction.rollback()
    assert found == declared([Shelf, Book])
    assert found["drift_books"].references == {"shelf_id": "drift_shelves.id ON DELETE RESTRICT"}


def test_equal_schemas_have_no_differences() -> None:
    assert differences(books(), books()) == []


def test_a_table_without_a_migration_and_one_without_a_declaration_are_named() -> None:
    assert differences({"books": Shape()}, {"loans": Shape()}) == [
        "books: declared, but no migration makes it",
        "loans: made by a migration, but declared nowhere",
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"columns": {"id": ("uuid", False), "title": ("text", False)}},
            "books.title: the code says text NULL, the migrations say text NOT NULL",
        ),
        (
            {"columns": {"id": ("bigint", False), "title": ("text", True)}},
            "books.id: the code says uuid NOT NULL, the migrations say bigint NOT NULL",
        ),
        ({"columns": {"id": ("uuid", False)}}, "books.title: the code says text NULL, the migrations say no such column"),
        ({"primary_key": {"title"}}, "books.id: the code says PRIMARY KEY, the migrations say not in the primary key"),
        (
            {"references": {"id": "shelves.id ON DELETE RESTRICT"}},
            "books.id: the code says shelves.id ON DELETE CASCADE, the migrations say shelves.id ON DELETE RESTRICT",
        ),
        ({"references": {}}, "books.id: the code says shelves.id ON DELETE CASCADE, the migrations say no foreign key"),
    ],
)
def test_each_kind_of_difference_is_told_from_both_sides(change: dict[str, Any], line: str) -> None:
    assert line in differences(books(), books(**change))
    assert differences(books(**change), books())


def test_a_column_that_only_the_database_has_is_named() -> None:
    more = {"id": ("uuid", False), "title": ("text", True), "length": ("integer", True)}
    assert differences(books(), books(columns=more)) == [
        "books.length: the code says no such column, the migrations say integer NULL"
    ]


def test_an_integer_is_an_integer() -> None:
    class Counter(Table, tablename="counters", db=ENGINE):
        id = UUID(primary_key=True, default=None)
        value = Integer()

    assert declared([Counter])["counters"].columns["value"] == ("integer", False)
