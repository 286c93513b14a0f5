"""What is deleted, asked of every route that reads: it has no page of its own, and no other page speaks of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from service.http.routes import handlers
from tests.support.http import Api, made
from tests.support.scenes import a_member, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg
    from litestar import Litestar

pytestmark = pytest.mark.anyio

# Found by a search, and in no other text.
WORD = "Zwieback"


@pytest.fixture
async def scene(api: Api, connection: asyncpg.Connection[Any]) -> dict[str, Any]:
    """A project with a deleted tree and a living task, and a deleted project with a task."""
    root, ann, bob = await an_admin(api, connection), await a_user(api, "Ann"), await a_user(api, "Bob")
    web, gone = await a_project(ann, key="WEB"), await a_project(ann, key="GONE", name=WORD)
    await a_member(connection, web, bob)
    await a_member(connection, gone, bob)
    living = await a_task(ann, web)
    above = await a_task(ann, web, title=WORD)
    below = await a_task(ann, web, title=WORD, parent_id=above["id"], due_date="2020-01-01T00:00:00Z")
    inside = await a_task(ann, gone, title=WORD)
    for path in (f"/tasks/{above['id']}", "/projects/GONE"):
        assert (await ann.delete(path)).status_code == 204
    return {
        "people": (root, ann, bob),
        "living": {"task": living, "project": web},
        "tasks": (above, below, inside),
        "projects": (gone,),
    }


def reads(app: Litestar) -> Iterator[str]:
    """The path of every route that reads."""
    for path, handler in handlers(app):
        if "GET" in handler.http_methods:
            yield path


def filled(path: str, **known: str) -> str:
    """The path with what is known in its places, and an id of nothing in the others."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda place: known.get(place[1], str(uuid4())), path)


async def test_nothing_deleted_can_be_read_by_its_id_or_key(scene: dict[str, Any]) -> None:
    asked = 0
    for person in scene["people"]:
        for path in reads(person.app):
            for name in ("task", "project"):
                if f"{{{name}:" not in path:
                    continue
                for thing in scene[f"{name}s"]:
                    for reference in (thing["id"], thing["key"]):
                        response = await person.get(filled(path, **{name: reference}))
                        assert response.status_code == 404, (path, response.text)
                        asked += 1
    assert asked >= 3 * (2 * 3 + 2)


async def test_no_other_page_speaks_of_anything_deleted(scene: dict[str, Any]) -> None:
    ids = [thing["id"] for thing in (*scene["tasks"], *scene["projects"])]
    known = {name: thing["id"] for name, thing in scene["living"].items()}
    asked = 0
    for person in scene["people"]:
        for path in reads(person.app):
            response = await person.get(filled(path, **known, user=person.user["id"]))
            assert response.status_code in {200, 403, 404}, (path, response.text)
            assert WORD not in response.text, path
            assert not [id_ for id_ in ids if id_ in response.text], path
            asked += response.status_code == 200
    assert asked > 20


async def test_no_filter_finds_or_counts_anything_deleted(scene: dict[str, Any]) -> None:
    above, _below, inside = scene["tasks"]
    (gone,) = scene["projects"]
    filters = (f"title LIKE '%{WORD}%'", f"parent_id = '{above['id']}'", "key = 'WEB-2'", "key = 'GONE-1'", "project = 'GONE'",
               f"project = '{gone['id']}'", f"project_id = '{inside['project']['id']}'", "is_overdue = TRUE")  # fmt: skip
    lists = (
        f"/projects?search={WORD}",
        "/projects?my_projects_only=true&search=GONE",
        f"/tasks?parent_id={above['id']}",
        f"/tasks?project_id={gone['id']}",
        "/tasks?status=overdue",
        *(f"/tasks?filter={quote(text)}" for text in filters),
    )
    for person in scene["people"]:
        for path in lists:
            page = made(await person.get(path + "&count=exact"))
            assert (page["items"], page["total"]) == ([], 0), path
        for path, total in (("/tasks?count=exact&limit=1", 1), ("/projects?count=exact&limit=1", 1)):
            assert made(await person.get(path))["total"] == total
