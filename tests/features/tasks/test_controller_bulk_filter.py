"""Many tasks at once by a filter, over HTTP: exactly those that were looked at, or none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.many_tasks import body, dump, tasks_of
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


def meaning(text: str, count: int, **update: Any) -> dict[str, Any]:
    """A change of so many tasks by a filter."""
    return {"filter": text, "expected_count": count, "update_data": update}


async def test_a_task_that_matches_between_preview_and_call_is_noticed(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await tasks_of(ann, *[body(web, priority=5)] * 3, body(web, priority=1))
    text = "priority >= 4 AND status = 'todo'"
    previewed = made(await ann.get("/tasks", params={"filter": text}))["total"]
    late = await a_task(ann, web, priority=4)
    before = await dump(connection)
    problem = refused(await ann.post("/tasks/bulk-update", meaning(text, previewed, status="done")), 409, "count_mismatch")
    assert (problem["expected_count"], problem["count"]) == (3, 4)
    assert await dump(connection) == before
    done = made(await ann.post("/tasks/bulk-update", meaning(text, 4, status="done")))
    assert (done["updated_count"], done["skipped_count"]) == (4, 0)
    assert late["id"] in {result["id"] for result in done["results"]}
    # By now nothing is left that the filter means.
    problem = refused(await ann.post("/tasks/bulk-update", meaning(text, 4, status="done")), 409, "count_mismatch")
    assert problem["count"] == 0


@pytest.mark.parametrize("count", [2, 1000])
async def test_a_bulk_update_by_filter_costs_at_most_seven_statements_however_many_tasks(
    ann: Api, web: dict[str, Any], count: int
) -> None:
    await tasks_of(ann, *(body(web, title=f"T {n}") for n in range(count)))
    wish = meaning("project = 'WEB' AND title LIKE 'T %'", count, is_completed=True, assignee_id=ann.user["id"])
    seen = ann.statements()
    assert made(await ann.post("/tasks/bulk-update", wish))["updated_count"] == count
    assert len(seen) == 7


async def test_more_than_a_thousand_are_refused(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    await tasks_of(ann, *[body(web)] * 1000)
    await a_task(ann, web)
    before = await dump(connection)
    problem = refused(await ann.post("/tasks/bulk-update", meaning("TRUE", 1000, priority=1)), 409, "count_mismatch")
    assert "more than 1000" in problem["detail"]
    assert "count" not in problem
    assert await dump(connection) == before


async def test_a_filter_means_what_the_caller_sees_and_who_asks(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob = await a_user(api, "Bob")
    hidden, both = await a_project(bob, key="BOB"), await a_project(bob, key="BOTH")
    await a_member(connection, both, ann)
    for person, project in ((ann, web), (bob, hidden), (bob, both)):
        await a_task(person, project)
    mine = meaning("reporter = me()", 1, title="Mine")
    assert made(await ann.post("/tasks/bulk-update", mine))["updated_count"] == 1
    assert made(await ann.post("/tasks/bulk-update", meaning("TRUE", 2, priority=1)))["updated_count"] == 2
    script = await a_personal_token(ann, "tasks:write", project_ids=[web["id"]])
    assert made(await script.post("/tasks/bulk-update", meaning("TRUE", 1, priority=2)))["updated_count"] == 1
    assert made(await bob.get("/tasks", params={"filter": "project = 'BOTH'"}))["items"][0]["priority"] == 1
    assert made(await bob.get("/tasks", params={"filter": "project = 'BOB'"}))["items"][0]["priority"] == 3


async def test_a_filter_means_no_deleted_task(ann: Api, web: dict[str, Any]) -> None:
    await tasks_of(ann, *[body(web)] * 3)
    await ann.delete("/tasks/WEB-1")
    problem = refused(await ann.post("/tasks/bulk-update", meaning("TRUE", 3, priority=1)), 409, "count_mismatch")
    assert problem["count"] == 2
    assert made(await ann.post("/tasks/bulk-update", meaning("TRUE", 2, priority=1)))["updated_count"] == 2
    assert made(await ann.post("/tasks/WEB-1/restore"))["priority"] == 3


async def test_a_project_that_insists_on_versions_takes_no_filter(ann: Api, web: dict[str, Any]) -> None:
    await a_task(ann, web)
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    problem = refused(await ann.post("/tasks/bulk-update", meaning("TRUE", 1, priority=1)), 428, "precondition_required")
    assert "send task_ids" in problem["detail"]
    partial = made(await ann.post("/tasks/bulk-update", meaning("TRUE", 1, priority=1) | {"mode": "partial"}))
    assert [result["error"]["code"] for result in partial["results"]] == ["precondition_required"]


async def test_a_filter_can_be_tried_out(ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    await tasks_of(ann, body(web), body(web))
    before = await dump(connection)
    tried = made(await ann.post("/tasks/bulk-update?validate_only=true", meaning("due_date IS NULL", 2, priority=5)))
    assert tried["updated_count"] == 2
    assert await dump(connection) == before


async def test_of_many_at_once_each_counts_right_or_changes_nothing(crowd: Api) -> None:
    ann = await a_user(crowd, "Ann")
    web = await a_project(ann, key="WEB")
    for _ in range(5):
        await tasks_of(ann, *[body(web, priority=5)] * 4)
        # Each leaves nothing that the filter means, so one changes all four, and the others find none.
        calls = (ann.post("/tasks/bulk-update", meaning("priority = 5", 4, priority=1)) for _ in range(8))
        answers = await asyncio.gather(*calls)
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        assert {answer.json()["count"] for answer in answers if answer.status_code == 409} == {0}
