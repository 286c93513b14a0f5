"""What every list shares: order with NULLs last and a tie-break, windows, and totals that stop counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from piccolo.columns import UUID, Integer, Text
from piccolo.querystring import QueryString
from piccolo.table import Table

from service.adapters.database import lists
from service.adapters.database.engine import ENGINE
from service.adapters.database.lists import Condition, Key, ListStatements, Within, like
from service.kernel.paging import InvalidCursor, Position, Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from service.adapters.database import Database
    from service.kernel.paging import Slice

pytestmark = pytest.mark.anyio


class Pebble(Table, tablename="pebbles", db=ENGINE):
    id = UUID(primary_key=True, default=None)
    name = Text(null=True)
    weight = Integer(null=True)


PEBBLES = ListStatements(
    lambda: Pebble.select(Pebble.id),
    {
        "name": Key(Pebble.name, str, nullable=True),
        "weight": Key(Pebble.weight, int, nullable=True),
        "length": Key(QueryString("length({})", Pebble.name), int, nullable=True),
    },
    Pebble.id,
    lambda: Pebble.select(Pebble.id),
)
HEAVIER = "weight_gt"


@pytest.fixture
async def pebbles(connection: asyncpg.Connection[Any]) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Five pebbles."""
    await connection.execute(
        """
        CREATE TABLE pebbles (id uuid PRIMARY KEY, name text COLLATE "C", weight integer);
        CREATE FUNCTION pebble(number integer) RETURNS uuid LANGUAGE sql AS $$ SELECT lpad(number::text, 32, '0')::uuid $$;
        INSERT INTO pebbles VALUES
            (pebble(1), 'b', 10), (pebble(2), 'a', NULL), (pebble(3), NULL, 30), (pebble(4), 'Z', 10), (pebble(5), '50%_x\\y', 20)
        """
    )
    yield connection
    await connection.execute("DROP TABLE pebbles; DROP FUNCTION pebble")


def heavier(than: int) -> Condition:
    return Condition(HEAVIER, lambda param: Pebble.weight > param, than)


def window(sort: str, *, limit: int = 50, skip: int = 0, count: str = "capped") -> Window:
    return Window(limit, skip, tuple(sort.split(",")), count)


async def page(database: Database, asked: Window, *conditions: Condition) -> Slice[int]:
    return await PEBBLES.page(database, conditions, asked, lambda columns: next(iter(columns)).int)


async def ids(database: Database, asked: Window, *conditions: Condition) -> list[int]:
    return (await page(database, asked, *conditions)).items


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", [5, 4, 2, 1, 3]),
        ("-name", [1, 2, 4, 5, 3]),
        ("weight", [1, 4, 5, 3, 2]),
        ("-weight", [3, 5, 4, 1, 2]),
        ("weight,-name", [1, 4, 5, 3, 2]),
        ("weight,name", [4, 1, 5, 3, 2]),
        ("length,name", [4, 2, 1, 5, 3]),
    ],
)
async def test_nulls_come_last_and_the_id_breaks_ties_in_the_first_keys_direction(
    database: Database, pebbles: object, sort: str, expected: list[int]
) -> None:
    assert await ids(database, window(sort)) == expected


async def test_a_window_passes_over_what_it_skips(database: Database, pebbles: object) -> None:
    assert await ids(database, window("name", limit=2, skip=1)) == [4, 2]
    assert await ids(database, window("name", limit=2, skip=5)) == []


async def test_conditions_narrow_rows_and_totals_alike(database: Database, pebbles: object) -> None:
    unbound = Condition("named", lambda _: Pebble.name.is_not_null(), None)
    assert await ids(database, window("name"), unbound, heavier(10)) == [5]
    assert await ids(database, window("name"), heavier(15)) == [5, 3]
    found = await page(database, window("name", limit=1), unbound, heavier(9))
    assert (found.total, found.total_is_exact) == (3, True)


async def test_statements_are_compiled_once_for_each_combination(database: Database, pebbles: object) -> None:
    seen: list[str] = []
    database.observer = seen.append
    await ids(database, window("name"), heavier(1))
    await ids(database, window("name", limit=1, count="none"), heavier(2))
    assert seen[0] is seen[1]


@pytest.mark.parametrize(
    ("asked", "total", "statements"),
    [
        (window("name", limit=10), (5, True), 1),
        (window("name", limit=5), (5, True), 1),
        (window("name", limit=2, skip=4), (5, True), 1),
        (window("name", limit=2, skip=5), (5, True), 2),
        (window("name", limit=2), (5, True), 2),
        (window("name", limit=2, count="exact"), (5, True), 2),
        (window("name", limit=2, count="none"), (None, None), 1),
    ],
)
async def test_only_a_window_that_does_not_reach_the_end_is_counted(
    database: Database, pebbles: object, asked: Window, total: tuple[int | None, bool | None], statements: int
) -> None:
    seen: list[str] = []
    database.observer = seen.append
    found = await page(database, asked)
    assert (found.total, found.total_is_exact) == total
    assert len(seen) == statements


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        (window("name", limit=2), (3, False)),
        (window("name", limit=3, skip=2), (3, False)),
        (window("name", limit=10), (3, False)),
        (window("name", limit=5, skip=9), (3, False)),
        (window("name", limit=2, count="exact"), (5, True)),
        (window("name", limit=10, count="exact"), (5, True)),
    ],
)
async def test_totals_say_at_least_beyond_the_cap_unless_exact_ones_are_wanted(
    database: Database, pebbles: object, monkeypatch: pytest.MonkeyPatch, asked: Window, total: tuple[int, bool]
) -> None:
    monkeypatch.setattr(lists, "LAST_COUNTED", 3)
    found = await page(database, asked)
    assert (found.total, found.total_is_exact) == total


async def test_a_total_at_the_cap_is_exact(database: Database, pebbles: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LAST_COUNTED", 5)
    found = await page(database, window("name", limit=2))
    assert (found.total, found.total_is_exact) == (5, True)


WALKED = [
    "name",
    "-name",
    "weight",
    "-weight",
    "weight,name",
    "-weight,name",
    "weight,-name",
    "-length,weight",
    "length,-weight,name",
]


ANY = Condition("any", lambda _: QueryString("TRUE"), None)
WEIGHED = Condition("weighed", lambda than: Pebble.weight >= than, 10)
# As if each weight were a project.
WITHIN_WEIGHTS = Within(
    "weights", Pebble.weight, lambda than: QueryString("SELECT DISTINCT weight FROM pebbles WHERE weight >= {}", than), 10
)
WITHIN_ONE = Within("weights like", Pebble.weight, lambda: QueryString("SELECT weight FROM pebbles WHERE name = 'b'"))
OF_TEN = Condition("as heavy", lambda weight: Pebble.weight == weight, 10, generic=True)
OF_TEN_PLANNED = Condition("as heavy, planned", lambda weight: Pebble.weight == weight, 10)


@pytest.mark.parametrize("sort", WALKED)
@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize(
    ("asked", "same"), [(ANY, ANY), (WITHIN_WEIGHTS, WEIGHED), (WITHIN_ONE, OF_TEN)], ids=["all", "within", "of one"]
)
async def test_positions_walk_the_whole_list_in_its_order_there_and_back(
    database: Database, pebbles: object, sort: str, limit: int, asked: Condition, same: Condition
) -> None:
    everything = await ids(database, window(sort), same)
    first = window(sort, limit=limit)
    found = await page(database, first, asked)
    assert found.total == len(everything)
    there = [*found.items]
    while found.next is not None:
        found = await page(database, replace(first, position=found.next), asked)
        there += found.items
    assert there == everything
    back = [*found.items]
    while found.prev is not None:
        found = await page(database, replace(first, position=found.prev), asked)
        back = found.items + back
    assert back == everything
    skipped = [item for skip in range(5) for item in await ids(database, window(sort, limit=1, skip=skip), asked)]
    assert skipped == everything


async def test_rows_within_parents_pass_all_other_conditions(database: Database, pebbles: object) -> None:
    named = Condition("named", lambda name: Pebble.name > name, "Z")
    assert await ids(database, window("-name"), WITHIN_WEIGHTS, named) == [1]
    assert await ids(database, window("-name"), named, WITHIN_WEIGHTS) == [1]
    assert (await page(database, window("name", limit=1, count="exact"), heavier(15), WITHIN_WEIGHTS)).total == 2


@pytest.mark.parametrize(("asked", "kept"), [(OF_TEN, True), (WITHIN_WEIGHTS, True), (OF_TEN_PLANNED, False)])
async def test_one_plan_for_all_arguments_is_kept_where_it_is_as_good(
    database: Database, pebbles: asyncpg.Connection[Any], asked: Condition, *, kept: bool
) -> None:
    # A plan for a rare weight is cheaper than one for any.
    await pebbles.execute("INSERT INTO pebbles SELECT gen_random_uuid(), 'more', 10 FROM generate_series(1, 20000)")
    await pebbles.execute("INSERT INTO pebbles VALUES (gen_random_uuid(), 'more', 11)")
    await pebbles.execute("CREATE INDEX ON pebbles (weight); ANALYZE pebbles")
    seen: list[str] = []
    database.observer = seen.append
    await page(database, window("name", count="none"), asked)
    statement = await pebbles.prepare(seen[-1])
    for _ in range(10):
        await statement.fetch(11, 51)
    plans = await pebbles.fetchval("SELECT generic_plans FROM pg_prepared_statements WHERE statement = $1", seen[-1])
    assert (plans > 0) is kept


async def test_rows_that_come_and_go_move_no_others(database: Database, pebbles: asyncpg.Connection[Any]) -> None:
    asked = window("name", limit=2)
    first = await page(database, asked)
    assert first.items == [5, 4]
    await pebbles.execute(
        "INSERT INTO pebbles VALUES (pebble(6), 'A', 1), (pebble(7), 'aa', 1); DELETE FROM pebbles WHERE id = pebble(4)"
    )
    assert first.next is not None
    second = await page(database, replace(asked, position=first.next))
    assert second.items == [2, 7]


async def test_where_all_rows_are_gone_the_way_back_is_left(database: Database, pebbles: asyncpg.Connection[Any]) -> None:
    asked = window("name", limit=4)
    first = await page(database, asked)
    assert first.next is not None
    await pebbles.execute("DELETE FROM pebbles WHERE id = pebble(3)")
    behind = await page(database, replace(asked, position=first.next))
    assert (behind.items, behind.next) == ([], None)
    assert behind.prev is not None
    assert (await page(database, replace(asked, position=behind.prev))).items == [5, 4, 2, 1]


@pytest.mark.parametrize("values", [(), ("a",), ("a", "x"), (1, 1), ("a", 1, 1)])
async def test_a_position_of_other_values_is_no_position(database: Database, values: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidCursor):
        await page(database, replace(window("name"), position=Position(values)))


@pytest.mark.parametrize(("text", "found"), [("50%_x", [5]), ("5_%", []), ("x\\y", [5]), ("%", [5]), ("", [1, 2, 4, 5])])
async def test_a_searched_text_means_itself(
    database: Database, pebbles: asyncpg.Connection[Any], text: str, found: list[int]
) -> None:
    rows = await pebbles.fetch("SELECT id FROM pebbles WHERE name LIKE $1 ORDER BY id", like(text))
    assert [row[0].int for row in rows] == found
