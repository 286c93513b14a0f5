"""Searching tasks over HTTP: which are found, in which order, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin

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


async def found(person: Api, search: str, more: str = "") -> list[str]:
    """The titles that a search answers."""
    return [task["title"] for task in made(await person.get(f"/tasks?search={quote(search)}{more}"))["items"]]


@pytest.mark.parametrize(
    "search",
    [
        "fence",
        "FENCE",
        "fen",
        "the fen pai",
        "paint-the-fence",
        "white/gréen",
        "gréen",
        "GRE\u0301EN",
        "example.com",
        "com",
        "v2",
        "b_c",
        "don't",
        "  fence  ",
        "ﬁne",
    ],
)
async def test_words_and_their_beginnings_are_found_in_title_and_description(ann: Api, web: dict[str, Any], search: str) -> None:
    await a_task(
        ann, web, title="Paint the fence: WHITE/Gréen!", description="See https://example.com/a_b_c?v2 or\ndon't, it's fine."
    )
    await a_task(ann, web, title="Something else", description=None)
    assert await found(ann, search) == ["Paint the fence: WHITE/Gréen!"]
    assert await found(ann, search, "&sort=title") == ["Paint the fence: WHITE/Gréen!"]


@pytest.mark.parametrize("search", ["ence", "fence white", "fences", "paint fence door", "1", "B2"])
async def test_what_is_no_beginning_of_a_word_or_not_all_there_is_not_found(ann: Api, web: dict[str, Any], search: str) -> None:
    await a_task(ann, web, title="Paint the fence")
    assert await found(ann, search) == await found(ann, search, "&sort=title") == []


async def test_titles_come_before_descriptions_and_the_newest_first_among_equals(ann: Api, web: dict[str, Any]) -> None:
    for title, description in (
        ("one fence", None),
        ("two", "fence"),
        ("three fence", None),
        ("four", "a fence"),
        ("five", "none"),
    ):
        await a_task(ann, web, title=title, description=description)
    assert await found(ann, "fence") == ["three fence", "one fence", "four", "two"]
    assert await found(ann, "fence", "&sort=created_at") == ["one fence", "two", "three fence", "four"]


async def test_a_key_finds_its_task_first(ann: Api, web: dict[str, Any]) -> None:
    await a_task(ann, web, title="The one")
    await a_task(ann, web, title="See WEB-1 and WEB-12")
    for search in ("WEB-1", "web-1", " WEB-1 "):
        assert await found(ann, search) == ["The one", "See WEB-1 and WEB-12"]
    assert await found(ann, "WEB-1", "&sort=-number") == ["See WEB-1 and WEB-12", "The one"]
    assert await found(ann, "WEB-12") == ["See WEB-1 and WEB-12"]
    assert await found(ann, "WEB-3") == []


async def test_a_search_sees_what_its_caller_may_see(
    api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    bob, admin = await a_user(api, "Bob"), await an_admin(api, connection)
    api_project = await a_project(bob, key="API")
    await a_task(ann, web, title="Fence of Ann")
    await a_task(bob, api_project, title="Fence of Bob")
    for more in ("", "&sort=title"):
        assert await found(ann, "fence", more) == await found(ann, "WEB-1", more) == ["Fence of Ann"]
        assert await found(ann, "API-1", more) == []
        assert sorted(await found(admin, "fence", more)) == ["Fence of Ann", "Fence of Bob"]
        assert await found(admin, "fence", f"&project_id={web['id']}{more}") == ["Fence of Ann"]
        assert await found(ann, "fence", f"&project_id={api_project['id']}{more}") == []
    await a_member(connection, web, bob)
    assert sorted(await found(bob, "fence")) == ["Fence of Ann", "Fence of Bob"]
    narrowed = await a_personal_token(bob, "tasks:read", project_ids=[web["id"]])
    assert await found(narrowed, "fence") == ["Fence of Ann"]
    assert await found(narrowed, "API-1") == []


async def test_a_search_follows_every_change(ann: Api, web: dict[str, Any]) -> None:
    task = await a_task(ann, web, title="Fence", description="white")
    made(await ann.patch(f"/tasks/{task['id']}", {"title": "Door"}))
    assert (await found(ann, "fence"), await found(ann, "door white")) == ([], ["Door"])
    made(await ann.patch(f"/tasks/{task['id']}", {"description": None}))
    assert (await found(ann, "white"), await found(ann, "door")) == ([], ["Door"])
    made(await ann.patch(f"/tasks/{task['id']}", {"status": "done"}))
    assert await found(ann, "door") == ["Door"]
    assert (await ann.delete(f"/tasks/{task['id']}")).status_code == 204
    assert await found(ann, "door") == []


async def test_filters_narrow_a_search(ann: Api, web: dict[str, Any]) -> None:
    for number in range(4):
        await a_task(ann, web, title=f"Fence {number}", priority=number + 1, status="todo" if number % 2 else "done")
    assert await found(ann, "fence", "&status=todo") == ["Fence 3", "Fence 1"]
    assert await found(ann, "fence", "&priority_gte=3&filter=status%20%3D%20%27done%27") == ["Fence 2"]
    assert await found(ann, "WEB-2", "&status=todo&sort=title") == ["Fence 1"]


async def test_what_is_ranked_is_read_by_offset(ann: Api, web: dict[str, Any]) -> None:
    for number in range(5):
        await a_task(ann, web, title=f"Fence {number}")
    response = await ann.get("/tasks?search=fence&limit=2&skip=2")
    page = made(response)
    assert [task["title"] for task in page["items"]] == ["Fence 2", "Fence 1"]
    assert {name: page[name] for name in page if name != "items"} == {
        "total": 5, "total_is_exact": True, "page": 2, "page_size": 2, "pages": 3, "next_cursor": None, "prev_cursor": None,
    }  # fmt: skip
    assert [link.partition("rel=")[2] for link in response.headers["link"].split(", ")] == [
        '"first"',
        '"prev"',
        '"next"',
        '"last"',
    ]
    beyond = await ann.get("/tasks?search=fence&limit=2&skip=6")
    assert (made(beyond)["items"], made(beyond)["total"]) == ([], 5)
    assert 'rel="next"' not in beyond.headers["link"]
    uncounted = await ann.get("/tasks?search=fence&limit=2&count=none")
    assert (made(uncounted)["total"], len(made(uncounted)["items"])) == (None, 2)
    assert 'rel="next"' in uncounted.headers["link"]


async def test_a_sorted_search_has_cursors(ann: Api, web: dict[str, Any]) -> None:
    for number in range(5):
        await a_task(ann, web, title=f"Fence {number}")
    page = made(await ann.get("/tasks?search=fence&sort=-priority,title&limit=2"))
    seen = [*page["items"]]
    while page["next_cursor"]:
        page = made(await ann.get(f"/tasks?search=fence&sort=-priority,title&limit=2&cursor={page['next_cursor']}"))
        seen += page["items"]
    assert [task["title"] for task in seen] == [f"Fence {number}" for number in range(5)]
    problem = refused(await ann.get("/tasks?search=fence&cursor=abc"), 422, "validation_failed")
    assert wrong_fields(problem) == {"/cursor": "not_allowed"}


@pytest.mark.parametrize("search", ["", "  ", "!?", "_", "a b c d e f g h i j k", "a\nb", "a" * 201])
async def test_a_search_for_no_word_or_too_many_is_refused(ann: Api, search: str) -> None:
    problem = refused(await ann.get(f"/tasks?search={quote(search)}"), 422, "validation_failed")
    assert list(wrong_fields(problem)) == ["/search"]


@pytest.mark.parametrize(
    "search", ["'; DROP TABLE tasks; --a", "a:* & !b", "a\\'b", "%a_", "{}a{0}", "a<->b", "\u200ba", "İ", "🙂a", "ａ", "ß", "𝒳"]
)
async def test_whatever_is_searched_for_is_answered(ann: Api, web: dict[str, Any], search: str) -> None:
    await a_task(ann, web, title=search if search.isprintable() else "x", description=search * 50)
    for more in ("", "&sort=title"):
        assert len(await found(ann, search, more)) == 1


async def test_a_letter_that_is_kept_as_punctuation_finds_nothing(ann: Api, web: dict[str, Any]) -> None:
    await a_task(ann, web, title="Fence \u2e2f")
    assert await found(ann, "\u2e2f") == []


async def test_the_longest_texts_are_kept_and_found(ann: Api, web: dict[str, Any]) -> None:
    for text in ("x" * 20_000, "字" * 20_000, "ab " * 6_666, "".join(chr(0x4E00 + n) + " " for n in range(10_000))):
        task = await a_task(ann, web, title="Long", description=text)
        assert await found(ann, text.split()[0][:90]) == ["Long"]
        assert (await ann.delete(f"/tasks/{task['id']}")).status_code == 204


async def test_a_search_costs_two_statements_and_three_when_it_is_sorted(ann: Api, web: dict[str, Any]) -> None:
    for number in range(3):
        await a_task(ann, web, title=f"Fence {number}")
    for query, most in (("search=fence&limit=2", 2), ("search=fence&limit=2&sort=title", 3)):
        seen = ann.statements()
        made(await ann.get(f"/tasks?{query}"))
        assert len(seen) <= most
