"""What tasks over HTTP refuse, and that a refusal changes nothing and gives nothing away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.alike import but_for_the_request
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_project, a_task, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.api]

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def test_everything_that_is_wrong_with_a_new_task_is_named_at_once(ann: Api) -> None:
    body = {
        "title": "x" * 201, "description": "nul\0", "status": "open", "is_completed": "yes", "priority": 6,
        "due_date": "2030-01-01T00:00:00", "assignee_id": "me", "parent_id": 7, "number": 3,
    }  # fmt: skip
    assert wrong_fields(refused(await ann.post("/tasks", body), 422, "validation_failed")) == {
        "/project_id": "missing",
        "/title": "too_long",
        "/description": "not_allowed",
        "/status": "not_allowed",
        "/is_completed": "wrong_type",
        "/priority": "too_large",
        "/due_date": "offset_missing",
        "/assignee_id": "wrong_format",
        "/parent_id": "wrong_type",
        "/number": "unknown",
    }


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"status": "todo", "is_completed": True}, {"/is_completed": "contradiction"}),
        ({"assignee_id": MISSING}, {"/assignee_id": "not_a_member"}),
        ({"parent_id": MISSING}, {"/parent_id": "not_found"}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_task_that_breaks_a_rule_is_refused_and_uses_up_no_number(
    ann: Api, web: dict[str, Any], fields: dict[str, Any], wrong: dict[str, str], method: str
) -> None:
    task = await a_task(ann, web)
    path, body = ("/tasks", {"project_id": web["id"], "title": "T"}) if method == "POST" else ("/tasks/WEB-1", {"title": "T"})
    assert wrong_fields(refused(await ann.call(method, path, body | fields), 422, "validation_failed")) == wrong
    assert made(await ann.get("/tasks"))["items"] == [task]
    assert (await a_task(ann, web))["number"] == 2


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"title": None, "priority": None}, {"/title": "wrong_type", "/priority": "wrong_type"}),
        ({"status": None, "is_completed": None}, {"/status": "wrong_type", "/is_completed": "wrong_type"}),
        ({"title": "New", "project_id": MISSING, "key": "X-1"}, {"/project_id": "unknown", "/key": "unknown"}),
        ({"title": "New", "priority": 0}, {"/priority": "too_small"}),
    ],
)
async def test_a_patch_with_anything_wrong_changes_nothing(
    ann: Api, web: dict[str, Any], body: dict[str, Any], wrong: dict[str, str]
) -> None:
    task = await a_task(ann, web)
    assert wrong_fields(refused(await ann.patch("/tasks/WEB-1", body), 422, "validation_failed")) == wrong
    assert made(await ann.get("/tasks/WEB-1")) == task


async def test_a_contradiction_is_seen_before_anything_that_is_stored(ann: Api, web: dict[str, Any]) -> None:
    await a_task(ann, web)
    await ann.post("/projects/WEB/archive")
    for path in ("/tasks/WEB-1", f"/tasks/{MISSING}"):
        response = await ann.patch(path, {"status": "todo", "is_completed": True})
        assert wrong_fields(refused(response, 422, "validation_failed")) == {"/is_completed": "contradiction"}


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PATCH", {"title": "New"}), ("DELETE", None)])
async def test_a_foreign_task_a_deleted_and_a_missing_one_read_the_same(
    api: Api, ann: Api, web: dict[str, Any], method: str, body: dict[str, Any] | None
) -> None:
    bob = await a_user(api, "Bob")
    foreign = await a_task(ann, web)
    deleted = await a_task(bob, await a_project(bob, key="OLD"))
    await bob.delete("/tasks/OLD-1")
    references = (foreign["id"], "WEB-1", deleted["id"], "OLD-1", MISSING, "WEB-2", "NO-KEY", "nonsense")
    answers = [await bob.call(method, f"/tasks/{reference}", body) for reference in references]
    refused(answers[0], 404, "task_not_found")
    first, *others = map(but_for_the_request, answers)
    assert others == [first] * 7
    for reference in references[:2]:
        refused(await api.call(method, f"/tasks/{reference}", body), 401, "unauthenticated")


async def test_a_task_in_a_foreign_project_and_in_a_missing_one_are_refused_alike(
    api: Api, ann: Api, web: dict[str, Any]
) -> None:
    bob = await a_user(api, "Bob")
    archived = await a_project(ann, key="ARC")
    await ann.post("/projects/ARC/archive")
    ids = (web["id"], archived["id"], MISSING)
    answers = [await bob.post("/tasks", {"project_id": id_, "title": "T", "parent_id": MISSING}) for id_ in ids]
    refused(answers[0], 404, "project_not_found")
    first, *others = map(but_for_the_request, answers)
    assert others == [first] * 2
    assert (await a_task(ann, web))["number"] == 1
