"""The words of comments find their task, as long as they are said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.http import made
from tests.support.scenes import a_project, a_task, a_user

if TYPE_CHECKING:
    from tests.support.http import Api

pytestmark = pytest.mark.anyio


async def found(api: Api, words: str) -> list[str]:
    """The keys of the tasks that a search finds."""
    return [task["key"] for task in made(await api.get(f"/tasks?search={words}"))["items"]]


async def test_a_task_is_found_by_what_is_said_about_it_until_that_is_changed_or_deleted(api: Api) -> None:
    ann = await a_user(api)
    web = await a_project(ann, key="WEB")
    task, _ = await a_task(ann, web), await a_task(ann, web)
    said = made(await ann.post(f"/tasks/{task['id']}/comments", {"body": "Ask the zookeeper, please."}))
    assert await found(ann, "zookeeper") == ["WEB-1"]
    assert await found(ann, "zook+tour") == ["WEB-1"]

    made(await ann.patch(f"/comments/{said['id']}", {"body": "Ask the gardener."}))
    assert await found(ann, "zookeeper") == []
    assert await found(ann, "gardener") == ["WEB-1"]

    await ann.delete(f"/comments/{said['id']}")
    assert await found(ann, "gardener") == []
    made(await ann.post(f"/comments/{said['id']}/restore"))
    assert await found(ann, "gardener") == ["WEB-1"]


async def test_a_task_is_found_by_each_of_many_comments_that_are_written_at_once(crowd: Api) -> None:
    ann = await a_user(crowd)
    task = await a_task(ann, await a_project(ann, key="WEB"))
    words = [f"word{number:02}" for number in range(10)]
    await asyncio.gather(*(ann.post(f"/tasks/{task['id']}/comments", {"body": word}) for word in words))
    for word in words:
        assert await found(ann, word) == ["WEB-1"], word
