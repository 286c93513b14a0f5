"""Labels on tasks over HTTP: putting on, taking off, naming them for new tasks, and finding tasks by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.features.tasks.domain import MOST_LABELS
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_label, a_member, a_project, a_task, a_user
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


def shown(*labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Labels as a task shows them."""
    return [{key: label[key] for key in ("id", "name", "color")} for label in labels]


async def test_labels_are_put_on_a_task_and_taken_off_again(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    docs, bug = await a_label(ann, web, "docs"), await a_label(ann, web, "bug", color="#ff0000")
    task = await a_task(ann, web)
    for label in (docs, bug, bug):
        answer = await ann.put(f"/tasks/WEB-1/labels/{label['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
    after = made(await ann.get("/tasks/WEB-1"))
    assert (after["labels"], after["version"]) == (shown(bug, docs), 3)
    assert made(await ann.get("/tasks"))["items"] == [after]
    for _ in range(2):
        assert (await ann.delete(f"/tasks/{task['id']}/labels/{docs['id']}")).status_code == 204
    after = made(await ann.get("/tasks/WEB-1"))
    assert (after["labels"], after["version"]) == (shown(bug), 4)
    await ann.delete(f"/tasks/WEB-1/labels/{bug['id']}")
    assert made(await ann.get("/tasks/WEB-1"))["labels"] == []
    _created, *events = await the_events(connection, task["id"])
    told = [(event["type"], event["subject_key"], event["subject_version"], event["changes"]["labels"]) for event in events]
    assert told == [
        ("task.updated", "WEB-1", 2, {"old": [], "new": ["docs"]}),
        ("task.updated", "WEB-1", 3, {"old": ["docs"], "new": ["bug", "docs"]}),
        ("task.updated", "WEB-1", 4, {"old": ["bug", "docs"], "new": ["bug"]}),
        ("task.updated", "WEB-1", 5, {"old": ["bug"], "new": []}),
    ]


async def test_a_new_task_has_the_labels_that_it_names(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    docs, bug = await a_label(ann, web, "docs"), await a_label(ann, web, "bug")
    task = await a_task(ann, web, label_ids=[docs["id"], bug["id"], docs["id"]])
    assert (task["labels"], task["version"]) == (shown(bug, docs), 1)
    assert made(await ann.get("/tasks/WEB-1")) == task
    (event,) = await the_events(connection, task["id"])
    assert event["data"]["labels"] == ["bug", "docs"]
    assert (await a_task(ann, web, label_ids=[]))["labels"] == []


async def test_many_new_tasks_have_their_labels(ann: Api, web: dict[str, Any]) -> None:
    api = await a_project(ann, key="API")
    bug, idea = await a_label(ann, web, "bug"), await a_label(ann, api, "idea")
    drafts = [
        {"project_id": web["id"], "title": "One", "label_ids": [bug["id"], bug["id"]]},
        {"project_id": api["id"], "title": "Two", "label_ids": [idea["id"]]},
        {"project_id": api["id"], "title": "Three"},
    ]
    tasks = made(await ann.post("/tasks/bulk-create", {"tasks": drafts}))["items"]
    assert [task["labels"] for task in tasks] == [shown(bug), shown(idea), []]
    assert [made(await ann.get(f"/tasks/{task['id']}")) for task in tasks] == tasks
    drafts[2]["label_ids"] = [idea["id"], bug["id"], NOBODY]
    problem = refused(await ann.post("/tasks/bulk-create", {"tasks": drafts}), 422, "validation_failed")
    assert wrong_fields(problem) == {"/tasks/2/label_ids/1": "not_found", "/tasks/2/label_ids/2": "not_found"}


async def test_a_new_task_names_labels_of_its_project(ann: Api, web: dict[str, Any]) -> None:
    bug, foreign = await a_label(ann, web, "bug"), await a_label(ann, await a_project(ann, key="API"), "bug")
    body = {"project_id": web["id"], "title": "T"}
    answer = await ann.post("/tasks", body | {"label_ids": [bug["id"], foreign["id"], NOBODY]})
    problem = refused(answer, 422, "validation_failed")
    assert wrong_fields(problem) == {"/label_ids/1": "not_found", "/label_ids/2": "not_found"}
    for ids, wrong in (([NOBODY] * (MOST_LABELS + 1), "/label_ids"), (["bug"], "/label_ids/0"), (None, "/label_ids")):
        problem = refused(await ann.post("/tasks", body | {"label_ids": ids}), 422, "validation_failed")
        assert list(wrong_fields(problem)) == [wrong]
    assert (await a_task(ann, web))["number"] == 1


async def test_only_labels_of_the_task_s_project_are_put_on_it(ann: Api, web: dict[str, Any]) -> None:
    foreign = await a_label(ann, await a_project(ann, key="API"))
    await a_task(ann, web)
    for id_ in (foreign["id"], NOBODY, "no-id"):
        refused(await ann.put(f"/tasks/WEB-1/labels/{id_}"), 404, "label_not_found")
        refused(await ann.delete(f"/tasks/WEB-1/labels/{id_}"), 404, "label_not_found")
    label = await a_label(ann, web)
    for reference in ("WEB-2", NOBODY, "no-task"):
        refused(await ann.put(f"/tasks/{reference}/labels/{label['id']}"), 404, "task_not_found")


async def test_members_label_tasks_viewers_do_not_and_to_outsiders_there_is_no_task(
    api: Api, connection: asyncpg.Connection[Any], ann: Api, web: dict[str, Any]
) -> None:
    label, task = await a_label(ann, web), await a_task(ann, web)
    path = f"/tasks/{task['id']}/labels/{label['id']}"
    member, viewer, outsider = [await a_user(api, name) for name in ("Mem", "Vic", "Out")]
    await a_member(connection, web, member)
    await a_member(connection, web, viewer, "viewer")
    for method in ("PUT", "DELETE"):
        assert refused(await viewer.call(method, path), 403, "insufficient_role")["required_role"] == "member"
        refused(await outsider.call(method, path), 404, "task_not_found")
        assert (await member.call(method, path)).status_code == 204
    # What is not there is told before what may not be done.
    refused(await viewer.put(f"/tasks/{task['id']}/labels/{NOBODY}"), 404, "label_not_found")


async def test_labelling_is_held_to_the_version_of_the_task(ann: Api, web: dict[str, Any]) -> None:
    label, task = await a_label(ann, web), await a_task(ann, web)
    path = f"/tasks/{task['id']}/labels/{label['id']}"
    refused(await ann.put(path, headers={"If-Match": '"2.0"'}), 412, "precondition_failed")
    assert (await ann.put(path, headers={"If-Match": '"1.0"'})).status_code == 204
    refused(await ann.delete(path, headers={"If-Match": '"1.0"', "Prefer": "merge"}), 412, "precondition_failed")
    # Others may still change what they read before, since it is another field.
    merged = await ann.patch("/tasks/WEB-1", {"title": "New"}, headers={"If-Match": '"1.0"', "Prefer": "merge"})
    assert made(merged)["version"] == 3
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    refused(await ann.delete(path), 428, "precondition_required")
    assert (await ann.delete(path, headers={"If-Match": "*"})).status_code == 204


async def test_tasks_of_an_archived_project_keep_their_labels(ann: Api, web: dict[str, Any]) -> None:
    label = await a_label(ann, web)
    await a_task(ann, web, label_ids=[label["id"]])
    made(await ann.post("/projects/WEB/archive"))
    refused(await ann.put(f"/tasks/WEB-1/labels/{label['id']}"), 409, "project_archived")
    refused(await ann.delete(f"/tasks/WEB-1/labels/{label['id']}"), 409, "project_archived")
    assert made(await ann.get("/tasks/WEB-1"))["labels"] == shown(label)


async def test_a_task_has_so_many_labels_and_no_more(ann: Api, web: dict[str, Any]) -> None:
    ids = [(await a_label(ann, web, f"label {number}"))["id"] for number in range(MOST_LABELS + 1)]
    await a_task(ann, web, label_ids=ids[:-1])
    problem = refused(await ann.put(f"/tasks/WEB-1/labels/{ids[-1]}"), 409, "too_many_labels")
    assert "take one off" in problem["detail"]
    # One that it has already is no further one.
    assert (await ann.put(f"/tasks/WEB-1/labels/{ids[0]}")).status_code == 204


async def test_tasks_are_found_by_the_name_or_id_of_a_label(api: Api, ann: Api, web: dict[str, Any]) -> None:
    other = await a_project(ann, key="API")
    bug, docs, elsewhere = await a_label(ann, web, "Bug"), await a_label(ann, web, "docs"), await a_label(ann, other, "bug")
    both = await a_task(ann, web, title="both", label_ids=[bug["id"], docs["id"]])
    await a_task(ann, web, title="none")
    await a_task(ann, other, title="other", label_ids=[elsewhere["id"]])

    async def found(person: Api, **query: str) -> list[str]:
        return [task["title"] for task in made(await person.get("/tasks", params={"sort": "title"} | query))["items"]]

    assert await found(ann, label="bug") == await found(ann, label=" BUG") == ["both", "other"]
    assert await found(ann, label="docs") == ["both"]
    assert await found(ann, label=bug["id"]) == ["both"]
    assert await found(ann, label="bug", project_id=other["id"]) == ["other"]
    assert await found(ann, label="none") == await found(ann, label=NOBODY) == []
    assert await found(ann, filter="label = 'BUG' AND label <> 'docs'") == ["other"]
    assert await found(await a_user(api, "Out"), label="bug") == []
    problem = refused(await ann.get("/tasks?label=a%00"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/label": "not_allowed"}
    await ann.delete(f"/tasks/{both['id']}")
    assert await found(ann, label="docs") == []
