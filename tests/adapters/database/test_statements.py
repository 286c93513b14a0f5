"""Statements compiled once: the SQL that comes of a Piccolo query, and what must not be baked into it."""

from __future__ import annotations

import pytest
from piccolo.columns import JSONB, ForeignKey, Integer, Text
from piccolo.querystring import QueryString
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.adapters.database.statements import Param, Statement, compile_query


class Author(Table, tablename="authors", db=ENGINE):
    id = Integer(primary_key=True, default=None)
    name = Text()


class Story(Table, tablename="stories", db=ENGINE):
    id = Integer(primary_key=True, default=None)
    title = Text()
    notes = JSONB()
    author = ForeignKey(Author)


def test_a_param_becomes_the_argument_of_its_number() -> None:
    query = Story.select(Story.title).where(Story.id == Param(1))
    assert compile_query(query).endswith('FROM "stories" WHERE "stories"."id" = $1')


def test_numbers_follow_the_params_and_not_their_places() -> None:
    query = Story.update({Story.title: Param(2)}).where(Story.id == Param(1))
    assert compile_query(query) == 'UPDATE "stories" SET "title" = $2 WHERE "stories"."id" = $1'


def test_one_argument_may_stand_in_several_places() -> None:
    query = Story.select(Story.id).where((Story.title == Param(1)) | (Story.author.name == Param(1)))
    assert compile_query(query).count("$1") == 2


def test_a_json_column_takes_a_param_too() -> None:
    assert compile_query(Story.update({Story.notes: Param(3)}, force=True)) == 'UPDATE "stories" SET "notes" = $3'


def test_text_of_sql_takes_params_and_other_queries() -> None:
    inner = Author.select(Author.id).where(Author.name == Param(2)).querystrings[0]
    outer = QueryString("SELECT {} WHERE id IN ({})", Param(1), inner)
    sql = compile_query(outer)
    assert sql.startswith("SELECT $1 WHERE id IN (SELECT")
    assert sql.endswith('FROM "authors" WHERE "authors"."name" = $2)')


@pytest.mark.parametrize("value", ["secret", 7, None, "$1"])
def test_a_value_in_place_of_a_param_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="baked into a statement: use Param"):
        compile_query(QueryString("SELECT {}", value))


def test_a_statement_is_built_at_its_first_use_and_never_again() -> None:
    built = 0

    def build() -> QueryString:
        nonlocal built
        built += 1
        return QueryString("SELECT {}", Param(1))

    statement = Statement(build)
    assert built == 0
    assert [statement.sql, statement.sql] == ["SELECT $1", "SELECT $1"]
    assert built == 1


def test_a_param_shows_as_postgresql_writes_it() -> None:
    assert repr(Param(4)) == "$4"
