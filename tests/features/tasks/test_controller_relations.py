"""Relations of tasks over HTTP: what each end sees, what blocks, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from service.features.tasks.relation_domain import MOST_RELATIONS
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def four(ann: Api, web: dict[str, Any]) -> list[str]:
    """The ids of four tasks, WEB-1 to WEB-4."""
    return [(await a_task(ann, web, title=f"Task {number}"))["id"] for number in range(1, 5)]


async def relate(person: Api, reference: str, kind: str, other_id: str) -> None:
    """Relate two tasks."""
    answer = await person.put(f"/tasks/{reference}/relations/{kind}/{other_id}")
    assert (answer.status_code, answer.content) == (204, b""), answer.text


async def seen(person: Api, reference: str) -> list[tuple[str, str]]:
    """What a task is to others, as kind and key."""
    items = made(await person.get(f"/tasks/{reference}/relations"))["items"]
    return [(item["relation"], item["task"]["key"]) for item in items]


async def blocked(person: Api, reference: str) -> bool:
    """Whether a task waits for another, as it says itself and as lists do."""
    task = made(await person.get(f"/tasks/{reference}"))
    listed = made(await person.get(f"/tasks?filter=number={task['number']}"))["items"]
    assert listed == [task]
    for word, expected in (("TRUE", [task] if task["is_blocked"] else []), ("FALSE", [] if task["is_blocked"] else [task])):
        found = await person.get(f"/tasks?filter=number={task['number']} AND is_blocked={word}")
        assert made(found)["items"] == expected
    return bool(task["is_blocked"])


async def test_both_ends_see_a_relation_each_in_its_way(ann: Api, web: dict[str, Any], four: list[str]) -> None:
    await relate(ann, "WEB-1", "relates_to", four[3])
    await relate(ann, "WEB-1", "duplicates", four[2])
    await relate(ann, "WEB-1", "blocks", four[1])
    await relate(ann, "WEB-1", "blocked_by", four[3])
    assert await seen(ann, "WEB-1") == [
        ("blocked_by", "WEB-4"),
        ("blocks", "WEB-2"),
        ("duplicates", "WEB-3"),
        ("relates_to", "WEB-4"),
    ]
    assert await seen(ann, four[1]) == [("blocked_by", "WEB-1")]
    assert await seen(ann, four[2]) == [("duplicated_by", "WEB-1")]
    assert await seen(ann, four[3]) == [("blocks", "WEB-1"), ("relates_to", "WEB-1")]
    (item,) = made(await ann.get("/tasks/WEB-2/relations"))["items"]
    assert item["task"] == {"id": four[0], "key": "WEB-1", "title": "Task 1", "status": "todo"}


async def test_relating_and_parting_again_and_again_tells_it_once(
    ann: Api, web: dict[str, Any], four: list[str], connection: asyncpg.Connection[Any]
) -> None:
    for _ in range(2):
        await relate(ann, "WEB-1", "blocks", four[1])
        # The same, said from the other end.
        await relate(ann, "WEB-2", "blocked_by", four[0])
        await relate(ann, "WEB-1", "relates_to", four[1])
        await relate(ann, "WEB-2", "relates_to", four[0])
    assert await seen(ann, "WEB-1") == [("blocks", "WEB-2"), ("relates_to", "WEB-2")]
    for _ in range(2):
        for path in (f"WEB-2/relations/blocked_by/{four[0]}", f"WEB-2/relations/relates_to/{four[0]}"):
            assert (await ann.delete(f"/tasks/{path}")).status_code == 204
    assert await seen(ann, "WEB-1") == await seen(ann, "WEB-2") == []
    told = [
        (event["type"], event["subject_key"], event["subject_version"], event["data"], event["changes"])
        for id_ in four[:2]
        for event in (await the_events(connection, id_))[1:]
    ]
    assert told == [
        ("task.related", "WEB-1", 1, {"relation": "blocks", "task_id": four[1]}, {}),
        ("task.related", "WEB-1", 1, {"relation": "relates_to", "task_id": four[1]}, {}),
        ("task.unrelated", "WEB-2", 1, {"relation": "blocked_by", "task_id": four[0]}, {}),
        ("task.unrelated", "WEB-2", 1, {"relation": "relates_to", "task_id": four[0]}, {}),
    ]


async def test_a_task_is_blocked_while_one_that_blocks_it_is_open(ann: Api, web: dict[str, Any], four: list[str]) -> None:
    await relate(ann, "WEB-1", "duplicates", four[3])
    await relate(ann, "WEB-3", "relates_to", four[0])
    assert not await blocked(ann, "WEB-1")
    await relate(ann, "WEB-2", "blocks", four[0])
    await relate(ann, "WEB-1", "blocked_by", four[2])
    assert await blocked(ann, "WEB-1")
    assert not await blocked(ann, "WEB-2")
    for status, expected in (("done", False), ("in_progress", True), ("cancelled", False), ("todo", True)):
        bulk = {"task_ids": [four[1]], "update_data": {"status": status}}
        made(await ann.post("/tasks/bulk-update", bulk))
        made(await ann.patch("/tasks/WEB-3", {"status": status}))
        assert await blocked(ann, "WEB-1") is expected
    await ann.delete("/tasks/WEB-2")
    assert await blocked(ann, "WEB-1")
    await ann.delete(f"/tasks/WEB-1/relations/blocked_by/{four[2]}")
    assert not await blocked(ann, "WEB-1")


async def test_a_circle_of_blocks_is_refused_and_told(ann: Api, web: dict[str, Any], four: list[str]) -> None:
    for task, other in pairwise(four):
        await relate(ann, task, "blocks", other)
    for length in (2, 3, 4):
        problem = refused(await ann.put(f"/tasks/{four[length - 1]}/relations/blocks/{four[0]}"), 409, "dependency_cycle")
        assert problem["cycle"] == [four[length - 1], *four[: length - 1]]
        problem = refused(await ann.put(f"/tasks/WEB-1/relations/blocked_by/{four[length - 1]}"), 409, "dependency_cycle")
        assert problem["cycle"] == [four[length - 1], *four[: length - 1]]
    # Other relations may go round, and more than one way may lead to a task.
    await relate(ann, "WEB-1", "blocks", four[3])
    await relate(ann, "WEB-4", "relates_to", four[0])
    await relate(ann, "WEB-4", "duplicates", four[0])
    # A deleted task may come back, so what it blocks still counts, until somebody parts it.
    await ann.delete("/tasks/WEB-2")
    await ann.delete(f"/tasks/WEB-4/relations/blocked_by/{four[0]}")
    refused(await ann.put(f"/tasks/WEB-3/relations/blocks/{four[0]}"), 409, "dependency_cycle")
    assert (await ann.delete(f"/tasks/WEB-3/relations/blocked_by/{four[1]}")).status_code == 204
    await relate(ann, "WEB-3", "blocks", four[0])


async def test_a_task_is_related_to_another_one_of_its_project(ann: Api, web: dict[str, Any], four: list[str]) -> None:
    foreign = await a_task(ann, await a_project(ann, key="API"))
    await ann.delete("/tasks/WEB-4")
    for other, code in {
        four[0]: "not_allowed",
        foreign["id"]: "not_found",
        four[3]: "not_found",
        NOBODY: "not_found",
        "WEB-2": "wrong_type",
    }.items():
        for kind in ("blocks", "blocked_by", "relates_to", "duplicates"):
            problem = refused(await ann.put(f"/tasks/WEB-1/relations/{kind}/{other}"), 422, "validation_failed")
            assert wrong_fields(problem) == {"/other": code}
            assert problem["errors"][0]["in"] == "path"
    for kind in ("duplicated_by", "likes", "BLOCKS"):
        problem = refused(await ann.put(f"/tasks/WEB-1/relations/{kind}/{four[1]}"), 404, "not_found")
        assert "relates_to" in problem["detail"]
        refused(await ann.delete(f"/tasks/WEB-1/relations/{kind}/{four[1]}"), 404, "not_found")
    for reference in ("WEB-9", "WEB-4", NOBODY):
        refused(await ann.put(f"/tasks/{reference}/relations/blocks/{four[1]}"), 404, "task_not_found")
        refused(await ann.get(f"/tasks/{reference}/relations"), 404, "task_not_found")
    # Nothing relates them, so there is nothing to do.
    for other in (foreign["id"], NOBODY, four[1]):
        assert (await ann.delete(f"/tasks/WEB-1/relations/blocks/{other}")).status_code == 204
    assert await seen(ann, "WEB-1") == []


async def test_members_relate_tasks_viewers_see_it_and_to_outsiders_there_is_no_task(
    api: Api, connection: asyncpg.Connection[Any], ann: Api, web: dict[str, Any], four: list[str]
) -> None:
    member, viewer, outsider = [await a_user(api, name) for name in ("Mem", "Vic", "Out")]
    await a_member(connection, web, member)
    await a_member(connection, web, viewer, "viewer")
    path = f"/tasks/{four[0]}/relations/blocks/{four[1]}"
    await relate(member, four[0], "blocks", four[1])
    for method in ("PUT", "DELETE"):
        assert refused(await viewer.call(method, path), 403, "insufficient_role")["required_role"] == "member"
        refused(await outsider.call(method, path), 404, "task_not_found")
    assert await seen(viewer, four[0]) == [("blocks", "WEB-2")]
    refused(await outsider.get(f"/tasks/{four[0]}/relations"), 404, "task_not_found")
    # What is not there is told before what may not be done.
    answer = await viewer.put(f"/tasks/{four[0]}/relations/blocks/{NOBODY}")
    assert wrong_fields(refused(answer, 422, "validation_failed")) == {"/other": "not_found"}
    # Of a task in a project that one does not see there is nothing to learn.
    foreign = await a_task(outsider, await a_project(outsider))
    answer = await outsider.put(f"/tasks/{foreign['id']}/relations/blocks/{four[0]}")
    assert wrong_fields(refused(answer, 422, "validation_failed")) == {"/other": "not_found"}


async def test_relating_is_held_to_the_version_of_the_task(ann: Api, web: dict[str, Any], four: list[str]) -> None:
    path = f"/tasks/WEB-1/relations/blocks/{four[1]}"
    for method in ("PUT", "DELETE"):
        refused(await ann.call(method, path, headers={"If-Match": '"2.0"'}), 412, "precondition_failed")
        assert (await ann.call(method, path, headers={"If-Match": '"1.0"'})).status_code == 204
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    for method in ("PUT", "DELETE"):
        refused(await ann.call(method, path), 428, "precondition_required")
        assert (await ann.call(method, path, headers={"If-Match": "*"})).status_code == 204


async def test_tasks_of_an_archived_project_stay_related(ann: Api, web: dict[str, Any], four: list[str]) -> None:
    await relate(ann, "WEB-1", "blocks", four[1])
    made(await ann.post("/projects/WEB/archive"))
    refused(await ann.put(f"/tasks/WEB-1/relations/blocks/{four[2]}"), 409, "project_archived")
    refused(await ann.delete(f"/tasks/WEB-1/relations/blocks/{four[1]}"), 409, "project_archived")
    assert await seen(ann, "WEB-1") == [("blocks", "WEB-2")]


async def test_a_task_has_so_many_relations_and_no_more(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    drafts = [{"project_id": web["id"], "title": "T"} for _ in range(MOST_RELATIONS + 2)]
    ids = [task["id"] for task in made(await ann.post("/tasks/bulk-create", {"tasks": drafts}))["items"]]
    await connection.execute(
        "INSERT INTO task_relations (id, project_id, source_id, kind, target_id, created_at) "
        "SELECT gen_random_uuid(), $1::uuid, $2::uuid, 'duplicates', other, now() FROM unnest($3::uuid[]) AS other",
        web["id"],
        ids[0],
        ids[1:MOST_RELATIONS],
    )
    await relate(ann, ids[0], "blocks", ids[-2])
    for task, other in ((ids[0], ids[-1]), (ids[-1], ids[0])):
        problem = refused(await ann.put(f"/tasks/{task}/relations/relates_to/{other}"), 409, "too_many_relations")
        assert "remove one first" in problem["detail"]
    # One that there is already is no further one.
    await relate(ann, ids[0], "blocks", ids[-2])
    assert len(await seen(ann, ids[0])) == MOST_RELATIONS
