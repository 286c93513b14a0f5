"""Cursors that no list gave, and those of another list: 400, whatever they hold."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.http.conftest import Site
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio

LISTED = "project_id={project}&sort=title&limit=1"
ID = "00000000-0000-7000-8000-000000000000"


async def asked(site: Site, cursor: str, query: str = LISTED) -> Answer:
    return await site.call("GET", f"/tasks?{query.format(project=site.project)}&cursor={cursor}")


async def genuine(site: Site, query: str = LISTED) -> str:
    """The cursor to the second task."""
    answer = await site.call("GET", f"/tasks?{query.format(project=site.project)}")
    cursor: str = answer.json()["next_cursor"]
    return cursor


async def forged(site: Site, position: Any, query: str = LISTED) -> str:
    """A cursor that belongs to the list, with a position of the test's own."""
    cursor = await genuine(site, query)
    fingerprint = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    return encoded(json.dumps([fingerprint, "@"]).replace('"@"', position if isinstance(position, str) else json.dumps(position)))


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def verdict(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.json()["code"], answer.header("content-type")


REFUSED = (400, "invalid_cursor", "application/problem+json")


async def test_a_genuine_cursor_goes_on_and_back(site: Site) -> None:
    second = await asked(site, await genuine(site))
    assert [task["title"] for task in second.json()["items"]] == ["Another task"]
    first = await asked(site, second.json()["prev_cursor"])
    assert [task["title"] for task in first.json()["items"]] == ["A task"]


NO_CURSORS = ["", "x", "abc", "%00", "%E2%82%AC", "====", "A" * 3999, *map(encoded, ("{}", "[]", '["x"]', "[1,2]", "\x00", "1"))]
POSITIONS: dict[str, Any] = {
    "a value too many": [["A task", ID, 1], False, False],
    "a value too few": [["A task"], False, False],
    "no values": [[], False, False],
    "a number for a title": [[1, ID], False, False],
    "no title": [[None, ID], False, False],
    "an id that is none": [["A task", "x"], False, False],
    "no id": [["A task", None], False, False],
    "an id in a list": [["A task", [ID]], False, False],
    "a direction that is none": [["A task", ID], 1, False],
    "an object": {"values": []},
    "null": None,
    "NUL in a title": [["a\x00b", ID], False, False],
    "2 900 deep": "[" * 2900,
    "1 400 deep": "[" * 1400 + "]" * 1400,
    "a surrogate": rf'[["\ud800","{ID}"],false,false]',
    "1e999": "1e999",
}


@pytest.mark.parametrize("cursor", NO_CURSORS)
async def test_what_no_list_gave_is_refused(site: Site, cursor: str) -> None:
    answer = await asked(site, cursor)
    assert verdict(answer) == REFUSED


@pytest.mark.parametrize("position", POSITIONS.values(), ids=list(POSITIONS))
async def test_a_forged_position_is_refused(site: Site, position: Any) -> None:
    answer = await asked(site, await forged(site, position))
    assert verdict(answer) == REFUSED


@pytest.mark.parametrize("number", [10**30, 2**31, -(2**63), 1.5, True, "1"])
async def test_a_position_at_a_number_that_no_column_holds_is_refused(site: Site, number: Any) -> None:
    query = LISTED.replace("title", "number")
    answer = await asked(site, await forged(site, [[number, ID], False, False], query), query)
    assert verdict(answer) == REFUSED


@pytest.mark.parametrize("instant", ["x", 0, "2024-05-01", "2024-05-01T00:00:00", "0001-01-01T00:00:00+23:59"])
async def test_a_position_at_an_instant_that_is_none_is_refused(site: Site, instant: Any) -> None:
    query = LISTED.replace("title", "created_at")
    answer = await asked(site, await forged(site, [[instant, ID], False, False], query), query)
    assert verdict(answer) == REFUSED


@pytest.mark.parametrize(
    "other",
    ["sort=title&limit=1", "project_id={project}&sort=-title&limit=1", "project_id={project}&limit=1", LISTED + "&status=todo"],
)
async def test_a_cursor_belongs_to_its_filters_and_sort(site: Site, other: str) -> None:
    answer = await asked(site, await genuine(site), other)
    assert verdict(answer) == REFUSED


async def test_a_cursor_of_one_list_is_none_of_another(site: Site) -> None:
    cursor = await genuine(site, "sort=created_at&limit=1")
    answer = await site.call("GET", f"/projects?sort=created_at&limit=1&cursor={cursor}")
    assert verdict(answer) == REFUSED


@pytest.mark.parametrize("also", ["page=1", "page_size=1", "skip=0"])
async def test_a_cursor_goes_with_limit_alone(site: Site, also: str) -> None:
    answer = await asked(site, await genuine(site), LISTED.replace("limit=1", also))
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/cursor")
