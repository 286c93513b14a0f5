"""Conditional requests on projects: tags, what a stale change is told, the merge, and where a project insists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import a_project, a_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.api]


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB, at version 1."""
    return await a_project(ann, key="WEB", name="Base")


def when(version: int, *, merge: bool = False) -> dict[str, Any]:
    """The headers of a change that is made for this version."""
    return {"headers": {"If-Match": f'"{version}.0"'} | ({"Prefer": "merge"} if merge else {})}


async def test_every_answer_about_a_project_carries_its_tag(ann: Api) -> None:
    created = await ann.post("/projects", {"name": "Web", "key": "WEB"})
    read = await ann.get("/projects/WEB")
    assert created.headers["etag"] == read.headers["etag"]
    assert (await ann.get("/projects/WEB", headers={"If-None-Match": read.headers["etag"]})).status_code == 304
    archived = await ann.post("/projects/WEB/archive")
    assert archived.headers["etag"].startswith('"2.')


async def test_a_stale_change_is_refused_with_its_conflicts_and_merged_without(ann: Api, web: dict[str, Any]) -> None:
    made(await ann.patch("/projects/WEB", {"name": "Theirs"}))
    problem = refused(
        await ann.patch("/projects/WEB", {"name": "Yours", "description": "D"}, **when(1, merge=True)), 412, "precondition_failed"
    )
    assert problem["conflicts"] == [{"field": "name", "base": "Base", "theirs": "Theirs", "yours": "Yours"}]
    merged = await ann.patch("/projects/WEB", {"description": "D"}, **when(1, merge=True))
    assert merged.headers["preference-applied"] == "merge"
    assert (made(merged)["name"], made(merged)["version"]) == ("Theirs", 3)


async def test_every_act_on_a_project_is_held_to_its_version(ann: Api, web: dict[str, Any]) -> None:
    acts: list[Callable[..., Awaitable[httpx.Response]]] = [
        lambda **headers: ann.patch("/projects/WEB", {"name": "New"}, **headers),
        lambda **headers: ann.post("/projects/WEB/archive", **headers),
        lambda **headers: ann.post("/projects/WEB/unarchive", **headers),
        lambda **headers: ann.delete("/projects/WEB", **headers),
    ]
    for version, act in enumerate(acts, 1):
        problem = refused(await act(**when(9)), 412, "precondition_failed")
        assert (problem["mergeable"], problem["version"]) == (False, version)
        assert (await act(**when(version))).status_code in {200, 204}


async def test_a_project_that_insists_on_if_match_does_so_for_itself(ann: Api, web: dict[str, Any]) -> None:
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    for act in (
        ann.patch("/projects/WEB", {"require_if_match": False}),
        ann.post("/projects/WEB/archive"),
        ann.post("/projects/WEB/unarchive"),
        ann.delete("/projects/WEB"),
    ):
        assert "If-Match" in refused(await act, 428, "precondition_required")["detail"]
    made(await ann.patch("/projects/WEB", {"require_if_match": False}, **when(2)))
    assert (await ann.delete("/projects/WEB")).status_code == 204
