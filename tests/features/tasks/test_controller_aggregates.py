"""Figures over HTTP: the same that a client makes of the whole list, for whoever may see it."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from service.features.tasks import aggregate_repository
from service.features.tasks.aggregate_domain import Dimension
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.random_tasks import STATUSES, instant, monday, percentile, random_labels, random_tasks, seconds, whole_list
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]

METRICS = "count,cycle_time:p50,cycle_time:p90"
ZONE = "Pacific/Auckland"


@pytest.fixture
async def ann(api: Api) -> Api:
    ann = await a_user(api, "Ann")
    made(await ann.patch("/users/me", {"timezone": ZONE}))
    return ann


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def many(api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> list[Api]:
    """Ann, Bob and Cora; 500 tasks in WEB, 150 in Ann's other project, and as many in one of Bob's alone."""
    bob, cora = await a_user(api, "Bob"), await a_user(api, "Cora")
    people = [ann, bob, cora]
    await random_tasks(connection, web, people, 500, seed=1)
    await random_labels(connection, web, ("bug", "docs", "ui"), seed=4)
    await random_tasks(connection, await a_project(ann, key="API"), people, 150, seed=2)
    await random_tasks(connection, await a_project(bob, key="BOB"), people, 150, seed=3)
    return people


def person(found: dict[str, Any] | None) -> Any:
    """A person as a key."""
    return found and (found["id"], found["full_name"])


def key_of(task: dict[str, Any], dimension: str) -> Any:
    """What a client groups a task by."""
    if dimension == "assignee":
        return person(task["assignee"])
    if dimension == "due:week":
        return task["due_date"] and monday(instant(task["due_date"]).astimezone(ZoneInfo(ZONE)).date()).isoformat()
    return task[dimension]


def by_client(tasks: list[dict[str, Any]], group_by: tuple[str, ...]) -> dict[Any, tuple[Any, ...]]:
    """Count, median and ninth decile of each group."""
    groups = defaultdict(list)
    for task in tasks:
        # A task with several labels belongs to a group for each.
        for label in [each["name"] for each in task["labels"]] or [None] if "label" in group_by else [None]:
            groups[tuple(label if name == "label" else key_of(task, name) for name in group_by)].append(task)
    return {key: measured(found) for key, found in groups.items()}


def measured(tasks: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Count, median and ninth decile."""
    taken = [seconds(task) for task in tasks if task["completed_at"]]
    return len(tasks), *(None if (value := percentile(taken, share)) is None else pytest.approx(value) for share in (0.5, 0.9))


def by_service(items: list[dict[str, Any]], group_by: tuple[str, ...]) -> dict[Any, tuple[Any, ...]]:
    """The same of what the service answered."""
    found = {}
    for item in items:
        assert set(item) == {*group_by, *METRICS.split(",")}
        key = tuple(person(item[name]) if name == "assignee" else item[name] for name in group_by)
        found[key] = tuple(item[metric] for metric in METRICS.split(","))
    assert len(found) == len(items)
    return found


async def groups(person: Api, **query: str) -> list[dict[str, Any]]:
    """The items of an aggregate."""
    items: list[dict[str, Any]] = made(await person.get("/tasks/aggregate", params=query))["items"]
    return items


async def test_groups_are_what_a_client_makes_of_the_whole_list(ann: Api, many: list[Api]) -> None:
    tasks = await whole_list(ann)
    assert len(tasks) > 500
    assert {task["project"]["key"] for task in tasks} == {"WEB", "API"}
    for length in range(6):
        for group_by in combinations(Dimension, length):
            query = {"group_by": ",".join(group_by)} if group_by else {}
            items = await groups(ann, metrics=METRICS, **query)
            assert by_service(items, group_by) == by_client(tasks, group_by), group_by


async def test_a_filter_narrows_groups_as_it_narrows_the_list(ann: Api, many: list[Api]) -> None:
    for text in ("project = 'WEB' AND priority >= 4", "assignee = me() OR due_date IS NULL", "due_date < today()", "FALSE"):
        tasks = await whole_list(ann, filter=text)
        for group_by in ((), ("status", "assignee"), ("due:week",)):
            query = {"group_by": ",".join(group_by)} if group_by else {}
            items = await groups(ann, metrics=METRICS, filter=text, **query)
            expected = by_client(tasks, group_by) or ({} if group_by else {(): (0, None, None)})
            assert by_service(items, group_by) == expected, (text, group_by)


async def test_groups_are_sorted_as_asked_and_nothing_stands_last(ann: Api, many: list[Api]) -> None:
    items = await groups(ann, group_by="priority,status")
    order = [(item["priority"], STATUSES.index(item["status"])) for item in items]
    assert order == sorted(order)
    assert len(order) == 20
    weeks = [item["due:week"] for item in await groups(ann, group_by="due:week")]
    assert weeks == [*sorted(filter(None, weeks)), None]
    names = [item["assignee"] and item["assignee"]["full_name"] for item in await groups(ann, group_by="assignee")]
    assert names == ["Ann Example", "Bob Example", "Cora Example", None]


async def test_a_week_begins_where_the_caller_lives(ann: Api, api: Api, web: dict[str, Any], connection: Any) -> None:
    bob = await a_user(api, "Bob")
    await a_member(connection, web, bob)
    # A Monday in Auckland, and still Sunday in UTC, where Bob lives.
    await a_task(ann, web, due_date="2026-05-03T20:00:00Z")
    assert await groups(ann, group_by="due:week") == [{"due:week": "2026-05-04", "count": 1}]
    assert await groups(bob, group_by="due:week") == [{"due:week": "2026-04-27", "count": 1}]


async def test_what_is_not_asked_for_is_not_answered(ann: Api, web: dict[str, Any]) -> None:
    assert await groups(ann) == [{"count": 0}]
    assert await groups(ann, metrics="cycle_time:p90") == [{"cycle_time:p90": None}]
    assert await groups(ann, group_by="status") == []
    await a_task(ann, web, status="done")
    assert await groups(ann, group_by="status", metrics="cycle_time:p50") == [{"status": "done", "cycle_time:p50": 0.0}]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("group_by=reporter", "/group_by"),
        ("group_by=status,status", "/group_by"),
        ("group_by=", "/group_by"),
        ("group_by=due:month", "/group_by"),
        ("metrics=sum", "/metrics"),
        ("metrics=count,count", "/metrics"),
        ("metrics=", "/metrics"),
        ("filter=priority", "/filter"),
        ("status=todo", "/status"),
    ],
)
async def test_what_there_is_not_is_refused(ann: Api, query: str, pointer: str) -> None:
    problem = refused(await ann.get(f"/tasks/aggregate?{query}"), 422, "validation_failed")
    assert set(wrong_fields(problem)) == {pointer}


async def test_too_many_groups_are_refused_and_not_cut_off(
    ann: Api, web: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregate_repository, "MOST_GROUPS", 2)
    for priority in (1, 2):
        await a_task(ann, web, priority=priority)
    assert len(await groups(ann, group_by="priority")) == 2
    await a_task(ann, web, priority=3)
    problem = refused(await ann.get("/tasks/aggregate?group_by=priority"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/group_by": "too_many"}


async def stats(person: Api, project: str, **query: str) -> dict[str, Any]:
    """The figures of a project."""
    return made(await person.get(f"/projects/{project}/stats", params=query))


def expected_stats(tasks: list[dict[str, Any]], since: str | None = None, until: str | None = None) -> dict[str, Any]:
    """The figures by a client."""

    def within(text: str) -> bool:
        return (since is None or instant(text) >= instant(since)) and (until is None or instant(text) < instant(until))

    created = Counter(task["created_at"][:10] for task in tasks if within(task["created_at"]))
    done = [task for task in tasks if task["completed_at"] and within(task["completed_at"])]
    completed = Counter(task["completed_at"][:10] for task in done)
    assignees = Counter(task["assignee"] and task["assignee"]["full_name"] for task in tasks)
    taken = [seconds(task) for task in done]
    return {
        "by_status": {status: sum(task["status"] == status for task in tasks) for status in STATUSES},
        "by_assignee": [(name, assignees[name]) for name in sorted(assignees, key=lambda name: (name is None, name))],
        "by_priority": {str(number): sum(task["priority"] == number for task in tasks) for number in range(1, 6)},
        "per_day": [
            {"date": day, "created": created[day], "completed": completed[day]}
            for day in sorted(created.keys() | completed.keys())
        ],
        "cycle_time": {"p50": percentile(taken, 0.5), "p90": percentile(taken, 0.9)},
    }


def comparable(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of the service, to be held against those of a client."""
    assignees = [(each["assignee"] and each["assignee"]["full_name"], each["count"]) for each in found["by_assignee"]]
    cycle_time = {name: None if value is None else pytest.approx(value) for name, value in found["cycle_time"].items()}
    return {**found, "by_assignee": assignees, "cycle_time": cycle_time}


async def test_stats_are_what_a_client_makes_of_the_whole_list(ann: Api, web: dict[str, Any], many: list[Api]) -> None:
    tasks = await whole_list(ann, project_id=web["id"])
    assert comparable(await stats(ann, "WEB")) == expected_stats(tasks)
    since, until = "2026-02-01T12:00:00Z", "2026-03-01T00:00:00Z"
    for query in ({"from": since, "to": until}, {"from": since}, {"to": until}, {"from": since, "to": since}):
        expected = expected_stats(tasks, query.get("from"), query.get("to"))
        assert comparable(await stats(ann, web["id"], **query)) == expected


async def test_the_stats_of_an_empty_project_are_zeros(ann: Api, web: dict[str, Any]) -> None:
    assert await stats(ann, "WEB") == {
        "by_status": dict.fromkeys(STATUSES, 0),
        "by_assignee": [],
        "by_priority": dict.fromkeys("12345", 0),
        "per_day": [],
        "cycle_time": {"p50": None, "p90": None},
    }


async def test_a_time_that_ends_before_it_begins_is_refused(ann: Api, web: dict[str, Any]) -> None:
    query = {"from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"}
    problem = refused(await ann.get("/projects/WEB/stats", params=query), 422, "validation_failed")
    assert wrong_fields(problem) == {"/to": "not_allowed"}
    problem = refused(await ann.get("/projects/WEB/stats", params={"from": "yesterday"}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/from": "wrong_format"}


async def test_figures_are_of_what_the_caller_may_see(
    ann: Api, api: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob, root = await a_user(api, "Bob"), await an_admin(api, connection)
    hidden, shared = await a_project(bob, key="BOB"), await a_project(bob, key="BOTH")
    await a_member(connection, shared, ann, "viewer")
    for person, project in ((ann, web), (bob, hidden), (bob, shared)):
        await a_task(person, project)
    assert await groups(ann) == [{"count": 2}]
    assert await groups(root) == [{"count": 3}]
    refused(await ann.get("/projects/BOB/stats"), 404, "project_not_found")
    assert (await stats(ann, "BOTH"))["by_status"]["todo"] == 1
    assert (await stats(root, "BOB"))["by_status"]["todo"] == 1
    script = await a_personal_token(ann, "tasks:read", project_ids=[web["id"]])
    assert await groups(script) == [{"count": 1}]
    refused(await script.get("/projects/BOTH/stats"), 404, "project_not_found")
    await bob.delete("/projects/BOTH")
    assert await groups(ann) == [{"count": 1}]


async def test_figures_cost_two_and_three_statements(ann: Api, web: dict[str, Any], many: list[Api]) -> None:
    seen = ann.statements()
    await groups(ann, group_by="status,assignee,due:week", metrics=METRICS, filter="priority >= 2 AND assignee = me()")
    assert len(seen) == 2
    seen.clear()
    await stats(ann, "WEB", to="2026-03-01T00:00:00Z")
    assert len(seen) == 3
