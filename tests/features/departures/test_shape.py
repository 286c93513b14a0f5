"""How deleted people are shown: walked through every GET of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.http.routes import handlers
from tests.support.http import Api, made
from tests.support.scenes import PASSWORD, a_member, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg
    from litestar import Litestar

pytestmark = pytest.mark.anyio


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside an answer, itself included."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def paths(app: Litestar, ids: dict[str, str]) -> Iterator[str]:
    """Every GET whose path the scene can fill in."""
    for path, handler in handlers(app):
        if "GET" in handler.http_methods:
            filled = path
            for name, id_ in ids.items():
                filled = filled.replace(f"{{{name}:str}}", id_)
            if "{" not in filled:
                yield filled


async def test_wherever_somebody_deleted_is_told_of_it_is_by_the_id_alone(api: Api, connection: asyncpg.Connection[Any]) -> None:
    admin, ann, bob = await an_admin(api, connection), await a_user(api, "Ann"), await a_user(api, "Bob")
    web = await a_project(ann, key="WEB")
    await a_member(connection, web, bob, "maintainer")
    invitation = made(await bob.post("/projects/WEB/invitations", {"email": "cid@example.com", "role": "viewer"}))
    theirs = await a_task(bob, web, title="Theirs", status="done", assignee_id=bob.user["id"])
    parent = await a_task(bob, web, title="Parent", assignee_id=bob.user["id"])
    said = made(await bob.post(f"/tasks/{theirs['id']}/comments", {"body": "Done."}))
    await a_task(ann, web, title="Child", parent_id=parent["id"])
    view = made(await bob.post("/views", {"name": "All", "filter": "TRUE", "project_id": web["id"], "shared": True}))
    assert (await bob.post("/users/me/delete", {"password": PASSWORD})).status_code == 204
    ids = {"project": web["id"], "task": theirs["id"], "user": bob.user["id"], "comment": said["id"]}
    ids |= {"invitation": invitation["id"], "view": view["id"]}
    nameless = {"id": bob.user["id"], "full_name": None, "deleted": True}
    seen, walked = 0, 0
    for path in [*paths(api.app, ids), "/tasks/aggregate?group_by=assignee"]:
        for reader in (ann, admin):
            answer = await reader.get(path)
            walked += 1
            assert bob.user["email"] not in answer.text, path
            assert f'"{bob.user["full_name"]}"' not in answer.text, path
            if "json" not in answer.headers.get("content-type", ""):
                continue
            for found in objects(answer.json()):
                # The actor of an event is told by kind and token, never by name.
                if found.get("id") == bob.user["id"] and "kind" not in found:
                    assert found == nameless, path
                    seen += 1
    # The task alone and in a list twice each, the comment, the invitation and the view alone and listed, both figures of the
    # assignee: for two readers each, at the least.
    assert seen >= 24
    assert walked >= 20


async def test_living_people_have_the_shape_of_before(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api, "Ann")
    web = await a_project(ann, key="WEB")
    assert web["owner"].keys() == {"id", "full_name", "email", "is_active"}
    task = await a_task(ann, web, assignee_id=ann.user["id"])
    assert task["assignee"] == task["reporter"] == {"id": ann.user["id"], "full_name": ann.user["full_name"]}
    assert made(await ann.get(f"/tasks/{task['id']}")) == task
    # An owner can't be deleted but with the project, which nobody is shown in a list of what lives.
    await connection.execute("UPDATE users SET deleted_at = now() WHERE id = $1::uuid", ann.user["id"])
    admin = await an_admin(api, connection)
    nameless = {"id": ann.user["id"], "full_name": None, "deleted": True}
    assert made(await admin.get("/projects/WEB"))["owner"] == nameless
