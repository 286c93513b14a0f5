"""Two writers on one task: with `Prefer: merge` what they change apart is kept, what both change is never lost in silence."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import a_member, a_project, a_task, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg
    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.api]

ROUNDS = [
    pytest.param(30, id="30 rounds"),
    pytest.param(1000, id="1000 rounds", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


@pytest.fixture
async def ann(crowd: Api) -> Api:
    return await a_user(crowd, "Ann")


@pytest.fixture
async def bob(crowd: Api) -> Api:
    return await a_user(crowd, "Bob")


@pytest.fixture
async def task(ann: Api, bob: Api, connection: asyncpg.Connection[Any]) -> dict[str, Any]:
    """WEB-1, which both may change."""
    web = await a_project(ann, key="WEB")
    await a_member(connection, web, bob)
    return await a_task(ann, web)


async def merging(person: Api, tag: str, wanted: dict[str, Any]) -> httpx.Response:
    """A change that was made for the tag, to be merged."""
    return await person.patch("/tasks/WEB-1", wanted, headers={"If-Match": tag, "Prefer": "merge"})


async def no_update_is_lost(connection: asyncpg.Connection[Any], task: dict[str, Any]) -> None:
    """Each event begins where the one before it on the same field ended."""
    events = await the_events(connection, task["id"])
    assert [event["subject_version"] for event in events] == list(range(1, len(events) + 1))
    for field in ("title", "description"):
        told = [event["changes"][field] for event in events if field in event["changes"]]
        assert all(before["new"] == after["old"] for before, after in pairwise(told))


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_different_fields_are_both_kept(
    ann: Api, bob: Api, task: dict[str, Any], connection: asyncpg.Connection[Any], rounds: int
) -> None:
    merged = 0
    for number in range(rounds):
        tag = (await ann.get("/tasks/WEB-1")).headers["etag"]
        answers = await asyncio.gather(
            merging(ann, tag, {"title": f"A {number}"}), merging(bob, tag, {"description": f"B {number}"})
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        merged += sum("preference-applied" in answer.headers for answer in answers)
        after = made(await ann.get("/tasks/WEB-1"))
        assert (after["title"], after["description"]) == (f"A {number}", f"B {number}")
    # In each round one came second.
    assert merged == rounds
    assert made(await ann.get("/tasks/WEB-1"))["version"] == 2 * rounds + 1
    await no_update_is_lost(connection, task)


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_of_the_same_field_one_writer_is_told_and_following_that_succeeds(
    ann: Api, bob: Api, task: dict[str, Any], connection: asyncpg.Connection[Any], rounds: int
) -> None:
    title = task["title"]
    for number in range(rounds):
        tag = (await ann.get("/tasks/WEB-1")).headers["etag"]
        writers = [(ann, f"A {number}"), (bob, f"B {number}")]
        answers = await asyncio.gather(*(merging(person, tag, {"title": wanted}) for person, wanted in writers))
        # Who won is up to the database; the other one learns all there is to know.
        second = 1 if answers[0].status_code == 200 else 0
        loser, yours = writers[second]
        problem = refused(answers[second], 412, "precondition_failed")
        (conflict,) = problem["conflicts"]
        assert conflict == {"field": "title", "base": title, "theirs": made(answers[1 - second])["title"], "yours": yours}
        title = f"{conflict['theirs']} {conflict['yours']}"
        followed = await merging(loser, f'"{problem["version"]}"', {"title": title})
        assert made(followed)["title"] == title
        assert "preference-applied" not in followed.headers
    assert made(await ann.get("/tasks/WEB-1"))["version"] == 2 * rounds + 1
    await no_update_is_lost(connection, task)


async def test_of_many_changes_for_one_version_one_is_made(crowd: Api, ann: Api, task: dict[str, Any]) -> None:
    for version in range(1, 6):
        headers = {"If-Match": f'"{version}"'}
        answers = await asyncio.gather(
            *(ann.patch("/tasks/WEB-1", {"title": f"{version} {number}"}, headers=headers) for number in range(50))
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 49
        (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
        after = made(await ann.get("/tasks/WEB-1"))
        assert (after["title"], after["version"]) == (winner["title"], version + 1)


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
async def test_of_fifty_changes_of_one_version_one_is_made(ann: Api, task: dict[str, Any], rounds: int) -> None:
    tag = f'"{task["version"]}"'
    for number in range(rounds):
        wishes = [{"title": f"Round {number}, writer {writer}"} for writer in range(50)]
        answers = await asyncio.gather(*(ann.patch("/tasks/WEB-1", wish, headers={"If-Match": tag}) for wish in wishes))
        (winner,) = [answer for answer in answers if answer.status_code == 200]
        for answer in answers:
            if answer is not winner:
                refused(answer, 412, "precondition_failed")
        assert made(await ann.get("/tasks/WEB-1"))["title"] == winner.json()["title"]
        tag = winner.headers["etag"]
