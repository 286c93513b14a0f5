"""How many statements a request costs, the look-up of its session included: the same for one row and for sixty."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_label, a_project, a_task, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def counted(person: Api, method: str, path: str, body: Any = None) -> list[str]:
    """The statements that a request runs."""
    seen = person.statements()
    made(await person.call(method, path, body))
    return seen


async def sixty(connection: asyncpg.Connection[Any], table: str) -> None:
    """Sixty more rows, each a copy of the only one."""
    columns = {
        "tasks": "project_id, title, status, priority, reporter_id, comment_count, created_at, updated_at, version, "
        "field_versions",
        "projects": "name, require_if_match, last_number, created_at, updated_at, version, field_versions",
    }[table]
    own = {"tasks": "number, parent_id", "projects": "key"}[table]
    values = {"tasks": "100 + n, id", "projects": "'K' || n"}[table]
    await connection.execute(
        f"INSERT INTO {table} (id, {own}, {columns}) SELECT gen_random_uuid(), {values}, {columns} "  # noqa: S608
        f"FROM {table}, generate_series(1, 60) AS n"
    )


@pytest.mark.parametrize("reference", ["WEB-1", None], ids=["key", "id"])
async def test_reading_a_task_costs_two_statements(ann: Api, web: dict[str, Any], reference: str | None) -> None:
    parent = await a_task(ann, web)
    task = await a_task(ann, web, assignee_id=ann.user["id"], parent_id=parent["id"])
    assert len(await counted(ann, "GET", f"/tasks/{'WEB-2' if reference else task['id']}")) <= 2


async def test_labels_and_blockers_cost_no_statement_of_their_own(ann: Api, web: dict[str, Any]) -> None:
    labels = [(await a_label(ann, web, name))["id"] for name in ("bug", "docs")]
    tasks = [await a_task(ann, web, label_ids=labels) for _ in range(20)]
    for task in tasks[1:]:
        await ann.put(f"/tasks/{tasks[0]['id']}/relations/blocks/{task['id']}")
    read = await counted(ann, "GET", f"/tasks/{tasks[1]['id']}")
    listed = await counted(ann, "GET", "/tasks?limit=10&label=bug&filter=is_blocked=TRUE%20AND%20label<>'none'")
    related = await counted(ann, "GET", f"/tasks/{tasks[0]['id']}/relations")
    assert [len(read), len(listed), len(related)] == [2, 3, 3]


async def test_tasks_that_never_had_them_are_not_looked_up_for_labels_and_blockers(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await a_task(ann, web)
    text = (await counted(ann, "GET", "/tasks?limit=100&count=none"))[1]
    for function, answer in (("labels_of_task", "json"), ("task_is_blocked", "boolean")):
        await connection.execute(
            f"BEGIN; CREATE OR REPLACE FUNCTION {function} (task uuid) RETURNS {answer} LANGUAGE plpgsql "
            "AS 'BEGIN RAISE ''looked up''; END'"
        )
        assert len(await connection.fetch(text, ann.user["id"], 101)) == 1
        await connection.execute("UPDATE tasks SET was_labelled = true, was_blocked = true")
        with pytest.raises(asyncpg.RaiseError, match="looked up"):
            await connection.fetch(text, ann.user["id"], 101)
        await connection.execute("ROLLBACK")


FILTERED = "?limit=10&count=exact&filter=priority%3D3%20OR%20due_date%3Cnow()%20AND%20key%20IN%20('WEB-1')"


@pytest.mark.parametrize("query", ["", "?limit=10", "?limit=10&count=exact&status=pending&sort=-due_date,title", FILTERED])
async def test_a_list_of_tasks_costs_three_statements_however_long_it_is(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], query: str
) -> None:
    await a_task(ann, web)
    few = await counted(ann, "GET", f"/tasks{query}")
    await sixty(connection, "tasks")
    many = await counted(ann, "GET", f"/tasks{query}")
    assert len(few) <= len(many) <= 3


async def test_a_filter_that_speaks_of_days_costs_one_more_for_the_time_zone(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await a_task(ann, web)
    await sixty(connection, "tasks")
    assert len(await counted(ann, "GET", "/tasks?limit=10&filter=NOT%20created_at%3Ctoday()-'P9Y'%20OR%20TRUE")) == 4


@pytest.mark.parametrize("rows", [1, 60])
async def test_creating_a_task_costs_five_statements(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], rows: int
) -> None:
    await a_task(ann, web)
    if rows > 1:
        await sixty(connection, "tasks")
    body = {"project_id": web["id"], "title": "T", "assignee_id": ann.user["id"]}
    assert len(await counted(ann, "POST", "/tasks", body)) <= 5


async def test_labels_of_new_tasks_cost_two_statements_more_however_many_there_are(ann: Api, web: dict[str, Any]) -> None:
    ids = [(await a_label(ann, web, f"label {number}"))["id"] for number in range(10)]
    body = {"project_id": web["id"], "title": "T"}
    one = await counted(ann, "POST", "/tasks", body)
    assert len(await counted(ann, "POST", "/tasks", body | {"label_ids": ids})) == len(one) + 2
    many = {"tasks": [body | {"label_ids": ids}] * 20}
    assert len(await counted(ann, "POST", "/tasks/bulk-create", many)) == len(one) + 2


async def test_creating_a_subtask_costs_five_statements(ann: Api, web: dict[str, Any]) -> None:
    parent = await a_task(ann, web)
    body = {"project_id": web["id"], "title": "T", "assignee_id": ann.user["id"], "parent_id": parent["id"]}
    assert len(await counted(ann, "POST", "/tasks", body)) <= 5


@pytest.mark.parametrize("reference", ["WEB", None], ids=["key", "id"])
async def test_reading_a_project_costs_two_statements(ann: Api, web: dict[str, Any], reference: str | None) -> None:
    assert len(await counted(ann, "GET", f"/projects/{reference or web['id']}")) <= 2


@pytest.mark.parametrize("query", ["", "?limit=10", "?limit=10&count=exact&search=web&my_projects_only=true&sort=name"])
async def test_a_list_of_projects_costs_three_statements_however_long_it_is(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], query: str
) -> None:
    few = await counted(ann, "GET", f"/projects{query}")
    await sixty(connection, "projects")
    await connection.execute(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at) "
        "SELECT gen_random_uuid(), id, $1::uuid, 'owner', now() FROM projects ON CONFLICT DO NOTHING",
        ann.user["id"],
    )
    many = await counted(ann, "GET", f"/projects{query}")
    assert len(few) <= len(many) <= 3
    assert made(await ann.get("/projects"))["total"] == 61
