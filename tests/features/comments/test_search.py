"""The words of comments find their task, as long as they are said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import made
from tests.support.scenes import a_project, a_task, a_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.support.http import Api

pytestmark = pytest.mark.anyio

# Which task's words are written anew, each time.
NOTED = """
CREATE TEMPORARY TABLE kept_words (task_id uuid) ON COMMIT DROP;
CREATE FUNCTION pg_temp.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kept_words VALUES (NEW.task_id);
    RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER UPDATE ON task_texts FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
"""


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


async def test_of_more_words_than_are_kept_the_newest_count(api: Api) -> None:
    ann = await a_user(api)
    task = await a_task(ann, await a_project(ann, key="WEB"))
    for word in ("oldest", "older", "newer", "newest"):
        body = f"{word} {'and so on ' * 1990}"
        made(await ann.post(f"/tasks/{task['id']}/comments", {"body": body}))
    assert [await found(ann, word) for word in ("newest", "newer", "older")] == [["WEB-1"]] * 3
    assert await found(ann, "oldest") == []


@pytest.fixture
async def discussed(api: Api, connection: asyncpg.Connection[Any]) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A task with four comments, two of them deleted, and a transaction to look at what a purge of them does."""
    ann = await a_user(api)
    task = await a_task(ann, await a_project(ann, key="WEB"))
    said = [made(await ann.post(f"/tasks/{task['id']}/comments", {"body": word})) for word in ("one", "two", "three", "four")]
    for comment in said[:2]:
        await ann.delete(f"/comments/{comment['id']}")
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()


@pytest.mark.parametrize(("condition", "times"), [("deleted_at IS NOT NULL", 0), ("deleted_at IS NULL", 2)])
async def test_words_are_kept_anew_only_where_what_is_said_has_changed(
    discussed: asyncpg.Connection[Any], condition: str, times: int
) -> None:
    await discussed.execute(NOTED)
    await discussed.execute(f"DELETE FROM comments WHERE {condition}")  # noqa: S608
    assert await discussed.fetchval("SELECT count(*) FROM kept_words") == times


async def test_the_comments_of_a_task_that_is_purged_are_looked_for_once(discussed: asyncpg.Connection[Any]) -> None:
    looks = "SELECT seq_scan + idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'comments'"
    before = await discussed.fetchval(looks)
    await discussed.execute("DELETE FROM tasks")
    assert await discussed.fetchval(looks) - before == 1
