"""Many callers at once: a name is given once, and no task keeps a label that is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_label, a_project, a_task, a_user

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(crowd: Api) -> Api:
    """Ann, whose requests run side by side."""
    return await a_user(crowd, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


async def test_a_name_is_given_once(ann: Api, web: dict[str, Any]) -> None:
    for number in range(3):
        spellings = [f"Bug {number}", f"bug {number}", f"BUG {number}", f" bug {number} "] * 5
        answers = await asyncio.gather(*(ann.post("/projects/WEB/labels", {"name": name}) for name in spellings))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"label_taken"}
    assert made(await ann.get("/projects/WEB/labels"))["total"] == 3


async def test_two_labels_are_not_renamed_to_one(ann: Api, web: dict[str, Any]) -> None:
    ids = [(await a_label(ann, web, f"label {number}"))["id"] for number in range(10)]
    answers = await asyncio.gather(*(ann.patch(f"/labels/{id_}", {"name": "one"}) for id_ in ids))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


async def test_a_label_is_deleted_while_it_is_put_on_tasks_and_named_by_new_ones(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    tasks = [await a_task(ann, web) for _ in range(10)]
    for number in range(5):
        label = await a_label(ann, web, f"label {number}")
        puts = [ann.put(f"/tasks/{task['id']}/labels/{label['id']}") for task in tasks]
        body = {"project_id": web["id"], "title": "T", "label_ids": [label["id"]]}
        creates = [ann.post("/tasks", body) for _ in range(5)]
        bulk = ann.post("/tasks/bulk-create", {"tasks": [body, body]})
        end = ann.delete(f"/labels/{label['id']}")
        answers = await asyncio.gather(*puts[:5], end, *puts[5:], *creates, bulk)
        assert answers.pop(5).status_code == 204
        assert {answer.status_code for answer in answers[:10]} <= {204, 404}
        assert {answer.status_code for answer in answers[10:]} <= {201, 422}
    assert await connection.fetchval("SELECT count(*) FROM task_labels") == 0
    assert all(task["labels"] == [] for task in made(await ann.get("/tasks?limit=200"))["items"])
