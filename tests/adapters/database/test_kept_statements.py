"""How many statement texts a list keeps, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from piccolo.querystring import QueryString

from service.adapters.database import lists
from service.adapters.database.lists import Condition, Key, ListStatements
from service.features.accounts.tables import UserRow
from service.kernel.paging import Window

if TYPE_CHECKING:
    from service.adapters.database import Database

pytestmark = pytest.mark.anyio


async def test_a_list_keeps_the_texts_that_were_used_last(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_KEPT", 3)
    people = ListStatements(
        lambda: UserRow.select(UserRow.id), {"name": Key(UserRow.full_name, str)}, UserRow.id, lambda: UserRow.select(UserRow.id)
    )
    built: list[str] = []

    async def ask(text: str) -> None:
        def build(*_: object) -> QueryString:
            built.append(text)
            return QueryString(text)

        await people.page(database, [Condition(text, build, None)], Window(5, 0, ("name",)), list)

    for text in ("1 = 1", "2 = 2", "3 = 3", "1 = 1", "4 = 4", "1 = 1", "3 = 3", "2 = 2", "1 = 1"):
        await ask(text)
    # 2 made room for 4; 1 was asked for again and again, so it was built once.
    assert built == ["1 = 1", "2 = 2", "3 = 3", "4 = 4", "2 = 2"]


async def test_a_condition_binds_any_number_of_arguments_in_their_order(database: Database) -> None:
    people = ListStatements(
        lambda: UserRow.select(UserRow.id), {"name": Key(UserRow.full_name, str)}, UserRow.id, lambda: UserRow.select(UserRow.id)
    )
    seen: list[str] = []
    database.observer = seen.append
    conditions = [
        Condition("one", lambda one: QueryString("{}::integer = 1", one), 1),
        Condition("none", lambda _: QueryString("TRUE"), None),
        Condition("two", lambda two, three: QueryString("{}::integer < {}::integer", two, three), 2, 3),
    ]
    await people.ids(database, conditions, 4)
    await people.page(database, conditions, Window(5, 0, ("name",)), list)
    assert "$2::integer < $3::integer" in seen[0]
    assert seen[0].endswith("LIMIT $4")
    assert "LIMIT $4" in seen[1]
