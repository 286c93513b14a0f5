"""The history of a task: what was done is what it tells, in its order, to those who see the task."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def task(ann: Api) -> dict[str, Any]:
    """Ann's only task, WEB-1."""
    return await a_task(ann, await a_project(ann, key="WEB"), title="Write")


async def history(person: Api, query: str = "", task: str = "WEB-1") -> list[dict[str, Any]]:
    """What the history tells, newest first."""
    events: list[dict[str, Any]] = made(await person.get(f"/tasks/{task}/history{query}"))["items"]
    return events


async def test_an_event_is_told_whole(ann: Api, task: dict[str, Any], connection: asyncpg.Connection[Any]) -> None:
    response = await ann.patch("/tasks/WEB-1", {"title": "Rewrite", "priority": 5}, headers={"X-Request-Id": "request-of-ann"})
    made(response)
    event, _ = await history(ann)
    stored = (await the_events(connection, task["id"]))[-1]
    assert event == {
        "id": str(stored["id"]),
        "cursor": event["cursor"],
        "type": "task.updated",
        "time": event["time"],
        "actor": {"id": ann.user["id"], "kind": "user", "token_id": None},
        "project_id": task["project"]["id"],
        "subject": {"type": "task", "id": task["id"], "key": "WEB-1", "version": 2},
        "changes": {"title": {"old": "Write", "new": "Rewrite"}, "priority": {"old": 3, "new": 5}},
        "request_id": "request-of-ann",
        "data": {},
    }
    assert event["time"].endswith("Z")


@pytest.mark.usefixtures("task")
async def test_a_history_is_what_was_done(ann: Api, clock: FakeClock) -> None:
    """Every act moves the clock, and the last one is told first."""
    comment = {"id": ""}
    acts: list[tuple[str, str, str, Any]] = [
        ("task.updated", "PATCH", "/tasks/WEB-1", {"status": "in_progress"}),
        ("comment.created", "POST", "/tasks/WEB-1/comments", {"body": "On it."}),
        ("comment.updated", "PATCH", "/comments/{id}", {"body": "On it!"}),
        ("task.completed", "PATCH", "/tasks/WEB-1", {"is_completed": True}),
        ("comment.deleted", "DELETE", "/comments/{id}", None),
        ("comment.restored", "POST", "/comments/{id}/restore", None),
        ("task.updated", "PATCH", "/tasks/WEB-1", {"description": "# Why"}),
    ]
    done = [("task.created", (await history(ann))[0]["time"])]
    for type_, method, path, body in acts:
        clock.advance(timedelta(minutes=1))
        response = await ann.call(method, path.format(**comment), body)
        if type_ == "comment.created":
            comment = made(response)
        done.append((type_, clock.now().isoformat().replace("+00:00", "Z")))
    told = await history(ann)
    assert [(event["type"], event["time"]) for event in told] == done[::-1]
    assert await history(ann, "?sort=time") == told[::-1]
    of_comment = [event for event in told if event["subject"]["type"] == "comment"]
    assert [event["subject"] for event in of_comment] == [
        {"type": "comment", "id": comment["id"], "key": None, "version": version} for version in (4, 3, 2, 1)
    ]
    assert {event["data"]["task_key"] for event in of_comment} == {"WEB-1"}
    assert of_comment[2]["changes"] == {"body": {"old": "On it.", "new": "On it!"}}


@pytest.mark.usefixtures("task")
async def test_what_changes_nothing_is_not_told(ann: Api) -> None:
    made(await ann.patch("/tasks/WEB-1", {"title": "Write"}))
    refused(await ann.patch("/tasks/WEB-1", {"title": ""}), 422, "validation_failed")
    assert [event["type"] for event in await history(ann)] == ["task.created"]


@pytest.mark.usefixtures("task")
async def test_what_a_deleted_comment_said_is_told_no_more(ann: Api) -> None:
    comment = made(await ann.post("/tasks/WEB-1/comments", {"body": "Open sesame"}))
    other = made(await ann.post("/tasks/WEB-1/comments", {"body": "Stays."}))
    made(await ann.patch(f"/comments/{comment['id']}", {"body": "Never mind the sesame"}))
    await ann.delete(f"/comments/{comment['id']}")
    response = await ann.get("/tasks/WEB-1/history")
    assert "sesame" not in response.text
    told = {(event["type"], event["subject"]["id"]): event["changes"] for event in made(response)["items"]}
    assert told[("comment.created", comment["id"])] == told[("comment.updated", comment["id"])] == {}
    assert told[("comment.deleted", comment["id"])]["deleted_at"]["old"] is None
    assert told[("comment.created", other["id"])] == {"body": {"old": None, "new": "Stays."}}
    made(await ann.post(f"/comments/{comment['id']}/restore"))
    assert "Open sesame" in (await ann.get("/tasks/WEB-1/history")).text


async def test_each_task_has_its_own_history(ann: Api, task: dict[str, Any]) -> None:
    other = await a_task(ann, task["project"])
    made(await ann.post("/tasks/WEB-2/comments", {"body": "There"}))
    assert [event["subject"]["id"] for event in await history(ann, task=task["id"])] == [task["id"]]
    assert len(await history(ann, task=other["key"])) == 2


@pytest.mark.usefixtures("task")
async def test_a_history_is_walked_by_cursor_while_it_grows(ann: Api) -> None:
    for number in range(6):
        made(await ann.patch("/tasks/WEB-1", {"title": f"Title {number}"}))
    first = made(await ann.get("/tasks/WEB-1/history?limit=3"))
    assert first["total"] == 7
    made(await ann.patch("/tasks/WEB-1", {"title": "Meanwhile"}))
    versions, page = [event["subject"]["version"] for event in first["items"]], first
    while page["next_cursor"]:
        page = made(await ann.get(f"/tasks/WEB-1/history?limit=3&cursor={page['next_cursor']}"))
        versions += [event["subject"]["version"] for event in page["items"]]
    assert versions == [7, 6, 5, 4, 3, 2, 1]
    back = made(await ann.get(f"/tasks/WEB-1/history?limit=3&cursor={page['prev_cursor']}"))
    assert [event["subject"]["version"] for event in back["items"]] == [4, 3, 2]


@pytest.mark.usefixtures("task")
async def test_a_history_has_one_order(ann: Api) -> None:
    problem = refused(await ann.get("/tasks/WEB-1/history?sort=type"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/sort": "not_allowed"}


@pytest.mark.usefixtures("task")
async def test_who_does_not_see_the_task_reads_no_history(api: Api, ann: Api) -> None:
    bob = await a_user(api, "Bob")
    refused(await bob.get("/tasks/WEB-1/history"), 404, "task_not_found")
    refused(await ann.get(f"/tasks/{MISSING}/history"), 404, "task_not_found")
    await ann.delete("/tasks/WEB-1")
    refused(await ann.get("/tasks/WEB-1/history"), 404, "task_not_found")


@pytest.mark.usefixtures("task")
async def test_the_index_of_histories_finds_the_events(ann: Api, connection: asyncpg.Connection[Any]) -> None:
    seen = ann.statements()
    await history(ann)
    sql = next(text for text in seen if '"events"' in text)
    # Of an empty table any plan is good; forbidden to read it whole, PostgreSQL shows whether the index can serve.
    async with connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE page AS {sql}")
        plan = await connection.fetch(f"EXPLAIN EXECUTE page ('{MISSING}', 51)")
        await connection.execute("DEALLOCATE page")
    assert "events_history" in "\n".join(row[0] for row in plan)
